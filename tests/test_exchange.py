"""`mdrepo cache push` and `pull`: another clone evaluates without TensorFlow, and nothing that was changed on the way counts."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import copied, git, mdrepo, settled
from dvc.fs import LocalFileSystem

from mdrepo.caching import Cache
from mdrepo.errors import MdrepoError
from mdrepo.evaluation import exchange, requests
from mdrepo.evaluation.processes import Limits
from mdrepo.shelves import Folder


@pytest.fixture(scope="module")
def pushed(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository that was evaluated, and the remote that its cache was pushed to."""
    base = tmp_path_factory.getbasetemp()
    with settled(base):
        place = tmp_path_factory.mktemp("exchange")
        root = copied(repo_template, place / "repo")
        (root / ".dvc/config").write_text("[core]\n    remote = store\n['remote \"store\"']\n    url = ../../remote\n")
        git("commit", "-qam", "Remote", cwd=root)
        assert "mdrepo: DVC's remote" not in mdrepo("eval", cwd=root).err
        said = mdrepo("cache", "push", cwd=root).out
        assert said.startswith("pushed 2 of 2 entries")
        assert mdrepo("cache", "push", cwd=root).out.startswith("pushed 0 of 2 entries, 0.0 MiB")
    return place


def fresh(pushed: Path, place: Path) -> Path:
    """A clone without a cache, its remote beside it; TensorFlow cannot be started there."""
    shutil.copytree(pushed, place)
    root = place / "repo"
    shutil.rmtree(root / ".git/mdrepo/cache")
    git("update-ref", "-d", "refs/notes/mdrepo", cwd=root)
    git("update-index", "-q", "--refresh", cwd=root)
    return root


@pytest.fixture
def no_tensorflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "none"
    folder.mkdir()
    (folder / "tensorflow.py").write_text("raise ImportError('no TensorFlow here', name='tensorflow')\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_another_clone_evaluates_with_what_was_pushed(pushed: Path, tmp_path: Path, no_tensorflow: None) -> None:
    root = fresh(pushed, tmp_path / "there")
    assert "tensorflow" in mdrepo("eval", cwd=root, code=3).err
    shutil.rmtree(root / ".git/mdrepo/cache")
    assert mdrepo("cache", "pull", cwd=root).out.startswith("pulled 2 of 2 entries")
    mdrepo("eval", cwd=root)
    notes = [git("notes", "--ref=mdrepo", "show", "HEAD", cwd=each) for each in (pushed / "repo", root)]
    assert notes[0] == notes[1]
    answer = mdrepo("cache", "pull", "--json", cwd=root).json
    assert answer["pulled"] == {"entries": 0, "bytes": 0, "there": 2, "broken": []}


def _cut(file: Path, _: Any) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _changed(file: Path, _: Any) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def _gone(file: Path, _: Any) -> None:
    file.unlink()


def _other(file: Path, row: Any) -> None:
    """Another file with its right hash, that cannot be read as what it is said to be."""
    content = b"x" * 300
    row["sha256"], row["size"] = hashlib.sha256(content).hexdigest(), len(content)
    place = file.parent.parent / row["sha256"][:2] / row["sha256"][2:]
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)


@pytest.mark.parametrize(
    "changes",
    [
        {_cut: "has other bytes there than its list says", _gone: "is no longer there"},
        {_changed: "has other bytes there than its list says", _other: "cannot be read"},
    ],
)
def test_what_was_changed_on_the_way_does_not_count(
    pushed: Path, tmp_path: Path, changes: dict[Callable[[Path, Any], None], str]
) -> None:
    root = fresh(pushed, tmp_path / "there")
    [listed] = (tmp_path / "there/remote/mdrepo-cache/lists").iterdir()
    content = json.loads(listed.read_text())
    for row, change in zip(content["entries"], changes, strict=True):
        change(root.parent / "remote/mdrepo-cache/files" / row["sha256"][:2] / row["sha256"][2:], row)
    listed.write_text(json.dumps(content))
    result = mdrepo("cache", "pull", cwd=root)
    assert result.out.startswith("pulled 0 of 0 entries")
    assert all(words in result.err for words in changes.values())
    assert "Traceback" not in result.err
    assert not [root / ".git/mdrepo/cache" / kind for kind in exchange._KINDS if (root / ".git/mdrepo/cache" / kind).exists()]


LISTS = [
    "", "{", "[]", '{"entries": 1}', '{"entries": [1]}', "[" * 100_000, '{"entries": [{"kind": "md5"}]}',
    '{"entries": [{"kind": "outputs", "key": "../x", "sha256": "' + "0" * 64 + '", "size": 1}]}',
    '{"entries": [{"kind": "outputs", "key": "' + "0" * 64 + '", "sha256": "' + "0" * 64 + '", "size": true}]}',
]  # fmt: skip


@pytest.mark.parametrize("content", LISTS)
def test_lists_that_are_none(tmp_path: Path, content: str) -> None:
    asked = requests.Request("models/net.keras", "m", "d.npz", "d", ("x",), [], lambda _: pytest.fail("it is not read"))
    there = tmp_path / "there"
    (there / "lists").mkdir(parents=True)
    (there / f"lists/{asked.key}.json").write_text(content)
    folder = Folder(LocalFileSystem(), str(there), "store")
    found = exchange.pull([asked], Cache(tmp_path / "cache"), Limits(60, 8), folder)
    assert found == exchange.Exchanged(broken=("the list for net.keras there is none of mdrepo's",))


def test_no_remote_and_remotes_that_do_not_work(repo: Path) -> None:
    assert "no DVC remote is the default one" in mdrepo("cache", "push", cwd=repo, code=3).err
    assert "DVC has no remote 'none'" in mdrepo("cache", "pull", "-r", "none", cwd=repo, code=3).err
    (repo / "file").write_text("")
    (repo / ".dvc/config").write_text("['remote \"store\"']\n    url = ../file/below\n")
    assert "DVC's remote store: [Errno 20] Not a directory" in mdrepo("cache", "pull", "-r", "store", cwd=repo, code=3).err
    assert "--clear does not go with push" in mdrepo("cache", "push", "--clear", cwd=repo, code=2).err
    assert "--remote goes with push or pull" in mdrepo("cache", "-r", "store", cwd=repo, code=2).err


def test_whatever_a_file_system_raises_is_said_in_a_line() -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("403 Forbidden\nmore")

    for call in (lambda f: f.size("x"), lambda f: f.put(Path("x"), "x"), lambda f: f.take("x", Path("x"))):
        with pytest.raises(MdrepoError, match=r"DVC's remote store: 403 Forbidden$"):
            call(Folder(Broken(), "x", "store"))
