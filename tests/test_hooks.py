"""git's own hooks, with real git: `git commit` gates as `mdrepo commit` does, and what was there before stays."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import DATA, DOCUMENT, ROOT, edit, git, keras_file, mdrepo, note, settled, swap, track

HOOKS = ("pre-commit", "pre-merge-commit", "post-commit", "post-merge")


def tried(*words: str, cwd: Path, code: int = 0, env: dict[str, str] | None = None) -> str:
    """What a git command, and the hooks that it runs, say."""
    done = subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def hooked(repo: Path) -> Path:
    edit(repo, lambda v: v["evaluation"].update(gate="off"))
    git("commit", "-qam", "Gate off", cwd=repo)
    mdrepo("hooks", "install", cwd=repo)
    return repo


def invalid(root: Path) -> None:
    edit(root, lambda v: v.update(labels="none"))


def described(root: Path) -> None:
    edit(root, lambda v: v.update(description="better"))


def test_a_bad_commit_is_stopped_and_a_good_one_is_made(hooked: Path) -> None:
    invalid(hooked)
    head = git("rev-parse", "HEAD", cwd=hooked)
    assert "labels" in tried("commit", "-qam", "Bad", cwd=hooked, code=1)
    assert git("rev-parse", "HEAD", cwd=hooked) == head
    tried("commit", "-qam", "Bad, on purpose", "--no-verify", cwd=hooked)
    tried("reset", "-q", "--hard", "HEAD~1", cwd=hooked)
    described(hooked)
    tried("commit", "-qam", "Good", cwd=hooked)
    assert git("log", "-1", "--format=%s", cwd=hooked).strip() == "Good"


def test_only_what_is_staged_counts(hooked: Path) -> None:
    invalid(hooked)
    git("add", DOCUMENT, cwd=hooked)
    (hooked / DOCUMENT).write_text(git("show", f"HEAD:{DOCUMENT}", cwd=hooked))
    assert "labels" in tried("commit", "-qm", "Bad in the index", cwd=hooked, code=1)
    git("reset", "-q", "--hard", cwd=hooked)
    described(hooked)
    git("add", DOCUMENT, cwd=hooked)
    invalid(hooked)
    tried("commit", "-qm", "Good in the index", cwd=hooked)
    assert '"labels": "none"' in (hooked / DOCUMENT).read_text()
    (hooked / "notes.txt").write_text("of no document\n")
    git("add", "notes.txt", cwd=hooked)
    tried("commit", "-qm", "A path alone", "notes.txt", cwd=hooked)
    tried("commit", "-qm", "The document alone", DOCUMENT, cwd=hooked, code=1)


def test_a_bad_merge_is_stopped(hooked: Path) -> None:
    git("checkout", "-qb", "topic", cwd=hooked)
    invalid(hooked)
    tried("commit", "-qam", "Bad, not looked at", "--no-verify", cwd=hooked)
    git("checkout", "-q", "-", cwd=hooked)
    (hooked / "other.txt").write_text("x\n")
    git("add", "other.txt", cwd=hooked)
    tried("commit", "-qm", "Other", cwd=hooked)
    assert "labels" in tried("merge", "--no-edit", "topic", cwd=hooked, code=1)
    assert (hooked / ".git/MERGE_HEAD").exists(), "as git leaves a merge whose hook said no"
    tried("commit", "-qm", "Bad all the same", cwd=hooked, code=1)


def test_a_merge_that_is_bad_though_both_sides_are_good_is_stopped(hooked: Path) -> None:
    spare = hooked / "metadata/spare.json"
    spare.write_bytes((hooked / DATA).read_bytes())
    git("add", "-A", cwd=hooked)
    tried("commit", "-qm", "A spare document", cwd=hooked)
    git("checkout", "-qb", "topic", cwd=hooked)
    edit(hooked, lambda v: v.update(training={"dataset": "metadata/spare.json"}))
    tried("commit", "-qam", "Name it", cwd=hooked)
    git("checkout", "-q", "-", cwd=hooked)
    git("rm", "-q", "metadata/spare.json", cwd=hooked)
    tried("commit", "-qm", "Nobody names it", cwd=hooked)
    head = git("rev-parse", "HEAD", cwd=hooked)
    assert "reference/missing" in tried("merge", "--no-edit", "topic", cwd=hooked, code=1)
    assert git("rev-parse", "HEAD", cwd=hooked) == head


def test_the_evaluation_of_a_commit_that_git_made_is_noted(judged: Path) -> None:
    mdrepo("hooks", "install", cwd=judged)
    edit(judged, lambda v: v.update(description="better"))
    assert "nothing that matters has changed" in tried("commit", "-qam", "Described", cwd=judged)
    whole = json.loads(git("notes", "--ref=mdrepo", "show", "HEAD", cwd=judged))
    assert whole["parent"] == git("rev-parse", "HEAD~1", cwd=judged)
    assert not (judged / ".git/mdrepo/gated.json").exists()
    swap(judged)
    said = tried("commit", "-qam", "Swapped", cwd=judged, code=1)
    assert "regressed" in said
    assert "mdrepo commit --allow-regression REASON" in said
    mdrepo("commit", "--allow-regression", "to see", "-am", "Swapped", cwd=judged)
    assert json.loads(git("notes", "--ref=mdrepo", "show", "HEAD", cwd=judged))["allowed"] == {"reason": "to see"}
    git("commit", "-q", "--amend", "-m", "Swapped labels", cwd=judged)
    assert git("notes", "--ref=mdrepo", "list", cwd=judged).count("\n") >= 2


def test_hooks_that_are_there_stay_and_come_back(repo: Path) -> None:
    folder = repo / ".git/hooks"
    folder.mkdir(exist_ok=True)
    mine = b"#!/bin/sh\n# \xff\necho mine\nexit ${MINE:-0}\n"
    (folder / "pre-commit").write_bytes(mine)
    (folder / "pre-commit").chmod(0o750)
    (repo.parent / "tool").write_text("#!/bin/sh\necho a tool\n")
    (folder / "post-commit").symlink_to(repo.parent / "tool")
    assert mdrepo("hooks", cwd=repo, code=1).out.count("not") == 4
    mdrepo("hooks", "install", cwd=repo)
    mdrepo("hooks", "install", cwd=repo)  # again: as it is
    assert mdrepo("hooks", "status", cwd=repo).out.count("ok") == 4
    invalid(repo)
    said = tried("commit", "-qam", "Bad", cwd=repo, code=1)
    assert "mine" in said
    assert "labels" in said
    assert "labels" not in tried("commit", "-qam", "Bad", cwd=repo, code=1, env={"MINE": "3"})
    mdrepo("hooks", "uninstall", cwd=repo)
    assert (folder / "pre-commit").read_bytes() == mine
    assert (folder / "pre-commit").stat().st_mode & 0o777 == 0o750
    assert (folder / "post-commit").readlink() == repo.parent / "tool"
    assert {each.name for each in folder.iterdir() if not each.name.endswith(".sample")} == {"pre-commit", "post-commit"}
    (folder / "pre-commit.before-mdrepo").write_bytes(b"left")
    assert "which of the two is yours" in mdrepo("hooks", "install", cwd=repo, code=1).err


def test_where_git_looks_for_hooks(repo: Path, tmp_path: Path) -> None:
    git("config", "core.hooksPath", "tools/hooks", cwd=repo)
    mdrepo("hooks", "install", cwd=repo)
    assert os.access(repo / "tools/hooks/pre-commit", os.X_OK)
    git("worktree", "add", "-q", "../second", cwd=repo)
    git("config", "--unset", "core.hooksPath", cwd=repo)
    mdrepo("hooks", "install", cwd=tmp_path / "second")
    invalid(tmp_path / "second")
    assert "labels" in tried("commit", "-qam", "Bad", cwd=tmp_path / "second", code=1)
    shared = tmp_path / "shared"
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\n\thooksPath = {shared}\n")
    found = mdrepo("hooks", "install", cwd=repo, code=1, env={"GIT_CONFIG_GLOBAL": str(settings)})
    assert "all your repositories" in found.err
    assert not shared.exists()


def test_mdrepo_is_gone(hooked: Path) -> None:
    for hook in HOOKS:
        place = hooked / ".git/hooks" / hook
        place.write_text(place.read_text().replace("/bin/python", "/bin/no-python"))
    described(hooked)
    nowhere = {"PATH": "/usr/bin:/bin"}
    said = tried("commit", "-qam", "Unchecked", cwd=hooked, code=1, env=nowhere)
    assert "pip install mdrepo-ml" in said
    assert "--no-verify" in said
    said = tried("commit", "-qam", "Unchecked", "--no-verify", cwd=hooked, env=nowhere)
    assert "no evaluation" in said


def test_what_waits_is_for_one_commit_alone(judged: Path) -> None:
    """A note for a commit that was not made, and rubbish in its place, go to nobody."""
    mdrepo("hooks", "install", cwd=judged)
    edit(judged, lambda v: v.update(description="better"))
    git("add", "-A", cwd=judged)
    tried("commit", "-q", cwd=judged, code=1, env={"GIT_EDITOR": "false"})
    assert (judged / ".git/mdrepo/gated.json").exists()
    git("reset", "-q", "--hard", cwd=judged)
    edit(judged, lambda v: v.update(description="something else"))
    tried("commit", "-qam", "Else", "--no-verify", cwd=judged)
    assert subprocess.run(["git", "notes", "--ref=mdrepo", "show"], cwd=judged, capture_output=True, check=False).returncode
    (judged / ".git/mdrepo/gated.json").write_bytes(b"\xff{")
    edit(judged, lambda v: v.update(description="and more"))
    tried("commit", "-qam", "More", cwd=judged)
    assert note(judged)["verdict"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as it stands, as a source of hooks."""
    place = tmp_path_factory.mktemp("source")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout of the repository, so that no hook can be installed from it")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/", "benchmarks/")):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    with settled(tmp_path_factory.getbasetemp()):
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Hooks"]):
            git(*words, cwd=place)
    return place


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the two keep the environments that they make, once for all these tests."""
    home = tmp_path_factory.mktemp("homes")
    return {"PRE_COMMIT_HOME": str(home / "pre-commit"), "PREK_HOME": str(home / "prek")}


@pytest.mark.parametrize("tool", ["pre-commit", "prek"])
def test_pre_commit_and_prek_run_the_hooks(tool: str, source: Path, homes: dict[str, str], repo: Path) -> None:
    def run(*words: str, code: int = 0) -> str:
        program = Path(sys.executable).parent / tool
        environment = {**os.environ, **homes, "PATH": os.pathsep.join(["/usr/bin", "/bin"])}
        done = subprocess.run([str(program), *words], cwd=repo, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def stopped(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=repo, capture_output=True, text=True, check=False, env={**os.environ, **homes})
        assert done.returncode, f"git {words}"
        return done.stdout + done.stderr

    described(repo)
    mdrepo("format", cwd=repo)
    git("add", "-A", cwd=repo)
    if tool == "pre-commit":
        assert "Passed" in run("try-repo", str(source), "mdrepo-validate")
    rev = git("rev-parse", "HEAD", cwd=source)
    hooks = "[{id: mdrepo-validate}, {id: mdrepo-check}, {id: mdrepo-format}]"
    (repo / ".pre-commit-config.yaml").write_text(f"repos:\n  - repo: {source}\n    rev: {rev}\n    hooks: {hooks}\n")
    git("add", "-A", cwd=repo)
    assert run("run").count("Passed") == 3
    good = (repo / DOCUMENT).read_text()
    invalid(repo)
    assert run("run").count("Passed") == 3, "what is bad is not staged"
    assert '"labels": "none"' in (repo / DOCUMENT).read_text()
    git("add", "-A", cwd=repo)
    (repo / DOCUMENT).write_text(good)
    assert "schema/type" in run("run", "mdrepo-validate", code=1), "what is bad is staged"
    git("add", "-A", cwd=repo)
    run("install", "-t", "pre-commit", "-t", "pre-merge-commit")
    git("commit", "-qm", "Described", "--no-verify", cwd=repo)
    git("checkout", "-qb", "topic", cwd=repo)
    invalid(repo)
    assert "schema/type" in stopped("commit", "-qam", "Bad")
    git("commit", "-qam", "Bad", "--no-verify", cwd=repo)
    git("checkout", "-q", "main", cwd=repo)
    (repo / "other.txt").write_text("x\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Other", "--no-verify", cwd=repo)
    assert "schema/type" in stopped("merge", "--no-edit", "topic")


def test_what_is_staged_is_stale(repo: Path) -> None:
    assert mdrepo("patch", "--check", "--staged", cwd=repo).out == ""
    pointer = repo / "models/net.keras.dvc"
    pointer.write_text(pointer.read_text().replace("md5: ", "md5: 0"))
    assert mdrepo("patch", "--check", "--staged", cwd=repo).out == "", "it is not staged"
    track(repo, "models/net.keras", keras_file(3, seed=8))
    git("add", "-A", cwd=repo)
    git("checkout", "-q", "HEAD", "--", "metadata", cwd=repo)
    found = mdrepo("patch", "--check", "--staged", cwd=repo, code=1)
    assert "models/net.keras" in found.out
    assert "git add" in found.err
    assert DOCUMENT in mdrepo("patch", "--check", "--staged", "--json", cwd=repo, code=1).json["stale"]
    assert mdrepo("patch", "--staged", cwd=repo, code=2).err
    assert mdrepo("validate", "--staged", DOCUMENT, cwd=repo, code=2).err


def test_several_hooks_at_once_do_not_meet(repo: Path) -> None:
    """pre-commit runs hooks in parallel: none needs the lock of git's index, which another may hold."""
    invalid(repo)
    git("add", "-A", cwd=repo)
    (repo / ".git/index.lock").touch()
    assert DOCUMENT in mdrepo("validate", "--staged", cwd=repo, code=1).out
    mdrepo("patch", "--check", "--staged", cwd=repo)


