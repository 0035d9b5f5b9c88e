"""Bad input: one or two lines, what to do next, the exit code of the contract, and nothing changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import DOCUMENT, Result, edit, git, keras_file, load, mdrepo, npz, state, track


def short(result: Result) -> None:
    """What went wrong takes a line, and what to do next another."""
    lines = [line for line in result.err.splitlines() if not line.startswith("running ")]
    assert 1 <= len(lines) <= 2, result.err
    assert lines[0].startswith("mdrepo: ")


def test_a_broken_json_file(repo: Path) -> None:
    (repo / DOCUMENT).write_text('{"name": "net",\n "task": }')
    before = state(repo)
    result = mdrepo("validate", cwd=repo, code=1)
    assert f"{DOCUMENT}:2:10: '}}' where a value is expected" in result.out
    mdrepo("status", cwd=repo)
    for arguments in (["patch"], ["patch", "--check"], ["commit", "-m", "x"], ["diff"], ["format"]):
        assert mdrepo(*arguments, cwd=repo, code=1)
    assert state(repo) == before


def test_a_document_without_a_schema(repo: Path) -> None:
    (repo / "metadata/x.json").write_text('{"a": 1}')
    result = mdrepo("validate", cwd=repo, code=1)
    assert "metadata/x.json:1:1: the document names no schema" in result.out
    assert '"$schema": "urn:mdrepo:model:1"' in result.out
    assert "as 'mdrepo schema new' does" in result.out
    edit(repo, lambda v: v.update({"$schema": "urn:mdrepo:modle:1"}), "metadata/x.json")
    assert "there is no schema 'urn:mdrepo:modle:1' here" in mdrepo("validate", cwd=repo, code=1).out


@pytest.mark.parametrize(
    "arguments", [["diff", "nope", "HEAD"], ["show", "nope"], ["checkout", "nope"], ["rollback", "nope"], ["eval", "nope"]]
)
def test_an_unknown_revision(repo: Path, arguments: list[str]) -> None:
    before = state(repo)
    result = mdrepo(*arguments, cwd=repo, code=3)
    short(result)
    assert "there is no revision 'nope' here" in result.err
    assert state(repo) == before


def test_an_unknown_revision_in_log(repo: Path) -> None:
    short(mdrepo("log", "nope", cwd=repo, code=3))


def test_hints_work_when_they_are_typed(repo: Path) -> None:
    """A hint that names a command names one that works."""
    assert "There is no command 'reset'. It is git's: 'git reset'." in mdrepo("reset", cwd=repo, code=2).err
    assert "'mdrepo commit --help' says how it is used" in mdrepo("commit", "--allow-regression", cwd=repo, code=2).err
    assert "'mdrepo log HEAD' lists the commits" in mdrepo("diff", "HEAD~9", cwd=repo, code=3).err
    for before_paths in ([], ["--"]):
        err = mdrepo("checkout", *before_paths, DOCUMENT, cwd=repo, code=2).err
        assert f"Name the revision, too: mdrepo checkout HEAD -- {DOCUMENT}" in err
    for command in (["checkout", "HEAD", "--"], ["rollback", "HEAD"]):
        assert f"did you mean {DOCUMENT}?" in mdrepo(*command, DOCUMENT.replace("net", "nett"), cwd=repo, code=1).err
    other = DOCUMENT.replace("net", "other")
    shutil.copy(repo / DOCUMENT, repo / other)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Another", cwd=repo)
    git("rm", "-q", other, cwd=repo)
    git("commit", "-qm", "And away", cwd=repo)
    for command in (["checkout", "HEAD", "--"], ["rollback", "HEAD"]):
        assert f"'mdrepo log -- {other}' lists the commits" in mdrepo(*command, other, cwd=repo, code=1).err
    assert "Another" in mdrepo("log", "--", other, cwd=repo).out


@pytest.mark.parametrize("revision", ["--upload-pack=x", "-x", "--output=/tmp/x"])
def test_a_revision_that_looks_like_an_option(repo: Path, revision: str) -> None:
    for command in ("show", "eval", "rollback", "checkout"):
        assert mdrepo(command, "--", revision, cwd=repo, code=None).code in (2, 3)


def test_bytes_that_are_not_in_the_cache(repo: Path) -> None:
    track(repo, "models/net.keras", keras_file(3, seed=1))
    mdrepo("patch", "--apply", cwd=repo)
    mdrepo("commit", "--no-eval", "-m", "Second", cwd=repo)
    for path in (repo / ".dvc/cache").rglob("*"):
        if path.is_file():
            path.unlink()
    before = state(repo)
    for arguments in (["checkout", "HEAD~1"], ["rollback", "--no-eval", "HEAD~1"], ["checkout", "HEAD~1", "--", DOCUMENT]):
        result = mdrepo(*arguments, cwd=repo, code=3)
        short(result)
        assert "models/net.keras" in result.err
        assert "dvc pull models/net.keras" in result.err
        assert state(repo) == before
    short(mdrepo("eval", cwd=repo, code=3))
    assert state(repo) == before


def test_a_model_that_does_not_load(repo: Path) -> None:
    """Structure that Keras' files have, and weights that are another model's: the worker says so, nothing is committed."""
    broken = keras_file(3, seed=1).replace(b'"units": 3', b'"units": 4')
    track(repo, "models/net.keras", broken)
    mdrepo("patch", "--apply", cwd=repo, code=None)
    edit(repo, lambda v: v.update(labels=[{"name": str(i), "index": i} for i in range(3)]))
    edit(repo, lambda v: v["structure"].pop("outputs", None))
    edit(repo, lambda v: v["weights"]["artefact"].update(md5=md5(broken)))
    before = state(repo)
    result = mdrepo("commit", "-m", "Broken", cwd=repo, code=3)
    short(result)
    assert "models/net.keras" in result.err
    assert state(repo) == before


def md5(content: bytes) -> str:
    import hashlib

    return hashlib.md5(content).hexdigest()


def test_a_truncated_model_is_named_by_patch(repo: Path) -> None:
    track(repo, "models/net.keras", keras_file(3, seed=1)[:300])
    result = mdrepo("patch", cwd=repo, code=1)
    assert "models/net.keras: not a .keras file, or a broken one" in result.out
    assert "/structure" not in result.out


def test_test_data_whose_classes_do_not_fit_the_label_map(repo: Path) -> None:
    track(repo, "data/net-test.npz", npz(x=[[1.0] * 4] * 8, y=[0, 1, 2, 3] * 2))
    mdrepo("patch", "--apply", "metadata/net-test.json", cwd=repo)
    before = state(repo)
    result = mdrepo("commit", "-m", "x", cwd=repo, code=1)
    assert "the test data metadata/net-test.json has classes without a label: 3" in result.out
    assert "run 'mdrepo patch', or put the label map right" in result.out
    assert state(repo) == before


def test_no_git_identity(repo: Path) -> None:
    edit(repo, lambda v: v.update(description="x"))
    before = state(repo)
    nobody = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.useConfigOnly",
        "GIT_CONFIG_VALUE_0": "true",
    }
    result = mdrepo("commit", "-m", "x", cwd=repo, code=3, env=nobody)
    short(result)
    assert "git does not know who you are" in result.err
    assert "git config --global user.name" in result.err
    assert state(repo) == before


def test_a_shallow_clone(repo: Path, tmp_path: Path) -> None:
    edit(repo, lambda v: v.update(description="x"))
    mdrepo("commit", "--no-eval", "-m", "Second", cwd=repo)
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth", "1", f"file://{repo}", str(clone), cwd=tmp_path)
    before = state(clone)
    result = mdrepo("eval", cwd=clone, code=3)
    short(result)
    assert "this clone is shallow" in result.err
    assert "git fetch --unshallow" in mdrepo("show", "HEAD~1", cwd=clone, code=3).err
    assert len(mdrepo("log", cwd=clone).out.splitlines()) == 1
    mdrepo("status", cwd=clone)
    assert state(clone) == before


def test_a_detached_head(repo: Path) -> None:
    git("checkout", "-q", "--detach", cwd=repo)
    assert "HEAD is detached" in mdrepo("status", cwd=repo).out
    edit(repo, lambda v: v.update(description="x"))
    assert "[detached HEAD " in mdrepo("commit", "--no-eval", "-m", "On no branch", cwd=repo).out
    assert git("log", "-1", "--format=%s", cwd=repo) == "On no branch"


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["diff"], ["log"], ["show"], ["validate"], ["patch"], ["commit", "-m", "x"], ["eval"], ["rollback", "HEAD"]],
)
def test_outside_a_repository(tmp_path: Path, arguments: list[str]) -> None:
    result = mdrepo(*arguments, cwd=tmp_path, code=3)
    short(result)
    assert "is not inside a git repository" in result.err
    assert "mdrepo init" in result.err
    assert list(tmp_path.iterdir()) == []


def test_before_the_first_commit(tmp_path: Path) -> None:
    mdrepo("init", cwd=tmp_path)
    assert "no commit yet" in mdrepo("status", cwd=tmp_path).out
    for words in (["show"], ["diff", "HEAD"], ["eval"], ["checkout", "HEAD"], ["query", "name"], ["show", "HEAD~2"]):
        result = mdrepo(*words, cwd=tmp_path, code=3)
        short(result)
        assert "there is no commit yet" in result.err, words
    for arguments in (["log"], ["show"], ["eval"], ["rollback", "HEAD"], ["diff", "HEAD"]):
        short(mdrepo(*arguments, cwd=tmp_path, code=None))


@pytest.mark.parametrize(
    "arguments",
    [
        ["comit"],
        ["commit", "--frobnicate"],
        ["-C", "nowhere", "status"],
        ["diff", "HEAD", "HEAD", "HEAD"],
        ["commit", "-a", DOCUMENT],
        ["commit", "--allow-regression", " "],
        ["patch", "--keep-manual", "metadata/net.json"],
        ["log", f"{DOCUMENT}#labels"],
        ["validate", "../outside.json"],
        ["new", "modle", "x"],
        ["demo", "metadata"],
    ],
)
def test_wrong_usage(repo: Path, arguments: list[str]) -> None:
    before = state(repo)
    short(mdrepo(*arguments, cwd=repo, code=2))
    assert state(repo) == before


def test_a_typo_gets_the_nearest(repo: Path) -> None:
    assert "Did you mean 'commit'?" in mdrepo("comit", cwd=repo, code=2).err
    assert "did you mean metadata/net.json?" in mdrepo("show", "HEAD:metadata/ne.json", cwd=repo, code=1).err


def test_a_path_that_is_no_document(repo: Path) -> None:
    for arguments in (
        ["validate", "metadata/none.json"],
        ["format", "none"],
        ["patch", "none.json"],
        ["commit", "-m", "x", "none"],
    ):
        short(mdrepo(*arguments, cwd=repo, code=3))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[documents\n", "mdrepo.toml: "),
        ("[document]\n", "unknown key document"),
        ("[evaluation]\ntimout = 3\n", "did you mean evaluation.timeout?"),
        ("[evaluation]\ntimeout = -1\n", "must be a whole number above 0"),
        ('[documents]\ninclude = "metadata"\n', "must be a list of patterns"),
        ("documents = 3\n", "is not a section"),
        ("[schemas]\na = 1\n", "[schemas] has a pattern and a schema file"),
    ],
)
def test_a_wrong_configuration(repo: Path, text: str, words: str) -> None:
    (repo / "mdrepo.toml").write_text(text)
    result = mdrepo("status", cwd=repo, code=1)
    short(result)
    assert words in result.err


def test_a_broken_pointer_or_lock(repo: Path) -> None:
    (repo / "models/net.keras.dvc").write_text("outs: [\n")
    assert "models/net.keras.dvc: not YAML" in mdrepo("validate", cwd=repo, code=1).out
    git("checkout", "-q", "--", ".", cwd=repo)
    (repo / f"{DOCUMENT}.lock").write_text("{}")
    assert "not a lock file" in mdrepo("patch", cwd=repo, code=1).out
    (repo / f"{DOCUMENT}.lock").write_text('{"lock_version": 1, "fields": {"/a": {}}}')
    assert "a field is incomplete" in mdrepo("patch", cwd=repo, code=1).out


def test_symbolic_links_and_paths_that_lead_out_are_refused(repo: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text((repo / DOCUMENT).read_text())
    (repo / DOCUMENT).unlink()
    (repo / DOCUMENT).symlink_to(outside)
    assert "is, or lies behind, a symbolic link" in mdrepo("validate", cwd=repo, code=1).out
    assert mdrepo("format", cwd=repo, code=1).err
    (repo / DOCUMENT).unlink()
    git("checkout", "-q", "--", ".", cwd=repo)
    edit(repo, lambda v: v["weights"]["artefact"].update(path="../../etc/passwd"))
    assert "leads out of the repository" in mdrepo("validate", cwd=repo, code=1).out


def test_a_document_cannot_write_to_the_terminal(repo: Path) -> None:
    edit(repo, lambda v: v.update(description="\x1b[31mred\x1b[0m \u202e \u200b"))
    shown = mdrepo("diff", cwd=repo).out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\u200b" not in shown


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04 not a zip", npz(x=[[1.0]], y=[[1]])[:60]],
)
def test_broken_data_is_named(repo: Path, content: bytes) -> None:
    track(repo, "data/net-test.npz", content)
    assert "data/net-test.npz: is no zip archive, as an .npz file is" in mdrepo("patch", cwd=repo, code=1).out


def test_pickled_arrays_are_refused(repo: Path) -> None:
    import numpy as np

    track(repo, "data/net-test.npz", npz(x=np.array([{}, {}], dtype=object), y=[1, 2]))
    assert "is pickled, which could run code" in mdrepo("patch", cwd=repo, code=1).out


def test_a_note_that_is_no_evaluation(repo: Path) -> None:
    git("notes", "--ref=mdrepo", "add", "-m", "hello", cwd=repo)
    assert "not evaluated" in mdrepo("log", cwd=repo).out
    assert "not evaluated" in mdrepo("status", cwd=repo).out
    mdrepo("show", cwd=repo)


def test_names_with_spaces_quotes_and_umlauts(repo: Path) -> None:
    name = 'metadata/sub dir/it\'s "ä".json'
    (repo / name).parent.mkdir()
    (repo / name).write_text((repo / "metadata/net-test.json").read_text())
    mdrepo("validate", name, cwd=repo)
    mdrepo("commit", "--no-eval", "-m", "Odd name", cwd=repo)
    edit(repo, lambda v: v.update(description="x"), name)
    assert name in mdrepo("diff", cwd=repo).out
    mdrepo("commit", "--no-eval", "-m", "Odd name", name, cwd=repo)
    assert load(repo, name)["description"] == "x"
    assert len(mdrepo("log", "--", name, cwd=repo).out.splitlines()) == 2


def test_data_are_not_brought_back_through_a_link(repo: Path, tmp_path: Path) -> None:
    track(repo, "models/net.keras", keras_file(3, seed=1))
    mdrepo("patch", "--apply", cwd=repo)
    mdrepo("commit", "--no-eval", "-m", "Second", cwd=repo)
    (tmp_path / "elsewhere").mkdir()
    for path in (repo / "models").iterdir():
        path.rename(tmp_path / "elsewhere" / path.name)
    (repo / "models").rmdir()
    (repo / "models").symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere/net.keras").read_bytes()
    assert mdrepo("checkout", "HEAD~1", "--", DOCUMENT, cwd=repo, code=None).code in (1, 3)
    assert (tmp_path / "elsewhere/net.keras").read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_and_a_reader_that_went_away(repo: Path) -> None:
    import subprocess
    import sys

    command = f"{sys.executable} -m mdrepo log"
    done = subprocess.run(["bash", "-c", f"{command} > /dev/full"], cwd=repo, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "mdrepo: output: No space left on device\n")
    piped = f"set -o pipefail; {command} | true"
    assert subprocess.run(["bash", "-c", piped], cwd=repo, capture_output=True, check=False).returncode == 0


def test_a_name_cannot_forge_a_line(repo: Path) -> None:
    (repo / "metadata/a\n  changed   b.json").write_text("{}")
    assert "metadata/a\\u000a  changed   b.json" in mdrepo("status", cwd=repo).out
