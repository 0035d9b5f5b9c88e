"""What the tests share: the command as a process, repositories to try it in, and the field's own suites."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import forks
import pytest
from answers import hold
from filelock import FileLock

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither the machine's git configuration nor a hook's environment reaches the tests."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "DVC_"))]:
        monkeypatch.delenv(name)
    for name, value in environment(tmp_path_factory.getbasetemp()).items():
        monkeypatch.setenv(name, value)


def environment(base: Path) -> dict[str, str]:
    home = base / "home"
    home.mkdir(exist_ok=True)
    (home / ".gitconfig").write_text("[user]\n\tname = Ada Tester\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n")
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_NO_ANALYTICS": "1",
        "NO_COLOR": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
    }


@dataclass
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was answered; an answer of the command's own is held to its published form."""
        found = json.loads(self.out)
        if isinstance(found, dict) and "mdrepo" in found and "command" in found:
            hold(found)
        return found


def mdrepo(*arguments: str, cwd: Path, code: int | None = 0, env: dict[str, str] | None = None) -> Result:
    """Run the command in a process of its own; it must end with `code`, and never with a traceback.

    It says what it does (`--verbose`), as it does at a terminal: tests tell by that whether a model was run.
    """
    result = Result(*forks.run(["mdrepo", "--verbose", *arguments], cwd, env))
    assert "Traceback" not in result.err, result.err
    assert "a bug in mdrepo" not in result.err, result.err
    if code is not None:
        assert result.code == code, f"{arguments}: exit {result.code}\n{result.out}\n{result.err}"
    return result


def git(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {arguments}: exit {done.returncode}\n{done.stderr}"
    return done.stdout.strip()


def dvc(*arguments: str, cwd: Path) -> str:
    code, out, err = forks.run(["dvc", *arguments], cwd)
    assert code == 0, f"dvc {arguments}: exit {code}\n{out}\n{err}"
    return out.strip()


def track(root: Path, path: str, content: bytes) -> None:
    """Put a file into the work tree and into DVC's cache with its pointer, as `dvc add` does, without loading DVC."""
    digest = hashlib.md5(content).hexdigest()
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_bytes(content)
    (root / f"{path}.dvc").write_text(f"outs:\n- md5: {digest}\n  size: {len(content)}\n  hash: md5\n  path: {file.name}\n")
    ignore = file.parent / ".gitignore"
    lines = ignore.read_text().splitlines() if ignore.exists() else []
    if f"/{file.name}" not in lines:
        ignore.write_text("\n".join([*lines, f"/{file.name}"]) + "\n")
    cached = root / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(content)


def npz(**arrays: Any) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.asarray(array) for name, array in arrays.items()})
    return buffer.getvalue()


def keras_file(units: int, seed: int = 0, *, frozen: bool = False, saved: str = "2026-11-23", bias: float = 0.0) -> bytes:
    """A small .keras file in Keras' own format: a hidden layer and a head, made without Keras."""
    import h5py
    import numpy as np

    random = np.random.default_rng(seed)

    def layer(name: str, size: int, before: int) -> dict[str, Any]:
        config = {"name": name, "trainable": not (frozen and name == "hidden"), "units": size, "activation": "linear"}
        return {"class_name": "Dense", "module": "keras.layers", "config": config, "build_config": {"input_shape": [None, before]}}

    start = {"class_name": "InputLayer", "module": "keras.layers", "config": {"batch_shape": [None, 4], "name": "input"}}
    config = {"name": "net", "layers": [start, layer("hidden", 3, 4), layer("head", units, 3)]}
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for name, shape in (("dense", (4, 3)), ("dense_1", (3, units))):
            file[f"layers/{name}/vars/0"] = random.normal(size=shape).astype("float32")
            file[f"layers/{name}/vars/1"] = np.full(shape[1], bias, "float32")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1", "date_saved": saved}))
        archive.writestr("config.json", json.dumps({"module": "keras", "class_name": "Sequential", "config": config}))
        archive.writestr("model.weights.h5", weights.getvalue())
    return out.getvalue()


DOCUMENT = "metadata/net.json"


