"""The commands in order, on a small repository with real git, and DVC where it is needed; no TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, dvc, edit, git, keras_file, load, mdrepo, npz, state, track


def test_new_reads_off_what_can_be_read_off(repo: Path) -> None:
    model, data = load(repo), load(repo, "metadata/net-test.json")
    assert model["structure"]["parameters"] == {"total": 27, "trainable": 27}
    assert [layer["name"] for layer in model["structure"]["layers"]] == ["input", "hidden", "head"]
    assert model["labels"] == [{"name": str(i), "index": i} for i in range(3)]
    assert model["evaluation"]["dataset"] == "metadata/net-test.json"
    assert data["classes"] == [{"value": i, "name": str(i), "count": 4} for i in range(3)]
    assert data["arrays"][0] == {"name": "x", "shape": [12, 4], "dtype": "float64", "minimum": 0.0, "maximum": 11.0, "mean": 5.5}
    assert (data["inputs"], data["target"], data["examples"]) == (["x"], "y", 12)


def test_new_from_a_csv(repo: Path) -> None:
    track(repo, "data/flowers.csv", b"petal,leaf,class\n1.5,2,a\n,3,b\n2.5,4,a\n")
    mdrepo("new", "dataset", "flowers", cwd=repo)
    content = load(repo, "metadata/flowers.json")
    assert (content["inputs"], content["target"], content["examples"]) == (["petal", "leaf"], "class", 3)
    petal = {"name": "petal", "type": "number", "missing": 1, "minimum": 1.5, "maximum": 2.5, "mean": 2.0}
    assert content["columns"][0] == petal | {"quantiles": {"0.05": 1.5, "0.25": 1.5, "0.5": 1.5, "0.75": 2.5, "0.95": 2.5}}
    assert content["columns"][1]["type"] == "integer"
    assert content["classes"] == [{"value": "a", "name": "a", "count": 2}, {"value": "b", "name": "b", "count": 1}]
    mdrepo("validate", cwd=repo)


def test_new_refuses_what_is_there_or_not_tracked(repo: Path) -> None:
    assert "is there already" in mdrepo("new", "model", "net", cwd=repo, code=1).err
    result = mdrepo("new", "model", "other", cwd=repo, code=1)
    assert "DVC tracks no model file called other" in result.err
    assert "--artefact PATH" in result.err
    assert "dvc add models/x.keras" in mdrepo("new", "model", "x", "--artefact", "models/x.keras", cwd=repo, code=1).err
    (repo / "models/x.keras").write_bytes(keras_file(3))
    assert "run 'dvc add models/x.keras'" in mdrepo("new", "model", "x", cwd=repo, code=1).err
    track(repo, "models/x.keras", keras_file(3))
    assert "no test data called x-test: nothing is evaluated until" in mdrepo("new", "model", "x", cwd=repo).err


def test_status_says_new_changed_deleted_invalid_stale_and_modified(repo: Path) -> None:
    assert "nothing to commit, nothing stale" in mdrepo("status", cwd=repo).out
    edit(repo, lambda v: v.update(description="x"))
    track(repo, "models/net.keras", keras_file(3, seed=1))
    (repo / "data/net-test.npz").write_bytes(npz(x=[[1.0] * 4], y=[0]))
    (repo / "metadata/loose.json").write_text("{}")
    out = mdrepo("status", cwd=repo).out
    assert f"changed   {DOCUMENT}" in out
    assert "stale: models/net.keras has changed since the last patch (5 derived fields" in out
    assert "data/net-test.npz is not what DVC recorded: run 'dvc add data/net-test.npz'" in out
    (repo / "data/net-test.npz.dvc").unlink()
    (repo / "dvc.lock").write_text(f"stages: {{make: {{cmd: x, outs: [{{path: data/net-test.npz, md5: {'a' * 32}, size: 1}}]}}}}")
    assert "data/net-test.npz is not what DVC recorded: run 'dvc commit'" in mdrepo("status", cwd=repo).out
    assert "new       metadata/loose.json" in out
    assert "names no schema" in out
    (repo / DOCUMENT).unlink()
    answer = mdrepo("status", "--json", cwd=repo).json
    assert {d["path"]: d["state"] for d in answer["documents"]}[DOCUMENT] == "deleted"
    assert answer["unrecorded"] == ["data/net-test.npz"]
    git("rm", "-q", "--cached", DOCUMENT, cwd=repo)
    assert f"deleted   {DOCUMENT}" in mdrepo("status", cwd=repo).out


def test_a_patch_follows_the_artefact_and_keeps_what_people_wrote(repo: Path) -> None:
    edit(repo, lambda v: v["labels"][1].update(description="by hand"))
    edit(repo, lambda v: v["structure"].update(framework="mine"))
    track(repo, "models/net.keras", keras_file(5, seed=1, frozen=True))
    track(repo, "data/net-test.npz", npz(x=[[1.0] * 4] * 10, y=[0, 1, 2, 3, 4] * 2))
    mdrepo("patch", "--check", cwd=repo, code=1)
    before = state(repo)
    shown = mdrepo("patch", cwd=repo)
    assert "from models/net.keras by keras 3:" in shown.out
    assert "/structure/parameters/total: 27 -> 35  (+8, +29.6%)" in shown.out
    assert state(repo) == before
    applied = mdrepo("patch", "--apply", cwd=repo)
    assert "/labels/1/description: kept as people wrote it" in applied.out
    model = load(repo)
    assert model["structure"]["framework"] == "mine"
    assert model["structure"]["layers"][1]["trainable"] is False
    assert [label["name"] for label in model["labels"]] == ["0", "1", "2", "3", "4"]
    assert model["labels"][1]["description"] == "by hand"
    mdrepo("patch", "--check", cwd=repo)
    mdrepo("validate", cwd=repo)
    result = mdrepo("patch", cwd=repo)
    assert (result.out, result.err) == ("Every derived field is what its artefact says\n", "")
    (repo / "data/net-test.npz").write_bytes(npz(x=[[1.0] * 4], y=[0]))
    assert "data/net-test.npz is not what DVC recorded: run 'dvc add data/net-test.npz'" in mdrepo("patch", cwd=repo).err


def test_a_field_that_both_changed_is_a_conflict_until_it_is_settled(repo: Path) -> None:
    edit(repo, lambda v: v["structure"]["parameters"].update(trainable=7))
    track(repo, "models/net.keras", keras_file(3, seed=1, frozen=True))
    result = mdrepo("patch", "--apply", cwd=repo, code=1)
    assert "conflict /structure/parameters/trainable: it was 27" in result.out
    assert "by hand: 7" in result.out
    assert "derived from models/net.keras by keras 3: 12" in result.out
    assert load(repo)["structure"]["parameters"]["trainable"] == 7
    assert load(repo)["structure"]["layers"][1]["trainable"] is False, "the rest is merged"
    again = mdrepo("patch", "--json", cwd=repo, code=1).json["documents"][1]["conflicts"]
    assert again == [{"pointer": "/structure/parameters/trainable", "base": 27, "manual": 7, "derived": 12}]
    mdrepo("patch", "--apply", "--keep-manual", f"{DOCUMENT}#/structure/parameters/trainable", cwd=repo)
    assert load(repo)["structure"]["parameters"]["trainable"] == 7
    mdrepo("patch", "--check", cwd=repo)
    track(repo, "models/net.keras", keras_file(3, seed=2))
    mdrepo("patch", "--apply", cwd=repo, code=1)
    mdrepo("patch", "--apply", "--take-derived", "#/structure/parameters", cwd=repo)
    assert load(repo)["structure"]["parameters"]["trainable"] == 27


def test_saving_the_same_weights_again_changes_only_the_file_s_own_digest(repo: Path) -> None:
    track(repo, "models/net.keras", keras_file(3, saved="2027-01-01"))
    document = mdrepo("patch", "--json", cwd=repo).json["documents"][1]
    assert [change["pointer"] for change in document["changes"]] == ["/weights/artefact/md5"]


def test_a_field_whose_artefact_is_not_here_is_left_alone_and_reported(repo: Path) -> None:
    track(repo, "models/net.keras", keras_file(3, seed=1))
    (repo / "models/net.keras").unlink()
    result = mdrepo("patch", cwd=repo, code=1)
    assert "models/net.keras is not here, its fields are left alone: run 'dvc pull models/net.keras'" in result.out
    assert "/structure" not in result.out


def test_derivation_is_the_same_in_every_clone(repo: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git("clone", "-q", str(repo), str(clone), cwd=tmp_path)
    for path in ("models/net.keras", "data/net-test.npz"):
        (clone / path).write_bytes((repo / path).read_bytes())
    (clone / f"{DOCUMENT}.lock").unlink()
    mdrepo("patch", "--apply", cwd=clone)
    assert git("status", "--porcelain", cwd=clone) == ""


def test_commit_takes_everything_that_belongs_together(repo: Path) -> None:
    track(repo, "models/net.keras", keras_file(3, seed=1))
    mdrepo("patch", "--apply", cwd=repo)
    (repo / "unrelated.txt").write_text("x")
    result = mdrepo("commit", "--no-eval", "-m", "Second", cwd=repo)
    assert "not evaluated" in result.out
    files = git("show", "--name-only", "--format=", "HEAD", cwd=repo).splitlines()
    assert files == [DOCUMENT, f"{DOCUMENT}.lock", "models/net.keras.dvc"]
    assert git("status", "--porcelain", cwd=repo) == "?? unrelated.txt"


def test_a_staged_document_is_committed_as_staged(repo: Path) -> None:
    edit(repo, lambda v: v.update(description="staged"))
    git("add", DOCUMENT, cwd=repo)
    edit(repo, lambda v: v.update(description="not staged"))
    result = mdrepo("commit", "--no-eval", "-m", "Staged", cwd=repo)
    assert f"1 changed document not staged, not committed: {DOCUMENT}" in result.err
    assert json.loads(git("show", f"HEAD:{DOCUMENT}", cwd=repo))["description"] == "staged"
    assert load(repo)["description"] == "not staged"
    assert git("status", "--porcelain", cwd=repo) == f"M {DOCUMENT}"


def test_named_paths_are_committed_alone(repo: Path) -> None:
    edit(repo, lambda v: v.update(description="one"))
    edit(repo, lambda v: v.update(description="two"), "metadata/net-test.json")
    (repo / "note.txt").write_text("x")
    git("add", "note.txt", cwd=repo)
    mdrepo("commit", "--no-eval", "-m", "One", DOCUMENT, cwd=repo)
    assert git("show", "--name-only", "--format=", "HEAD", cwd=repo) == DOCUMENT
    assert git("status", "--porcelain", cwd=repo).splitlines() == ["M metadata/net-test.json", "A  note.txt"]


def test_an_invalid_document_is_not_committed(repo: Path) -> None:
    edit(repo, lambda v: v.update(task="guessing"))
    before = state(repo)
    result = mdrepo("commit", "--no-eval", "-m", "Bad", cwd=repo, code=1)
    assert "/task" in result.out
    assert "nothing committed" in result.err
    assert state(repo) == before


def test_nothing_to_commit(repo: Path) -> None:
    assert "nothing to commit" in mdrepo("commit", "-m", "x", cwd=repo, code=1).err


def test_the_user_s_hooks_run_and_can_refuse(repo: Path) -> None:
    hook = repo / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\ngit diff --cached --name-only > hooked.txt\nexit 1\n")
    hook.chmod(0o755)
    edit(repo, lambda v: v.update(description="x"))
    index = git("ls-files", "-s", cwd=repo)
    assert "git made no commit" in mdrepo("commit", "--no-eval", "-m", "x", cwd=repo, code=1).err
    assert (repo / "hooked.txt").read_text() == f"{DOCUMENT}\n"
    assert git("ls-files", "-s", cwd=repo) == index


def test_diff_of_work_tree_index_and_revisions(repo: Path) -> None:
    edit(repo, lambda v: v.update(description="one"))
    assert '+ /description: "one"' in mdrepo("diff", cwd=repo).out
    git("add", DOCUMENT, cwd=repo)
    assert mdrepo("diff", cwd=repo).out == ""
    assert '+ /description: "one"' in mdrepo("diff", "--staged", cwd=repo).out
    mdrepo("commit", "--no-eval", "-m", "One", cwd=repo)
    assert '+ /description: "one"' in mdrepo("diff", "HEAD~1", "HEAD", cwd=repo).out
    assert '- /description: "one"' in mdrepo("diff", "HEAD..HEAD~1", cwd=repo).out
    assert mdrepo("diff", "HEAD~1", "--exit-code", cwd=repo, code=1).out.startswith(f"{DOCUMENT}  1 change, descriptive\n")
    assert mdrepo("diff", "HEAD~1", "--", f"{DOCUMENT}#/labels", cwd=repo).out == ""
    assert mdrepo("diff", "HEAD~1", "--stat", cwd=repo).out == (
        f"{DOCUMENT} | 1 change, descriptive\n1 document changed, 1 change, highest class: descriptive\n"
    )
    changes = mdrepo("diff", "HEAD~1", "--json", cwd=repo).json["documents"][0]["changes"]
    assert changes == [{"kind": "added", "pointer": "/description", "new": "one", "class": "descriptive"}]
    operations = mdrepo("diff", "HEAD~1", "--format", "patch", cwd=repo).json["documents"][0]["operations"]
    assert operations == [{"op": "add", "path": "/description", "value": "one"}]


def test_a_tolerant_diff(repo: Path) -> None:
    edit(repo, lambda v: v["evaluation"]["tolerance"].update(accuracy=0.0100001))
    assert mdrepo("diff", "--exit-code", cwd=repo, code=1).out
    assert mdrepo("diff", "--exit-code", "--significant-digits", "4", cwd=repo).out == ""


def test_log_and_show(repo: Path) -> None:
    edit(repo, lambda v: v.update(description="one"))
    mdrepo("commit", "--no-eval", "-m", "One", cwd=repo)
    edit(repo, lambda v: v.update(license="MIT"))
    mdrepo("commit", "--no-eval", "-m", "Two", cwd=repo)
    assert [line.split("  ")[-1] for line in mdrepo("log", cwd=repo).out.splitlines()] == ["Two", "One", "First"]
    assert [c["subject"] for c in mdrepo("log", "--json", f"{DOCUMENT}#/description", cwd=repo).json["commits"]] == ["One"]
    assert len(mdrepo("log", "-n", "1", cwd=repo).out.splitlines()) == 1
    assert len(mdrepo("log", "HEAD~1..HEAD", cwd=repo).out.splitlines()) == 1
    shown = mdrepo("show", cwd=repo).out
    assert '+ /license: "MIT"' in shown
    assert "not evaluated" in shown
    assert mdrepo("show", f"HEAD~1:{DOCUMENT}", cwd=repo).out == git("show", f"HEAD~1:{DOCUMENT}", cwd=repo) + "\n"


def test_format_is_a_choice(repo: Path) -> None:
    (repo / DOCUMENT).write_text(json.dumps(load(repo)))
    assert f"not formatted: {DOCUMENT}" in mdrepo("format", "--check", cwd=repo, code=1).out
    mdrepo("format", cwd=repo)
    mdrepo("format", "--check", cwd=repo)
    assert git("status", "--porcelain", cwd=repo) == ""


def test_checkout_moves_documents_and_data_together(repo: Path) -> None:
    first = (repo / "models/net.keras").read_bytes()
    track(repo, "models/net.keras", keras_file(3, seed=1))
    mdrepo("patch", "--apply", cwd=repo)
    mdrepo("commit", "--no-eval", "-m", "Second", cwd=repo)
    second = (repo / "models/net.keras").read_bytes()
    assert "1 artefact brought back" in mdrepo("checkout", "HEAD~1", cwd=repo).out
    assert (repo / "models/net.keras").read_bytes() == first
    assert "HEAD is detached" in mdrepo("status", cwd=repo).out
    mdrepo("checkout", "main", cwd=repo)
    assert (repo / "models/net.keras").read_bytes() == second
    mdrepo("checkout", "HEAD~1", "--", DOCUMENT, cwd=repo)
    assert (repo / "models/net.keras").read_bytes() == first
    assert git("diff", "--cached", "--name-only", cwd=repo).splitlines() == [DOCUMENT, f"{DOCUMENT}.lock", "models/net.keras.dvc"]
    dvc("status", "-q", cwd=repo)


def test_checkout_refuses_to_overwrite_and_keeps_with_force(repo: Path) -> None:
    track(repo, "models/net.keras", keras_file(3, seed=1))
    mdrepo("patch", "--apply", cwd=repo)
    mdrepo("commit", "--no-eval", "-m", "Second", cwd=repo)
    edit(repo, lambda v: v.update(description="mine"))
    before = state(repo)
    assert DOCUMENT in mdrepo("checkout", "HEAD~1", cwd=repo, code=1).err
    assert state(repo) == before
    (repo / "models/net.keras").write_bytes(b"mine too")
    before = state(repo)
    assert "models/net.keras has changes that DVC does not have" in mdrepo("checkout", "HEAD~1", cwd=repo, code=1).err
    assert state(repo) == before
    result = mdrepo("checkout", "--force", "HEAD~1", cwd=repo)
    assert "put aside" in result.err
    assert "mine" in git("stash", "show", "-p", cwd=repo)
    assert [file.read_bytes() for file in (repo / ".git/mdrepo/kept").rglob("net.keras")] == [b"mine too"]


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        # an item of a list is the one with its name, wherever it stands now
        (lambda sites: sites.reverse(), "0/at", [("two", 2), ("one", 1)]),
        (lambda sites: sites.reverse(), "two/at", [("two", 2), ("one", 1)]),
        (lambda sites: sites.pop(0), "one", [("one", 1), ("two", 0)]),
        (lambda sites: sites.append({"name": "three", "at": 3}), "three", [("one", 1), ("two", 0)]),
        (lambda sites: sites.append({"name": "three", "at": 3}), "1", [("one", 1), ("two", 2), ("three", 3)]),
    ],
)
def test_rollback_of_a_field_leaves_what_came_later_elsewhere(
    repo: Path, change: Callable[[Any], Any], field: str, expected: list[tuple[str, int]]
) -> None:
    def worse(sites: Any) -> None:
        sites[1]["at"] = 0
        change(sites)

    edit(repo, lambda v: v.update(extensions={"sites": [{"name": "one", "at": 1}, {"name": "two", "at": 2}]}))
    mdrepo("commit", "--no-eval", "-am", "Sites", cwd=repo)
    edit(repo, lambda v: worse(v["extensions"]["sites"]))
    mdrepo("commit", "--no-eval", "-am", "Worse", cwd=repo)
    edit(repo, lambda v: v.update(license="MIT"))
    mdrepo("commit", "--no-eval", "-am", "Licence", cwd=repo)
    mdrepo("rollback", "--no-eval", "HEAD~2", f"{DOCUMENT}#/extensions/sites/{field}", cwd=repo)
    assert [(each["name"], each["at"]) for each in load(repo)["extensions"]["sites"]] == expected
    assert load(repo)["license"] == "MIT"
    assert "neither then nor now" in mdrepo("rollback", "HEAD~2", f"{DOCUMENT}#/extensions/none", cwd=repo, code=2).err


def test_rollback_of_everything_a_document_and_a_field(repo: Path) -> None:
    first = (repo / "models/net.keras").read_bytes()
    track(repo, "models/net.keras", keras_file(3, seed=1))
    mdrepo("patch", "--apply", cwd=repo)
    edit(repo, lambda v: v.update(description="later"))
    mdrepo("commit", "--no-eval", "-m", "Second", cwd=repo)
    edit(repo, lambda v: (v.update(license="MIT"), v["labels"][0].update(description="zero")))
    mdrepo("commit", "--no-eval", "-m", "Third", cwd=repo)
    mdrepo("rollback", "--no-eval", "HEAD~1", f"{DOCUMENT}#/labels", cwd=repo)
    assert "description" not in load(repo)["labels"][0]
    assert load(repo)["license"] == "MIT", "later edits elsewhere stay"
    assert git("log", "-1", "--format=%s", cwd=repo).startswith(f"Roll back {DOCUMENT}#/labels to ")
    mdrepo("rollback", "--no-eval", "HEAD~3", DOCUMENT, cwd=repo)
    assert (repo / "models/net.keras").read_bytes() == first
    assert "license" not in load(repo)
    assert git("status", "--porcelain", cwd=repo) == ""
    mdrepo("rollback", "--no-eval", "HEAD~1", cwd=repo)
    assert load(repo)["description"] == "later"
    assert (repo / "models/net.keras").read_bytes() != first
    assert "is as it was in" in mdrepo("rollback", "HEAD", cwd=repo, code=1).err


def test_rollback_with_force_puts_aside_what_is_in_the_way_and_nothing_else(repo: Path) -> None:
    first = (repo / "models/net.keras").read_bytes()
    track(repo, "models/net.keras", keras_file(3, seed=1))
    mdrepo("patch", "--apply", cwd=repo)
    mdrepo("commit", "--no-eval", "-am", "Second", cwd=repo)
    edit(repo, lambda v: v.update(description="in the way"))
    (repo / "models/net.keras").write_bytes(b"trained, and not recorded")
    mdrepo("new", "dataset", "other", "--artefact", "data/net-test.npz", cwd=repo)  # in nobody's way
    edit(repo, lambda v: v.update(description="staged"), "metadata/net-test.json")
    git("add", "metadata/net-test.json", cwd=repo)
    before = state(repo)
    assert "--force" in mdrepo("rollback", "--no-eval", "HEAD~1", DOCUMENT, cwd=repo, code=1).err
    assert state(repo) == before
    said = mdrepo("rollback", "--no-eval", "--force", "HEAD~1", DOCUMENT, cwd=repo).err
    assert DOCUMENT in said
    assert [each.read_bytes() for each in (repo / ".git/mdrepo/kept").rglob("net.keras")] == [b"trained, and not recorded"]
    assert (repo / "models/net.keras").read_bytes() == first
    assert load(repo).get("description") != "in the way"
    assert load(repo, "metadata/net-test.json")["description"] == "staged"
    assert git("status", "--porcelain", cwd=repo).splitlines()[0] == "M  metadata/net-test.json"
    assert (repo / "metadata/other.json").exists()
    git("stash", "pop", "-q", cwd=repo)
    assert load(repo)["description"] == "in the way"


def test_a_rollback_overwrites_no_file_that_git_ignores(repo: Path) -> None:
    path, other = repo / "metadata/old.json", "metadata/net-test.json"
    path.write_text((repo / other).read_text().replace('"net-test"', '"old"'))
    (repo / f"{path}.lock").write_bytes((repo / f"{other}.lock").read_bytes())
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Old", cwd=repo)
    git("rm", "-qr", "metadata/old.json", "metadata/old.json.lock", cwd=repo)
    (repo / ".git/info/exclude").write_text("old.json\n")
    git("commit", "-qm", "Gone", cwd=repo)
    path.write_text('{"my": "own notes"}')
    before = state(repo)
    assert "metadata/old.json has changes that no commit has" in mdrepo("rollback", "--no-eval", "HEAD~1", cwd=repo, code=1).err
    assert state(repo) == before
    assert path.read_text() == '{"my": "own notes"}'
    assert "--force" in mdrepo("checkout", "HEAD~1", "--", "metadata/old.json", cwd=repo, code=1).err
    for words in (["checkout", "HEAD~1"], ["checkout", "--force", "HEAD~1"]):
        assert "metadata/old.json would be overwritten, and git ignores it" in mdrepo(*words, cwd=repo, code=1).err
    assert state(repo) == before
    mdrepo("checkout", "--force", "HEAD~1", "--", "metadata/old.json", cwd=repo)
    assert git("show", "stash@{0}^3:metadata/old.json", cwd=repo) == '{"my": "own notes"}'
    git("reset", "-q", "--hard", cwd=repo)
    path.write_text('{"my": "own notes"}')
    mdrepo("rollback", "--no-eval", "--force", "HEAD~1", cwd=repo)
    assert load(repo, "metadata/old.json")["name"] == "old"
    assert git("show", "stash@{0}:metadata/old.json", cwd=repo) == '{"my": "own notes"}'


def test_data_that_git_had_before_dvc_did_come_back(repo: Path) -> None:
    """git ignores what DVC has, and what DVC has is nobody's loss."""
    small = repo / "data/small.csv"
    small.write_text("a,b\n1,2\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "In git", cwd=repo)
    git("rm", "-q", "--cached", "data/small.csv", cwd=repo)
    track(repo, "data/small.csv", b"a,b\n3,4\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "In DVC", cwd=repo)
    mdrepo("checkout", "HEAD~1", cwd=repo)
    assert small.read_text() == "a,b\n1,2\n"
    mdrepo("checkout", "-", cwd=repo)
    assert small.read_text() == "a,b\n3,4\n"


def test_one_document_comes_back_and_other_data_stay_ignored(repo: Path) -> None:
    """DVC keeps the names of all data of a folder in one `.gitignore`."""
    track(repo, "data/more.npz", npz(x=[[1.0] * 4] * 3, y=[0, 1, 2]))
    track(repo, "models/other.keras", keras_file(3, seed=2))
    edit(repo, lambda v: v.update(description="later"), "metadata/net-test.json")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "More data", cwd=repo)
    ignoring = (repo / "data/.gitignore").read_text()
    assert "/more.npz" in ignoring
    for words in (
        ["checkout", "HEAD~1", "--", "metadata/net-test.json"],
        ["rollback", "--no-eval", "HEAD~1", "metadata/net-test.json"],
    ):
        mdrepo(*words, cwd=repo)
        assert load(repo, "metadata/net-test.json").get("description") != "later"
        assert (repo / "data/.gitignore").read_text() == ignoring
        git("reset", "-q", "--hard", "HEAD" if words[0] == "checkout" else "HEAD~1", cwd=repo)
    git("rm", "-q", "metadata/net-test.json", "data/net-test.npz.dvc", cwd=repo)
    (repo / "data/.gitignore").write_text("/more.npz")  # as the user wrote it
    git("add", "-A", "--", "data/.gitignore", cwd=repo)
    git("commit", "-qm", "Without the test data", cwd=repo)
    mdrepo("rollback", "--no-eval", "HEAD~1", "metadata/net-test.json", cwd=repo)
    assert (repo / "data/.gitignore").read_text() == "/more.npz\n/net-test.npz\n"
    assert git("status", "--porcelain", cwd=repo) == ""
    git("reset", "-q", "--hard", "HEAD~1", cwd=repo)
    mdrepo("rollback", "--no-eval", "HEAD~1", cwd=repo)  # of everything, likewise
    assert (repo / "data/.gitignore").read_text() == "/more.npz\n/net-test.npz\n"
    assert git("status", "--porcelain", cwd=repo) == ""


def test_rollback_of_a_folder(repo: Path) -> None:
    edit(repo, lambda v: v.update(description="later"))
    (repo / "metadata/new.json").write_bytes((repo / "metadata/net-test.json").read_bytes())
    mdrepo("commit", "--no-eval", "-m", "Later", cwd=repo)
    mdrepo("rollback", "--no-eval", "HEAD~1", "metadata", cwd=repo)
    assert load(repo).get("description") != "later"
    assert not (repo / "metadata/new.json").exists()
    assert git("status", "--porcelain", cwd=repo) == ""


def test_data_that_lie_here_still_are_no_changes(repo: Path) -> None:
    """A rollback takes a pointer away and leaves its file, as git does with what is ignored; undoing it finds the file."""
    track(repo, "data/more.npz", npz(x=[[1.0] * 4] * 3, y=[0, 1, 2]))
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "More data", cwd=repo)
    mdrepo("rollback", "HEAD~1", "--no-eval", cwd=repo)
    assert not (repo / "data/more.npz.dvc").exists()
    assert (repo / "data/more.npz").exists()
    mdrepo("rollback", "HEAD~1", "--no-eval", cwd=repo)
    assert (repo / "data/more.npz.dvc").exists()
    mdrepo("rollback", "HEAD~1", "--no-eval", cwd=repo)
    (repo / "data/more.npz").write_bytes(b"other")
    assert "has changes that DVC does not have" in mdrepo("rollback", "HEAD~1", "--no-eval", cwd=repo, code=1).err


