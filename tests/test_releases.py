"""Versions, changelogs and tags: derived from history, and read by GTO itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, Result, edit, git, mdrepo, state
from hypothesis import given
from hypothesis import strategies as st

from mdrepo import documents, tags
from mdrepo.repository import Repository
from mdrepo.schemas import ChangeClass
from mdrepo.snapshots import Git
from mdrepo.tags import SemVer

LAST = "metadata/net.json"


def commit(root: Path, change: Any = None, path: str = DOCUMENT, message: str = "x") -> str:
    if change is not None:
        edit(root, change, path)
    git("add", "-A", cwd=root)
    git("commit", "-qm", message, cwd=root)
    return git("rev-parse", "HEAD", cwd=root)


def describe(text: str) -> Any:
    return lambda v: v.update(description=text)


def soften(v: Any) -> None:
    v["decision"] = {"rule": "argmax", "temperature": 1.5}


def relabel(v: Any) -> None:
    v["labels"][0]["name"] = "zero"


def version(root: Path, path: str = DOCUMENT) -> str:
    return mdrepo("version", path, cwd=root).out.strip()


def gto(*arguments: str, cwd: Path) -> str:
    words = [sys.executable, "-c", "from gto.cli import app; app()", *arguments]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=True).stdout


# semantic versions

identifiers = st.text("0123456789abcXYZ-", min_size=1, max_size=4)
ends = st.lists(identifiers, max_size=3).map(".".join)
texts = st.builds(
    lambda core, pre, build: ".".join(map(str, core)) + (f"-{pre}" if pre else "") + (f"+{build}" if build else ""),
    st.tuples(*[st.integers(0, 12)] * 3),
    ends,
    ends,
)


@given(texts | st.text("0123456789.-+v", max_size=10), texts)
def test_semantic_versions_are_read_and_compared_as_the_semver_package_does(one: str, other: str) -> None:
    semver = pytest.importorskip("semver")
    mine, theirs = tags.parse(one), tags.parse(other)
    bare = one.removeprefix("v")
    assert (mine is not None) == semver.Version.is_valid(bare)
    if mine is not None and theirs is not None:
        assert str(mine) == bare
        known = semver.Version.parse(bare).compare(other)
        assert known == (mine.rank > theirs.rank) - (mine.rank < theirs.rank)


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ("0.1.0", "breaking", "0.2.0"),
        ("0.1.3", "behavioural", "0.1.4"),
        ("0.1.3", "descriptive", "0.1.4"),
        ("1.2.3", "breaking", "2.0.0"),
        ("1.2.3", "behavioural", "1.3.0"),
        ("1.2.3", "descriptive", "1.2.4"),
        ("1.2.3", None, "2.0.0"),  # of which nobody can tell
        ("1.2.3+build", "descriptive", "1.2.4"),
    ],
)
def test_the_class_of_a_change_says_which_number_rises(before: str, change: ChangeClass | None, after: str) -> None:
    found = tags.parse(before)
    assert found is not None
    assert str(found.after(change)) == after


# the way of a version


def test_a_version_follows_from_what_changed_since_the_last_tag(repo: Path) -> None:
    assert version(repo) == "0.1.0"
    assert mdrepo("tag", DOCUMENT, "--next", cwd=repo).out.split()[0] == "net@v0.1.0"
    assert git("cat-file", "-t", "net@v0.1.0", cwd=repo) == "tag"
    assert version(repo) == "0.1.0"
    commit(repo, describe("A net."))
    assert version(repo) == "0.1.1"
    commit(repo, relabel)
    assert version(repo) == "0.2.0"
    mdrepo("tag", DOCUMENT, "v1.0.0", "-m", "Good enough", cwd=repo)
    assert "Good enough" in git("cat-file", "-p", "net@v1.0.0", cwd=repo)
    assert version(repo) == "1.0.0"
    for change, expected in ((describe("Better."), "1.0.1"), (soften, "1.1.0"), (relabel, "1.1.0")):
        commit(repo, change, message="Change it") if change is not relabel else None
        assert version(repo) == expected
    commit(repo, lambda v: v["labels"][0].update(name="nought"))
    assert version(repo) == "2.0.0"
    assert "breaking, since 1.0.0" in mdrepo("version", DOCUMENT, cwd=repo).err
    assert mdrepo("--quiet", "version", DOCUMENT, cwd=repo).err == ""
    assert mdrepo("version", DOCUMENT, "--at", "HEAD~1", cwd=repo).out == "1.1.0\n"
    assert git("status", "--porcelain", cwd=repo) == ""


def test_what_was_taken_back_asks_for_no_version(repo: Path) -> None:
    mdrepo("tag", DOCUMENT, "1.0.0", cwd=repo)
    commit(repo, relabel)
    git("revert", "--no-edit", "HEAD", cwd=repo)
    assert version(repo) == "1.0.0"
    assert "has not changed since 1.0.0" in mdrepo("tag", DOCUMENT, "--next", cwd=repo, code=1).err


def test_a_version_before_a_release_leads_to_it(repo: Path) -> None:
    mdrepo("tag", DOCUMENT, "1.0.0", cwd=repo)
    commit(repo, describe("A."))
    mdrepo("tag", DOCUMENT, "2.0.0-rc.1", cwd=repo)
    assert version(repo) == "2.0.0-rc.1"
    commit(repo, describe("B."))
    assert version(repo) == "2.0.0"


def test_a_layout_that_changes_is_no_change(repo: Path) -> None:
    mdrepo("tag", DOCUMENT, "1.0.0", cwd=repo)
    (repo / DOCUMENT).write_text(json.dumps(json.loads((repo / DOCUMENT).read_text()), indent=7))
    commit(repo)
    assert version(repo) == "1.0.0"
    assert len(mdrepo("changelog", DOCUMENT, "--json", cwd=repo).json["sections"]) == 1


def test_gto_reads_our_tags(repo: Path) -> None:
    from gto import api

    mdrepo("tag", DOCUMENT, "--next", cwd=repo)
    first = git("rev-parse", "HEAD", cwd=repo)
    commit(repo, relabel)
    mdrepo("tag", DOCUMENT, "--next", cwd=repo)
    assert mdrepo("tag", DOCUMENT, "--stage", "prod", cwd=repo).out.split()[0] == "net#prod#1"
    assert mdrepo("tag", DOCUMENT, "0.1.0", "--stage", "prod", cwd=repo).out.split()[0] == "net#prod#2"
    mdrepo("tag", DOCUMENT, "--stage", "staging", cwd=repo)
    shown = json.loads(gto("show", "--json", cwd=repo))
    assert shown["net"]["version"] == "v0.2.0"
    assert shown["net"]["stage"] == {"prod": "v0.1.0", "staging": "v0.2.0"}
    [prod] = list(api.show(str(repo), "net#prod"))
    assert prod["version"] == "v0.1.0"
    assert prod["commit_hexsha"] == first
    stages = {each["version"]: each["stages"] for each in mdrepo("tag", DOCUMENT, "--json", cwd=repo).json["releases"]}
    assert stages == {"0.2.0": ["staging"], "0.1.0": ["prod"]}


def test_we_read_gto_s_own_tags(repo: Path) -> None:
    gto("register", "net", "--version", "v1.4.0", cwd=repo)
    commit(repo, describe("A."))
    assert version(repo) == "1.4.1"
    gto("register", "net", "--version", "v1.5.0", cwd=repo)
    gto("assign", "net", "--version", "v1.5.0", "--stage", "prod", cwd=repo)
    listed = mdrepo("tag", DOCUMENT, cwd=repo).out
    assert "net@v1.5.0" in listed
    assert "prod" in listed
    gto("deprecate", "net", "v1.5.0", "prod", cwd=repo)
    assert "prod" not in mdrepo("tag", DOCUMENT, cwd=repo).out
    gto("deprecate", "net", "v1.5.0", cwd=repo)
    assert version(repo) == "1.4.1"
    assert "net@v1.5.0 is there already" in mdrepo("tag", DOCUMENT, "1.5.0", cwd=repo, code=1).err


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        ("metadata/a.json", {"name": "net"}, "net"),
        ("metadata/a.json", {"name": "net-1.0_"}, "net-1-0"),
        ("models/spleen/configs/metadata.json", {"version": "1"}, "models/spleen/configs/metadata"),
        ("metadata/a.json", [1], "metadata/a"),
        ("metadata/Größe.json", None, "metadata/Gr--e"),
        ("metadata/a.json", {"name": "..."}, "document"),
    ],
)
def test_every_document_has_a_name_that_gto_takes(path: str, content: Any, name: str) -> None:
    from gto.constants import fullname_re

    assert tags.artefact_name(path, content) == name
    assert fullname_re.search(name)


# the changelog


def entries(found: Result) -> list[list[str]]:
    return [[entry["subject"] for entry in section["entries"]] for section in found.json["sections"]]


def test_a_changelog_has_a_section_for_each_release_and_groups_by_class(repo: Path) -> None:
    mdrepo("tag", DOCUMENT, "1.0.0", cwd=repo)

    def everything(v: Any) -> None:
        relabel(v)
        soften(v)
        v["description"] = "It tells three classes of points apart, by the only thing that there is."

    commit(repo, everything, message="Change a lot")
    mdrepo("tag", DOCUMENT, "--next", cwd=repo)
    commit(repo, lambda v: v.update(description=v["description"].replace("only", "single")), message="A word")
    (repo / "notes.txt").write_text("x")
    commit(repo, message="Not of the document")
    text = mdrepo("changelog", DOCUMENT, cwd=repo).out
    assert [line for line in text.splitlines() if line and line[0].isalnum()][1:] == [
        "Unreleased (next: 2.0.1)",
        f"2.0.0 - {git('log', '-1', '--format=%cs', 'net@v2.0.0', cwd=repo)}",
        f"1.0.0 - {git('log', '-1', '--format=%cs', 'net@v1.0.0', cwd=repo)}",
    ]
    section = text[text.index("2.0.0") : text.index("1.0.0 ")]
    assert section.index("    breaking") < section.index("/labels") < section.index("    behavioural")
    assert section.index("    behavioural") < section.index("/decision/temperature") < section.index("    descriptive")
    assert "[-only-]{+single+}" in text
    found = mdrepo("changelog", DOCUMENT, "--json", cwd=repo)
    assert entries(found) == [["A word"], ["Change a lot"], ["First"]]
    assert (found.json["mdrepo"], found.json["version"], found.json["name"]) == (1, "2.0.1", "net")
    [changed] = found.json["sections"][1]["entries"]
    assert changed["class"] == "breaking"
    assert {each["class"] for each in changed["changes"]} == {"breaking", "behavioural", "descriptive"}
    assert mdrepo("--json", "changelog", DOCUMENT, cwd=repo).out == mdrepo("changelog", DOCUMENT, "--format", "json", cwd=repo).out


def test_an_entry_has_the_verdict_of_its_evaluation(demo: Path) -> None:
    log = mdrepo("log", "--json", cwd=demo).json["commits"]
    verdicts = {each["commit"]: each["verdict"] for each in log}
    found = mdrepo("changelog", "metadata/digits.json", "--json", cwd=demo).json
    shown = {each["commit"]: each["verdict"] for section in found["sections"] for each in section["entries"]}
    assert shown
    assert shown == {commit: verdicts[commit] for commit in shown}
    assert set(shown.values()) - {None}


def test_nothing_in_a_message_or_a_document_is_mark_up(repo: Path) -> None:
    evil = "<script>alert(1)</script> | [x](http://evil) @team #1 \u202e"
    commit(repo, describe(evil), message=evil)
    text = mdrepo("changelog", DOCUMENT, "--format", "markdown", cwd=repo).out
    for part in ("<script", "](", "@team", "#1", "\u202e"):
        assert part not in text.replace("### ", "").replace("&#1", "")


def test_a_rename_is_followed_with_its_tags(repo: Path) -> None:
    commit(repo, describe("Before."), message="Before")
    mdrepo("tag", DOCUMENT, "1.0.0", cwd=repo)
    git("mv", DOCUMENT, "metadata/web.json", cwd=repo)
    commit(repo, lambda v: v.update(name="web"), "metadata/web.json", "Rename")
    commit(repo, describe("After."), "metadata/web.json", "After")
    assert version(repo, "metadata/web.json") == "1.0.1"
    found = mdrepo("changelog", "metadata/web.json", "--json", cwd=repo)
    assert entries(found) == [["After", "Rename"], ["Before", "First"]]
    assert [each["renamed_from"] for each in found.json["sections"][0]["entries"]] == [None, DOCUMENT]
    assert mdrepo("tag", "metadata/web.json", "--next", cwd=repo).out.startswith("web@v1.0.1")
    gone = mdrepo("version", DOCUMENT, cwd=repo, code=1).err
    assert "is not there any more" in gone


def test_a_git_that_follows_renames_by_itself_changes_nothing(repo: Path) -> None:
    git("mv", DOCUMENT, "metadata/web.json", cwd=repo)
    commit(repo, message="Rename")
    plain = mdrepo("changelog", "metadata/web.json", "--json", cwd=repo)
    assert entries(plain) == [["Rename", "First"]]
    for key, value in (("log.follow", "true"), ("diff.renames", "copies"), ("log.diffMerges", "first-parent")):
        git("config", key, value, cwd=repo)
    assert mdrepo("changelog", "metadata/web.json", "--json", cwd=repo).out == plain.out


def test_edits_that_a_branch_made_under_the_old_path_are_there(repo: Path) -> None:
    git("checkout", "-qb", "topic", cwd=repo)
    commit(repo, lambda v: v["evaluation"]["tolerance"].update(accuracy=0.02), message="On the branch")
    git("checkout", "-q", "main", cwd=repo)
    git("mv", DOCUMENT, "metadata/web.json", cwd=repo)
    commit(repo, message="Rename")
    commit(repo, describe("After."), "metadata/web.json", "After")
    git("merge", "-q", "--no-edit", "topic", cwd=repo)
    [unreleased] = entries(mdrepo("changelog", "metadata/web.json", "--json", cwd=repo))
    assert sorted(unreleased) == ["After", "First", "On the branch", "Rename"]  # and not the merge, which adds nothing


def test_of_a_merge_only_what_is_on_no_side(repo: Path) -> None:
    git("checkout", "-qb", "topic", cwd=repo)
    commit(repo, lambda v: v.update(limitations=["one"]), message="Ours")
    git("checkout", "-q", "main", cwd=repo)
    commit(repo, soften, message="Theirs")
    git("merge", "-q", "--no-commit", "topic", cwd=repo)
    commit(repo, describe("Only in the merge."), message="Merge")
    found = mdrepo("changelog", DOCUMENT, "--json", cwd=repo).json["sections"][0]["entries"]
    assert {each["subject"] for each in found} == {"Merge", "Ours", "Theirs", "First"}
    [merge] = [each for each in found if each["subject"] == "Merge"]
    assert [each["pointer"] for each in merge["changes"]] == ["/description"]


def test_git_s_unchanged_blobs_are_not_read_again(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        commit(repo, lambda v, number=number: v.update(description=str(number)), "metadata/net-test.json")
    commit(repo, describe("One."))
    for _ in range(3):
        git("revert", "--no-edit", "HEAD", cwd=repo)
    read: list[str] = []
    fetched: list[str] = []
    of_documents, of_git = documents.read, Git.blobs

    def reading(data: bytes, path: str, **options: Any) -> Any:
        read.append(path)
        return of_documents(data, path, **options)

    def fetching(self: Git, ids: Any) -> dict[str, bytes]:
        fetched.extend(ids)
        return of_git(self, ids)

    monkeypatch.setattr("mdrepo.sharing.read", reading)
    monkeypatch.setattr(Git, "blobs", fetching)
    found = Repository.open(repo).changelog(DOCUMENT)
    assert sum(len(section.entries) for section in found.sections) == 5
    assert read == [DOCUMENT] * 2  # two contents, five commits of the document, eighteen in all
    assert len(fetched) == 2


def test_a_version_as_markdown_says_why(repo: Path) -> None:
    mdrepo("tag", DOCUMENT, "1.0.0", cwd=repo)
    assert mdrepo("version", DOCUMENT, "--format", "text", cwd=repo).out == "1.0.0\n"
    released = mdrepo("version", DOCUMENT, "--format", "markdown", cwd=repo).out
    assert released.startswith("**<code>net</code> 1.0.0**: nothing has changed since net&#64;v1.0.0 of ")
    commit(repo, relabel)
    lines = mdrepo("version", DOCUMENT, "--format", "markdown", cwd=repo).out.splitlines()
    assert lines[0].startswith("**<code>net</code> 2.0.0**: not released: ")
    assert lines[1:3] == ["", "- **breaking**"]
    assert mdrepo("version", DOCUMENT, "--format", "json", cwd=repo).out == mdrepo("--json", "version", DOCUMENT, cwd=repo).out
    for command in ("version", "changelog"):
        assert "different forms" in mdrepo("--json", command, DOCUMENT, "--format", "markdown", cwd=repo, code=2).err


# bad input


def test_outside_of_a_repository(tmp_path: Path) -> None:
    for words in (["changelog", DOCUMENT], ["version", DOCUMENT], ["tag", DOCUMENT, "--next"]):
        assert "is not inside a git repository" in mdrepo(*words, cwd=tmp_path, code=3).err


def test_no_commit_no_document_no_path(repo: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    mdrepo("init", str(empty), cwd=tmp_path)
    for words in (["changelog"], ["version"], ["tag"], ["tag", "--next"], ["tag", "1.0.0"]):
        arguments = [words[0], DOCUMENT, *words[1:]]
        assert "there is no commit yet" in mdrepo(*arguments, cwd=empty, code=1).err
        assert "did you mean metadata/net.json?" in mdrepo(words[0], "metadata/nets.json", *words[1:], cwd=repo, code=1).err
    (repo / "metadata/other.json").write_text("{}")
    assert "in no commit of HEAD yet" in mdrepo("version", "metadata/other.json", cwd=repo, code=1).err
    assert "is no document by mdrepo.toml" in mdrepo("version", "mdrepo.toml", cwd=repo, code=1).err
    assert "no revision 'nowhere'" in mdrepo("version", DOCUMENT, "--at", "nowhere", cwd=repo, code=3).err
    assert "Missing argument 'DOC'" in mdrepo("tag", cwd=repo, code=2).err


def test_tags_that_do_not_count_are_named(repo: Path) -> None:
    for ref in ("net@v1", "net@1.2.3", "net@vnext", "net@v01.0.0"):
        git("tag", "-a", "-m", "x", ref, cwd=repo)
    git("tag", "net@v3.0.0", cwd=repo)
    git("tag", "-a", "-m", "x", "net@v4.0.0", "HEAD:metadata", cwd=repo)
    git("checkout", "-q", "--orphan", "other", cwd=repo)
    commit(repo, describe("Another line."), message="Unrelated")
    git("tag", "-a", "-m", "x", "net@v5.0.0", cwd=repo)
    git("checkout", "-q", "main", cwd=repo)
    for ref in ("nets@v7.0.0", "v8.0.0", "net@deprecated", "net@v9.0.0#x"):
        git("tag", "-a", "-m", "x", ref, cwd=repo)
    found = mdrepo("version", DOCUMENT, cwd=repo)
    assert found.out == "0.1.0\n"
    for ref in ("net@v1", "net@1.2.3", "net@vnext", "net@v01.0.0"):
        assert f"the tag {ref} names no semantic version" in found.err
    assert "the tag net@v3.0.0 is no annotated tag of a commit" in found.err
    assert "the tag net@v4.0.0 is no annotated tag of a commit" in found.err
    assert "the tag net@v5.0.0 is on a commit that is not in this history" in found.err
    assert "nets@" not in found.err
    assert "net@deprecated" not in found.err
    assert json.loads(mdrepo("version", DOCUMENT, "--json", cwd=repo).out)["remarks"] == found.err.splitlines()[1:]
    before = state(repo)
    assert "net@v5.0.0 is there already" in mdrepo("tag", DOCUMENT, "5.0.0", cwd=repo, code=1).err
    assert state(repo) == before


def test_a_tag_on_a_commit_without_the_document_does_not_count(repo: Path) -> None:
    git("rm", "-q", DOCUMENT, cwd=repo)
    commit(repo, message="Away")
    git("tag", "-a", "-m", "x", "net@v3.0.0", cwd=repo)
    git("revert", "--no-edit", "HEAD", cwd=repo)
    found = mdrepo("version", DOCUMENT, cwd=repo)
    assert found.out == "0.1.0\n"
    assert "net@v3.0.0 is on a commit that does not have metadata/net.json" in found.err


def test_a_document_deleted_and_made_anew_goes_on_with_its_versions(repo: Path) -> None:
    mdrepo("tag", DOCUMENT, "1.0.0", cwd=repo)
    text = (repo / DOCUMENT).read_text()
    git("rm", "-q", DOCUMENT, cwd=repo)
    commit(repo, message="Delete")
    gone = mdrepo("version", DOCUMENT, cwd=repo, code=1).err
    assert "is not there any more" in gone
    assert entries(mdrepo("changelog", DOCUMENT, "--json", cwd=repo)) == [["Delete"], ["First"]]
    (repo / DOCUMENT).write_text(text)
    commit(repo, describe("Anew."), message="Make anew")
    assert version(repo) == "1.0.1"
    found = mdrepo("changelog", DOCUMENT, "--json", cwd=repo)
    assert entries(found) == [["Make anew", "Delete"], ["First"]]
    assert [each["state"] for each in found.json["sections"][0]["entries"]] == ["new", "deleted"]


def test_a_shallow_clone_says_what_it_does_not_know(repo: Path, tmp_path: Path) -> None:
    commit(repo, describe("A."))
    mdrepo("tag", DOCUMENT, "1.0.0", cwd=repo)
    commit(repo, describe("B."), message="Last")
    for depth, code in ((1, 3), (2, 0)):
        clone = tmp_path / f"depth-{depth}"
        git("clone", "-q", f"--depth={depth}", f"file://{repo}", str(clone), cwd=tmp_path)
        git("fetch", "-q", "--tags", f"--depth={depth}", cwd=clone)
        if code:
            git("tag", "-d", "net@v1.0.0", cwd=clone)
        found = mdrepo("version", DOCUMENT, cwd=clone, code=code)
        assert "git fetch --unshallow --tags" in found.err
        assert found.out == ("" if code else "1.0.1\n")
        listed = mdrepo("changelog", DOCUMENT, cwd=clone)
        assert "what was before is not in this shallow clone" in listed.out
        assert "/name" not in listed.out  # a cut history makes no new document


def test_what_was_no_json_once_is_said(repo: Path) -> None:
    good = (repo / DOCUMENT).read_text()
    (repo / DOCUMENT).write_text(good[:-10])
    commit(repo, message="Break")
    assert "metadata/net.json:" in mdrepo("version", DOCUMENT, cwd=repo).err or version(repo) == "0.1.0"
    (repo / DOCUMENT).write_text(good)
    commit(repo, describe("Whole again."), message="Mend")
    text = mdrepo("changelog", DOCUMENT, cwd=repo).out
    assert text.count("was no strict JSON") == 2
    assert version(repo) == "0.1.0"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["1.2"], 2, "'1.2' is no semantic version"),
        (["latest"], 2, "no semantic version"),
        (["0.9.0"], 1, "0.9.0 is not higher than 1.0.0"),
        (["1.0.0"], 1, "1.0.0 is not higher than 1.0.0"),
        (["1.0.0+again"], 1, "is not higher than 1.0.0"),
        (["1.0.0-rc.1"], 1, "is not higher than 1.0.0"),
        (["--next"], 1, "has not changed since 1.0.0"),
        (["--next", "1.1.0"], 2, "give --next alone"),
        (["--next", "--stage", "prod"], 2, "give --next alone"),
        (["-m", "x"], 2, "the message of a tag"),
        (["--stage", "prod!"], 2, "'prod!' cannot be a stage"),
        (["7.0.0", "--stage", "prod"], 1, "has no release 7.0.0"),
    ],
)
def test_a_tag_that_makes_no_sense_is_refused(repo: Path, arguments: list[str], code: int, words: str) -> None:
    mdrepo("tag", DOCUMENT, "1.0.0", cwd=repo)
    before = git("for-each-ref", cwd=repo)
    assert words in mdrepo("tag", DOCUMENT, *arguments, cwd=repo, code=code).err
    assert git("for-each-ref", cwd=repo) == before


def test_two_documents_with_one_name_have_no_tags(repo: Path) -> None:
    (repo / "metadata/twin.json").write_text((repo / DOCUMENT).read_text())
    commit(repo)
    assert "metadata/twin.json would have the same tags" in mdrepo("tag", DOCUMENT, "--next", cwd=repo, code=1).err


def test_a_tag_says_what_it_leaves_out_and_what_it_understates(repo: Path) -> None:
    mdrepo("tag", DOCUMENT, "1.0.0", cwd=repo)
    mdrepo("tag", DOCUMENT, "--stage", "prod", cwd=repo)
    assert "is in the stage prod already" in mdrepo("tag", DOCUMENT, "--stage", "prod", cwd=repo, code=1).err
    commit(repo, relabel)
    edit(repo, describe("Not committed."))
    told = mdrepo("tag", DOCUMENT, "1.0.1", cwd=repo).err
    assert "has changes that no commit has" in told
    assert "1.0.1 is less than what the changes ask for: 2.0.0 (breaking)" in told


def test_a_tag_needs_somebody_who_makes_it(repo: Path) -> None:
    nobody = {"HOME": str(repo), "EMAIL": "", "GIT_CONFIG_GLOBAL": "/dev/null"}
    git("config", "user.useConfigOnly", "true", cwd=repo)
    assert "does not know who you are" in mdrepo("tag", DOCUMENT, "--next", cwd=repo, code=3, env=nobody).err


def test_the_python_api_returns_values(repo: Path) -> None:
    repository = Repository.open(repo)
    made = repository.tag(DOCUMENT)
    assert (made.version, made.ref) == (SemVer(0, 1, 0), "net@v0.1.0")
    found = repository.version(DOCUMENT)
    assert found.released
    assert found.last is not None
    assert found.last.commit == made.commit == repository.changelog(DOCUMENT).sections[0].entries[0].step.commit
