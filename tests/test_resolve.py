"""Settling conflicts: from the index of a real git merge, rebase, cherry-pick or stash, one by one, with hand edits in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, Result, edit, git, load, mdrepo, state

from mdrepo import marks
from mdrepo.errors import MdrepoError
from mdrepo.reconciling import reconcile
from mdrepo.repository import Repository
from mdrepo.resolving import Choice

MDREPO = str(Path(sys.executable).parent)


@pytest.fixture(autouse=True)
def _mdrepo_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{MDREPO}{os.pathsep}{os.environ['PATH']}")


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


def save(repo: Path, change: Callable[[Any], object]) -> None:
    edit(repo, change)
    git("commit", "-qam", "x", cwd=repo)


def three(repo: Path) -> None:
    """Two branches that contradict each other in three fields, and add to each other in a fourth and a fifth."""
    git("checkout", "-qb", "topic", cwd=repo)
    save(repo, lambda v: (v["evaluation"]["tolerance"].update(accuracy=0.02), relabelled(v, "theirs"), v.update(license="MIT")))
    git("checkout", "-q", "main", cwd=repo)
    save(repo, lambda v: (v["evaluation"]["tolerance"].update(accuracy=0.03), relabelled(v, "ours"), v.update(intended_use="ours")))


def relabelled(content: Any, text: str) -> None:
    content["labels"][0]["description"] = f"zero, {text}"
    content["labels"][2]["description"] = f"two, {text}"


def tried(*arguments: str, cwd: Path) -> int:
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, check=False).returncode


def open_conflicts(repo: Path, path: str = DOCUMENT) -> dict[str, tuple[Any, Any, Any]]:
    documents = {each["path"]: each for each in mdrepo("status", "--json", cwd=repo).json["documents"]}
    return {
        each["pointer"]: tuple(each.get(side, "not there") for side in ("base", "ours", "theirs"))
        for each in documents[path]["conflicts"]
    }


ACCURACY = "/evaluation/tolerance/accuracy"
ZERO, TWO = "/labels/0/description", "/labels/2/description"


def resolve(repo: Path, pointer: str | None, *how: str, code: int = 0) -> Result:
    name = DOCUMENT if pointer is None else f"{DOCUMENT}#{pointer}"
    return mdrepo("resolve", name, *how, cwd=repo, code=code)


def text(repo: Path) -> str:
    return (repo / DOCUMENT).read_text()


def merged(repo: Path) -> None:
    three(repo)
    assert tried("merge", "topic", cwd=repo) == 1
    assert git("ls-files", "-u", cwd=repo)


def test_conflicts_of_a_merge_are_settled_one_by_one(repo: Path) -> None:
    merged(repo)
    assert open_conflicts(repo) == {
        ZERO: ("not there", "zero, ours", "zero, theirs"),
        TWO: ("not there", "two, ours", "two, theirs"),
        ACCURACY: (0.01, 0.03, 0.02),
    }
    shown = mdrepo("status", cwd=repo).out
    assert f'{ZERO}: it was not there\n                ours: "zero, ours"\n                theirs: "zero, theirs"' in shown
    assert f"mdrepo resolve '{DOCUMENT}#{ZERO}' --ours" in shown
    assert "2 conflicts left" in resolve(repo, ZERO, "--base").err  # takes the field away
    assert text(repo).count("<<<<<<<") == 2
    assert list(open_conflicts(repo)) == [TWO, ACCURACY]
    assert f"  = {ACCURACY}: 0.0250" in resolve(repo, ACCURACY, "--value", "0.0250").out.replace("0.025\n", "0.0250\n")
    assert '"accuracy": 0.0250' in text(repo)  # the spelling that was given
    last = resolve(repo, TWO, "--theirs")
    assert f"every conflict is settled: git add {DOCUMENT}" in last.err
    content = load(repo)
    assert "description" not in content["labels"][0]
    assert content["labels"][2]["description"] == "two, theirs"
    assert (content["license"], content["intended_use"]) == ("MIT", "ours")
    assert "every conflict is settled" in mdrepo("status", cwd=repo).out
    assert git("ls-files", "-u", cwd=repo), "whether it is added is the user's decision"
    mdrepo("validate", cwd=repo)
    git("add", DOCUMENT, cwd=repo)
    git("commit", "-q", "--no-edit", cwd=repo)
    mdrepo("validate", cwd=repo)
    assert git("status", "--porcelain", cwd=repo) == ""


def test_a_settled_document_is_laid_out_as_the_sides_were(repo: Path) -> None:
    three(repo)
    ours = text(repo)
    tried("merge", "topic", cwd=repo)
    resolve(repo, "/labels", "--ours")
    resolve(repo, ACCURACY, "--ours")
    without_theirs = "".join(line for line in text(repo).splitlines(keepends=True) if '"license"' not in line)
    assert without_theirs == ours


def test_rebase(repo: Path) -> None:
    three(repo)
    git("checkout", "-q", "topic", cwd=repo)
    assert tried("rebase", "-q", "main", cwd=repo) == 1
    assert open_conflicts(repo)[ACCURACY] == (0.01, 0.03, 0.02), "ours is the upstream, as git names it"
    resolve(repo, "/labels", "--theirs")
    assert resolve(repo, ACCURACY, "--ours", "--add", "--json").json["added"] is True
    git("-c", "core.editor=true", "rebase", "--continue", cwd=repo)
    assert load(repo)["labels"][0]["description"] == "zero, theirs"
    assert load(repo)["evaluation"]["tolerance"] == {"accuracy": 0.03}
    mdrepo("validate", cwd=repo)


def test_cherry_pick(repo: Path) -> None:
    three(repo)
    assert tried("cherry-pick", "topic", cwd=repo) == 1
    found = resolve(repo, None, "--theirs", "--add", "--json").json
    assert [each["pointer"] for each in found["settled"]] == [ZERO, TWO, ACCURACY]
    assert (found["left"], found["problems"], found["added"]) == ([], [], True)
    git("-c", "core.editor=true", "cherry-pick", "--continue", cwd=repo)
    assert load(repo)["evaluation"]["tolerance"] == {"accuracy": 0.02}
    assert load(repo)["intended_use"] == "ours"
    mdrepo("validate", cwd=repo)


def test_stash_pop(repo: Path) -> None:
    edit(repo, lambda v: (v["evaluation"]["tolerance"].update(accuracy=0.02), v.update(intended_use="stashed")))
    git("stash", "-q", cwd=repo)
    save(repo, lambda v: (v["evaluation"]["tolerance"].update(accuracy=0.03), v.update(license="MIT")))
    assert tried("stash", "pop", "-q", cwd=repo) == 1
    assert open_conflicts(repo) == {ACCURACY: (0.01, 0.03, 0.02)}
    resolve(repo, ACCURACY, "--theirs", "--add")
    assert load(repo)["evaluation"]["tolerance"] == {"accuracy": 0.02}
    assert (load(repo)["intended_use"], load(repo)["license"]) == ("stashed", "MIT")
    mdrepo("validate", cwd=repo)


def test_revert(repo: Path) -> None:
    save(repo, lambda v: v["evaluation"]["tolerance"].update(accuracy=0.02))
    save(repo, lambda v: v["evaluation"]["tolerance"].update(accuracy=0.03))
    assert tried("revert", "--no-edit", "HEAD~1", cwd=repo) == 1
    assert open_conflicts(repo) == {ACCURACY: (0.02, 0.03, 0.01)}
    resolve(repo, ACCURACY, "--theirs", "--add")
    git("-c", "core.editor=true", "revert", "--continue", cwd=repo)
    assert load(repo)["evaluation"]["tolerance"] == {"accuracy": 0.01}


def replace(repo: Path, old: str, new: str) -> None:
    before = text(repo)
    assert before.count(old) == 1, old
    (repo / DOCUMENT).write_text(before.replace(old, new))


def by_hand(repo: Path, pointer: str, line: str) -> None:
    """Settle a conflict in an editor: the whole marked block for one line."""
    found = marks.pieces(text(repo))
    lines = {each.line: each.pointer for each in marks.marked(text(repo).encode(), DOCUMENT)}
    made = [line if not isinstance(piece, str) and lines[piece.line] == pointer else piece for piece in found]
    assert line in made
    (repo / DOCUMENT).write_text("".join(map(_again, made)))


def _again(piece: str | marks.Block) -> str:
    if isinstance(piece, str):
        return piece
    ours, base, theirs = piece.labels
    middle = "" if piece.base is None else f"||||||| {base}\n{piece.base}"
    return f"<<<<<<< {ours}\n{piece.ours}{middle}=======\n{piece.theirs}>>>>>>> {theirs}\n"


def test_what_was_edited_by_hand_stays(repo: Path) -> None:
    """Another field, a field beside a conflict, a conflict, and an item put before others, which moves the later ones."""
    merged(repo)
    replace(repo, '"name": "net"', '"name":    "net",\n  "description": "by hand"')
    by_hand(repo, ACCURACY, '      "accuracy": 0.07\n')
    assert list(open_conflicts(repo)) == [ZERO, TWO]
    replace(repo, '"labels": [\n', '"labels": [\n    {"name": "new", "index": 3},\n')
    assert list(open_conflicts(repo)) == ["/labels/1/description", "/labels/3/description"]
    resolve(repo, "/labels/1/description", "--ours")
    resolve(repo, "/labels/3/description", "--theirs", code=1)  # settled, but now there are more labels than outputs
    content = load(repo)
    assert '"name":    "net"' in text(repo)
    assert [each.get("description") for each in content["labels"]] == [None, "zero, ours", None, "two, theirs"]
    assert (content["description"], content["evaluation"]["tolerance"]) == ("by hand", {"accuracy": 0.07})


def test_the_last_conflict_settled_by_hand(repo: Path) -> None:
    merged(repo)
    resolve(repo, "/labels", "--ours")
    by_hand(repo, ACCURACY, '      "accuracy": 0.07\n')
    assert open_conflicts(repo) == {}
    before = text(repo)
    refused = resolve(repo, None, "--ours", code=1)
    assert "every conflict is settled" in refused.err
    assert f"git add {DOCUMENT}" in refused.err
    assert text(repo) == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"description": "zero, theirs"', '"description": "zero, by hand"', "marks of a conflict (in line"),
        ("<<<<<<< ours\n", "", "marks of a conflict (in line"),
        ('"$schema": ', '"$schema" ', "beside the conflicts, "),
    ],
)
def test_edits_that_cannot_be_kept_apart_are_refused_and_not_lost(repo: Path, old: str, new: str, words: str) -> None:
    merged(repo)
    (repo / DOCUMENT).write_text(text(repo).replace(old, new, 1))
    before = state(repo)
    assert words in resolve(repo, ACCURACY, "--ours", code=1).err
    assert words in resolve(repo, None, "--theirs", code=1).err
    assert words in mdrepo("status", cwd=repo).out
    assert state(repo) == before
    git("checkout", "--merge", "--", DOCUMENT, cwd=repo)
    resolve(repo, None, "--theirs", "--add")


def test_starting_anew(repo: Path) -> None:
    merged(repo)
    resolve(repo, None, "--ours", "--add")
    git("checkout", "--merge", "--", DOCUMENT, cwd=repo)
    assert len(open_conflicts(repo)) == 3
    resolve(repo, ZERO, "--theirs")
    git("checkout", "--merge", "--", DOCUMENT, cwd=repo)
    assert len(open_conflicts(repo)) == 3


def inline(repo: Path) -> None:
    """Several conflicts in one line, so that one block of marks holds them all."""
    (repo / "metadata/a.json").write_text('{"$schema": "schemas/any.json", "a": 1, "b": 1, "c": {"d": 1, "e": 1}, "f": [1]}')
    (repo / "schemas").mkdir(exist_ok=True)
    (repo / "schemas/any.json").write_text('{"type": "object"}\n')
    git("add", ".", cwd=repo)
    git("commit", "-qm", "x", cwd=repo)
    for side, number in (("topic", 3), ("main", 2)):
        git("checkout", "-q", *(["-b"] if side == "topic" else []), side, cwd=repo)
        content = {"$schema": "schemas/any.json", "a": number, "b": number, "c": {"d": number, "e": 1}, "f": [1]}
        if side == "topic":
            del content["c"]["d"]
        (repo / "metadata/a.json").write_text(json.dumps(content))
        git("commit", "-qam", "x", cwd=repo)
    assert tried("merge", "topic", cwd=repo) == 1


def test_several_conflicts_in_one_line(repo: Path) -> None:
    inline(repo)
    name = "metadata/a.json"
    assert list(open_conflicts(repo, name)) == ["/a", "/b", "/c/d"]
    mdrepo("resolve", f"{name}#/b", "--theirs", cwd=repo)
    assert open_conflicts(repo, name) == {"/a": (1, 2, 3), "/c/d": (1, 2, "not there")}
    assert len(list((repo / ".git/mdrepo/resolve").iterdir())) == 1
    mdrepo("resolve", f"{name}#/c/d", "--theirs", cwd=repo)
    assert open_conflicts(repo, name) == {"/a": (1, 2, 3)}
    mdrepo("resolve", f"{name}#/a", "--value", '{"x": [1, 1.50]}', "--add", cwd=repo)
    assert (repo / name).read_text() == '{"$schema": "schemas/any.json", "a": {"x": [1, 1.50]}, "b": 3, "c": {"e": 1}, "f": [1]}'
    assert not list((repo / ".git/mdrepo/resolve").iterdir())
    git("commit", "-q", "--no-edit", cwd=repo)


def test_a_lock_file_in_conflict_is_settled_too(repo: Path) -> None:
    lock = f"{DOCUMENT}.lock"
    git("checkout", "-qb", "topic", cwd=repo)
    for branch, version in (("topic", "7"), ("main", "8")):
        git("checkout", "-q", branch, cwd=repo)
        content = json.loads((repo / lock).read_text())
        first = next(iter(content["fields"]))
        content["fields"][first]["version"] = version
        (repo / lock).write_text(json.dumps(content, indent=2) + "\n")
        git("commit", "-qam", "x", cwd=repo)
    assert tried("merge", "topic", cwd=repo) == 1
    assert f"conflict  {lock}" in mdrepo("status", cwd=repo).out
    [problem] = mdrepo("validate", "--json", cwd=repo, code=1).json["problems"]
    assert (problem["path"], problem["rule"]) == (lock, "document/conflict")
    mdrepo("resolve", f"{lock}#{problem['pointer']}", "--theirs", "--add", cwd=repo)
    assert json.loads((repo / lock).read_text())["fields"][first]["version"] == "7"


def test_without_the_driver_git_s_marks_are_taken_for_what_they_are(repo: Path) -> None:
    """git's text merge marks whole runs of lines, and conflicts that are none field by field."""
    three(repo)
    git("config", "--remove-section", "merge.mdrepo", cwd=repo)
    (repo / ".git/info/attributes").write_text("*.json merge=text\n")
    for style in ("merge", "diff3", "zdiff3"):
        assert tried("-c", f"merge.conflictStyle={style}", "merge", "topic", cwd=repo) == 1
        assert "<<<<<<< HEAD" in text(repo)
        assert list(open_conflicts(repo)) == [ZERO, TWO, ACCURACY]
        resolve(repo, ZERO, "--theirs")
        assert list(open_conflicts(repo)) == [TWO, ACCURACY]
        assert ">>>>>>> topic" in text(repo)
        resolve(repo, None, "--ours")
        assert [each.get("description") for each in load(repo)["labels"]] == ["zero, theirs", None, "two, ours"]
        assert (load(repo)["license"], load(repo)["intended_use"]) == ("MIT", "ours")
        git("merge", "--abort", cwd=repo)


