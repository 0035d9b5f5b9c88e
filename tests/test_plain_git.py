"""Everything by git and DVC alone between mdrepo's commands: what is stale or not evaluated is said and repaired."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import DOCUMENT, copied, dvc, edit, git, keras_file, load, mdrepo, settled, state, track

from mdrepo.errors import MdrepoError
from mdrepo.notes import note_of, write_note
from mdrepo.snapshots import Git
from mdrepo.workspace import Workspace

MODEL = "models/net.keras"
NOTES = "refs/notes/mdrepo"
LATER = {"GIT_COMMITTER_DATE": "2031-01-01T00:00:00Z", "FILTER_BRANCH_SQUELCH_WARNING": "1"}


@pytest.fixture(scope="module")
def template(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four commits, each with its evaluation, the last one with another model."""
    base = tmp_path_factory.getbasetemp()
    root = copied(repo_template, base / "plain")
    with settled(base):
        noted(root)
        for words in ("Second", "Third"):
            edit(root, lambda v, words=words: v.update(description=words))  # type: ignore[misc]
            git("commit", "-qam", words, cwd=root)
            noted(root)
        track(root, MODEL, keras_file(3, seed=4))
        mdrepo("patch", "--apply", cwd=root)
        mdrepo("commit", "--no-eval", "-am", "Fourth", cwd=root)
        noted(root)
    return root


@pytest.fixture
def plain(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path / "plain")


def noted(root: Path) -> None:
    parents = git("log", "-1", "--format=%P", cwd=root).split()
    words = git("log", "-1", "--format=%s", cwd=root)
    documents = {DOCUMENT: {"verdict": "unchanged", "reason": words}}
    note = {"$schema": "urn:mdrepo:evaluation:1", "parent": [*parents, None][0], "verdict": "unchanged", "documents": documents}
    git("notes", f"--ref={NOTES}", "add", "-f", "-m", json.dumps(note), cwd=root)


def checks(root: Path, *options: str) -> dict[str, str]:
    """What doctor finds wrong, by name."""
    found = mdrepo("doctor", *options, "--json", cwd=root, code=None).json["checks"]
    return {each["name"]: each["message"] for each in found if not each["ok"] and not each["name"].startswith("extra")}


def whole(root: Path) -> None:
    """Neither git nor mdrepo finds anything broken."""
    git("fsck", "--strict", cwd=root)
    for command in ("status", "log", "show", "validate", "diff"):
        mdrepo(command, cwd=root)


REWRITES = {
    "amend": "git commit -q --amend -m Reworded",
    "rebase": "git rebase -q --force-rebase HEAD~2",
    "cherry-pick": "git checkout -q -B main HEAD~1 && git cherry-pick ORIG_HEAD",
    "filter": "git filter-branch -f --msg-filter 'cat; echo signed' HEAD~2..HEAD",
    "reset and commit": "git reset -q --soft HEAD~1 && git commit -qm Again",
}


@pytest.mark.parametrize("name", REWRITES)
def test_evaluations_that_plain_git_loses_are_carried_over(plain: Path, name: str) -> None:
    old = git("rev-list", "HEAD", cwd=plain).split()
    git("update-ref", "ORIG_HEAD", "HEAD", cwd=plain)
    subprocess.run(["bash", "-ec", REWRITES[name]], cwd=plain, env={**os.environ, **LATER}, check=True, capture_output=True)
    new = git("rev-list", "HEAD", cwd=plain).split()
    lost = [each for each in new if each not in old]
    assert lost
    whole(plain)
    assert "not evaluated" in mdrepo("status", cwd=plain).out
    assert "the evaluation was lost" in checks(plain)["evaluations"]
    done = mdrepo("doctor", "--fix", "--json", cwd=plain).json["done"]
    assert len(done) == len(lost)
    for commit, before in zip(new, old, strict=True):
        note, then = (json.loads(git("notes", f"--ref={NOTES}", "show", each, cwd=plain)) for each in (commit, before))
        assert note["documents"] == then["documents"]
        assert note["parent"] == [*git("log", "-1", "--format=%P", commit, cwd=plain).split(), None][0]
    assert checks(plain) == {}
    whole(plain)


