"""A model document at a snapshot: what it is compared with, and what it takes to run and to judge its model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path as FilePath
from pathlib import PurePosixPath
from typing import Any

from . import pointers
from .artefacts import Artefact, tracked
from .catalogue import Catalogue
from .documents import digest
from .errors import Finding, MdrepoError
from .pointers import Path
from .schemas import Schema
from .validation import Problem
from .workspace import Workspace


@dataclass(frozen=True)
class Side:
    """One document at one snapshot."""

    catalogue: Catalogue
    path: str

    @property
    def content(self) -> Any:
        return self.catalogue.content(self.path)

    @cached_property
    def key(self) -> str:
        """SHA-256 of all that the document's metrics are computed from: its own fields that matter, and its test data's."""
        model = self._recorded(self.content, ("weights", "artefact"))
        return digest([*self._matters(self.content), *model])

    @cached_property
    def setting(self) -> str:
        """As `key`, but for the model's file: where it is another's, the same outputs make the same metrics."""
        aside = {name: value for name, value in self.content.items() if name != "weights"}
        sized = [artefact(self, ("weights", "artefact")).size] if self._measures("size") else []
        return digest([self._matters(aside), sized])

    def _matters(self, content: Any) -> list[Any]:
        dataset = pointers.get(content, ("evaluation", "dataset"))
        found = [_mattering(content, self.catalogue.schema(self.path))]
        if isinstance(dataset, str) and (data := self.catalogue.content(dataset)) is not None:
            found += [_mattering(data, self.catalogue.schema(dataset)), *self._recorded(data, ("artefact",))]
        if self._measures("parameters"):
            found.append(_parameters(self.content))
        return found

    def _recorded(self, content: Any, where: Path) -> list[str]:
        """What DVC records of an artefact of which the document itself does not say what it is."""
        named = pointers.get(content, where) or {}
        if named.get("md5") is not None or not isinstance(named.get("path"), str):
            return []
        found = tracked(self.catalogue.files, named["path"])
        return [found.md5] if found else []

    def _measures(self, fact: str) -> bool:
        """Whether a metric is a fact of the model's file, or one of the user's own, which may look at any."""
        block = self.content.get("evaluation", {})
        parts = [block.get("metrics", ()), *(each.get("tolerance", ()) for each in (block, *block.get("slices", ())))]
        return any(name == fact or "." in name for part in parts for name in part)


def same_questions(side: Side, other: Side) -> bool:
    """Whether two documents' models are evaluated on the same test data, read the same way."""
    return _questions(side) == _questions(other)


def _questions(side: Side) -> tuple[str, list[Any]] | None:
    name = pointers.get(side.content, ("evaluation", "dataset"))
    data = side.catalogue.content(name) if isinstance(name, str) else None
    path = pointers.get(data, ("artefact", "path"))
    found = tracked(side.catalogue.files, path) if isinstance(path, str) else None
    return found and (found.md5, [pointers.get(data, (each,)) for each in ("inputs", "target", "classes")])


def gate_of(side: Catalogue, path: str) -> str:
    """What a regression of a document does: `block`, `strict`, `warn`, or `off` for what is not evaluated at all."""
    content = side.content(path) if path in side.paths else None
    block = content.get("evaluation") if isinstance(content, dict) else None
    if not isinstance(block, dict) or (schema := side.schema_or_none(path)) is None or schema.kind != "model":
        return "off"
    return str(block.get("gate", "block"))


_FORM = ("json/", "schema/", "document/")
_OF_DATA = ("classes", "target", "inputs", "id")
_WHOLE = (*_FORM, "artefact/", "reference/")


def unsound(side: Side) -> list[Problem]:
    """What is wrong with a document, or with the one of its test data, so that its evaluation says nothing; worst first."""
    found = side.catalogue.problems(side.path)
    name = pointers.get(side.content, ("evaluation", "dataset"))
    if isinstance(name, str) and name in side.catalogue.paths:
        found = [*found, *side.catalogue.problems(name)]
    return sorted((each for each in found if each.rule.startswith(_WHOLE)), key=lambda each: not prevents(side, each))


def prevents(side: Side, problem: Problem) -> bool:
    """Whether a model cannot be judged for a problem: one in what it is judged by, and not in what it is called, say."""
    if problem.rule.startswith(("artefact/", "reference/")):
        return False
    parts = pointers.parse(problem.pointer)[:1]
    return not parts or parts[0] in ("evaluation", "labels", "decision", "preprocessing", "task", *_OF_DATA)


def refuse_unsound(side: Side) -> None:
    """Raise Finding for a document whose evaluation would say nothing."""
    if found := unsound(side):
        wrong = found[0]
        raise Finding(f"{wrong.path}:{wrong.line}: {wrong.message}", wrong.hint)


def before_of(child: Side, parent: Catalogue) -> Side | None:
    """What a document is compared with: its version in the parent, under whatever path; None where it was never evaluated.

    A parent that cannot be read is no reason to compare with nothing: raises MdrepoError.
    """
    path = child.path if child.path in parent.paths else _renamed_from(child, parent)
    if path is None:
        return None
    problems = parent.malformed(path)
    if problems:
        words = f"{path}: the parent's version is not valid, so nothing can be compared with it: {problems[0].message}"
        raise MdrepoError(words, "see 'mdrepo show HEAD', or commit with --no-eval")
    return Side(parent, path) if "evaluation" in parent.content(path) else None


