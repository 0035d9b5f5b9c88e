"""A model's task cut into shards of whole batches, and what the shards give put together again, byte for byte as without them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import MdrepoError
from . import data, loading, planning, shards
from .streams import Stream

_LARGEST = 256 << 20  # bytes of inputs that a shard has at most

Tell = Callable[[int, int], None]


class Workers(Protocol):
    """Who runs shards; `clusters.Cluster`."""

    @property
    def workers(self) -> int: ...
    def answers(self, asked: Mapping[str, Any], model: shards.Files, cut: Iterator[shards.Files]) -> Iterator[dict[str, Any]]: ...


class Sharded:
    """A task (`worker.py`) that is run in shards."""

    def __init__(self, task: Mapping[str, Any], what: str, limits: list[Any]) -> None:
        self.task = dict(task)
        self.plan: Any = self.task.pop("plan", None)
        self.sample: Any = self.task.pop("sample", None)
        suffix = Path(task["model"]).suffix
        self.asked = {"what": what, "limits": limits, "suffix": suffix, "runs": shards.runs(suffix)}
        self.arrays: dict[str, shards.Array] = {}
        if self.plan is not None:
            found = enumerate(self.plan["sources"])
            self.arrays = {f"source-{at}.npy": np.load(file, mmap_mode="r", allow_pickle=False) for at, (_, file) in found}
        if self.plan is None or self.plan["input"] is not None:
            self.arrays["data.npz"] = self._inputs()

    def run(self, by: Workers, tell: Tell) -> list[str]:
        """Run all shards and write the files that the task wants; what held of every process. Raises MdrepoError."""
        if self.plan is not None and (held := self._activations(by, tell)) is not None:
            return held
        self.arrays = {"data.npz": self.arrays["data.npz"] if "data.npz" in self.arrays else self._inputs()}
        size = self._size(by.workers)
        return self._outputs(by, size, tell) or self._outputs(by, self.rows, tell) or []

    @property
    def rows(self) -> int:
        return len(next(iter(self.arrays.values())))

    def _inputs(self) -> shards.Array:
        try:
            found = data.inputs(Path(self.task["data"]), self.task["suffix"], self.task["inputs"])
            taken = planning.drawn(len(found), self.sample)
            return found if taken is None else found[taken]
        except MdrepoError as error:
            raise MdrepoError(f"{self.asked['what']}: {error.message}", error.hint) from None

    def _size(self, workers: int) -> int:
        """Examples in a shard: whole batches, a share for each worker, and no more than a shard may have."""
        batch = sum(each[: loading.BATCH].nbytes for each in self.arrays.values())
        batches = min(-(-self.rows // (loading.BATCH * workers)), _LARGEST // max(batch, 1))
        return max(1, batches) * loading.BATCH

    def _activations(self, by: Workers, tell: Tell) -> list[str] | None:
        """Run the shards by the plan; None where one of them could not be."""
        named = {
            "sources": [name for name in self.arrays if name != "data.npz"],
            "targets": [f"target-{at}.npy" for at in range(len(self.plan["targets"]))],
            "optional": [f"optional-{at}.npy" for at in range(len(self.plan["optional"]))],
        }
        refs = {key: [(ref, name) for (ref, _), name in zip(self.plan[key], named[key], strict=True)] for key in named}
        task = {**self.task, "plan": {**self.plan, **refs, "function": []}}  # a worker has no files but the shard's
        held: list[str] | None = None
        with ExitStack() as stack:
            streams: dict[str, Stream] = {}
            for key, limit in (("targets", None), ("optional", self.plan["limit"])):
                for (_, file), name in zip(self.plan[key], named[key], strict=True):
                    streams[name] = stack.enter_context(Stream(Path(file), limit))
            for count, answer in self._shards(by, task, self._size(by.workers), tell):
                files = answer["files"]
                if "failed" in files:
                    Path(self.plan["failed"]).write_bytes(files["failed"])
                    for stream in streams.values():
                        stream.leave()
                    return None
                held = _both(held, answer["held"])
                for name, stream in streams.items():
                    if name in files:
                        stream.write(shards.read(files[name]), count)
                    elif stream.optional:
                        stream.leave()
                    else:
                        raise MdrepoError(f"{self.asked['what']}: a worker made no {name}")
        return held

    def _outputs(self, by: Workers, size: int, tell: Tell) -> list[str] | None:
        """Run the model as a whole, over shards of a size; None where its own batches would begin elsewhere than without shards."""
        held: list[str] | None = None
        made = []
        for _, answer in self._shards(by, {**self.task, "part": size < self.rows}, size, tell):
            if "outputs.npy" not in answer["files"]:
                return None
            held = _both(held, answer["held"])
            made.append(shards.read(answer["files"]["outputs.npy"]))
        np.save(self.task["outputs"], np.concatenate(made))
        return held

    def _shards(self, by: Workers, task: Mapping[str, Any], size: int, tell: Tell) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each shard's number of examples, and what was made of it."""
        asked = {**self.asked, "task": {**task, "suffix": ".npz", "inputs": ["x"]}}
        rows, model = self.rows, shards.packed(Path(task["model"]))
        starts = range(0, max(rows, 1), max(size, 1))
        answers = by.answers(asked, model, (self._cut(start, start + size) for start in starts))
        for start, answer in zip(starts, answers, strict=True):
            end = min(start + size, rows)
            tell(end, rows)
            yield end - start, answer

    def _cut(self, start: int, end: int) -> shards.Files:
        found = {name: shards.written(array[start:end]) for name, array in self.arrays.items() if name != "data.npz"}
        buffer = io.BytesIO()
        np.savez(buffer, x=self.arrays["data.npz"][start:end] if "data.npz" in self.arrays else np.zeros((0, 1)))
        return {**found, "data.npz": buffer.getvalue()}


def _both(held: list[str] | None, other: list[str]) -> list[str]:
    return other if held is None else [each for each in held if each in other]
