"""Conflicts that settle themselves: by a schema's strategy, or by a rule that loses nobody's edit; and those that must not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import mdrepo

from mdrepo.changes import MISSING
from mdrepo.errors import Finding
from mdrepo.losses import missing_edits
from mdrepo.merging import Merged, merge
from mdrepo.schemas import STRATEGIES, SchemaStore
from mdrepo.settling import Guide, merged_and_settled
from mdrepo.versions import ranks, version
from mdrepo.wording import merged_text


def guided(field: Any, name: str = "x") -> Guide:
    """A schema that describes one field."""
    content = json.dumps({"properties": {name: field}}).encode()
    found = SchemaStore({"schemas/s.json": content}).find("schemas/s.json")
    assert found is not None
    return Guide.of(found)


def settled(strategy: str, base: Any, ours: Any, theirs: Any, **field: Any) -> Any:
    """What becomes of a field with a strategy; the conflicts, where it stays one."""
    sides = [{} if side is MISSING else {"x": side} for side in (base, ours, theirs)]
    merged = merged_and_settled(*sides, guided({"x-mdrepo-merge": strategy, **field}))
    if merged.conflicts:
        return merged.conflicts
    assert missing_edits(*sides, merged.content) == []
    return merged.content.get("x", MISSING)


@pytest.mark.parametrize(
    ("strategy", "base", "ours", "theirs", "expected"),
    [
        ("ours", 1, 2, 3, 2),
        ("ours", 1, MISSING, 3, MISSING),
        ("theirs", 1, 2, 3, 3),
        ("theirs", {"a": 1}, {"a": 2}, "gone", "gone"),
        ("theirs", [1], [2], MISSING, MISSING),
        ("derived", 1, 2, 3, 2),
        ("max", 1, 2, 3, 3),
        ("max", 1, 2.5, 2, 2.5),
        ("min", 3, 2, 1, 1),
        ("max", "0.3.8", "0.3.10", "0.3.9", "0.3.10"),
        ("min", "0.3.8", "0.3.10", "0.3.9", "0.3.9"),
        ("max", MISSING, "1.2.0rc4", "1.2.0", "1.2.0"),
        ("max", "9", "10", "11", "11"),
        ("max", "2024-01-01", "2024-02-01", "2024-01-31", "2024-02-01"),
        ("min", "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", "2024-01-31T23:00:00-05:00", "2024-02-01T00:00:00Z"),
        ("union", [1, 2], [1, 3], [1, 4], [1, 4, 3]),
        ("union", [{"a": 1}], [{"a": 2}], [{"a": 3}], [{"a": 3}, {"a": 2}]),
        ("union", [1, 1, 2], [1, 2], [1, 1, 1, 2], [1, 1, 2]),
        ("union", "x", ["a"], ["b"], ["b", "a"]),
        ("union", MISSING, ["a", "b"], ["c", "a"], ["c", "a", "b"]),
        ("union", MISSING, [1, 1], [1, 2], [1, 2, 1]),
        ("union", {"a": 1}, MISSING, {"a": 2}, {"a": 2}),
        ("union", {"a": 1, "b": 1}, {"b": 1}, {"a": 2, "b": 1}, {"b": 1, "a": 2}),
    ],
)
def test_strategies(strategy: str, base: Any, ours: Any, theirs: Any, expected: Any) -> None:
    assert settled(strategy, base, ours, theirs) == expected


@pytest.mark.parametrize(
    ("strategy", "base", "ours", "theirs"),
    [
        ("max", 1, 2, "3"),
        ("max", 1, True, 2),
        ("max", 1, MISSING, 2),
        ("max", "a", "b", "c"),
        ("max", "1.0.0", "1.0.1+a", "1.0.1+b"),
        ("max", "1.0", "2.0", "2.0.0"),
        ("max", "^1.0.0", "^1.1.0", "~1.2.0"),
        ("max", "2024-01-01", "2024-02-31", "2024-01-31"),
        ("max", "2024-01-01", "2024-02-01", "2024-01-31T00:00:00Z"),
        ("min", None, [1], [2]),
        ("union", 1, 2, 3),
        ("union", MISSING, {"a": 1}, {"a": 2}),
        ("union", MISSING, {"0.1": 1, "b": 0}, {"0.1": 2}),
    ],
)
def test_what_a_strategy_cannot_settle_stays_a_conflict(strategy: str, base: Any, ours: Any, theirs: Any) -> None:
    assert [conflict.path[0] for conflict in settled(strategy, base, ours, theirs)] == ["x"]


def test_a_union_of_keyed_lists_is_by_key() -> None:
    key = {"x-mdrepo-key": "n"}
    both = settled("union", MISSING, [{"n": 1, "v": 1}, {"n": 2}], [{"n": 1, "w": 1}, {"n": 3}], **key)
    assert both == [{"n": 1, "v": 1, "w": 1}, {"n": 3}, {"n": 2}]
    [conflict] = settled("union", MISSING, [{"n": 1, "v": 1}], [{"n": 1, "v": 2}], **key)
    assert conflict.path == ("x", 0, "v")


def test_a_strategy_holds_for_what_is_inside_its_field() -> None:
    assert settled("theirs", {"a": [{"b": 1}]}, {"a": [{"b": 2}]}, {"a": [{"b": 3}]}) == {"a": [{"b": 3}]}


def test_a_strategy_takes_nothing_that_one_side_alone_did() -> None:
    guide = guided({"x-mdrepo-merge": "ours"})
    merged = merged_and_settled({"x": {"a": 1, "b": 1}}, {"x": {"a": 2, "b": 1}}, {"x": {"a": 3, "b": 9}}, guide)
    assert merged.content == {"x": {"a": 2, "b": 9}}


def test_a_changelog_by_version_keeps_both_entries_and_the_version_follows() -> None:
    schema = {"properties": {"version": {"x-mdrepo-merge": "max"}, "changelog": {"x-mdrepo-merge": "union"}}}
    found = SchemaStore({"s": json.dumps(schema).encode()}).find("s")
    assert found is not None
    base = {"version": "0.1.0", "changelog": {"0.1.0": "first"}}
    ours = {"version": "0.1.1", "changelog": {"0.1.1": "mine", "0.1.0": "first"}}
    theirs = {"version": "0.1.2", "changelog": {"0.1.2": "more", "0.1.1": "yours", "0.1.0": "first"}}
    merged = merged_and_settled(base, ours, theirs, Guide.of(found))
    changelog = {"0.1.0": "first", "0.1.1": "yours", "0.1.2": "more", "0.1.3": "mine"}
    assert (merged.conflicts, merged.content) == ((), {"version": "0.1.3", "changelog": changelog})
    same = merged_and_settled(base, ours, {**theirs, "changelog": {"0.1.1": "mine", "0.1.0": "first"}}, Guide.of(found))
    assert same.content["changelog"] == {"0.1.0": "first", "0.1.1": "mine"}


def test_every_strategy_of_the_schemas_is_known_and_others_are_refused(tmp_path: Path) -> None:
    for name in STRATEGIES:
        assert guided({"x-mdrepo-merge": name}).strategy(("x",)) == name
    for wrong in ("newest", 3, None, ["max"]):
        with pytest.raises(Finding, match=r"/properties/x: there is no merge strategy"):
            guided({"x-mdrepo-merge": wrong})
    assert guided({"type": "object"}, "x-mdrepo-merge").strategy(("x-mdrepo-merge",)) is None
    assert guided({"examples": [{"x-mdrepo-merge": "newest"}]}).strategy(("x",)) is None


def test_the_command_takes_a_schema(tmp_path: Path) -> None:
    def write(**texts: Any) -> None:
        for name, content in texts.items():
            (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content, indent=2))

    words = ["merge-file", "base", "ours", "theirs", "--schema", "schema"]
    write(base={"n": 1}, ours={"n": 2}, theirs={"n": 3}, schema={"properties": {"n": {"x-mdrepo-merge": "max"}}})
    done = mdrepo(*words, cwd=tmp_path)
    assert json.loads(done.out) == {"n": 3}
    assert "settled: /n (max)" in done.err
    assert mdrepo(*words, "--json", cwd=tmp_path).json["settled"] == [{"pointer": "/n", "rule": "max"}]
    mdrepo("merge-file", "base", "ours", "theirs", cwd=tmp_path, code=1)
    bad: list[tuple[Any, int, str]] = [
        ("{", 1, "schema:1:2"),
        ({"properties": {"n": {"x-mdrepo-merge": "newest"}}}, 1, "there is no merge strategy 'newest'"),
        ({"properties": 3}, 1, "not a valid schema at /properties"),
        ([1], 1, "not a valid schema at its root"),
    ]
    for content, code, message in bad:
        write(schema=content)
        assert message in mdrepo(*words, cwd=tmp_path, code=code).err
    (tmp_path / "schema").unlink()
    assert "No such file" in mdrepo(*words, cwd=tmp_path, code=3).err


# rules without a schema


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ("0.1.9", "0.1.10", "0.2.0", "0.2.0"),
        ("^1.0.9", "^1.0.10", "^1.0.11", "^1.0.11"),
        ("1.2.0rc3", "1.2.0rc10", "1.2.0rc9", "1.2.0rc10"),
        ("1.1.0", "2.0.0-1", "1.1.1", "2.0.0-1"),
    ],
)
def test_a_version_that_both_sides_raised_is_the_higher_one(base: str, ours: str, theirs: str, expected: str) -> None:
    for sides in ((base, ours, theirs), (base, theirs, ours)):
        merged = merged_and_settled(*({"v": side} for side in sides))
        assert (merged.content, [each.rule for each in merged.settled]) == ({"v": expected}, ["the higher version"])
        assert merge(*({"v": side} for side in sides)).conflicts


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ("1.0.2", "1.0.1", "1.0.3"),
        ("1.0", "1.1", "2.0"),
        ("0.5", "0.6", "0.7"),
        ("1.0.0", "^1.0.1", "1.0.2"),
        (MISSING, "1.0.1", "1.0.2"),
        ("1.0.0", MISSING, "1.0.2"),
        ("v1.0.0", "v1.0.1", "1.0.2"),
        (1, 2, 3),
        ("2024-01-01", "2024-01-02", "2024-01-03"),
    ],
)
def test_what_may_be_no_version_or_was_not_raised_stays_a_conflict(base: Any, ours: Any, theirs: Any) -> None:
    sides = [{} if side is MISSING else {"v": side} for side in (base, ours, theirs)]
    assert [conflict.path for conflict in merged_and_settled(*sides).conflicts] == [("v",)]


def test_versions_in_order() -> None:
    order = ["0.1", "0.3.9", "0.3.10.dev0", "0.3.10a1", "0.3.10rc2", "0.3.10rc10", "0.3.10", "0.3.10.post1", "1.0.0-1", "1.0.0"]
    found = [version(each) for each in order]
    assert found == sorted(found, key=lambda rank: rank or ())
    assert version("1.0") == version("1.0.0")
    assert version("1.x") is None
    assert ranks([1, "1"]) is None


def everywhere(value: Any, change: Callable[[dict[str, Any]], None]) -> Any:
    changed = json.loads(json.dumps(value))
    for each in changed.values():
        change(each)
    return changed


FEATURES = {name: {"support": {"a": n, "b": n + 10}, "old": name} for n, name in enumerate("pqrs")}


def test_a_removed_member_that_changed_as_all_did_stays_removed() -> None:
    swept = everywhere(FEATURES, lambda each: each["support"].update(new="mirror"))
    removed = {name: value for name, value in FEATURES.items() if name != "q"}
    for sides in ((FEATURES, swept, removed), (FEATURES, removed, swept)):
        merged = merged_and_settled(*sides)
        assert merged.content == {name: value for name, value in swept.items() if name != "q"}
        assert [(each.conflict.path, each.value) for each in merged.settled] == [(("q",), MISSING)]
        assert missing_edits(*sides, merged.content) == []


def test_a_removed_member_that_changed_by_itself_is_a_conflict() -> None:
    own = everywhere(FEATURES, lambda each: each["support"].update(new="mirror"))
    own["q"]["support"]["a"] = 99
    removed = {name: value for name, value in FEATURES.items() if name != "q"}
    assert [each.path for each in merged_and_settled(FEATURES, own, removed).conflicts] == [("q",)]
    once = {**FEATURES, "q": {**FEATURES["q"], "new": 1}, "p": {**FEATURES["p"], "new": 1}}
    assert [each.path for each in merged_and_settled(FEATURES, once, removed).conflicts] == [("q",)]


def test_a_renamed_member_is_not_a_removed_one() -> None:
    swept = everywhere(FEATURES, lambda each: each["support"].update(new="mirror"))
    renamed = {("other" if name == "q" else name): value for name, value in FEATURES.items()}
    assert [each.path for each in merged_and_settled(FEATURES, swept, renamed).conflicts] == [("q",)]


def conflicts(merged: Merged) -> list[Any]:
    return [conflict.path for conflict in merged.conflicts]


def test_sets_merge_as_sets() -> None:
    merged = merge(["a", "b", "c"], ["new", "a", "b", "c"], ["a", "c", "new"])
    assert (merged.content, merged.conflicts) == (["a", "c", "new"], ())
    merged = merge(["a", "b", "c"], ["c", "b", "a"], ["a", "c"])
    assert (merged.content, merged.conflicts) == (["c", "a"], ())
    merged = merge(["a", "b"], ["a", "x"], ["a", "y"])
    assert [(each.path, each.base, each.ours, each.theirs) for each in merged.conflicts] == [((1,), "b", "x", "y")]


def test_an_object_from_nowhere_merges_by_key_and_a_list_by_identity() -> None:
    merged = merged_and_settled({}, {"a": {"b": [{"id": 1, "v": 1}], "c": 1}}, {"a": {"b": [{"id": 2}, {"id": 1, "v": 1}], "d": 2}})
    assert merged.conflicts == ()
    assert merged.content == {"a": {"b": [{"id": 2}, {"id": 1, "v": 1}], "c": 1, "d": 2}}
    assert conflicts(merged_and_settled({}, {"a": [{"id": 1, "v": 1}]}, {"a": [{"id": 1, "v": 2}]})) == [("a", 0, "v")]


def test_of_two_lists_from_nowhere_one_that_has_all_of_the_other_is_taken() -> None:
    for sides in ((["a"], ["b", "a"]), (["b", "a"], ["a"])):
        assert merged_and_settled({}, *({"x": side} for side in sides)).content == {"x": ["b", "a"]}
    assert conflicts(merged_and_settled({}, {"x": ["a"]}, {"x": ["b"]})) == [("x",)]
    assert conflicts(merged_and_settled({}, {"x": [1, 1]}, {"x": [1, 2]})) == [("x",)]


def test_without_rules_two_lists_from_nowhere_are_two_answers() -> None:
    """So what is derived does not mix with what people wrote."""
    assert conflicts(merge({}, {"x": [{"name": "a"}]}, {"x": [{"name": "b"}]})) == [("x",)]
    assert conflicts(merge({}, {"x": ["a"]}, {"x": ["b", "a"]})) == [("x",)]


def test_an_item_that_both_sides_inserted_is_one() -> None:
    item, old = {"a": [1]}, [{"a": [0]}, {"a": [2]}]
    assert merge(old, [item, *old], [item, *old]).content == [item, *old]
    assert merge(old, [*old, item, {"a": [3]}], [*old, item]).content == [*old, item, {"a": [3]}]


PROSE = "The model takes an image of a digit and answers with one of ten labels; it was trained on scans."


def test_a_long_string_merges_by_word_where_the_edits_are_apart() -> None:
    ours, theirs = PROSE.replace("image", "picture"), PROSE.replace("scans", "photographs")
    assert merge(PROSE, ours, theirs).content == ours.replace("scans", "photographs")
    assert conflicts(merge(PROSE, ours, PROSE.replace("image", "scan"))) == [()]
    assert conflicts(merge(PROSE, ours, PROSE.replace("of a digit", "of one digit"))) == [()]
    assert conflicts(merge(PROSE, ours, PROSE.replace("takes an", "takes  an"))) == [()]
    assert conflicts(merge("a b c d e", "A b c d e", "a b c d E")) == [()]


def test_a_string_of_lines_merges_by_line() -> None:
    assert merged_text("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n") == "A\nb\nC\n"
    assert merged_text("a\nb\nc", "A\nb\nc", "a\nB\nc") is None
    assert merged_text("a\nb", "a\nx\nb", "a\ny\nb") is None


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ([{"v": i} for i in range(10_000)], [{"v": -i} for i in range(10_000)], [{"v": i + 0.5} for i in range(10_000)]),
        ([*range(10_000)], [*range(10_000, 20_000)], [*range(20_000, 30_000)]),
        ([1], [*([n] for n in range(10_000)), 1], [1, *([n, n] for n in range(10_000))]),
        (
            {f"k{i}": {"v": i} for i in range(10_000)},
            {f"n{i}": {"v": i} for i in range(10_000)},
            {f"k{i}": {"v": i, "w": 1} for i in range(10_000)},
        ),
    ],
)
def test_ten_thousand_items_take_no_table_of_all_by_all(base: Any, ours: Any, theirs: Any) -> None:
    started = time.process_time()
    merged = merged_and_settled(base, ours, theirs)
    missing_edits(base, ours, theirs, merged.content)
    assert time.process_time() - started < 2