def test_what_depends_on_another_parent_is_not_carried_over(plain: Path) -> None:
    git("reset", "-q", "--soft", "HEAD~2", cwd=plain)
    git("commit", "-qm", "Squashed", cwd=plain)
    squashed = git("rev-parse", "--short=7", "HEAD", cwd=plain)
    whole(plain)
    said = mdrepo("doctor", cwd=plain).out
    assert f"{squashed}: not evaluated ('mdrepo eval {squashed}' does it)" in said
    done = mdrepo("doctor", "--fix", "--json", cwd=plain).json["done"]
    assert [each.partition(":")[0] for each in done] == [f"{squashed} is evaluated"]  # anew
    note = json.loads(git("notes", f"--ref={NOTES}", "show", "HEAD", cwd=plain))
    assert note["parent"] == git("rev-parse", "HEAD^", cwd=plain)
    assert note["documents"][DOCUMENT].get("reason") not in ("Third", "Fourth")
    assert checks(plain) == {}


def test_reset_stash_and_gc(plain: Path) -> None:
    edit(plain, lambda v: v.update(description="by hand"))
    git("stash", "-q", cwd=plain)
    assert "nothing to commit" in mdrepo("status", cwd=plain).out
    git("stash", "pop", "-q", cwd=plain)
    assert load(plain)["description"] == "by hand"
    git("checkout", "-q", "--", ".", cwd=plain)
    git("reset", "-q", "--hard", "HEAD~1", cwd=plain)
    assert MODEL in checks(plain)["data"]  # git moves no data
    dvc("checkout", cwd=plain)
    assert checks(plain) == {}
    git("reflog", "expire", "--expire=now", "--all", cwd=plain)
    git("gc", "-q", "--prune=now", cwd=plain)
    assert checks(plain, "--fix") == {}
    whole(plain)


def test_notes_whose_commits_are_gone_help_nobody_and_harm_nobody(plain: Path) -> None:
    git("commit", "-q", "--amend", "-m", "Reworded", cwd=plain)
    git("update-ref", "-d", "ORIG_HEAD", cwd=plain)
    git("reflog", "expire", "--expire=now", "--all", cwd=plain)
    git("gc", "-q", "--prune=now", cwd=plain)
    assert "not evaluated" in mdrepo("status", cwd=plain).out
    assert checks(plain, "--fix") == {}
    assert "not evaluated" not in mdrepo("status", cwd=plain).out  # it is now, anew
    whole(plain)


def test_what_dvc_gc_took_is_named_and_what_is_there_comes_back(plain: Path) -> None:
    dvc("gc", "-q", "-w", "-f", cwd=plain)
    before = state(plain)
    assert MODEL in mdrepo("checkout", "HEAD~1", cwd=plain, code=3).err
    assert state(plain) == before
    assert checks(plain) == {}
    (plain / MODEL).unlink()
    assert checks(plain)["data"] == f"{MODEL}: not in the work tree"
    assert checks(plain, "--fix") == {}
    assert state(plain) == before
    shutil.rmtree(plain / ".dvc/cache/files")
    (plain / MODEL).unlink()
    assert checks(plain, "--fix")["data"] == f"{MODEL}: neither here nor in DVC's cache"
    whole(plain)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("\x1b[36mfile\x1b[39m is broken: see <\x1b[1;36mhttps://x\x1b[0m>\nmore", "file is broken: see <https://x>"),
        (" \n", "DvcException"),
    ],
)
def test_what_dvc_says_is_shown_without_its_colours(repo: Path, words: str, shown: str) -> None:
    exceptions = pytest.importorskip("dvc.exceptions")
    with pytest.raises(MdrepoError) as caught, Workspace.open(repo).store.opened():
        raise exceptions.DvcException(words)
    assert caught.value.message == f"DVC: {shown}"


def test_documents_that_are_stale_or_half_removed_are_named(plain: Path) -> None:
    track(plain, MODEL, keras_file(3, seed=5))
    git("commit", "-qam", "New model, by git", cwd=plain)
    assert checks(plain) == {"documents": f"{DOCUMENT}: stale"}
    assert "mdrepo patch --apply" in mdrepo("doctor", cwd=plain, code=1).out
    done = mdrepo("doctor", "--fix", "--json", cwd=plain).json["done"]
    head = git("rev-parse", "--short=7", "HEAD", cwd=plain)
    assert done[0] == f"says what its artefacts say: {DOCUMENT}"
    assert [each.partition(":")[0] for each in done[1:]] == [f"{head} is evaluated"]
    assert git("status", "--porcelain", cwd=plain).split() == ["M", DOCUMENT, "M", f"{DOCUMENT}.lock"]
    git("reset", "-q", "--hard", "HEAD~1", cwd=plain)
    dvc("checkout", cwd=plain)
    git("rm", "-q", "metadata/net-test.json", cwd=plain)
    assert "documents" in checks(plain)
    (plain / MODEL).unlink()
    (plain / MODEL).write_bytes(b"mine")
    assert checks(plain, "--fix")["data"] == f"{MODEL}: not what DVC recorded"
    assert (plain / MODEL).read_bytes() == b"mine"


