"""How conflicts stand in a file: whichever side one takes at all the markers, it is valid JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import mdrepo
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mdrepo.changes import MISSING
from mdrepo.documents import read
from mdrepo.losses import equal
from mdrepo.marking import Marks, marked_texts
from mdrepo.pointers import get
from mdrepo.reconciling import Reconciled, reconcile

leaves = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b", "a, b", '"', "<<<<<<< ours", "@@conflict-0@@"])
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4), max_leaves=14
)
objects = st.dictionaries(st.sampled_from("abcd"), values, min_size=1, max_size=4)


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def windows(value: Any) -> str:
    return json.dumps(value, indent="\t").replace("\n", "\r\n")


def inline(value: Any) -> str:
    """One member a line, and what is in it in that line, as people write short lists."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value)
    return "{\n" + ",\n".join(f"  {json.dumps(key)}: {json.dumps(each)}" for key, each in value.items()) + "\n}\n"


def leading(value: Any) -> str:
    """Commas at the beginning of the lines."""
    return re.sub(r",\n(\s*)", r"\n\1, ", pretty(value))


LAYOUTS = [pretty, windows, inline, leading, json.dumps]
BLOCK = re.compile(
    r"^<{9} ours\r?\n(?P<ours>.*?)^\|{9} base\r?\n(?P<base>.*?)^={9}\r?\n(?P<theirs>.*?)^>{9} theirs\r?\n", re.MULTILINE | re.DOTALL
)


def taken(text: str, side: str) -> str:
    """The file with one side of all its marker blocks."""
    return BLOCK.sub(lambda found: found[side], text)


def merged(*sides: str) -> Reconciled:
    return reconcile(*(side.encode() for side in sides), marks=Marks(size=9))


@settings(max_examples=700, deadline=None)
@given(objects, objects, objects, st.sampled_from(LAYOUTS))
@example({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 1}, pretty)
@example({"a": 1, "b": 2}, {}, {"a": 2, "b": 3}, pretty)
@example({"a": [1, 2]}, {"a": [1, 3]}, {"a": [1]}, inline)
def test_each_side_of_the_markers_is_valid(base: Any, ours: Any, theirs: Any, layout: Any) -> None:
    found = merged(layout(base), layout(ours), layout(theirs))
    text = found.data.decode()
    if found.clean:
        return
    assert found.conflicts
    assert len(BLOCK.findall(text)) == text.count("<" * 9) >= 1
    contents = {side: read(taken(text, side).encode()).value for side in ("ours", "base", "theirs")}
    for conflict in found.conflicts:
        for side, content in contents.items():
            if all(isinstance(token, str) for token in conflict.path):  # where no item before it can be missing
                assert equal(get(content, conflict.path, MISSING), getattr(conflict, side))


def blocks(*sides: str) -> list[tuple[str, str, str]]:
    return BLOCK.findall(merged(*sides).data.decode())


def test_the_last_member_brings_the_comma_before_it() -> None:
    base, ours, theirs = '{\n  "a": 1,\n  "z": 1\n}\n', '{\n  "a": 1\n}\n', '{\n  "a": 1,\n  "z": 2\n}\n'
    [(mine, old, yours)] = blocks(base, ours, theirs)
    assert (mine, old, yours) == ('  "a": 1\n', '  "a": 1,\n  "z": 1\n', '  "a": 1,\n  "z": 2\n')


def test_members_that_are_missing_elsewhere_leave_the_lines_around_them_alone() -> None:
    base, ours, theirs = (pretty({"_": 0, **a, "z": 1}) for a in ({"a": 1}, {}, {"a": 2}))
    assert blocks(base, ours, theirs) == [("", '  "a": 1,\n', '  "a": 2,\n')]
    assert blocks(base, theirs, ours) == [('  "a": 2,\n', '  "a": 1,\n', "")]


