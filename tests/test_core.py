"""Diff, patch and merge: the field's suites, and the laws that hold for any values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from changing import versions
from conftest import scorer, suite
from hypothesis import given, settings
from hypothesis import strategies as st

from mdrepo.changes import MISSING
from mdrepo.diffing import diff, tolerant
from mdrepo.documents import same
from mdrepo.filling import filled
from mdrepo.losses import missing_edits
from mdrepo.merging import Merged, merge
from mdrepo.patching import PatchError, apply, apply_delta, invert, operations, replaced, reversed_operations
from mdrepo.settling import merged_and_settled

leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -1.0]) | st.sampled_from("abc~/")
named = st.fixed_dictionaries({"name": st.sampled_from("abcdef")}, optional={"v": leaves, "w": leaves})
keyed = st.lists(named, max_size=6, unique_by=lambda item: item["name"])
values = st.recursive(
    leaves | keyed,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("abc/~"), inner, max_size=4),
    max_leaves=20,
)


def test_merge_oracle() -> None:
    """554 merges known by construction: all that merge clean are right, and every true conflict is reported."""
    clean = reported = 0
    for line in suite("merge3-oracle", "triples.jsonl").read_text().splitlines():
        _, base, ours, theirs, expected = json.loads(line)
        merged = merge(base, ours, theirs)
        if expected is None:
            assert merged.conflicts
            reported += 1
        else:
            assert not merged.conflicts
            assert same(merged.content, expected)
            clean += 1
    assert (clean, reported) == (475, 79)


@settings(max_examples=1000, deadline=None)
@given(values, values)
def test_a_diff_applied_gives_the_new_value_and_reversed_the_old(old: Any, new: Any) -> None:
    delta = diff(old, new)
    assert bool(delta) != same(old, new)
    assert same(apply_delta(old, delta), new)
    assert same(apply_delta(new, invert(delta)), old)
    assert same(apply(old, json.loads(json.dumps(operations(delta)))), new)


@settings(max_examples=1000, deadline=None)
@given(st.permutations(range(9)), st.permutations(range(9)), st.integers(0, 9), st.integers(0, 9))
def test_items_that_came_went_and_moved(one: list[int], other: list[int], first: int, last: int) -> None:
    old, new = ([{"id": number} for number in side] for side in (one[:first], other[:last]))
    delta = diff(old, new)
    assert same(apply_delta(old, delta), new)
    assert same(apply_delta(new, invert(delta)), old)
    assert sum(change.kind == "added" for change in delta) == len(set(other[:last]) - set(one[:first]))
    assert {change.kind for change in delta} <= {"added", "removed", "moved"}


@settings(max_examples=1500, deadline=None)
@given(values, values)
def test_a_side_that_changed_nothing_does_not_matter(base: Any, changed: Any) -> None:
    for merged in (merge(base, base, changed), merge(base, changed, base), merge(base, changed, changed)):
        assert not merged.conflicts
        assert same(merged.content, changed)


def unordered(value: Any) -> Any:
    """The value with every list sorted, to compare but for the order of concurrent insertions."""
    if isinstance(value, dict):
        return {key: unordered(value[key]) for key in sorted(value)}
    return sorted(map(unordered, value), key=json.dumps) if isinstance(value, list) else value


def asked(merged: Merged) -> list[tuple[str, list[str]]]:
    """What the conflicts of a merge are about, whichever side is called ours."""

    def spelled(value: Any) -> str:
        return "missing" if value is MISSING else json.dumps(unordered(value), sort_keys=True)

    return sorted((spelled(each.base), sorted([spelled(each.ours), spelled(each.theirs)])) for each in merged.conflicts)


@settings(max_examples=1000, deadline=None)
@given(versions())
def test_swapping_the_sides_swaps_only_the_labels(sides: tuple[Any, Any, Any]) -> None:
    base, ours, theirs = sides
    one, other = merged_and_settled(base, ours, theirs), merged_and_settled(base, theirs, ours)
    assert asked(one) == asked(other)
    contents = [filled(each.content, ((conflict.path, None) for conflict in each.conflicts)) for each in (one, other)]
    assert same(unordered(contents[0]), unordered(contents[1]))


@settings(max_examples=1500, deadline=None)
@given(versions())
def test_a_clean_merge_has_every_edit_that_one_side_alone_made(sides: tuple[Any, Any, Any]) -> None:
    """By our own check, and by the scoring tool's."""
    merged = merged_and_settled(*sides)
    if not merged.conflicts:
        assert missing_edits(*sides, merged.content) == []
        assert scorer().lost(*sides, merged.content) == []


