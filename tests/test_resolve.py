"""Settling conflicts: from the index of a real git merge, rebase, cherry-pick or stash, one by one, with hand edits in between."""

from __future__ import annotations

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