def test_a_conflict_that_is_none_field_by_field(repo: Path) -> None:
    git("checkout", "-qb", "topic", cwd=repo)
    save(repo, lambda v: [label.update(description="theirs") for label in v["labels"]])
    git("checkout", "-q", "main", cwd=repo)
    save(repo, lambda v: v["labels"].insert(0, v["labels"].pop(1)))
    (repo / ".git/info/attributes").write_text("*.json merge=text\n")
    assert tried("merge", "topic", cwd=repo) == 1
    assert "no field is in conflict" in mdrepo("status", cwd=repo).out
    assert "no field is in conflict" in resolve(repo, "/labels", "--ours", code=1).err
    resolve(repo, None, "--ours", "--add")
    assert [(each["name"], each["description"]) for each in load(repo)["labels"]] == [(x, "theirs") for x in "102"]
    git("commit", "-q", "--no-edit", cwd=repo)
    mdrepo("validate", cwd=repo)


def test_line_ends_that_git_converts(repo: Path) -> None:
    three(repo)
    (repo / ".git/info/attributes").write_text("*.json text eol=crlf merge=mdrepo\n")
    assert tried("merge", "topic", cwd=repo) == 1
    git("checkout", "--merge", "--", DOCUMENT, cwd=repo)
    assert b"\r\n" in (repo / DOCUMENT).read_bytes()
    resolve(repo, ZERO, "--ours")
    resolve(repo, None, "--theirs", "--add")
    assert b"\n" not in (repo / DOCUMENT).read_bytes().replace(b"\r\n", b"")
    assert load(repo)["labels"][0]["description"] == "zero, ours"
    git("commit", "-q", "--no-edit", cwd=repo)


