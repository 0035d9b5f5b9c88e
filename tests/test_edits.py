"""What commits did to a file: as git's own log has it, and the same from memory, whatever happened to the history since."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from conftest import git

from mdrepo.ancestry import Step, ancestry
from mdrepo.caching import Cache
from mdrepo.edits import Edits
from mdrepo.snapshots import Git

FILE = "metadata/a.json"


def history(seed: int) -> Iterator[str]:
    """Random commits for `git fast-import`: edits, deletions, modes and merges, of which some take one side whole."""
    chance = random.Random(seed)
    for number in range(1, 41):
        yield f"commit refs/heads/main\nmark :{number}\ncommitter b <b@example.com> {1_700_000_000 + number} +0000\ndata 1\nx\n"
        parents = chance.sample(range(max(1, number - 5), number), min(number - 1, chance.choice((1, 1, 2, 3))))
        for word, parent in zip(("from", "merge", "merge"), parents, strict=False):
            yield f"{word} :{parent}\n"
        if not parents:
            yield "deleteall\n"
        for name in (FILE, "metadata/b.json"):
            what = chance.random()
            if what < 0.3:
                mode = chance.choice(("100644", "100644", "100755", "120000"))
                yield f"M {mode} inline {name}\ndata 2\n{chance.randrange(4)}\n\n"
            elif what < 0.35:
                yield f"D {name}\n"
    yield "done\n"


def asked(repository: Git, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs of commits git is asked to compare, each time that it is."""
    counts: list[int] = []
    run = Git.run

    def counted(self: Git, *words: str, stdin: bytes | None = None, **options: object) -> subprocess.CompletedProcess[bytes]:
        if "diff-tree" in words and stdin is not None:
            counts.append(stdin.count(b"\n"))
        return run(self, *words, stdin=stdin, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Git, "run", counted)
    return counts


def steps(root: Path, cache: Path, tip: str = "HEAD") -> Sequence[Step]:
    return ancestry(Edits(Git.find(root), Cache(cache), tip), FILE).steps


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """A history of forty commits in a line, each of which changes the file."""
    root = tmp_path / "line"
    git("init", "-q", str(root), cwd=tmp_path)
    for number in range(40):
        add(root, f"{number}")
    return root


def add(root: Path, text: str) -> str:
    file = root / FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'"{text}"\n')
    git("add", "-A", cwd=root)
    git("commit", "-qm", text, cwd=root)
    return git("rev-parse", "HEAD", cwd=root)


@pytest.mark.parametrize("seed", range(6))
def test_they_are_those_of_gits_log_however_much_of_them_is_remembered(seed: int, tmp_path: Path) -> None:
    git("init", "-q", str(tmp_path), cwd=tmp_path)
    subprocess.run(["git", "fast-import", "--quiet", "--done"], cwd=tmp_path, input="".join(history(seed)).encode(), check=True)
    order = git("rev-list", "--topo-order", "main", cwd=tmp_path).split()
    for tip in [*reversed(order[::7]), order[0]]:  # from memory, as far as the last went
        expected = git("rev-list", tip, "--", FILE, cwd=tmp_path).split()
        found = steps(tmp_path, tmp_path / "warm", tip)
        assert {each.commit for each in found} == set(expected)
        there = git("rev-list", "--topo-order", tip, cwd=tmp_path).split()
        assert [each.commit for each in found] == [commit for commit in there if commit in expected]
        assert list(found) == list(steps(tmp_path, tmp_path / f"cold-{tip}", tip))
        lines = git("rev-list", "--parents", tip, "--", FILE, cwd=tmp_path).splitlines()
        near = {commit: set(before) for commit, *before in map(str.split, lines)}
        for each in found:
            assert set(filter(None, each.sources)) == near[each.commit]
            blob = git("ls-tree", each.commit, "--", FILE, cwd=tmp_path).split()
            assert each.now.blob == (blob[2] if blob and blob[0] != "120000" else None)


def test_only_new_commits_are_asked_for(line: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = asked(Git.find(line), monkeypatch)
    assert [each.subject for each in steps(line, tmp_path / "cache")] == [str(number) for number in range(39, -1, -1)]
    assert counts == [40]
    steps(line, tmp_path / "cache")
    steps(line, tmp_path / "cache", "HEAD~10")
    assert counts == [40, 6]
    add(line, "next")
    add(line, "and")
    assert len(steps(line, tmp_path / "cache")) == 42
    assert counts == [40, 6, 2]
    git("commit", "-q", "--amend", "-m", "amended", cwd=line)
    git("checkout", "-q", "-b", "other", "HEAD~7", cwd=line)
    add(line, "aside")
    git("checkout", "-q", "main", cwd=line)
    assert [each.subject for each in steps(line, tmp_path / "cache")][:2] == ["amended", "next"]
    git("merge", "-q", "-s", "ours", "-m", "merged", "other", cwd=line)
    assert steps(line, tmp_path / "cache") == steps(line, tmp_path / "empty")
    assert counts == [40, 6, 2, 1, 3, 45]  # of a merge, each side; and all of it without memory


def test_another_depth_or_a_replaced_commit_is_another_history(line: Path, tmp_path: Path) -> None:
    git("clone", "-q", "--depth", "5", f"file://{line}", str(tmp_path / "shallow"), cwd=line)
    shallow = tmp_path / "shallow"
    cut = steps(shallow, tmp_path / "cache")
    assert [each.cut for each in cut] == [False] * 4 + [True]
    git("fetch", "-q", "--unshallow", cwd=shallow)
    assert steps(shallow, tmp_path / "cache") == steps(line, tmp_path / "fresh")
    git("replace", "--graft", "HEAD~3", cwd=line)
    assert len(steps(line, tmp_path / "fresh")) == 4
    git("replace", "-d", git("rev-parse", "HEAD~3", cwd=line), cwd=line)
    assert len(steps(line, tmp_path / "fresh")) == 40


def test_memory_that_was_damaged_taken_away_or_cannot_be_kept_changes_nothing(line: Path, tmp_path: Path) -> None:
    whole = steps(line, tmp_path / "cache")
    (entry,) = (tmp_path / "cache/history").iterdir()
    for content in (entry.read_bytes()[:-3], b"", b"rubbish"):
        entry.write_bytes(content)
        assert steps(line, tmp_path / "cache") == whole
    entry.unlink()
    assert steps(line, tmp_path / "cache") == whole
    (tmp_path / "file").write_text("no folder")
    assert steps(line, tmp_path / "file") == whole
    assert ancestry(Edits(Git.find(line), Cache(tmp_path / "none", limit=0), "HEAD"), FILE).steps == whole


def test_checkpoints_stay_few(line: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    for number in range(70):
        tip = git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", f"{number}", cwd=line)
        assert len(Edits(Git.find(line), cache, tip).of(FILE)) == 40
    (entry,) = (tmp_path / "cache/history").iterdir()
    assert entry.stat().st_size < 20_000