def test_the_only_member() -> None:
    base, ours, theirs = '{\n  "o": {\n    "a": 1\n  }\n}\n', '{\n  "o": {}\n}\n', '{\n  "o": {\n    "a": 2\n  }\n}\n'
    assert blocks(base, ours, theirs) == [("", '    "a": 1\n', '    "a": 2\n')]


def test_windows_line_ends_stay() -> None:
    base, ours, theirs = (windows({"a": n, "b": [1]}) for n in (1, 2, 3))
    text = merged(base, ours, theirs).data
    assert text.count(b"\n") == text.count(b"\r\n") == 11
    assert b'<<<<<<<<< ours\r\n\t"a": 2,\r\n||||||||| base\r\n' in text


def test_a_file_of_one_line_is_one_conflict() -> None:
    assert blocks('{"a": 1, "b": 1}', '{"a": 2, "b": 1}', '{"a": 3, "b": 1, "c": 0}') == [
        ('{"a": 2, "b": 1, "c": 0}\n', '{"a": 1, "b": 1, "c": 0}\n', '{"a": 3, "b": 1, "c": 0}\n')
    ]


def test_a_whole_list_is_one_conflict_with_all_its_lines() -> None:
    base, ours, theirs = (pretty({"a": 0, "kind": kind, "z": 0}) for kind in ("x", ["y"], {"z": 1}))
    [(mine, old, yours)] = blocks(base, ours, theirs)
    assert (mine, old, yours) == ('  "kind": [\n    "y"\n  ],\n', '  "kind": "x",\n', '  "kind": {\n    "z": 1\n  },\n')


def test_another_type_at_the_root_is_one_conflict_without_the_lines_that_agree() -> None:
    found = merged("[1]\n", '{"a": 1}\n', '"text"\n')
    assert [conflict.path for conflict in found.conflicts] == [()]
    assert [taken(found.data.decode(), side) for side in ("base", "ours", "theirs")] == ["[1]\n", '{"a": 1}\n', '"text"\n']


def test_a_side_that_is_not_there() -> None:
    """An empty file is one that is not there: nobody else changed it, or both versions are kept."""
    old, new = pretty({"a": 1}), pretty({"a": 2})
    assert merged(old, "", old).data == b"" and merged(old, "", old).clean
    assert merged(old, old, "").data == b"" and merged(old, old, "").clean
    assert merged("", new, "").data == new.encode()
    for sides in ((old, "", new), (old, new, "")):
        found = merged(*sides)
        assert not found.clean
        assert [conflict.path for conflict in found.conflicts] == [()]
        assert [taken(found.data.decode(), side) for side in ("base", "ours", "theirs")] == [sides[0], sides[1], sides[2]]
    found = merged("", new, pretty({"a": 3, "b": 0}))
    assert [(conflict.path, conflict.base) for conflict in found.conflicts] == [(("a",), MISSING)]
    assert json.loads(taken(found.data.decode(), "base")) == {"b": 0}


@pytest.mark.parametrize("side", [0, 1, 2])
@pytest.mark.parametrize(
    "broken", ['{"a": 1, "a": 1}', '{"a": 1', "no JSON", '{"a": NaN}', "\x00\x01", '{"a": 1e999}', "[" * 600 + "]" * 600]
)
def test_what_is_no_json_on_one_side_keeps_both(side: int, broken: str) -> None:
    sides = [pretty({"a": 1, "b": 1}), pretty({"a": 1, "b": 2}), pretty({"a": 2, "b": 1})]
    sides[side] = broken
    found = merged(*sides)
    assert (found.clean, found.how) == (False, "not JSON")
    assert found.reason
    assert all(taken(found.data.decode(), name).strip() for name in ("ours", "theirs"))


def test_bytes_that_are_not_utf_8_are_kept_as_they_are() -> None:
    base, ours, theirs = b'{"a": "\xe9"}\n', b'{"a": "\xe9\xe9"}\n', b'{"a": "e"}\n'
    found = reconcile(base, ours, theirs)
    assert (found.clean, found.how) == (False, "not JSON")
    assert ours in found.data and theirs in found.data
    wide = [text.encode("utf-16") for text in ('{"a": 1}', '{"a": 2}', '{"a": 3}')]
    found = reconcile(*wide)
    assert (found.clean, found.how) == (False, "not JSON")
    assert wide[1] in found.data and wide[2] in found.data