def test_before_a_push_the_commit_that_is_pushed_counts(repo: Path) -> None:
    """pre-commit and prek name it to hooks; what is staged meanwhile is not pushed."""
    invalid(repo)
    git("commit", "-q", "--no-verify", "-am", "bad", cwd=repo)
    env = {"PRE_COMMIT_TO_REF": git("rev-parse", "HEAD", cwd=repo)}
    git("revert", "--no-edit", "HEAD", cwd=repo)
    assert DOCUMENT in mdrepo("validate", "--staged", cwd=repo, code=1, env=env).out
    mdrepo("validate", "--staged", cwd=repo, env={"PRE_COMMIT_TO_REF": "HEAD"})
    mdrepo("patch", "--check", "--staged", cwd=repo, env=env)
    assert "no revision" in mdrepo("validate", "--staged", cwd=repo, code=3, env={"PRE_COMMIT_TO_REF": "nowhere"}).err


def test_before_a_push_the_commit_that_is_pushed_is_evaluated(judged: Path) -> None:
    [entry] = [
        each["entry"] for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()) if each["id"] == "mdrepo-eval"
    ]

    def hook(**env: str) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        words = shlex.split(entry)  # as pre-commit and prek do
        return subprocess.run(
            words, cwd=judged, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path, **env}
        )

    swap(judged)
    git("commit", "-q", "--no-verify", "-am", "bad", cwd=judged)
    bad = git("rev-parse", "HEAD", cwd=judged)
    assert "regressed" in hook().stdout
    git("revert", "--no-edit", "HEAD", cwd=judged)
    assert hook().returncode == 0
    pushed = hook(PRE_COMMIT_TO_REF=bad)
    assert (pushed.returncode, "regressed" in pushed.stdout) == (1, True)


def test_nothing_that_people_wrote_into_hooks_is_lost(repo: Path) -> None:
    hooks = repo / ".git/hooks"
    (hooks / "post-merge").write_text("#!/bin/sh\n")
    (hooks / "post-merge.before-mdrepo").write_text("somebody's\n")
    before = sorted((each.name, each.read_bytes()) for each in hooks.iterdir())
    assert "are there" in mdrepo("hooks", "install", cwd=repo, code=1).err
    assert sorted((each.name, each.read_bytes()) for each in hooks.iterdir()) == before  # none of the four is installed
    (hooks / "post-merge.before-mdrepo").unlink()
    mdrepo("hooks", "install", cwd=repo)
    with (hooks / "pre-commit").open("a") as file:
        file.write("echo mine\n")
    assert "was changed" in mdrepo("hooks", "uninstall", cwd=repo).out
    assert "echo mine" in (hooks / "pre-commit").read_text()
    assert (hooks / "post-merge").read_text() == "#!/bin/sh\n"
