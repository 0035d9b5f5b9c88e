"""Merges of files: the field's suites, real merges, and how conflicts look."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import SHARED, mdrepo, scorer, suite
from hypothesis import given, settings
from hypothesis import strategies as st

from mdrepo import pointers, reconciling
from mdrepo.changes import MISSING
from mdrepo.documents import same
from mdrepo.losses import missing_edits
from mdrepo.merging import merge
from mdrepo.reconciling import Reconciled, reconcile
from mdrepo.schemas import SchemaStore
from mdrepo.settling import Guide
from mdrepo.wildcards import grouped

leaves = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from("ab")
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=12
)


def test_dolt_s_merges() -> None:
    """Dolt's own cases: 26, of them 9 conflicts."""
    cases = json.loads(suite("dolt-json-merge", "cases.json").read_text())
    assert len(cases) == 26
    for case in cases:
        merged = merge(case["ancestor"], case["left"], case["right"])
        assert bool(merged.conflicts) == bool(case.get("conflict")), case["name"]
        assert merged.conflicts or same(merged.content, case["merged"]), case["name"]


RENAMED = "mdn+browser-compat-data/128"
"""A key that one side renamed and the other edited below: git brings the edit along, which a check by key takes for a loss."""


def real_merges() -> Iterator[dict[str, str]]:
    packs = sorted((SHARED / "corpora" / "merges").glob("*.jsonl.gz"))
    if not packs:
        pytest.skip("the shared corpora are not here: no shared/corpora/merges")
    for pack in packs:
        with gzip.open(pack, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def outcome(merged: Reconciled, case: dict[str, str]) -> tuple[str, list[str]]:
    """As the scoring tool has it, and the edits that it finds lost."""
    if not merged.clean:
        return "conflict", []
    tool = scorer()
    base, ours, theirs, people = (json.loads(case[side].lstrip("\ufeff")) for side in ("base", "ours", "theirs", "merged"))
    result = tool.strict(merged.data.decode("utf-8-sig"))
    lost = tool.lost(base, ours, theirs, result)
    if tool.canon(result) == tool.canon(people):
        return "equal", lost
    return "reordered" if tool.canon(tool.unordered(result)) == tool.canon(tool.unordered(people)) else "different", lost


def versions_of(case: dict[str, str]) -> list[bytes]:
    return [case[side].encode() for side in ("base", "ours", "theirs")]


def test_real_merges_lose_nothing_and_keep_what_git_gets_right() -> None:
    right: Counter[str] = Counter()
    other: Counter[str] = Counter()
    conflicts: list[int] = []
    names: list[int] = []
    for case in real_merges():
        merged = reconcile(*versions_of(case))
        found, lost = outcome(merged, case)
        assert lost == [] or (case["id"] == RENAMED and merged.how == "text"), case["id"]
        (right if case["git"] == "clean_equal" else other)[found] += 1
        if found == "conflict":
            conflicts.append(len(merged.conflicts) or 1)
            names.append(len(grouped([each.path for each in merged.conflicts])) or 1)
    assert right == {"equal": 264}
    assert other.total() == 318
    assert other["equal"] + other["reordered"] >= 0.43 * 318
    assert other["different"] <= 0.12 * 318
    # most conflicts are one field; a few files have the same contradiction in dozens of places
    assert sorted(conflicts)[len(conflicts) // 2] == 1
    assert sum(conflicts) <= 2.5 * len(conflicts)
    assert sum(names) <= 1.4 * len(names)


MONAI = {"properties": {"version": {"x-mdrepo-merge": "max"}, "changelog": {"x-mdrepo-key": "version", "x-mdrepo-merge": "union"}}}


def test_strategies_settle_real_conflicts_as_people_did() -> None:
    """Versions and changelogs: without a schema a third of these conflicts settle themselves, with one four fifths."""
    guide = guided(MONAI)
    plain: Counter[str] = Counter()
    with_schema: Counter[str] = Counter()
    for case in real_merges():
        if case["repo"] == "Project-MONAI/model-zoo" and case["git"] == "conflict":
            plain[outcome(reconcile(*versions_of(case)), case)[0]] += 1
            with_schema[outcome(reconcile(*versions_of(case), guide), case)[0]] += 1
    assert plain["conflict"] == 36
    assert with_schema["equal"] - plain["equal"] >= 25
    assert with_schema["equal"] >= 40


def guided(schema: Any) -> Guide:
    found = SchemaStore({"schemas/s.json": json.dumps(schema).encode()}).find("schemas/s.json")
    assert found is not None
    return Guide.of(found)


@settings(max_examples=1500, deadline=None)
@given(values, values, values)
def test_a_clean_merge_lacks_no_edit_that_one_side_alone_made(base: Any, ours: Any, theirs: Any) -> None:
    texts = [json.dumps(side, indent=2).encode() + b"\n" for side in (base, ours, theirs)]
    merged = reconcile(*texts)
    if merged.clean:
        assert missing_edits(base, ours, theirs, json.loads(merged.data)) == []
    else:
        assert b"<<<<<<< ours\n" in merged.data or not merged.conflicts[0].path


@settings(max_examples=300, deadline=None)
@given(values, values)
def test_a_side_that_changed_nothing_does_not_matter(base: Any, changed: Any) -> None:
    old, new = (json.dumps(side, indent=2).encode() + b"\n" for side in (base, changed))
    for sides in ((old, old, new), (old, new, old), (old, new, new)):
        merged = reconcile(*sides)
        assert (merged.clean, merged.data) == (True, new)


BASE = '{\n  "name": "net",\n  "version": "1.0",\n  "labels": [\n    {"name": "a", "index": 0}\n  ],\n  "tags": ["x"]\n}\n'


def test_conflicts_are_marked_around_only_the_conflicting_values() -> None:
    ours = BASE.replace('"1.0"', '"1.1"').replace('["x"]', '["x", "ours"]')
    theirs = BASE.replace('"1.0"', '"2.0"').replace('["x"]', '["theirs", "x"]')
    merged = reconcile(*(text.encode() for text in (BASE, ours, theirs)))
    assert [conflict.path for conflict in merged.conflicts] == [("version",)]
    expected = ours.replace(
        '  "version": "1.1",\n',
        '<<<<<<< ours\n  "version": "1.1",\n||||||| base\n  "version": "1.0",\n=======\n  "version": "2.0",\n>>>>>>> theirs\n',
    ).replace('["x", "ours"]', '["theirs", "x", "ours"]')
    assert merged.data.decode() == expected


def test_a_field_that_one_side_removed_and_the_other_changed() -> None:
    ours, theirs = BASE.replace('  "version": "1.0",\n', ""), BASE.replace('"1.0"', '"2.0"')
    for sides in ((ours, theirs), (theirs, ours)):
        merged = reconcile(*(text.encode() for text in (BASE, *sides)))
        [conflict] = merged.conflicts
        assert MISSING in (conflict.ours, conflict.theirs)
        assert b'||||||| base\n  "version": "1.0",\n' in merged.data


def test_what_git_merges_right_stands_byte_for_byte() -> None:
    base = "".join(f'  "k{i}":   {i},\n' for i in range(9))
    base = "{\n" + base + '  "z": 1 }\n'
    ours, theirs = base.replace('"k0":   0', '"k0":   9'), base.replace('"k8":   8', '"k8":   7')
    merged = reconcile(base.encode(), ours.encode(), theirs.encode())
    assert (merged.how, merged.data.decode()) == ("text", ours.replace('"k8":   8', '"k8":   7'))


def test_an_edit_below_a_renamed_key_goes_along_as_git_has_it() -> None:
    members = "".join(f'    "m{i}": {i},\n' for i in range(12))
    base = f'{{\n  "old": {{\n{members}    "z": 0\n  }}\n}}\n'
    ours, theirs = base.replace('"m11": 11', '"m11": 99'), base.replace('"old"', '"new"')
    for sides in ((ours, theirs), (theirs, ours)):
        merged = reconcile(base.encode(), *(side.encode() for side in sides))
        assert (merged.how, merged.data.decode()) == ("text", ours.replace('"old"', '"new"'))


def test_a_clean_text_merge_that_gives_a_key_twice_does_not_stand() -> None:
    base = '{\n  "a": 1,\n  "b": 2,\n  "c": 3,\n  "d": 4,\n  "e": 5\n}\n'
    ours = base.replace('  "a": 1,\n', '  "new": 1,\n  "a": 1,\n')
    theirs = base.replace('  "e": 5\n', '  "e": 5,\n  "new": 1\n')
    merged = reconcile(base.encode(), ours.encode(), theirs.encode())
    assert (merged.clean, merged.how) == (True, "structure")
    assert json.loads(merged.data)["new"] == 1


@pytest.mark.parametrize("side", [0, 1, 2])
def test_what_is_no_json_is_merged_as_text(side: int) -> None:
    sides = [BASE, BASE.replace('"1.0"', '"1.1"'), BASE.replace('"net"', '"mine"')]
    sides[side] = sides[side].replace('"tags"', "tags")
    merged = reconcile(*(text.encode() for text in sides))
    assert merged.how == "not JSON"
    assert merged.reason is not None


def test_the_command(tmp_path: Path) -> None:
    texts = {"base": BASE, "ours": BASE.replace('"1.0"', '"1.1"'), "theirs": BASE.replace('"net"', '"other"')}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    merged = mdrepo("merge-file", "base", "ours", "theirs", cwd=tmp_path)
    assert json.loads(merged.out) == {**json.loads(BASE), "version": "1.1", "name": "other"}
    (tmp_path / "theirs").write_text(BASE.replace('"1.0"', '"1.2"'))
    result = mdrepo("merge-file", "base", "ours", "theirs", "-o", "out", cwd=tmp_path, code=1)
    assert "1 conflict: /version" in result.err
    assert (tmp_path / "out").read_text().count("<<<<<<< ours") == 1
    answer = mdrepo("merge-file", "base", "ours", "theirs", "--json", cwd=tmp_path, code=1).json
    assert answer["conflicts"] == [{"pointer": "/version", "base": "1.0", "ours": "1.1", "theirs": "1.2"}]
    (tmp_path / "theirs").write_text("not json")
    assert "merged as text" in mdrepo("merge-file", "base", "ours", "theirs", cwd=tmp_path, code=None).err
    assert "No such file" in mdrepo("merge-file", "base", "ours", "none", cwd=tmp_path, code=3).err


def test_editors_see_the_conflict_that_git_would_make(tmp_path: Path) -> None:
    """git itself reads the markers: `git checkout --conflict` style, with base."""
    texts = [BASE, BASE.replace('"1.0"', '"1.1"'), BASE.replace('"1.0"', '"2.0"')]
    for name, text in zip(("base", "ours", "theirs"), texts, strict=True):
        (tmp_path / name).write_text(text)
    words = ["git", "merge-file", "-p", "--diff3", "-L", "ours", "-L", "base", "-L", "theirs", "ours", "base", "theirs"]
    git = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert reconcile(*(text.encode() for text in texts)).data.decode() == git


def large(**changed: Any) -> bytes:
    items = [{"name": f"layer {number}", "digest": f"{number:0200x}"} for number in range(5000)]
    for name, value in changed.items():
        items[int(name.removeprefix("at_"))]["digest"] = value
    return (json.dumps({"layers": items}, indent=2) + "\n").encode()


def test_large_files_merge_by_structure_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "merge_text", lambda *_: pytest.fail("git is not needed"))
    merged = reconcile(large(), large(at_7="ours"), large(at_8="theirs"))
    assert (merged.data, merged.clean, merged.how) == (large(at_7="ours", at_8="theirs"), True, "structure")


def test_large_files_in_conflict_are_marked_by_field() -> None:
    merged = reconcile(large(), large(at_7="ours"), large(at_7="theirs", at_9="theirs"))
    assert [pointers.build(conflict.path) for conflict in merged.conflicts] == ["/layers/7/digest"]
    assert merged.data.count(b"<<<<<<<") == 1
    assert b'"digest": "theirs"' in merged.data.split(b">>>>>>>")[1]