@settings(max_examples=1000, deadline=None)
@given(keyed, keyed, keyed)
def test_an_edit_that_one_side_alone_made_is_never_missing(base: Any, ours: Any, theirs: Any) -> None:
    merged = merge(base, ours, theirs)
    if merged.conflicts:
        return
    sides = [{item["name"]: item for item in side} for side in (base, ours, theirs, merged.content)]
    for name in {*sides[0], *sides[1], *sides[2]}:
        old, mine, yours, result = (side.get(name, MISSING) for side in sides)
        if old == mine and old != yours:
            assert result == yours
        if old == yours and old != mine:
            assert result == mine


def test_moves_are_moves() -> None:
    old = [{"name": name} for name in "abcdef"]
    delta = diff(old, [old[5], *old[:5]])
    assert [change.kind for change in delta] == ["moved"]


def test_sets_are_compared_as_sets() -> None:
    moved, added = diff(["a", "b", "c"], ["c", "a", "b", "d"])
    assert (moved.kind, added.kind, added.new) == ("moved", "added", "d")
    assert [change.kind for change in diff([1, 2, 3], [3, 1, 2])] == ["removed", "added"]  # a shape is no set
    assert [change.kind for change in diff([1, 2, 3], [3, 1, 2], lambda _: [])] == ["moved"]  # unless the schema says so
    assert [change.kind for change in diff(["a", "a"], ["a", "b"])] == ["changed"]


def test_a_value_of_some_weight_under_another_key_has_moved() -> None:
    old, new = {"old": {"a": [1, 2, 3], "b": "some text"}, "x": 1}, {"new": {"a": [1, 2, 3], "b": "some text"}, "y": 1}
    delta = diff(old, new)
    assert [(change.kind, change.path, change.origin) for change in delta] == [
        ("removed", ("x",), None),
        ("moved", ("new",), ("old",)),
        ("added", ("y",), None),
    ]
    assert apply_delta(old, delta) == new
    assert apply_delta(new, invert(delta)) == old


def test_edited_items_without_a_name_are_known_by_what_they_share() -> None:
    old = [{"kind": "conv", "size": [3, 3], "filters": 8}, {"kind": "dense", "units": 77}, {"kind": "pool", "size": [2, 2]}]
    new = [{"kind": "input", "shape": [9]}, {**old[0], "filters": 9}, {**old[1], "kind": "head"}, old[2]]
    delta = diff(old, new)
    assert [(change.kind, change.path) for change in delta] == [
        ("added", (0,)),
        ("changed", (1, "filters")),
        ("changed", (2, "kind")),
    ]


@pytest.mark.parametrize("values", [[0] * 20_000, [n % 3 for n in range(20_000)], [{"v": n} for n in range(10_000)]])
def test_long_lists_are_aligned_without_a_table(values: list[Any]) -> None:
    changed = values[5:9_000] + [9] + [{"v": n, "w": 1} if isinstance(n, dict) else n for n in values[9_000:]]
    delta = diff(values, changed)
    assert same(apply_delta(values, delta), changed)


def test_items_are_told_apart_by_identity_and_not_by_index() -> None:
    old = [{"name": "a", "v": 1}, {"name": "b", "v": 2}]
    removed, change = diff(old, [{"name": "b", "v": 3}])
    assert (removed.kind, removed.old_path) == ("removed", (0,))
    assert (change.kind, change.old_path, change.new_path, change.identity) == ("changed", (1, "v"), (0, "v"), 'name "b"')