def test_rollback_refuses_what_would_be_invalid_or_lost(repo: Path) -> None:
    edit(repo, lambda v: v.update(decision={"rule": "threshold", "thresholds": {"0": 0.5}}))
    mdrepo("commit", "--no-eval", "-m", "Second", cwd=repo)
    edit(repo, lambda v: v.update(license="MIT"))
    before = state(repo)
    assert "changes that no commit has" in mdrepo("rollback", "HEAD~1", cwd=repo, code=1).err
    assert state(repo) == before
    git("checkout", "-q", "--", ".", cwd=repo)
    before = state(repo)
    result = mdrepo("rollback", "--no-eval", "HEAD~1", f"{DOCUMENT}#/decision/thresholds", cwd=repo, code=1)
    assert "the field 'thresholds' is missing" in result.out
    assert state(repo) == before


def test_init_in_a_dvc_repository_with_json_already_in_it(tmp_path: Path) -> None:
    git("init", "-q", cwd=tmp_path)
    dvc("init", "-q", cwd=tmp_path)
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata/old.json").write_text('{"version": "1.0"}')
    (tmp_path / ".gitattributes").write_text("*.png binary")
    result = mdrepo("init", cwd=tmp_path)
    assert "1 of 1 JSON files name no schema (metadata/old.json)" in result.out
    assert (tmp_path / ".gitattributes").read_text() == (
        "*.png binary\n*.json.lock linguist-generated merge=mdrepo\nmetadata/**/*.json merge=mdrepo diff=mdrepo\n"
    )
    assert (tmp_path / "metadata/old.json").read_text() == '{"version": "1.0"}'
    again = state(tmp_path)
    assert "+" not in mdrepo("init", cwd=tmp_path).out
    assert state(tmp_path) == again


