"""What is known of documents that git says have not changed: with it a command says the same as without it, and reads less."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, copied, edit, git, keras_file, mdrepo, settled, track

from mdrepo.documents import read
from mdrepo.repository import Repository

DATA = "metadata/net-test.json"
LEDGER = ".git/mdrepo/ledger.db"


@pytest.fixture(scope="module")
def template(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Besides, ten data sets that nobody needs, and one that another document needs."""
    base = tmp_path_factory.getbasetemp()
    root = copied(repo_template, base / "surveyed")
    with settled(base):
        for number in range(10):
            content = json.loads((root / DATA).read_text())
            (root / f"metadata/d{number}.json").write_text(json.dumps({**content, "name": f"d{number}"}, indent=2) + "\n")
            (root / f"metadata/d{number}.json.lock").write_bytes((root / f"{DATA}.lock").read_bytes())
        edit(root, lambda v: v.update(training={"dataset": "metadata/d0.json"}))
        mdrepo("commit", "--no-eval", "-am", "More", cwd=root)
    return root


@pytest.fixture
def many(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path / "many")


def told(root: Path) -> Any:
    """What status and validate say; it must be what they say when nothing is known."""
    known = [mdrepo(*words, "--json", cwd=root, code=None).json for words in (("status",), ("validate",))]
    (root / LEDGER).unlink(missing_ok=True)
    assert known == [mdrepo(*words, "--json", cwd=root, code=None).json for words in (("status",), ("validate",))]
    return known


def states(root: Path) -> dict[str, str]:
    return {each["path"]: each["state"] for each in mdrepo("status", "--json", cwd=root).json["documents"]}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that are parsed."""
    found: list[str] = []

    def reading(data: bytes, path: str = "") -> Any:
        found.append(path)
        return read(data, path)

    monkeypatch.setattr("mdrepo.catalogue.read", reading)
    return found


def test_only_what_has_changed_and_what_needs_it_is_read(many: Path, reads: list[str]) -> None:
    Repository.open(many).status()
    assert {DOCUMENT, DATA, "metadata/d9.json"} <= {*reads}
    reads.clear()
    Repository.open(many).status()
    assert reads == []
    edit(many, lambda v: v.update(description="changed"), "metadata/d3.json")
    Repository.open(many).status()
    assert {*reads} == {"metadata/d3.json"}
    reads.clear()
    edit(many, lambda v: v.update(description="changed"), "metadata/d0.json")  # the model was trained on it
    Repository.open(many).validate()
    assert {"metadata/d0.json", "metadata/d3.json", DOCUMENT} <= {*reads}
    assert "metadata/d5.json" not in reads
    git("commit", "-qam", "By git alone", cwd=many)
    Repository.open(many).status()
    reads.clear()
    Repository.open(many).status()
    assert reads == []


def test_a_commit_reads_what_it_commits(many: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Repository.open(many).status()
    edit(many, lambda v: v.update(description="changed"), "metadata/d3.json")
    reads.clear()
    from mdrepo.committing import Terms

    Repository.open(many).commit(["-m", "Three"], ["metadata/d3.json"], terms=Terms(evaluate=False))
    assert {*reads} <= {"metadata/d3.json"}


def pointer(root: Path) -> None:
    track(root, "models/net.keras", keras_file(4, seed=8))


def schema(root: Path) -> None:
    (root / "schemas").mkdir(exist_ok=True)
    (root / "schemas/strict.json").write_text('{"required": ["nobody has this"]}')
    edit(root, lambda v: v.update({"$schema": "schemas/strict.json"}), "metadata/d1.json")
    git("add", "-A", cwd=root)
    git("commit", "-qm", "Strict", cwd=root)
    mdrepo("status", cwd=root)
    (root / "schemas/strict.json").write_text('{"required": ["name"]}')


def untracked(root: Path) -> None:
    (root / "metadata/new.json").write_bytes((root / "metadata/d1.json").read_bytes())


def renamed(root: Path) -> None:
    git("mv", "metadata/d0.json", "metadata/other.json", cwd=root)


def conflict(root: Path) -> None:
    git("checkout", "-qb", "side", cwd=root)
    edit(root, lambda v: v.update(description="theirs"), "metadata/d2.json")
    git("commit", "-qam", "Theirs", cwd=root)
    git("checkout", "-q", "main", cwd=root)
    edit(root, lambda v: v.update(description="ours"), "metadata/d2.json")
    git("commit", "-qam", "Ours", cwd=root)
    mdrepo("merge", "--no-eval", "side", cwd=root, code=1)


def removed(root: Path) -> None:
    (root / "metadata/d0.json").unlink()


def deleted_lock(root: Path) -> None:
    (root / "metadata/d4.json").unlink()


def intended(root: Path) -> None:
    untracked(root)
    git("add", "-N", "metadata/new.json", cwd=root)


def rubbish(root: Path) -> None:
    (root / "metadata/d6.json").write_text("{")


CHANGES: list[Callable[[Path], None]] = [pointer, schema, untracked, renamed, conflict, removed, deleted_lock, intended, rubbish]


@pytest.mark.parametrize("change", CHANGES)
def test_with_what_is_known_the_same_is_said(many: Path, change: Callable[[Path], None]) -> None:
    mdrepo("status", cwd=many)
    change(many)
    first = told(many)
    assert first == told(many)


def test_what_was_there_for_a_while_leaves_nothing(many: Path) -> None:
    before = states(many)
    untracked(many)
    intended(many)
    assert states(many)["metadata/new.json"] == "changed"  # as git calls what was only announced
    git("rm", "-q", "-f", "--cached", "metadata/new.json", cwd=many)
    (many / "metadata/new.json").unlink()
    assert states(many) == before
    removed(many)
    assert states(many)["metadata/d0.json"] == "deleted"
    git("checkout", "-q", "--", ".", cwd=many)
    assert states(many) == before


def test_any_history_of_edits_says_the_same(many: Path) -> None:
    """Edits, commits by git and by mdrepo, resets and branches, in any order."""
    choice = random.Random(5)
    mdrepo("status", cwd=many)
    for number in range(25):
        path = f"metadata/d{choice.randrange(4)}.json"
        match choice.randrange(6):
            case 0 | 1 if (many / path).exists():
                edit(many, lambda v, number=number: v.update(description=str(number)), path)  # type: ignore[misc]
            case 2:
                git("commit", "-q", "--allow-empty", "-am", "By git", cwd=many)
            case 3:
                git("reset", "-q", "--hard", "HEAD~1" if choice.random() < 0.5 and number > 5 else "HEAD", cwd=many)
            case 4:
                (many / path).unlink(missing_ok=True)
            case _:
                mdrepo("status", cwd=many)
        if number % 5 == 4:
            told(many)
            mdrepo("status", cwd=many)


@pytest.mark.parametrize("data", [b"", b"no database", None])
def test_a_ledger_that_is_broken_or_in_use_costs_time_alone(many: Path, data: bytes | None) -> None:
    known = states(many)
    edit(many, lambda v: v.update(description="changed"), "metadata/d3.json")
    if data is None:
        with sqlite3.connect(many / LEDGER, isolation_level=None) as held:
            held.execute("begin exclusive")
            assert states(many) == {**known, "metadata/d3.json": "changed"}
            held.execute("rollback")
    else:
        (many / LEDGER).write_bytes(data)
    assert states(many) == {**known, "metadata/d3.json": "changed"}
    git("checkout", "-q", "--", ".", cwd=many)
    assert states(many) == known