def test_a_result_that_is_not_valid_is_written_and_named(repo: Path) -> None:
    merged(repo)
    resolve(repo, "/labels", "--ours")
    found = resolve(repo, ACCURACY, "--value", '"low"', "--add", code=1)
    assert "expected number" in found.out
    assert f"{DOCUMENT} is written, every conflict settled, but it is not valid" in found.err
    assert load(repo)["evaluation"]["tolerance"] == {"accuracy": "low"}
    assert git("ls-files", "-u", cwd=repo), "it was not added"


# bad input


@pytest.mark.parametrize(
    ("pointer", "how", "code", "words"),
    [
        ("/labels/9", ["--ours"], 1, f"in conflict: {ZERO}"),
        ("/evaluation/tolerance/acuracy", ["--ours"], 1, f"in conflict: {ACCURACY}, "),
        (f"{ACCURACY}/x", ["--ours"], 1, f"in conflict: {ACCURACY}, "),
        ("/a~2", ["--ours"], 2, "has a '~' that is not"),
        ("labels", ["--ours"], 2, "does not begin with '/'"),
        ("/labels/00/description", ["--ours"], 1, "there is no conflict at"),
        (ACCURACY, [], 2, "One of --ours"),
        (ACCURACY, ["--ours", "--theirs"], 2, "One of --ours"),
        (ACCURACY, ["--ours", "--value", "1"], 2, "One of --ours"),
        (ACCURACY, ["--value", "1", "--value", "2"], 2, "One of --ours"),
        (ACCURACY, ["--value", "low"], 2, "--value is no JSON"),
        (ACCURACY, ["--value", ""], 2, "--value is no JSON"),
        (ACCURACY, ["--value", '{"a": 1, "a": 2}'], 2, "duplicate key 'a'"),
        (ACCURACY, ["--value", "[" * 499 + "]" * 499], 1, "would not be a document any more: nested more than 500"),
        (None, ["--value", "1"], 2, "a value settles one conflict"),
        ("/labels", ["--value", "[]"], 1, f"a value settles one conflict, or all that one name with * names: {ZERO}, {TWO}"),
        ("", ["--value", "[]"], 1, "a value settles one conflict"),
    ],
)
def test_wrong_usage_changes_nothing(repo: Path, pointer: str | None, how: list[str], code: int, words: str) -> None:
    merged(repo)
    before = state(repo)
    assert words in resolve(repo, pointer, *how, code=code).err
    assert state(repo) == before


