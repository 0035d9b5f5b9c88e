"""One shard of the data on a worker of a cluster: what is sent there, and what comes back, as bytes of files.

A worker runs its shard as a command does, in a fresh confined process (`processes.run`), if it has the same versions.
"""

from __future__ import annotations

import io
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..errors import MdrepoError
from ..temporaries import temporary
from . import loading, processes

Array = NDArray[Any]
Files = dict[str, bytes]


def runs(suffix: str) -> str:
    """All that outputs depend on beside the model and the data; raises MissingExtra."""
    return f"mdrepo {__version__}, {loading.framework_version(suffix)}, Python {platform.python_version()}"


def run(asked: Mapping[str, Any], model: Files, arrays: Files) -> dict[str, Any]:
    """Run a model over a shard: `held` and the `files` that were made, or `error` and `hint`.

    `asked` has the task (`worker.py`) with names of files in place of paths, `what`, `limits`, `suffix`, and what it `runs` with.
    """
    try:
        if (ours := runs(asked["suffix"])) != asked["runs"]:
            differ = f"a worker of the Ray cluster has {ours}, and here it is {asked['runs']}"
            raise MdrepoError(f"{asked['what']}: {differ}", "install the same versions there: outputs depend on them")
        with temporary("shard") as folder:
            return _run(asked, folder, model, arrays)
    except MdrepoError as error:
        return {"error": error.message, "hint": error.hint}


def _run(asked: Mapping[str, Any], folder: Path, model: Files, arrays: Files) -> dict[str, Any]:
    named, out = folder / f"model{asked['suffix']}", folder / "out"
    out.mkdir()
    for name, content in model.items():
        file = named / name if name else named
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    for name, content in arrays.items():
        (out / name).write_bytes(content)
    task = {**asked["task"], "model": str(named), "data": str(out / "data.npz"), "outputs": str(out / "outputs.npy"), "threads": 1}
    if plan := asked["task"].get("plan"):
        refs = {key: [(ref, str(out / name)) for ref, name in plan[key]] for key in ("sources", "targets", "optional")}
        task["plan"] = {**plan, **refs, "failed": str(out / "failed")}
    seconds, memory, trusted = asked["limits"]
    held = processes.run(task, asked["what"], processes.Limits(seconds, memory, trusted=tuple(trusted)))
    made = {path.name: path.read_bytes() for path in out.iterdir() if path.name not in arrays}
    return {"held": held, "files": made}


def packed(path: Path) -> Files:
    """A model's files by their names inside it; a single file has none. Raises MdrepoError for links."""
    if not path.is_dir():
        return {"": path.read_bytes()}
    found = {}
    for each in sorted(path.rglob("*")):
        if each.is_symlink():
            raise MdrepoError(f"refused: its {each.relative_to(path)} is a link, which may lead to another file")
        if each.is_file():
            found[str(each.relative_to(path))] = each.read_bytes()
    return found


def written(array: Array) -> bytes:
    """An array as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def read(content: bytes) -> Array:
    """The array of a .npy file's bytes."""
    found: Array = np.load(io.BytesIO(content), allow_pickle=False)
    return found