@pytest.mark.parametrize("lock", ["index.lock", "refs/notes/mdrepo.lock"])
def test_a_lock_that_a_git_left_is_named_before_anything_is_committed(plain: Path, lock: str) -> None:
    edit(plain, lambda v: v.update(license="MIT"))
    before = state(plain)
    (plain / ".git" / lock).touch()
    os.utime(plain / ".git" / lock, (0, 0))
    for words in (["commit", "--no-eval", "-m", "Licence", DOCUMENT], ["rollback", "--no-eval", "--force", "HEAD~1", DOCUMENT]):
        said = mdrepo(*words, cwd=plain, code=4).err
        assert str(plain / ".git" / lock) in said
        assert "remove the file" in said
    (plain / ".git" / lock).unlink()
    assert state(plain) == before
    mdrepo("commit", "--no-eval", "-m", "Licence", DOCUMENT, cwd=plain)


def test_the_journal_of_another_version_stops_no_reader_and_is_put_aside(plain: Path) -> None:
    (plain / ".git/mdrepo").mkdir(exist_ok=True)
    journal = plain / ".git/mdrepo/journal.json"
    journal.write_text('{"version": 99}')
    for command in ("status", "log", "show", "validate", "diff"):
        assert f"{journal} is of version 99" in mdrepo(command, cwd=plain).err
    said = mdrepo("format", cwd=plain, code=3).err
    assert str(journal) in said
    assert "mdrepo doctor --fix" in said
    assert str(journal) in checks(plain)["journal"]
    assert checks(plain, "--fix") == {}
    assert [each.read_text() for each in (plain / ".git/mdrepo/kept").rglob("journal.json")] == ['{"version": 99}']
    mdrepo("format", cwd=plain)


@pytest.mark.parametrize(
    "text",
    [
        '{"version":4}',
        '{"version":4,"what":"x","pid":"abc","since":"q","root":5}',
        '{"version":4,"what":"x","pid":4194304,"since":1,"root":"ROOT","checkout":5}',
        '{"version":4,"what":"x","pid":4194304,"since":1,"root":"ROOT","commit":{}}',
        '{"version":4,"what":"x","pid":4194304,"since":1,"root":"ROOT","settled":{"path":"a","blob":[]}}',
    ],
)
def test_a_damaged_journal_is_put_aside_and_stops_nobody(plain: Path, text: str) -> None:
    (plain / ".git/mdrepo").mkdir(exist_ok=True)
    text = text.replace("ROOT", str(plain))
    for command in (["status"], ["format"]):
        (plain / ".git/mdrepo/journal.json").write_text(text)
        said = mdrepo(*command, cwd=plain).err
        assert "the journal of an interrupted command cannot be read" in said
        assert "see 'git status'" in said
        assert "cannot be read" not in mdrepo(*command, cwd=plain).err
    assert {each.read_text() for each in (plain / ".git/mdrepo/kept").rglob("journal.json")} == {text}
    (plain / ".git/mdrepo/journal.json").write_text(text)
    mdrepo("doctor", "--fix", cwd=plain, code=None)
    assert checks(plain) == {}


def test_a_second_work_tree_and_a_submodule(plain: Path, tmp_path: Path) -> None:
    other = tmp_path / "second"
    git("worktree", "add", "-q", "-b", "topic", str(other), cwd=plain)
    edit(other, lambda v: v.update(description="in the second"))
    mdrepo("commit", "--no-eval", "-am", "Second tree", cwd=other)
    assert load(plain)["description"] == "Third"
    assert git("log", "-1", "--format=%s", "topic", cwd=plain) == "Second tree"
    whole(other)
    above = tmp_path / "above"
    mdrepo("init", str(above), cwd=tmp_path)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(plain), "inner", cwd=above)
    mdrepo("status", cwd=above)
    mdrepo("commit", "--no-eval", "-m", "With a submodule", cwd=above, code=None)
    inner = above / "inner"
    edit(inner, lambda v: v.update(description="inside"))
    mdrepo("commit", "--no-eval", "-am", "Inside", cwd=inner)
    whole(inner)
    assert "Inside" not in mdrepo("log", cwd=above, code=None).out


