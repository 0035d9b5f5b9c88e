"""What is asked of a model: which file, over which data, fed in how; and by what the outputs of it are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..documents import digest
from . import loading, planning

Locate = Callable[[Path], tuple[Path, Path]]
"""Finds the files of the model and of the data, perhaps as links in a folder; called only where no outputs are in the cache."""


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
    view: str | None = None
    policy: Mapping[str, Any] | None = None
    """How the data are changed before they are fed in (`perturbing`), and what the slice that asks for it is called."""
    sample: planning.Sample | None = None
    """Which examples are fed in, by the hash of the data; None for all."""

    @property
    def fed(self) -> list[Any]:
        """What is fed into the model, and what runs it."""
        runs = loading.framework_version(PurePosixPath(self.model).suffix)
        changed: list[Any] = [] if self.policy is None else [self.policy, loading.framework_version(".keras")]
        some = [] if self.sample is None else [["sample", *self.sample]]
        return [self.data_md5, list(self.inputs), list(self.preprocessing), runs, loading.ENGINE, *changed, *some]

    @property
    def whole(self) -> Request | None:
        """The same for all examples, where this is for some."""
        return None if self.sample is None else replace(self, sample=None)

    @property
    def key(self) -> str:
        """SHA-256 of all that the outputs depend on, with the model as the bytes of its file, and how they are read."""
        return digest([self.model_md5, PurePosixPath(self.model).suffix, *self.fed])

    @property
    def name(self) -> str:
        """The model file's name, and the view that it is run on."""
        return PurePosixPath(self.model).name + (f" on {self.view}" if self.view else "")