def test_where_nothing_is_in_conflict(repo: Path, tmp_path: Path) -> None:
    assert "no merge, rebase, cherry-pick, revert or stash left a conflict here" in resolve(repo, None, "--ours", code=1).err
    assert "there is no file metadata/x.json here" in mdrepo("resolve", "metadata/x.json", "--ours", cwd=repo, code=1).err
    assert "is a folder" in mdrepo("resolve", "metadata", "--ours", cwd=repo, code=1).err
    assert "outside the repository" in mdrepo("resolve", "../x.json", "--ours", cwd=repo, code=2).err
    assert "not inside a git repository" in mdrepo("resolve", "x.json", "--ours", cwd=tmp_path, code=3).err
    merged(repo)
    other = mdrepo("resolve", "mdrepo.toml", "--ours", cwd=repo, code=1).err
    assert f"in conflict: {DOCUMENT}" in other
    git("add", DOCUMENT, cwd=repo)
    assert f"git checkout --merge -- {DOCUMENT}" in resolve(repo, ACCURACY, "--ours", code=1).err


@pytest.mark.parametrize("deleting", ["ours", "theirs", "both"])
def test_a_document_that_a_side_deleted(repo: Path, deleting: str) -> None:
    def delete() -> None:
        git("rm", "-q", DOCUMENT, f"{DOCUMENT}.lock", cwd=repo)
        git("commit", "-qm", "x", cwd=repo)

    git("checkout", "-qb", "topic", cwd=repo)
    delete() if deleting == "theirs" else save(repo, lambda v: v.update(license="MIT"))
    git("checkout", "-q", "main", cwd=repo)
    if deleting == "both":
        git("mv", DOCUMENT, "metadata/ours.json", cwd=repo)
        git("commit", "-qm", "x", cwd=repo)
        git("checkout", "-q", "topic", cwd=repo)
        git("mv", DOCUMENT, "metadata/theirs.json", cwd=repo)
        git("commit", "-qm", "x", cwd=repo)
        git("checkout", "-q", "main", cwd=repo)
    elif deleting == "ours":
        delete()
    else:
        save(repo, lambda v: v.update(license="MIT"))
    assert tried("merge", "topic", cwd=repo) == 1
    before = state(repo)
    refused = resolve(repo, None, "--ours", code=1).err
    if deleting == "both":
        assert "both sides deleted or renamed the document" in refused
        assert "ours alone has the document here" in mdrepo("resolve", "metadata/ours.json", "--ours", cwd=repo, code=1).err
    else:
        assert f"{deleting} deleted the document" in refused
        assert f"delete it: git rm {DOCUMENT}" in mdrepo("status", cwd=repo).out
    assert "git rm" in refused
    assert state(repo) == before