def _renamed_from(child: Side, parent: Catalogue) -> str | None:
    """The parent's document that has gone, of this schema and `name`, or else of these weights: a new path makes no new model."""
    gone = [path for path in parent.paths if path not in child.catalogue.paths]
    for where in (("name",), ("weights", "artefact", "md5")):
        wanted = [pointers.get(child.content, each) for each in (("$schema",), where)]
        for path in gone if None not in wanted else ():
            content = parent.content(path)
            if isinstance(content, dict) and [pointers.get(content, each) for each in (("$schema",), where)] == wanted:
                return path
    return None


def known(workspace: Workspace, asked: Any, dataset: Mapping[str, Any], test_data: Artefact) -> Any:
    """What the test data say of the examples that are taken of them (`looks.Examples`)."""
    from .evaluation import data, looks, slices

    file, suffix = workspace.store.require([test_data])[test_data], _suffix(test_data.path)
    truth = data.truth(file, suffix, dataset, asked.task)
    named = dataset.get("id")
    wanted = [*asked.columns, *([named] if named else [])]
    columns = data.columns(file, suffix, wanted) if wanted else {}
    count, early = len(truth), asked.early_stop
    for each, found in columns.items():
        if len(found) != count:
            raise Finding(f"the test data have {count} examples, and {len(found)} values of {each!r}")
    taken = looks.places(count, asked.budget, test_data.md5, early)
    cuts = [each.of(taken) for each in slices.cut(asked.slices or (), columns, count)]
    names = columns[named][taken].tolist() if named else taken.tolist()
    if len(set(map(str, names))) < len(names):
        twice = next(name for name, times in Counter(map(str, names)).items() if times > 1)
        raise Finding(f"two examples are called {twice!r} in {named!r}", "name a column that tells all examples apart, or none")
    return looks.Examples([truth[place] for place in taken], cuts, names, taken, count, looks.ends(len(taken), early), early)


def request(
    workspace: Workspace,
    side: Side,
    dataset: Mapping[str, Any],
    test_data: Artefact,
    view: str | None = None,
    policy: Mapping[str, Any] | None = None,
    sample: tuple[int, int, int] | None = None,
) -> Any:
    """What it takes to run a document's model over the data of a dataset document, or over a view of them, changed by a policy."""
    from .evaluation.requests import Request

    model = artefact(side, ("weights", "artefact"))

    def locate(place: FilePath) -> Any:
        found = workspace.store.require([model, test_data])
        here = found[model]
        file = workspace.store.named(model, place) if model.is_folder and not here.is_dir() else here
        if policy is None:
            return file, found[test_data]
        from .evaluation.perturbing import perturbed

        about = (found[test_data], _suffix(test_data.path), test_data.md5, inputs, policy)
        return file, perturbed(*about, place, workspace.cache, workspace.limits, workspace.report)

    inputs = tuple(dataset.get("inputs") or ["x"])
    steps = side.content.get("preprocessing", [])
    return Request(model.path, model.md5, test_data.path, test_data.md5, inputs, steps, locate, view, policy, sample)


def views_of(
    workspace: Workspace, side: Side, dataset: Mapping[str, Any], test_data: Artefact, asked: Any, sample: Any
) -> list[Any]:
    """What it takes to run a document's model over the data (a sample of them) as they are, then over each view of the terms."""
    views = [(None, None), *asked.views.items()]
    return [request(workspace, side, dataset, test_data, view, policy, sample) for view, policy in views]


def kept_of(
    workspace: Workspace, side: Side, dataset: Mapping[str, Any], test_data: Artefact, asked: Any, taken: Any, views: bool = True
) -> Any:
    """The outputs of a document's model on the examples that are taken, as far as the cache has them, by the view of the data."""
    from .evaluation import predictions

    parts = []
    for sample in taken.samples:
        wanted = views_of(workspace, side, dataset, test_data, asked, sample)
        parts.append(predictions.kept(wanted if views else wanted[:1], workspace.cache, workspace.limits))
    return taken.joined(parts)


def scored_of(side: Side, outputs: Mapping[str | None, Any], truth: Any) -> Any:
    """A document's answers beside the truth, with what is known of its model; raises Finding where they do not fit.

    `outputs` are those on the data as they are (None), and on each view of them, by its name.
    """
    from .evaluation.scoring import score

    parameters = _parameters(side.content)
    facts = {"size": artefact(side, ("weights", "artefact")).size}
    known = facts if parameters is None else {**facts, "parameters": parameters}
    whole, *views = (score(each, side.content, truth) for each in outputs.values())
    return replace(whole, facts=known, views=dict(zip([name for name in outputs if name is not None], views, strict=True)))


def _parameters(content: Any) -> Any:
    return pointers.get(content, ("structure", "parameters", "total"))


def artefact(side: Side, where: Path) -> Artefact:
    """The artefact that a document names; raises MdrepoError where DVC does not track it."""
    name = pointers.get(side.content, (*where, "path"))
    found = tracked(side.catalogue.files, name) if isinstance(name, str) else None
    if found is None:
        what = f"{side.path}: {name or 'its artefact'} is not tracked by DVC there"
        raise MdrepoError(what, "run 'dvc add' and commit its pointer")
    return found


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix


def _mattering(content: Any, schema: Schema, path: Path = ()) -> Any:
    """A content without the fields that its schema says change nothing (`x-mdrepo-affects`)."""
    if isinstance(content, dict):
        kept = ((key, value) for key, value in content.items() if schema.annotation((*path, key), "x-mdrepo-affects") != "nothing")
        return {key: _mattering(value, schema, (*path, key)) for key, value in kept}
    if isinstance(content, list):
        return [_mattering(item, schema, (*path, index)) for index, item in enumerate(content)]
    return content