def test_a_text_merge_of_what_is_no_json_anywhere_stands() -> None:
    lines = [f"line {n}\n" for n in range(12)]
    base, ours, theirs = "".join(lines), "".join(["first\n", *lines]), "".join([*lines, "last\n"])
    found = merged(base, ours, theirs)
    assert (found.clean, found.how, found.data.decode()) == (True, "not JSON", "".join(["first\n", *lines, "last\n"]))
    assert found.reason


def test_a_byte_order_mark_is_as_one_side_changed_it() -> None:
    base, ours, theirs = (pretty({"a": a, "b": b}) for a, b in ((1, 1), (2, 1), (1, 2)))
    mark = "\ufeff"
    for sides, expected in (((mark, mark, mark), mark), ((mark, "", mark), ""), (("", "", mark), mark), (("", "", ""), "")):
        found = merged(sides[0] + base, sides[1] + ours, sides[2] + theirs)
        assert (found.clean, found.data.decode()) == (True, expected + pretty({"a": 2, "b": 2}))


def test_depth_that_python_cannot_follow_keeps_both_sides() -> None:
    deep = "[" * 499 + "{}" + "]" * 499
    found = merged(deep, deep.replace("{}", '{"a": 1}'), deep.replace("{}", '{"a": 2}'))
    assert not found.clean


def test_a_mistake_of_ours_keeps_both_sides_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("never")

    monkeypatch.setattr("mdrepo.reconciling.merged_and_settled", broken)
    ours, theirs = pretty({"a": 2}), pretty({"a": 3})
    found = merged(pretty({"a": 1}), ours, theirs)
    assert (found.clean, found.reason) == (False, "the structural merge failed: ZeroDivisionError: never")
    assert [taken(found.data.decode(), side) for side in ("ours", "theirs")] == [ours, theirs]


def test_a_merge_that_lost_an_edit_would_not_be_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check after the merge is what makes a loss impossible, so it must bite."""
    from mdrepo.merging import Merged

    monkeypatch.setattr("mdrepo.reconciling.merged_and_settled", lambda base, *_: Merged(base))
    found = merged(pretty({"a": 1}), pretty({"a": 2}), pretty({"a": 1, "b": 1}))
    assert (found.clean, found.reason) == (False, "the structural merge would lose an edit")


def test_texts_are_one_conflict_from_the_first_line_that_differs_to_the_last() -> None:
    assert marked_texts(["a\nx\nz", "a\ny\nz", "a\nz"], Marks()) == (
        "a\n<<<<<<< ours\nx\n||||||| base\ny\n=======\n>>>>>>> theirs\nz\n"
    )


def test_the_command_on_bad_files(tmp_path: Path) -> None:
    texts = {"base": pretty({"a": 1}), "ours": "", "theirs": pretty({"a": 2})}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    result = mdrepo("merge-file", "base", "ours", "theirs", cwd=tmp_path, code=1)
    assert "1 conflict: (the whole document)" in result.err
    (tmp_path / "ours").write_text('{"a": 1, "a": 3}')
    result = mdrepo("merge-file", "base", "ours", "theirs", cwd=tmp_path, code=1)
    assert "not JSON" in result.err and '{"a": 1, "a": 3}' in result.out
    for side in ("base", "ours", "theirs"):
        (tmp_path / side).write_bytes(texts["base"].replace("1", {"base": "1", "ours": "2", "theirs": "3"}[side]).encode("utf-16"))
    result = subprocess.run(
        [sys.executable, "-m", "mdrepo", "merge-file", "base", "ours", "theirs", "-o", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert (tmp_path / "ours").read_bytes() in (tmp_path / "out").read_bytes()