def diverged(repo: Path, base: bytes | None, ours: bytes, theirs: bytes, path: str = DOCUMENT) -> None:
    def put(data: bytes | None) -> None:
        if data is None:
            git("rm", "-q", path, cwd=repo)
        else:
            (repo / path).write_bytes(data)
            git("add", path, cwd=repo)
        git("commit", "-qm", "x", cwd=repo)

    put(base)
    git("checkout", "-qb", "topic", cwd=repo)
    put(theirs)
    git("checkout", "-q", "main", cwd=repo)
    put(ours)
    assert tried("merge", "topic", cwd=repo) == 1


@pytest.mark.parametrize("side", ["base", "ours", "theirs"])
def test_a_document_that_conflicts_as_a_whole(repo: Path, side: str) -> None:
    versions = {"base": b'{"a": 1}\n', "ours": b"[1,2]\n", "theirs": b'"x"\n'}
    diverged(repo, versions["base"], versions["ours"], versions["theirs"])
    assert open_conflicts(repo) == {"": ({"a": 1}, [1, 2], "x")}
    assert "(the whole document): it was" in mdrepo("status", cwd=repo).out
    assert "there is no conflict at" in resolve(repo, "/a", "--ours", code=1).err
    resolve(repo, "", f"--{side}", code=1)  # has no schema
    assert (repo / DOCUMENT).read_bytes() == versions[side]
    git("checkout", "--merge", "--", DOCUMENT, cwd=repo)
    resolve(repo, "", "--value", '{"b": 1}', code=1)
    assert load(repo) == {"b": 1}