@pytest.fixture(scope="session")
def repo_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `repo` is a copy of."""
    base = tmp_path_factory.getbasetemp()
    root = base / "template"
    with settled(base):
        mdrepo("init", str(root), cwd=base)
        track(root, "models/net.keras", keras_file(3))
        track(root, "data/net-test.npz", npz(x=[[float(i)] * 4 for i in range(12)], y=[0, 1, 2] * 4))
        mdrepo("new", "model", "net", cwd=root)
        mdrepo("commit", "--no-eval", "-m", "First", cwd=root)
        assert git("status", "--porcelain", cwd=root) == ""
    return root


@pytest.fixture
def repo(repo_template: Path, tmp_path: Path) -> Path:
    """A repository with a model of three classes and its test data, documents made and committed, nothing evaluated."""
    return copied(repo_template, tmp_path / "repo")


DATA = "metadata/net-test.json"
COUNT = 400


@pytest.fixture(scope="session")
def judged_template(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose model is right on most of 400 examples, evaluated once, so that its outputs are in the cache."""
    import numpy as np

    base = tmp_path_factory.getbasetemp()
    root = copied(repo_template, base / "judged")
    with settled(base):
        x = np.random.default_rng(0).normal(size=(COUNT, 4))
        y = answers(x)
        y[::10] = (y[::10] + 1) % 3
        names = np.array([f"img-{i:03}" for i in range(COUNT)])
        target = np.random.default_rng(1).normal(size=COUNT)
        track(root, "data/net-test.npz", npz(x=x, y=y, age=np.arange(COUNT) % 100, name=names, cost=target))
        mdrepo("patch", "--apply", cwd=root)
        edit(root, lambda v: v.update({"id": "name"}), DATA)
        mdrepo("commit", "-am", "Judged", cwd=root)
        assert note(root)["metrics"]["accuracy"] == 0.9
    return root


@pytest.fixture
def judged(judged_template: Path, tmp_path: Path) -> Path:
    return copied(judged_template, tmp_path / "repo")


def answers(x: Any) -> Any:
    """What the model of the fixture answers: its two layers are linear, without a bias."""
    import numpy as np

    random = np.random.default_rng(0)
    hidden = random.normal(size=(4, 3)).astype("float32")
    return (x @ hidden @ random.normal(size=(3, 3)).astype("float32")).argmax(axis=1)


def note(root: Path) -> Any:
    """The evaluation of the model in the note of HEAD."""
    return json.loads(git("notes", "--ref=mdrepo", "show", "HEAD", cwd=root))["documents"][DOCUMENT]


def swap(root: Path) -> None:
    """Two labels change places."""

    def change(value: Any) -> None:
        first, second = value["labels"][:2]
        first["index"], second["index"] = second["index"], first["index"]

    edit(root, change)


def copied(template: Path, place: Path) -> Path:
    shutil.copytree(template, place, symlinks=True)
    subprocess.run(["git", "update-index", "-q", "--refresh"], cwd=place, check=False)  # 1 where something has changed
    return place


@contextmanager
def settled(base: Path) -> Iterator[None]:
    """The tests' environment, for fixtures that live longer than a test."""
    kept = dict(os.environ)
    try:
        os.environ.update(environment(base))
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def load(root: Path, path: str = DOCUMENT) -> Any:
    return json.loads((root / path).read_text())


def edit(root: Path, change: Callable[[Any], None], path: str = DOCUMENT) -> None:
    """Edit a document by hand."""
    content = load(root, path)
    change(content)
    (root / path).write_text(json.dumps(content, indent=2) + "\n")


@dataclass(frozen=True)
class State:
    """What a command that fails must leave as it was."""

    head: str
    status: str
    index: str
    notes: str
    files: tuple[tuple[str, str], ...]


def state(root: Path) -> State:
    files = [
        (str(path.relative_to(root)), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(root).parts and "tmp" not in path.relative_to(root).parts
    ]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False).stdout
    notes = git("for-each-ref", "refs/notes", cwd=root)
    return State(head, git("status", "--porcelain", cwd=root), git("ls-files", "-s", cwd=root), notes, tuple(files))


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The demo, played once for all tests: its folder and what it said. Nobody changes it; see `demo`."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # of all processes of a test run
    outer, said = shared / "outer", shared / "demo.json"
    with FileLock(shared / "demo.lock"), settled(base):
        if not said.exists():
            said.write_text(json.dumps(_demo(outer)))
    return outer / "mdrepo-demo", Result(**json.loads(said.read_text()))


def _demo(outer: Path) -> dict[str, Any]:
    """Play the demo in a checkout that ignores its folder, as mdrepo's own does."""
    outer.mkdir()
    git("init", "-q", cwd=outer)
    (outer / ".gitignore").write_text("/mdrepo-demo*/\n")
    before = (outer / ".git/config").read_text()
    result = mdrepo("demo", cwd=outer)
    assert (outer / ".git/config").read_text() == before
    assert git("status", "--porcelain", cwd=outer) == "?? .gitignore"
    return vars(result)


@pytest.fixture
def demo(demo_run: tuple[Path, Result], tmp_path: Path) -> Path:
    """A copy of the demo's repository."""
    return copied(demo_run[0], tmp_path / "demo")


def suite(*parts: str) -> Path:
    """A folder or file of the shared suites; skips where they are not there."""
    path = SHARED.joinpath("suites", *parts)
    if not path.exists():
        pytest.skip(f"the shared suites are not here: no {path.name} in shared/suites")
    return path


@cache
def scorer() -> Any:
    """The scoring tool's own check for lost edits, which is not ours."""
    path = SHARED / "tools" / "score_merges.py"
    if not path.exists():
        pytest.skip("the shared tools are not here: no score_merges.py in shared/tools")
    found = importlib.util.spec_from_file_location("score_merges", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
