"""A model's file and its plan, from the cache or read off the file; nothing here takes numpy or TensorFlow."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from ..caching import Cache
from ..documents import digest
from ..errors import MdrepoError
from ..extraction import ExtractionError, Extractor
from ..extraction.running import Runner
from ..temporaries import temporary
from . import graphs, processes
from .plans import Plan
from .processes import Limits

Report = Callable[[str], None]


@dataclass(frozen=True)
class Means:
    """What models are read and run with: the cache, limits, the process that reads models, a folder, and where progress is told."""

    cache: Cache
    limits: Limits
    runner: Runner
    folder: Path
    report: Report


@contextmanager
def equipped(cache: Cache, limits: Limits, report: Report | None = None) -> Iterator[Means]:
    """Means with a folder of their own, which goes with them; progress is told where the limits say, if nowhere else."""
    told = limits.report if report is None else report
    with temporary("eval") as folder:
        yield Means(cache, limits, Runner(limits.seconds, limits.memory, told), folder, told)


class ModelFile:
    """A model by the path and hash of its artefact; `locate` finds its file, where the cache does not say enough of it."""

    def __init__(self, path: str, md5: str, locate: Callable[[], Path], folder: Path, means: Means) -> None:
        self.path = path
        self.md5 = md5
        self.locate = locate
        self.folder = folder
        self.means = means
        self.reason: str | None = None

    @property
    def called(self) -> str:
        return f"{self.path} (md5 {self.md5[:8]})"

    @property
    def key(self) -> str:
        """What its graph has in the cache."""
        return digest([graphs.VERSION, self.md5])

    @property
    def named(self) -> Path:
        """The file under its suffix, which Keras goes by: DVC's cache has none."""
        link = self.folder / f"model{PurePosixPath(self.path).suffix}"
        if not link.is_symlink():
            self.folder.mkdir(exist_ok=True)
            link.symlink_to(self.locate().resolve())
        return link

    @cached_property
    def plan(self) -> Plan | None:
        """The model's graph; None, with the `reason`, where it cannot be used. Raises MdrepoError for a model that is refused."""
        if not self.path.endswith(graphs.EXTRACTOR.suffixes):
            self.reason = "models of its format are not read as graphs"
            return None
        cache = self.means.cache
        if (kept := cache.get("graphs", self.key)) is not None:
            values = json.loads(kept)
        else:
            try:
                values = self.read(graphs.EXTRACTOR, {"trusted": list(self.means.limits.trusted)})
            except ExtractionError as error:
                values = {"reason": error.reason}
            else:
                if "refused" in values:
                    raise MdrepoError(f"{self.called}: {values['refused']}", values["hint"])
                cache.put("graphs", self.key, json.dumps(values).encode())
        plan = Plan.of_json(values["plan"]) if "plan" in values else None
        self.reason = values["reason"] if plan is None else plan.reason
        return None if self.reason else plan

    def read(self, extractor: Extractor, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """What an extractor reads off the model; a server that is there has imported what it takes. Raises ExtractionError."""
        limits = self.means.limits
        if processes.ready(limits):
            made = self.named.with_name("read.json")
            task = {"extract": extractor.name, "options": options, "model": str(self.named), "outputs": str(made)}
            with contextlib.suppress(MdrepoError):  # what it cannot read, the other says
                processes.run(task, self.called, limits)
                found: Mapping[str, Any] = json.loads(made.read_bytes())
                return found
        return self.means.runner(extractor, self.locate(), options, {})


def alike(one: ModelFile, other: ModelFile) -> bool:
    """Whether two models give the same outputs because they are one, by their files or by their graphs; raises MdrepoError."""
    if one.md5 == other.md5:
        return PurePosixPath(one.path).suffix == PurePosixPath(other.path).suffix  # which says how the bytes are read
    first, second = one.plan, other.plan
    return first is not None and second is not None and first.tensor(first.output) == second.tensor(second.output) is not None