def test_a_document_that_both_sides_added(repo: Path) -> None:
    diverged(repo, None, b'{"a": 1, "b": 2}\n', b'{"a": 3, "b": 2, "c": 4}\n')
    assert open_conflicts(repo) == {"/a": ("not there", 1, 3)}
    resolve(repo, "/a", "--base", code=1)
    assert load(repo) == {"b": 2, "c": 4}


@pytest.mark.parametrize("bad", [b"{'a': 2}\n", b'{"a": "\xff"}\n', b"<<<<<<< x\n{}\n=======\n[]\n>>>>>>> y\n"])
def test_a_side_that_is_no_json(repo: Path, bad: bytes) -> None:
    diverged(repo, b'{"a": 1}\n', bad, b'{"a": 3}\n')
    before = state(repo)
    for pointer in (None, "/a"):
        refused = resolve(repo, pointer, "--theirs", code=1).err
        assert f"git checkout --ours -- {DOCUMENT}" in refused
    assert "no JSON" in mdrepo("status", cwd=repo).out
    assert state(repo) == before


def test_a_file_that_is_not_there_or_not_utf_8_any_more(repo: Path) -> None:
    merged(repo)
    (repo / DOCUMENT).write_bytes(b"\xff" + (repo / DOCUMENT).read_bytes())
    assert "is not UTF-8" in resolve(repo, None, "--ours", code=1).err
    (repo / DOCUMENT).unlink()
    assert f"git checkout --merge -- {DOCUMENT}" in resolve(repo, None, "--ours", code=1).err
    assert f"conflict  {DOCUMENT}" in mdrepo("status", cwd=repo).out