COMPOSED, TWO_PARTS = (unicodedata.normalize(form, "metadata/é.json") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    "names",
    [
        ["metadata/-dash.json", "metadata/--all.json"],
        [COMPOSED, TWO_PARTS],
        ["metadata/Case.json", "metadata/case.json"],
        ["metadata/line\nend.json", "metadata/tab\t.json"],
        ["metadata/'\"\\ $(touch x).json", "metadata/ lead and trail .json"],
    ],
    ids=["dashes", "unicode", "case", "control", "shell"],
)
def test_names_of_every_kind_are_committed_shown_and_brought_back(plain: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        (plain / name).write_text((plain / "metadata/net-test.json").read_text())
        edit(plain, lambda v, number=number: v.update(description=f"text {number}"), name)  # type: ignore[misc]
    if len({path.name for path in (plain / "metadata").iterdir()} & {Path(name).name for name in names}) < len(names):
        pytest.skip("this file system takes the names for one")
    mdrepo("commit", "--no-eval", "-m", "Names", "--", *names, cwd=plain)
    first = names[0]
    edit(plain, lambda v: v.update(description="changed"), first)
    assert [each["path"] for each in mdrepo("diff", "--json", cwd=plain).json["documents"]] == [first]
    mdrepo("commit", "--no-eval", "-m", "One", "--", first, cwd=plain)
    assert load(plain, names[1])["description"] == "text 1"
    mdrepo("checkout", "HEAD~1", "--", first, cwd=plain)
    assert load(plain, first)["description"] == "text 0"
    mdrepo("validate", "--", *names, cwd=plain)
    # from the folder itself, where a name may look like an option
    mdrepo("validate", "--", *[Path(name).name for name in names], cwd=plain / "metadata")
    assert not (plain / "x").exists()


def test_a_folder_of_documents_that_is_a_link_out_is_not_followed(plain: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (plain / "metadata").rename(outside)
    (plain / "metadata").symlink_to(outside)
    before = {path.name: path.read_bytes() for path in outside.iterdir()}
    for arguments in (["patch", "--apply"], ["format"], ["set", f"{DOCUMENT}#/license", '"MIT"'], ["status"], ["doctor"]):
        mdrepo(*arguments, cwd=plain, code=None)
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == before


def test_a_corrupt_object_is_named(plain: Path) -> None:
    blob = git("rev-parse", f"HEAD:{DOCUMENT}", cwd=plain)
    file = plain / ".git/objects" / blob[:2] / blob[2:]
    file.chmod(0o644)
    file.write_bytes(b"broken")
    before = state(plain)
    for arguments in (
        ["diff", "HEAD~1", "HEAD"],
        ["show"],
        ["show", f"HEAD:{DOCUMENT}"],
        ["log", DOCUMENT],
        ["eval"],
        ["checkout", "HEAD"],
    ):
        said = mdrepo(*arguments, cwd=plain, code=None)
        assert said.code in (0, 3), said
        assert (said.code == 3) == (1 <= len(said.err.splitlines()) <= 2), said.err
    assert state(plain) == before
    file.unlink()
    said = mdrepo("show", f"HEAD:{DOCUMENT}", cwd=plain, code=3)
    assert blob in said.err
    assert "git fsck" in said.err
    assert load(plain)["description"] == "Third"
    git("hash-object", "-w", DOCUMENT, cwd=plain)
    whole(plain)


def test_a_note_of_a_newer_mdrepo_is_left_alone_and_a_broken_one_is_named(plain: Path) -> None:
    here = Git.find(plain)
    head = git("rev-parse", "HEAD", cwd=plain)
    git("notes", f"--ref={NOTES}", "add", "-f", "-m", '{"verdict": ', cwd=plain)
    assert checks(plain) == {"notes": f"{head[:7]}: the note is no evaluation"}
    later = {"$schema": "urn:mdrepo:evaluation:2", "verdict": "improved", "documents": {}}
    git("notes", f"--ref={NOTES}", "add", "-f", "-m", json.dumps(later), cwd=plain)
    assert checks(plain) == {"notes": f"{head[:7]}: evaluated by a newer mdrepo"}
    assert "not evaluated" in mdrepo("status", cwd=plain).out
    assert note_of(here, head) is None
    notes = git("rev-parse", NOTES, cwd=plain)
    with pytest.raises(MdrepoError, match="newer mdrepo"):
        write_note(here, head, {"verdict": "unchanged", "documents": {}})
    assert git("rev-parse", NOTES, cwd=plain) == notes


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"verdict": ["x"], "documents": {}}',
        '{"verdict": "great", "documents": {}}',
        '{"verdict": "improved", "documents": {"a": 1}}',
        '{"verdict": "improved", "documents": {"a": {"verdict": "improved", "metrics": {"accuracy": "high"}}}}',
        '{"verdict": "improved", "documents": {"a": {"verdict": "improved", "differences": [{"metric": "accuracy"}]}}}',
        '{"verdict": "improved", "documents": {"a": {"verdict": "improved", "negative_flips": true}}}',
    ],
)
def test_whatever_somebody_has_pushed_as_a_note_is_no_evaluation(plain: Path, text: str) -> None:
    (plain / ".git/note").write_text(text)
    git("notes", f"--ref={NOTES}", "add", "-f", "-F", ".git/note", cwd=plain)
    for command in ("status", "log", "show"):
        assert "not evaluated" in mdrepo(command, cwd=plain).out