def test_init_without_the_dvc_extra(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    (blocked / "dvc").mkdir(parents=True)
    (blocked / "dvc/__init__.py").write_text("raise ImportError('not here')")
    result = mdrepo("init", "new", cwd=tmp_path, env={"PYTHONPATH": str(blocked)})
    assert "! DVC is not installed, so no data are tracked: pip install 'mdrepo-ml[dvc]'" in result.out
    assert (tmp_path / "new/mdrepo.toml").exists()
    assert not (tmp_path / "new/.dvc").exists()


def test_doctor(repo: Path) -> None:
    assert "look" not in mdrepo("doctor", cwd=repo).out
    (repo / "mdrepo.toml").unlink()
    assert "there is no mdrepo.toml" in mdrepo("doctor", cwd=repo, code=1).out
    mdrepo("doctor", "--fix", cwd=repo)
    assert (repo / "mdrepo.toml").exists()


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete -o nosort -F"), ("zsh", "#compdef mdrepo"), ("fish", "complete --no-files")]
)
def test_completion(tmp_path: Path, shell: str, mark: str) -> None:
    assert mark in mdrepo("completion", shell, cwd=tmp_path).out


def test_completion_knows_the_commands(tmp_path: Path) -> None:
    asked = {"_MDREPO_COMPLETE": "bash_complete", "COMP_WORDS": "mdrepo st", "COMP_CWORD": "1"}
    assert mdrepo(cwd=tmp_path, env=asked, code=None).out.strip() == "plain,status"