@pytest.mark.parametrize("link", ["file", "folder"])
def test_nothing_is_written_through_a_symbolic_link(repo: Path, tmp_path: Path, link: str) -> None:
    merged(repo)
    outside = tmp_path / "outside"
    if link == "file":
        (repo / DOCUMENT).rename(outside)
        (repo / DOCUMENT).symlink_to(outside)
        before = outside.read_bytes()
    else:
        (repo / "metadata").rename(outside)
        (repo / "metadata").symlink_to(outside)
        before = (outside / "net.json").read_bytes()
    refused = mdrepo("resolve", DOCUMENT, "--ours", cwd=repo, code=1 if link == "file" else 2).err
    assert ("symbolic link" if link == "file" else "outside the repository") in refused
    assert (outside if link == "file" else outside / "net.json").read_bytes() == before
    mdrepo("status", cwd=repo, code=None)


def test_a_folder_that_cannot_be_written_leaves_the_file_whole(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merged(repo)
    before = text(repo)
    space = Repository.open(repo)

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(MdrepoError, match="No space left"):
        space.resolve(DOCUMENT, ACCURACY, Choice("ours"))
    monkeypatch.undo()
    assert text(repo) == before
    assert not [each for each in (repo / "metadata").iterdir() if each.name.startswith(".")]


def test_what_was_kept_between_calls_may_be_lost_or_broken(repo: Path) -> None:
    inline(repo)
    name = "metadata/a.json"
    mdrepo("resolve", f"{name}#/b", "--theirs", cwd=repo)
    [kept] = list((repo / ".git/mdrepo/resolve").iterdir())
    before = (repo / name).read_text()
    for content in ('{"lines": ["@@mdrepo-0-conflict-99@@"], "whole": 1}', "[", '{"lines": 3}', None):
        kept.write_text(content) if content is not None else kept.unlink()
        assert "start anew" in mdrepo("resolve", f"{name}#/a", "--ours", cwd=repo, code=1).err
        assert (repo / name).read_text() == before


def test_settling_at_the_same_time_loses_nothing(repo: Path) -> None:
    merged(repo)
    words = [sys.executable, "-m", "mdrepo", "resolve"]
    running = [subprocess.Popen([*words, f"{DOCUMENT}#{pointer}", "--theirs"], cwd=repo) for pointer in (ZERO, TWO, ACCURACY)]
    assert [each.wait() for each in running] == [0, 0, 0]
    assert "<<<<<<<" not in text(repo)
    mdrepo("validate", cwd=repo)


# what a text merge leaves behind, as a server's does


def written(repo: Path, path: str, content: Any) -> None:
    (repo / path).parent.mkdir(exist_ok=True)
    (repo / path).write_text(json.dumps(content, indent=2) + "\n")
    git("add", path, cwd=repo)
    git("commit", "-qm", "x", cwd=repo)


def twice(repo: Path, key: str | None, items: list[dict[str, Any]], ours: Any, theirs: Any) -> list[dict[str, Any]]:
    """The problems after both sides added an item, ours at the begin and theirs at the end, and git merged them as text."""
    schema = {"type": "object", "properties": {"items": {"type": "array", **({"x-mdrepo-key": key} if key else {})}}}
    written(repo, "schemas/list.json", schema)
    content = {"$schema": "schemas/list.json", "items": items}
    written(repo, "metadata/list.json", content)
    git("checkout", "-qb", "topic", cwd=repo)
    written(repo, "metadata/list.json", {**content, "items": [*items, theirs]})
    git("checkout", "-q", "main", cwd=repo)
    written(repo, "metadata/list.json", {**content, "items": [ours, *items]})
    (repo / ".git/info/attributes").write_text("*.json merge=text\n")
    git("merge", "-q", "--no-commit", "topic", cwd=repo)
    waiting = validated(repo)
    refused = mdrepo("commit", "--no-eval", "-m", "x", cwd=repo, code=None)
    if refused.code == 0:
        assert waiting == []
    else:
        assert "merge/duplicate-item" in refused.out
        git("commit", "-q", "--no-edit", cwd=repo)
    assert validated(repo) == waiting
    return waiting


def validated(repo: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = mdrepo("validate", "--json", cwd=repo, code=None).json["problems"]
    return found


ITEMS: list[dict[str, Any]] = [{"name": name, "n": 1} for name in "abc"]


def test_an_item_that_a_text_merge_left_twice_is_found_by_the_schema_s_key(repo: Path) -> None:
    [problem] = twice(repo, "n", [{"name": "a", "n": n} for n in range(3)], {"name": "x", "n": 7}, {"name": "y", "n": 7})
    assert (problem["rule"], problem["pointer"], problem["line"]) == ("merge/duplicate-item", "/items/4", 20)
    assert problem["message"] == "the item with n 7 stands here twice, first in line 4"
    edit(repo, lambda v: v.update({"items": [{"n": 1}, {"n": 1}, {}, 3, {"n": [1]}, {"n": [1]}]}), "metadata/list.json")
    assert [each["pointer"] for each in validated(repo)] == ["/items/1", "/items/5"]


def test_an_item_that_a_text_merge_left_twice_is_found_without_a_key(repo: Path) -> None:
    [problem] = twice(repo, None, ITEMS, {"name": "x", "n": 7}, {"name": "x", "n": 8})
    assert (problem["rule"], problem["pointer"]) == ("merge/duplicate-item", "/items/4")
    edit(repo, lambda v: v["items"].pop(), "metadata/list.json")
    assert validated(repo) == []


def test_items_that_repeat_on_a_side_or_differ_by_another_member_are_no_alarm(repo: Path) -> None:
    assert twice(repo, None, [*ITEMS, {"name": "a", "n": 1}], {"name": "x"}, {"name": "x"}) == []


def test_items_that_another_member_tells_apart_are_no_alarm(repo: Path) -> None:
    items = [{"name": name, "id": name} for name in "abc"]
    assert twice(repo, None, items, {"name": "x", "id": "y"}, {"name": "x", "id": "z"}) == []


def test_items_that_people_repeat_are_no_alarm(repo: Path) -> None:
    """After a merge, and without one: only what the merge itself left twice is its doing."""
    assert twice(repo, None, ITEMS, {"name": "x"}, {"name": "y"}) == []
    edit(repo, lambda v: v["items"].append(v["items"][0]), "metadata/list.json")
    assert validated(repo) == []
    mdrepo("commit", "--no-eval", "-m", "x", cwd=repo)
    edit(repo, lambda v: v["items"].append(v["items"][1]), "metadata/list.json")
    assert validated(repo) == []


def test_a_key_that_a_text_merge_left_twice_is_named_with_both_lines(repo: Path) -> None:
    (repo / DOCUMENT).write_text('{\n  "a": 1,\n  "b": 2,\n  "a": 3\n}\n')
    [problem] = validated(repo)
    assert (problem["line"], problem["message"]) == (4, "duplicate key 'a', first in line 2")


def contradicting(repo: Path) -> None:
    """Two branches, each with its own description of every label."""
    for branch, text in (("topic", "theirs"), ("main", "ours")):
        git("checkout", "-q", *([] if branch == "main" else ["-b"]), branch, cwd=repo)
        save(repo, lambda v, text=text: [each.update(description=f"{text} {n}") for n, each in enumerate(v["labels"])])


def test_a_contradiction_in_every_item_is_one_question(repo: Path) -> None:
    contradicting(repo)
    said = subprocess.run(["git", "merge", "topic"], cwd=repo, capture_output=True, text=True, check=False).stderr
    number = len(json.loads(git("show", f"HEAD:{DOCUMENT}", cwd=repo))["labels"])
    assert f"{number} conflicts: /labels/*/description ({number} fields)" in said
    shown = mdrepo("status", cwd=repo).out
    assert f"/labels/*/description: {number} conflicts\n                0: it was not there\n" in shown
    assert shown.count("ours: ") == number
    assert f"mdrepo resolve '{DOCUMENT}#/labels/*/description' --ours" in shown
    found = resolve(repo, "/labels/*/description", "--theirs")
    assert "every conflict is settled" in found.err
    assert [each["description"] for each in load(repo)["labels"]] == [f"theirs {n}" for n in range(number)]


def test_one_value_for_all_of_them(repo: Path) -> None:
    contradicting(repo)
    assert tried("merge", "topic", cwd=repo) == 1
    refused = resolve(repo, "/labels/*", "--value", "1", code=1)
    assert "there are conflicts below" in refused.err
    resolve(repo, "/labels/*/description", "--value", '"a digit"')
    assert {each["description"] for each in load(repo)["labels"]} == {"a digit"}


def test_a_name_that_names_nothing_says_what_there_is(repo: Path) -> None:
    contradicting(repo)
    assert tried("merge", "topic", cwd=repo) == 1
    refused = resolve(repo, "/labels/*/name", "--ours", code=1)
    assert "there is no conflict at" in refused.err
    assert "/labels/*/description" in refused.err