@pytest.mark.parametrize("arguments", [["commit", "--no-eval", "-am", "x"], ["patch", "--apply"], ["checkout", "HEAD~1"], ["pull"]])
def test_where_the_journal_cannot_be_written_nothing_happens(plain: Path, arguments: list[str]) -> None:
    edit(plain, lambda v: v.update(license="MIT"))
    shutil.rmtree(plain / ".git/mdrepo", ignore_errors=True)
    (plain / ".git/mdrepo").write_text("no folder")
    before = state(plain)
    said = mdrepo(*arguments, cwd=plain, code=3)
    assert 1 <= len(said.err.splitlines()) <= 2
    assert state(plain) == before


@contextmanager
def mounted_on_itself(place: Path) -> Iterator[None]:
    """A file or folder that nobody can take away for a while."""
    done = subprocess.run(["mount", "--bind", str(place), str(place)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that nobody can write into for a while; for root, whom modes do not stop, a mount that is read-only."""
    if os.geteuid():
        modes = {each: each.stat().st_mode for each in (folder, *folder.rglob("*"))}
        for each, mode in modes.items():
            each.chmod(mode & ~0o222)
        try:
            yield
        finally:
            for each, mode in modes.items():
                each.chmod(mode)
        return
    with mounted_on_itself(folder):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder), str(folder)], check=True)
        yield


READ_ONLY = [
    ["format"],
    ["checkout", "--force", "HEAD~1"],
    ["checkout", "--force", "HEAD~1", DOCUMENT],
    ["rollback", "HEAD~2"],
    ["merge", "other"],
    ["set", f"{DOCUMENT}#/license", '"BSD"'],
    ["patch", "--apply"],
]


@pytest.mark.parametrize("name", ["metadata", ".git"])
def test_a_read_only_folder(plain: Path, name: str) -> None:
    git("checkout", "-q", "-b", "other", "HEAD~1", cwd=plain)
    edit(plain, lambda v: v.update(license="MIT"))
    git("commit", "-qam", "Other", cwd=plain)
    git("checkout", "-q", "main", cwd=plain)
    track(plain, MODEL, keras_file(3, seed=5))
    git("commit", "-qam", "Fifth", cwd=plain)
    (plain / DOCUMENT).write_text((plain / DOCUMENT).read_text() + "\n")
    git("commit", "-qam", "Not in form", cwd=plain)
    before = state(plain)
    with read_only(plain / name):
        for arguments in READ_ONLY:
            said = mdrepo(*arguments, cwd=plain, code=3)
            assert ("cannot be written" if name == "metadata" else ".git/mdrepo/lock: ") in said.err
            assert state(plain) == before
        mdrepo("status", cwd=plain)
    assert state(plain) == before


def test_a_file_that_git_cannot_write_is_named(plain: Path) -> None:
    with mounted_on_itself(plain / DOCUMENT):
        said = mdrepo("checkout", "HEAD~1", cwd=plain, code=3).err
    assert "is checked out, but for files that git cannot write: unable to unlink old" in said
    assert DOCUMENT in said


@pytest.mark.parametrize("paths", [[], [DOCUMENT]], ids=["everything", "a document"])
@pytest.mark.parametrize("words", ["", "echo no >&2;"])
def test_a_hook_that_fails_after_a_checkout_does_not_part_documents_and_data(plain: Path, words: str, paths: list[str]) -> None:
    track(plain, MODEL, keras_file(3, seed=5))
    mdrepo("patch", "--apply", cwd=plain)
    mdrepo("commit", "--no-eval", "-m", "Fifth", cwd=plain)
    before = (plain / MODEL).read_bytes()
    hook = plain / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{words}exit 1\n")
    hook.chmod(0o755)
    mdrepo("checkout", "HEAD~1", *paths, cwd=plain)
    assert (plain / MODEL).read_bytes() != before
    assert git("diff", "HEAD~1" if paths else "HEAD", "--stat", cwd=plain) == ""
    assert not (plain / ".git/mdrepo/journal.json").exists()
    dvc("status", "-q", cwd=plain)


@pytest.mark.parametrize("name", ["both", "-"])
def test_of_a_branch_and_a_tag_of_one_name_the_branch_is_checked_out_with_its_data(plain: Path, name: str) -> None:
    here = (plain / MODEL).read_bytes()
    git("branch", "both", cwd=plain)
    if name == "-":
        git("checkout", "-q", "both", cwd=plain)
    mdrepo("checkout", "HEAD~1", cwd=plain)
    git("tag", "both", "main~1", cwd=plain)
    mdrepo("checkout", name, cwd=plain)
    assert git("rev-parse", "HEAD", cwd=plain) == git("rev-parse", "main", cwd=plain)
    assert git("symbolic-ref", "HEAD", cwd=plain) == "refs/heads/both"
    assert (plain / MODEL).read_bytes() == here
    dvc("status", "-q", cwd=plain)


def test_a_hook_that_moves_head_elsewhere_undoes_a_checkout(plain: Path) -> None:
    git("branch", "other", "HEAD~1", cwd=plain)
    edit(plain, lambda v: v.update(description="mine"))
    hook = plain / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ "$(git branch --show-current)" = other ] && git reset -q --hard HEAD~1\n')
    hook.chmod(0o755)
    before = state(plain)
    said = mdrepo("checkout", "--force", "other", cwd=plain, code=3).err
    assert "nothing is checked out" in said
    assert state(plain) == before
    assert git("symbolic-ref", "HEAD", cwd=plain) == "refs/heads/main"
    assert git("stash", "list", cwd=plain) == ""


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "force"])
@pytest.mark.parametrize("flag", ["skip-worktree", "assume-unchanged"])
def test_changes_that_git_is_told_not_to_see_are_never_overwritten(plain: Path, flag: str, force: list[str]) -> None:
    for path in (DOCUMENT, "metadata/net-test.json"):
        git("update-index", f"--{flag}", path, cwd=plain)
    edit(plain, lambda v: v.update(description="mine"))
    before = state(plain)
    for words in (["rollback", "--no-eval", "HEAD~2"], ["checkout", "HEAD~2", "--", DOCUMENT], ["checkout", "HEAD~2"]):
        said = mdrepo(words[0], *force, *words[1:], cwd=plain, code=1).err
        assert DOCUMENT in said
        assert state(plain) == before
        if words != ["checkout", "HEAD~2"]:  # there git itself refuses
            assert f"'git update-index --no-{flag} {DOCUMENT}'" in said
    git("update-index", f"--no-{flag}", DOCUMENT, cwd=plain)
    git("checkout", "-q", "--", DOCUMENT, cwd=plain)
    git("update-index", f"--{flag}", DOCUMENT, cwd=plain)
    mdrepo("rollback", *force, "--no-eval", "HEAD~2", cwd=plain)
    assert load(plain)["description"] == "Second"


def test_a_name_that_is_no_text_is_taken_like_any_other(plain: Path) -> None:
    name = os.fsdecode(b"metadata/\xff.json")
    shutil.copy(plain / DOCUMENT, plain / name)
    git("add", "-A", cwd=plain)
    for _ in range(2):
        assert "\\udcff.json" in mdrepo("status", cwd=plain).out
    mdrepo("validate", cwd=plain)
    mdrepo("commit", "--no-eval", "-m", "Odd", cwd=plain)
    assert git("status", "--porcelain", cwd=plain) == ""
