"""Model and data to the model's outputs: from the cache, or from a worker process with limits on time and memory."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..caching import Cache
from ..documents import digest
from ..errors import MdrepoError, MissingExtra
from .processes import Limits, run

Outputs = NDArray[Any]
Locate = Callable[[], tuple[Path, Path]]
"""Finds the files of the model and of the data; called only where the outputs are not in the cache."""

FORMATS = (".keras",)


@dataclass(frozen=True)
class Request:
    """One model to be run over one data set: the artefacts' hashes and names, what is fed in and how."""

    model: str
    model_md5: str
    data: str
    data_md5: str
    inputs: tuple[str, ...]
    preprocessing: Sequence[Mapping[str, Any]]
    locate: Locate

    @property
    def key(self) -> str:
        """SHA-256 of all that the outputs depend on."""
        parts = [self.model_md5, self.data_md5, list(self.inputs), list(self.preprocessing), framework_version()]
        return digest(parts)


def framework_version() -> str:
    """The installed TensorFlow, without importing it; raises MissingExtra."""
    for name in ("tensorflow", "tensorflow-cpu"):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    raise MissingExtra("tensorflow", "eval")


def outputs(requests: Sequence[Request], cache: Cache, limits: Limits, report: Callable[[str], None]) -> list[Outputs]:
    """The outputs of each request, in order; what is not in the cache is computed, side by side. Raises MdrepoError."""
    found = {request.key: kept for request in requests if (kept := _kept(cache, request.key)) is not None}
    missing = {request.key: request for request in requests if request.key not in found}
    if missing:
        names = " and ".join(dict.fromkeys(PurePosixPath(request.model).name for request in missing.values()))
        report(f"running {names} with TensorFlow ({len(missing)} {'process' if len(missing) == 1 else 'processes'}) ...")
        with ThreadPoolExecutor(max_workers=2) as pool:
            for key, made in zip(missing, pool.map(lambda request: _compute(request, limits), missing.values()), strict=True):
                cache.put("outputs", key, _packed(made))
                found[key] = made
    return [found[request.key] for request in requests]


def _kept(cache: Cache, key: str) -> Outputs | None:
    content = cache.get("outputs", key)
    return None if content is None else np.load(io.BytesIO(content), allow_pickle=False)


def _packed(array: Outputs) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _compute(request: Request, limits: Limits) -> Outputs:
    suffix = PurePosixPath(request.model).suffix
    if suffix not in FORMATS:
        raise MdrepoError(f"{request.model}: models in {suffix or 'a file without suffix'} cannot be evaluated", "use .keras")
    model, data = request.locate()
    with tempfile.TemporaryDirectory(prefix="mdrepo-eval-") as folder:
        named = Path(folder) / f"model{suffix}"  # DVC's cache has no suffixes, and Keras goes by them
        named.symlink_to(model.resolve())
        made = Path(folder) / "outputs.npy"
        task = {
            "model": str(named),
            "data": str(data),
            "suffix": PurePosixPath(request.data).suffix,
            "inputs": list(request.inputs),
            "preprocessing": list(request.preprocessing),
            "outputs": str(made),
        }
        run(task, f"{request.model} (md5 {request.model_md5[:8]})", limits)
        return np.load(made, allow_pickle=False)  # type: ignore[no-any-return]
