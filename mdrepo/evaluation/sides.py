"""One model over one data set: its plan, what of it is in the cache, and what TensorFlow and numpy compute of the rest."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..documents import digest
from ..errors import Finding, MdrepoError
from ..extraction import ExtractionError
from . import cuts, engines, heads, loading, planning, traces
from .modelfiles import Means, ModelFile
from .operations import Ref
from .plans import Plan
from .requests import Request
from .scoring import require_finite

Outputs = NDArray[Any]
Made = TypeVar("Made")
_ENTRY = 8  # the part of the cache that one activation may take


class Side:
    """One request on its way: `found` in the cache, or `run` and then `finish`; then it has its `outputs`."""

    def __init__(self, request: Request, means: Means) -> None:
        self.request = request
        self.means = means
        self.cache = means.cache
        self.reason: str | None = None
        self.failure: MdrepoError | None = None
        self.outputs: Outputs
        self._files: dict[Ref, Path] = {}
        self._threads = 0

    @cached_property
    def _folder(self) -> Path:
        """Its own: a model's process can write what is in it."""
        folder = self.means.folder / self.request.key[:16]
        folder.mkdir(exist_ok=True)
        return folder

    @cached_property
    def _model(self) -> ModelFile:
        return ModelFile(self.request.model, self.request.model_md5, lambda: self._located[0], self._folder, self.means)

    @cached_property
    def _located(self) -> tuple[Path, Path]:
        return self.request.locate(self.means.folder)

    @cached_property
    def plan(self) -> Plan | None:
        """The model's graph; None, with the `reason`, where it cannot be used."""
        found = self._model.plan
        self.reason = self._model.reason
        return found

    @cached_property
    def split(self) -> cuts.Split:
        assert self.plan is not None
        return cuts.split(self.plan)

    def _key(self, ref: Ref) -> str:
        assert self.plan is not None
        return digest([self.plan.tensor(ref), *self.request.fed])

    @property
    def _outputs_key(self) -> str:
        """By the graph, and by what computes the outputs from the activations; else by the model's bytes."""
        if self.plan is None:
            return self.request.key
        engine = [f"numpy {np.__version__}", heads.VERSION] if self.split.head else []
        return digest([self._key(self.plan.output), *engine])

    def tried(self, step: Callable[[], Made]) -> Made | None:
        """What a step gives; why it fails is the side's `failure`."""
        try:
            return step()
        except MdrepoError as error:
            self.failure = error
            return None

    def found(self) -> bool:
        """Whether the outputs are in the cache, those of all examples too where some are asked for."""
        for key in (self.request.key, lambda: self._outputs_key):
            content = self.cache.get("outputs", key if isinstance(key, str) else key())
            if content is not None:
                self.outputs = np.load(io.BytesIO(content), allow_pickle=False)
                return True
        return self._found_among_all()

    def _found_among_all(self) -> bool:
        if self.request.sample is None or self.request.whole is None:
            return False
        start, end, count = self.request.sample
        whole = Side(self.request.whole, self.means)
        if not whole.found() or len(whole.outputs) != count:
            return False
        self.outputs = whole.outputs[planning.sample(count, end, self.request.data_md5, start)]
        return True

    def kept(self) -> list[tuple[str, str]]:
        """What the cache has of this request, as kinds and keys; what could be of use without the files is the graph's alone."""
        names = [("outputs", self.request.key)]
        if self.cache.has("graphs", self._model.key):
            names.append(("graphs", self._model.key))
            if self.plan is not None:
                names.append(("outputs", self._outputs_key))
                hashed = (at for at, each in enumerate(self.plan.operations) if each.hash is not None)
                refs = dict.fromkeys([*((at, 0) for at in hashed), *self.split.features])
                names += [("activations", self._key(ref)) for ref in refs]
        return [name for name in names if self.cache.has(*name)]

    def run(self, sides: Iterable[Side], at_once: int = 1) -> None:
        """Compute what TensorFlow has to: what the head begins with, or the outputs; and keep what later models may begin with.

        `at_once`: how many models are run at the same time.
        """
        self._threads = max(1, loading.processors() // max(at_once, 1))
        if self.plan is None:
            self._whole()
            return
        work = self._work(self.plan)
        self.means.report(self._said(self.plan, work, sides))
        if not work.operations:
            return
        optional = [ref for ref in self._worth(self.plan, sides) if ref[0] in work.operations and ref not in self._files]
        made = self._operations(self.plan, work, optional)
        if made is None:
            return
        for ref in [*(self.split.features if self.split.head else ()), *optional]:
            if ref in made and made[ref].is_file() and made[ref].stat().st_size <= self.cache.limit // _ENTRY:
                self.cache.add("activations", self._key(ref), made[ref])
        self._files |= {ref: made[ref] for ref in self.split.features if ref in made}

    def will_run(self) -> bool:
        """Whether TensorFlow has to compute anything."""
        if self.found():
            return False
        return self.plan is None or bool(cuts.work(self.plan, self.split.features, self._kept).operations)

    def _kept(self, ref: Ref) -> bool:
        return self.cache.has("activations", self._key(ref))

    def _work(self, plan: Plan) -> cuts.Work:
        """What has to be computed, with what is kept as files."""
        while True:
            work = cuts.work(plan, self.split.features, self._kept)
            for ref in work.sources:
                file = self._file(ref)
                if not self.cache.take("activations", self._key(ref), file):
                    break  # it was cut short or taken away meanwhile
                self._files[ref] = file
            else:
                return work

    def _file(self, ref: Ref) -> Path:
        return self._folder / f"{ref[0]}-{ref[1]}.npy"

    def _worth(self, plan: Plan, sides: Iterable[Side]) -> list[Ref]:
        """What later models may begin with: where what is frozen ends, where what the models at hand share ends, and on the way."""
        known = [cuts.frozen(plan)]
        known += [cuts.shared(plan, other.plan) for other in sides if other is not self and other.plan is not None]
        found = [*(ref for each in known for ref in cuts.frontier(plan, each)), *cuts.waypoints(plan)]
        return list(dict.fromkeys(ref for ref in found if ref not in (*self.split.features, plan.output)))

    def _said(self, plan: Plan, work: cuts.Work, sides: Iterable[Side]) -> str:
        """How much is computed, and why no less: what of the other models here could be used."""
        count, head = len(plan.operations) - 1, len(self.split.head)
        todo = sum(at > 0 for at in work.operations)
        if not todo:
            return f"running the last {head} of {count} operations of {self.request.name} with numpy, what comes before is kept ..."
        name = self.request.name
        others = [(each.request.name, each.plan) for each in sides if each is not self and each.plan is not None]
        shared = [
            f" ({sum(at > 0 for at in cuts.shared(plan, other))} are {'the other one' if its == name else its}'s too, then {words})"
            for its, other in others
            if (words := cuts.difference(plan, other))
        ]
        return f"running {todo} of {count} operations of {self.request.name} with TensorFlow{''.join(shared)} ..."

    def _operations(self, plan: Plan, work: cuts.Work, optional: Sequence[Ref]) -> dict[Ref, Path] | None:
        """The files of tensors that TensorFlow computes; None where it did not work, and the model was run as a whole."""
        made = {ref: self._file(ref) for ref in (*self.split.features, *optional) if ref not in self._files}
        failed = self._file((0, 0)).with_suffix(".failed")
        key, function = self._function(plan, work, list(made))
        task = {
            "operations": [(at, plan.operations[at].to_json()) for at in work.operations],
            "sources": [(ref, str(self._files[ref])) for ref in work.sources],
            "targets": [(ref, str(file)) for ref, file in made.items() if ref not in optional],
            "optional": [(ref, str(made[ref])) for ref in optional],
            "limit": self.cache.limit // _ENTRY,
            "input": plan.operations[0].config["dtype"] if 0 in work.operations else None,
            "failed": str(failed),
            "function": function,
        }
        whole = self._file((0, 0))
        self._predict({"plan": task}, whole)
        if not failed.is_file():
            if key is not None and Path(function[1]).is_file():
                self.cache.add("functions", key, Path(function[1]))
            return made
        self.reason = f"running it by its plan failed: {failed.read_text()}"
        self.means.report(f"{self.request.name} is run as a whole: {self.reason}")
        self._keep(np.load(whole, allow_pickle=False), self.request.key)
        return None

    def _function(self, plan: Plan, work: cuts.Work, targets: Sequence[Ref]) -> tuple[str | None, list[str]]:
        """What stands for the function that computes targets, its file, if it is kept, and the file for one that is made."""
        operations = [(at, plan.operations[at]) for at in work.operations]
        engine = [loading.framework_version(".keras"), loading.ENGINE]
        key = traces.key(operations, work.sources, targets, engine)
        if key is None:
            return None, []
        files = [self._file((0, 0)).with_suffix(suffix) for suffix in (".function", ".new")]
        self.cache.take("functions", key, files[0])
        return key, [str(each) for each in files]

    def _predict(self, task: Mapping[str, Any], made: Path) -> None:
        asked = {
            "model": str(self._model.named),
            "data": str(self._located[1]),
            "suffix": PurePosixPath(self.request.data).suffix,
            "inputs": list(self.request.inputs),
            "preprocessing": list(self.request.preprocessing),
            "outputs": str(made),
            "threads": self._threads,
            "sample": self.request.sample and [*self.request.sample, self.request.data_md5],
        }
        engines.engine(self.means.limits).run({**asked, **task}, self._model.called)

    def _whole(self) -> None:
        self._runnable()
        self.means.report(f"running {self.request.name} with TensorFlow, as a whole: {self.reason} ...")
        made = self._file((0, 0))
        self._predict({}, made)
        self._keep(np.load(made, allow_pickle=False), self.request.key)

    def _runnable(self) -> None:
        """Raise MdrepoError for a model in a format that is not run."""
        suffix = PurePosixPath(self.request.model).suffix
        folder = self.request.model_md5.endswith(".dir")
        if suffix not in loading.FORMATS or folder != (not suffix):
            hint = f"use {', '.join(filter(None, loading.FORMATS))} or the folder of a SavedModel"
            raise MdrepoError(f"{self.request.model}: models in {suffix or 'a file without suffix'} cannot be evaluated", hint)

    def clocked(self, times: int) -> tuple[int, list[float]]:
        """The size of a batch, and the seconds that the model takes for one, each of so many times, in a process of its own."""
        self._runnable()
        self.means.report(f"timing {self.request.name} ...")
        made = self._file((0, 0))
        self._predict({"clock": times}, made)
        size, *seconds = np.load(made, allow_pickle=False).tolist()
        return int(size), seconds

    def finish(self) -> None:
        """Compute what numpy has to, and keep the outputs."""
        if self.failure is None and not hasattr(self, "outputs"):
            self.tried(self._finished)

    def _finished(self) -> None:
        assert self.plan is not None
        if not self.split.head:
            made = np.load(self._files[self.plan.output], allow_pickle=False)
        else:
            options = {
                "head": [(at, self.plan.operations[at].to_json()) for at in self.split.head],
                "given": [(ref, str(self._files[ref])) for ref in self.split.features],
                "output": self.plan.output,
            }
            try:
                made = heads.outputs(self._model.read(heads.EXTRACTOR, options))
            except ExtractionError as error:
                self.reason = error.reason
                self._whole()
                return
        self._keep(made, self._outputs_key)

    def _keep(self, made: Outputs, key: str) -> None:
        try:
            require_finite(made)
        except Finding as error:
            raise MdrepoError(f"{self._model.called}: {error.message}", error.hint) from None
        self.outputs = made
        buffer = io.BytesIO()
        np.save(buffer, made, allow_pickle=False)
        self.cache.put("outputs", key, buffer.getvalue())


def shares_much(one: Side, other: Side) -> bool:
    """Whether more than half of a model's operations are another's too."""
    if one.plan is None or other.plan is None:
        return False
    return 2 * len(cuts.shared(one.plan, other.plan)) > len(one.plan.operations)
