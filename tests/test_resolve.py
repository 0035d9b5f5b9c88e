"""Settling conflicts: from the index of a real git merge, rebase, cherry-pick or stash, one by one, with hand edits in between."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import DOCUMENT, git, mdrepo, state

from mdrepo import marks
from mdrepo.reconciling import reconcile


def test_a_document_that_has_mdrepo_s_own_marks_in_a_string_keeps_them() -> None:
    base, ours = b'{"u": "x", "v": 1}', b'{"u": "@@mdrepo-0-conflict-0@@", "v": 2}'
    merged = reconcile(base, ours, b'{"u": "x", "v": "a"}')
    lines = merged.data.decode().splitlines()
    assert lines[1::2][:2] == ['{"u": "@@mdrepo-0-conflict-0@@", "v": 2}', '{"u": "@@mdrepo-0-conflict-0@@", "v": 1}']
    assert lines[5] == '{"u": "@@mdrepo-0-conflict-0@@", "v": "a"}'


def test_markers_stand_on_lines_of_their_own_also_beside_other_line_ends() -> None:
    merged = reconcile(
        b'{"u": "x\xe2\x80\xa8y", "v": 1}\n', b'{"u": "x\xe2\x80\xa8y", "v": 2}\n', b'{"u": "x\xe2\x80\xa8y", "v": 3}\n'
    )
    assert merged.data.decode().split("\n")[0::2] == ["<<<<<<< ours", "||||||| base", "=======", ">>>>>>> theirs"]


MARKED = """{
  "a": 1,
<<<<<<< HEAD
  "b": {
    "c": 1
  },
=======
  "b": 2,
>>>>>>> topic
  "d": [
    {"e": 1},
<<<<<<< HEAD
||||||| 1234567
    {"e": 2},
=======
    {"e": 3},
>>>>>>> topic
    {"e": 4}
  ]
}
"""


def test_marks_are_found_with_their_lines_and_fields() -> None:
    assert marks.marked(MARKED.encode(), "x") == [(3, "/b", True), (12, "/d/1", True)]
    assert marks.marked(MARKED.replace("\n", "\r\n").encode(), "x") == [(3, "/b", True), (12, "/d/1", True)]
    left = MARKED.replace("<<<<<<< HEAD\n", "", 1)
    assert marks.marked(left.encode(), "x") == [(6, None, False), (8, None, False), (11, None, True)]
    assert marks.marked(b"<<<<<<< HEAD\n{}\n=======\n[]\n>>>>>>> topic\n", "x") == [(1, "", True)]
    assert marks.marked(b"\xff<<<<<<< HEAD\n", "x") == []


def test_sides_are_put_together_again() -> None:
    found = marks.pieces(MARKED)
    assert [(block.labels, block.size) for block in marks.blocks(found)] == [
        (("HEAD", "", "topic"), 7),
        (("HEAD", "1234567", "topic"), 7),
    ]
    assert '"b": 2,\n  "d": [\n    {"e": 1},\n    {"e": 3},\n' in marks.side(found, "theirs")
    assert '"c": 1\n  },\n  "d": [\n    {"e": 1},\n    {"e": 4}' in marks.side(found, "ours")


@pytest.mark.parametrize("path", [DOCUMENT, f"{DOCUMENT}.lock"])
def test_a_file_with_marks_is_named_also_when_it_was_added(repo: Path, path: str) -> None:
    text = (repo / path).read_text()
    first = text.splitlines(keepends=True)[1]
    (repo / path).write_text(text.replace(first, f"<<<<<<< HEAD\n{first}=======\n{first}>>>>>>> topic\n", 1))
    found = mdrepo("validate", "--json", cwd=repo, code=1).json["problems"]
    assert [(each["path"], each["line"], each["rule"]) for each in found] == [(path, 2, "document/conflict")]
    assert found[0]["pointer"] == ("/$schema" if path == DOCUMENT else "/lock_version")
    assert "a merge's conflict, not settled" in mdrepo("status", cwd=repo).out
    git("add", path, cwd=repo)
    before = state(repo)
    refused = mdrepo("commit", "--no-eval", "-m", "x", cwd=repo, code=1)
    assert f"{path}:2:1: " in refused.out
    assert "a merge's conflict, not settled" in refused.out
    assert state(repo) == before


def test_a_lock_file_with_a_key_twice_is_named(repo: Path) -> None:
    lock = repo / f"{DOCUMENT}.lock"
    lock.write_text(lock.read_text().replace('  "lock_version": 1,\n', '  "lock_version": 1,\n  "lock_version": 1,\n'))
    [problem] = mdrepo("validate", "--json", cwd=repo, code=1).json["problems"]
    assert (problem["path"], problem["line"], problem["rule"]) == (f"{DOCUMENT}.lock", 3, "json/syntax")
    assert problem["message"] == "duplicate key 'lock_version', first in line 2"


def test_a_document_with_marks_inside_a_string_is_no_conflict(repo: Path) -> None:
    text = (repo / DOCUMENT).read_text()
    (repo / DOCUMENT).write_text(
        text.replace('"name": "net"', '"description": "\\n<<<<<<< HEAD\\n=======\\n>>>>>>> x",\n  "name": "net"', 1)
    )
    mdrepo("validate", cwd=repo)