def test_hand_written_labels_are_not_mixed_with_derived_ones(repo: Path) -> None:
    """A document that was never patched has nothing to merge from: two label maps are a conflict, and not twice the labels."""
    (repo / f"{DOCUMENT}.lock").unlink()
    edit(repo, lambda v: v.update(labels=[{"name": name, "index": index} for index, name in enumerate("abc")]))
    result = mdrepo("patch", "--apply", cwd=repo, code=1)
    assert "conflict /labels: it was not there" in result.out
    assert [label["name"] for label in load(repo)["labels"]] == ["a", "b", "c"]
    mdrepo("patch", "--apply", "--keep-manual", "#/labels", cwd=repo)
    assert [label["name"] for label in load(repo)["labels"]] == ["a", "b", "c"]
    mdrepo("patch", "--check", cwd=repo)


def test_a_fresh_clone_without_the_data_knows_what_is_derived(repo: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git("clone", "-q", str(repo), str(clone), cwd=tmp_path)
    assert mdrepo("patch", "--check", cwd=clone).out == "Every derived field is what its artefact says\n"
    assert "nothing stale" in mdrepo("status", cwd=clone).out


def test_settling_what_is_no_conflict_is_an_error(repo: Path) -> None:
    for name in ("#/nosuch", "metadata/nope.json#/x"):
        assert f"there is no conflict at {name}" in mdrepo("patch", "--apply", "--keep-manual", name, cwd=repo, code=1).err


def test_labels_are_derived_only_where_an_artefact_says_their_order(repo: Path) -> None:
    """Names as classes say nothing of which output is which; a guess would be a wrong label map that looks derived."""
    track(repo, "models/two.keras", keras_file(3))
    track(repo, "data/two-test.npz", npz(x=[[1.0] * 4] * 6, y=["cat", "ant", "bee"] * 2))
    result = mdrepo("new", "model", "two", cwd=repo)
    assert "labels" not in load(repo, "metadata/two.json")
    assert "preprocessing, labels" in result.out


@pytest.mark.parametrize(
    ("kind", "path", "words"),
    [("model", "models/bad.keras", "not a .keras file"), ("dataset", "data/bad.npz", "is no zip archive")],
)
def test_no_document_is_made_of_what_cannot_be_read(repo: Path, kind: str, path: str, words: str) -> None:
    track(repo, path, b"PK broken")
    track(repo, "data/bad-test.npz", npz(x=[[1.0]], y=[0]))
    said = mdrepo("new", kind, "bad", cwd=repo, code=1).err
    assert f"{path}: {words}" in said
    assert not [*(repo / "metadata").glob("bad*")]


@pytest.mark.parametrize(
    ("name", "artefact"), [("a b", "models/net.keras"), ("../x", "models/net.keras"), ("x", "data/net-test.npz")]
)
def test_new_makes_no_document_that_cannot_be_right(repo: Path, name: str, artefact: str) -> None:
    before = state(repo)
    mdrepo("new", "model", name, "--artefact", artefact, cwd=repo, code=2)
    assert state(repo) == before


def test_status_names_every_file_that_a_commit_would_take(repo: Path) -> None:
    track(repo, "models/net.keras", keras_file(3, saved="later"))
    mdrepo("patch", "--apply", cwd=repo)
    git("checkout", "-q", "--", DOCUMENT, cwd=repo)
    out = mdrepo("status", cwd=repo).out
    assert f"changed   {DOCUMENT}.lock" in out
    assert "changed   models/net.keras.dvc" in out
    assert "nothing to commit" not in out


def test_a_lock_without_its_document_is_named(repo: Path) -> None:
    (repo / "metadata/net-test.json").unlink()
    assert "metadata/net-test.json.lock belongs to no document: git rm it" in mdrepo("status", cwd=repo).out


def test_a_merge_resolved_to_ours_can_be_concluded(repo: Path) -> None:
    git("checkout", "-qb", "side", cwd=repo)
    edit(repo, lambda v: v.update(description="theirs"))
    git("commit", "-qam", "side", cwd=repo)
    git("checkout", "-q", "main", cwd=repo)
    edit(repo, lambda v: v.update(description="ours"))
    git("commit", "-qam", "main", cwd=repo)
    ours = (repo / DOCUMENT).read_text()
    with pytest.raises(AssertionError):
        git("merge", "side", cwd=repo)
    assert "is in conflict" in mdrepo("checkout", "--force", "HEAD~1", cwd=repo, code=1).err
    (repo / DOCUMENT).write_text(ours)
    git("add", DOCUMENT, cwd=repo)
    mdrepo("commit", "--no-eval", "-m", "Ours it is", cwd=repo)
    assert len(git("log", "-1", "--format=%P", cwd=repo).split()) == 2


def test_a_folder_says_how_many_files_it_has(repo: Path) -> None:
    for name in ("cat/1.txt", "cat/2.txt", "dog/1.txt"):
        (repo / "data/pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / "data/pets" / name).write_text("x")
    dvc("add", "-q", "data/pets", cwd=repo)
    document = {"$schema": "urn:mdrepo:dataset:1", "name": "pets", "artefact": {"path": "data/pets"}}
    (repo / "metadata/pets.json").write_text(json.dumps(document))
    mdrepo("patch", "--apply", "metadata/pets.json", cwd=repo, code=None)
    artefact = load(repo, "metadata/pets.json")["artefact"]
    assert (artefact["files"], artefact["size"]) == (3, 3)
    assert artefact["md5"].endswith(".dir")
    assert "files" not in load(repo, "metadata/net-test.json")["artefact"]


def test_a_rollback_follows_a_document_to_its_old_name(repo: Path) -> None:
    git("tag", "start", cwd=repo)
    edit(repo, lambda v: v.update(description="since"))
    mdrepo("commit", "--no-eval", "-am", "Describe", cwd=repo)
    new = "metadata/cats.json"
    for name in (DOCUMENT, f"{DOCUMENT}.lock"):
        git("mv", name, name.replace(DOCUMENT, new), cwd=repo)
    mdrepo("commit", "--no-eval", "-am", "Rename", cwd=repo)
    edit(repo, lambda v: v.update(license="MIT"), new)
    mdrepo("commit", "--no-eval", "-am", "Licence", cwd=repo)
    mdrepo("rollback", "--no-eval", "start", f"{new}#/description", cwd=repo)
    found = load(repo, new)
    assert ("description" in found, found["license"]) == (False, "MIT")
    mdrepo("rollback", "--no-eval", "start", new, cwd=repo)
    assert (repo / new).read_text() == git("show", f"start:{DOCUMENT}", cwd=repo) + "\n"
    assert (repo / f"{new}.lock").exists()
    assert not (repo / DOCUMENT).exists()
    assert git("status", "--porcelain", cwd=repo) == ""
    assert f"{new} is as it was" in mdrepo("rollback", "start", new, cwd=repo, code=1).err