@pytest.mark.parametrize(("old", "new"), [(1, 1.0), (1, "1"), (1, True), (0, False), (None, MISSING)])
def test_a_type_change_is_a_change(old: Any, new: Any) -> None:
    delta = diff({"a": old}, {} if new is MISSING else {"a": new})
    assert [change.kind for change in delta] == ["removed" if new is MISSING else "changed"]


def test_a_patch_that_does_not_fit_changes_nothing_and_says_where() -> None:
    content = {"a": [1, 2]}
    patch = [
        {"op": "add", "path": "/b", "value": 1},
        {"op": "replace", "path": "/a/0", "value": 9},
        {"op": "remove", "path": "/a/7"},
    ]
    with pytest.raises(PatchError, match=r"operation 3 \(remove /a/7\): index 7 is beyond the list's 2 items"):
        apply(content, patch)
    assert content == {"a": [1, 2]}


def test_tests_guard_what_a_patch_was_made_for() -> None:
    delta = diff({"a": 1}, {"a": 2})
    with pytest.raises(PatchError, match="another one"):
        apply_delta({"a": 3}, delta)


def test_replacing_a_field_makes_the_objects_on_the_way() -> None:
    assert replaced({}, ("a", "b"), 1) == {"a": {"b": 1}}
    assert replaced({"a": {"b": 1, "c": 2}}, ("a", "b"), MISSING) == {"a": {"c": 2}}
    assert replaced({"a": [1, 2]}, ("a", 1), 3) == {"a": [1, 3]}


def test_a_conflict_names_its_field_and_leaves_the_rest_merged() -> None:
    base = {"labels": [{"name": "a", "v": 1}, {"name": "b", "v": 1}], "x": 1}
    ours = {"labels": [{"name": "a", "v": 2}, {"name": "b", "v": 1}], "x": 2}
    theirs = {"labels": [{"name": "a", "v": 3}, {"name": "b", "v": 9}], "x": 1}
    merged = merge(base, ours, theirs)
    [conflict] = merged.conflicts
    assert (conflict.path, conflict.base, conflict.ours, conflict.theirs) == (("labels", 0, "v"), 1, 2, 3)
    assert merged.content == {"labels": [{"name": "a", "v": 2}, {"name": "b", "v": 9}], "x": 2}


def test_tolerant_comparison_is_deepdiffs() -> None:
    old, new = {"a": 1.00001, "b": [1, 2], "c": 1}, {"a": 1.00002, "b": [2, 1], "c": 2}
    exact = diff(old, new)
    assert {c.path[0] for c in exact} == {"a", "b", "c"}
    assert {c.path[0] for c in tolerant(old, new, exact, significant_digits=3)} == {"b", "c"}
    assert {c.path[0] for c in tolerant(old, new, exact, ignore_order=True, significant_digits=3)} == {"c"}


@settings(max_examples=1000, deadline=None)
@given(values, values)
def test_our_patches_can_be_undone_from_their_text_alone(old: Any, new: Any) -> None:
    patch = json.loads(json.dumps(operations(diff(old, new))))
    assert same(apply(new, reversed_operations(patch)), old)
    assert same(apply(old, reversed_operations(reversed_operations(patch))), new) or not patch


@settings(max_examples=1000, deadline=None)
@given(values, values, values)
def test_patches_compose(one: Any, two: Any, three: Any) -> None:
    patch = json.loads(json.dumps([*operations(diff(one, two)), *operations(diff(two, three))]))
    assert same(apply(one, patch), three)
    undone = reversed_operations(patch)
    assert same(apply(three, undone), one)
    assert same(apply(one, reversed_operations(undone)), three)


@pytest.mark.parametrize(
    "patch", [[{"op": "remove", "path": "/a"}], [{"op": "copy", "from": "/a", "path": "/b"}], [3], [{"op": "add"}]]
)
def test_patches_that_do_not_say_what_was_there_cannot_be_undone(patch: Any) -> None:
    with pytest.raises(PatchError):
        reversed_operations(patch)
