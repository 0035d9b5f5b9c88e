"""What in a model document contradicts the rest of it, its test data, or what was measured: rules that no schema can state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from . import pointers
from .documents import Document
from .guessing import nearest
from .scanning import Float
from .validation import Problem, problem

_FAR = 5
"""So many standard deviations from the data's mean a mean is one of other data."""

Reader = Callable[[str], Any]
"""The content of the document at a path; None where there is none."""


class Measured(NamedTuple):
    """The metrics that were last evaluated, and the artefacts (path to DVC's hash) that they were computed from."""

    commit: str
    metrics: Mapping[str, float]
    artefacts: Mapping[str, str]


def check(document: Document, read: Reader, measured: Callable[[], Measured | None]) -> list[Problem]:
    """The contradictions of a model document that its schema finds nothing wrong with."""
    name = pointers.get(document.value, ("evaluation", "dataset"))
    data = read(name) if isinstance(name, str) else None
    found = [*_labels(document), *_thresholds(document)]
    if isinstance(data, dict):
        found += [*_classes(document, str(name), data), *_preprocessing(document, str(name), data)]
    return [*found, *_metrics(document, data, measured)]


def check_data(document: Document) -> list[Problem]:
    """The contradictions of a data set's document that its schema finds nothing wrong with."""
    value = document.value
    arrays = {each["name"]: each for each in value.get("arrays") or ()}
    names = [*arrays, *(each["name"] for each in value.get("columns") or ())]
    if not names:
        return []
    roles: list[tuple[pointers.Path, str, str]]
    roles = [(("inputs", place), "data/inputs", name) for place, name in enumerate(value.get("inputs") or ())]
    roles += [(("target",), "data/target", value["target"])] if "target" in value else []
    found: list[Problem] = []
    first: str | None = None
    for path, rule, name in roles:
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean {near!r}?" if near else f"there are {', '.join(names[:12])}"
            what = "array" if arrays else "column"
            found.append(problem(document, path, rule, f"the data have no {what} {name!r}", hint))
        elif name in arrays:
            counts = {each: (arrays[each]["shape"] or [0])[0] for each in (first or name, name)}
            first = first or name
            if counts[name] != counts[first]:
                message = f"{name!r} has {counts[name]:,} examples, and {first!r} has {counts[first]:,}"
                found.append(problem(document, path, "data/examples", message, "one row an example, in all of them"))
    return found


def _labels(document: Document) -> Iterator[Problem]:
    """Names and indices are there once, and are as many as the model's outputs."""
    labels = document.value.get("labels")
    if not isinstance(labels, list):
        return
    seen: dict[str, dict[Any, int]] = {"name": {}, "index": {}}
    for place, label in enumerate(labels):
        for member, values in seen.items():
            earlier = values.setdefault(label[member], place)
            if earlier != place:
                message = f"the {member} {label[member]!r} stands at label {earlier} already"
                yield problem(document, ("labels", place, member), f"labels/{member}", message)
    outputs = pointers.get(document.value, ("structure", "outputs"), [])
    shape = outputs[0].get("shape", []) if len(outputs) == 1 else []
    count = shape[-1] if len(shape) == 2 else None
    if count is None or count < 2:
        return
    if len(labels) != count:
        message = f"{len(labels)} labels for a model with {count} outputs"
        yield problem(document, ("labels",), "labels/outputs", message, "run 'mdrepo patch'", key=True)
    for place, label in enumerate(labels):
        if label["index"] >= count:
            message = f"the model has no output {label['index']}: its {count} outputs count from 0"
            yield problem(document, ("labels", place, "index"), "labels/outputs", message)


def _thresholds(document: Document) -> Iterator[Problem]:
    labels = document.value.get("labels")
    if not isinstance(labels, list):
        return
    names = [label["name"] for label in labels]
    for name in pointers.get(document.value, ("decision", "thresholds"), {}):
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean {near!r}?" if near else None
            message = f"a threshold for {name!r}, which is no label"
            yield problem(document, ("decision", "thresholds", name), "decision/threshold", message, hint, key=True)


def _classes(document: Document, name: str, data: Mapping[str, Any]) -> Iterator[Problem]:
    """Test data with a class that no label stands for cannot be answered right."""
    labels, classes = document.value.get("labels"), data.get("classes")
    if not isinstance(labels, list) or not isinstance(classes, list):
        return
    names = [label["name"] for label in labels]
    missing = [each["name"] for each in classes if isinstance(each, dict) and each.get("name") not in names]
    if missing:
        message = f"the test data {name} has classes without a label: {', '.join(map(str, missing[:10]))}"
        hint = "run 'mdrepo patch', or put the label map right"
        yield problem(document, ("labels",), "labels/classes", message, hint, key=True)


class _Inputs(NamedTuple):
    """What is known of one example as it goes through the preprocessing: its shape, and the range and mean of all values."""

    shape: tuple[int, ...]
    least: float | None
    most: float | None
    mean: float | None = None

    @property
    def range(self) -> tuple[float, float] | None:
        return None if self.least is None or self.most is None else (self.least, self.most)


def _preprocessing(document: Document, name: str, data: Mapping[str, Any]) -> Iterator[Problem]:
    """The steps fit the test data, and what comes out of them fits the model."""
    inputs = _raw(data)
    steps = document.value.get("preprocessing") or []
    if inputs is None:
        return
    for place, step in enumerate(steps):
        found = [*_step(document, place, step, inputs, name)]
        yield from found
        if any(each.rule == "preprocessing/shape" for each in found):
            return
        inputs = _after(step, inputs)
    wanted = pointers.get(document.value, ("structure", "inputs"), [])
    shape = wanted[0].get("shape") if len(wanted) == 1 else None
    if not isinstance(shape, list) or len(shape) < 2:
        return
    if len(shape) - 1 != len(inputs.shape) or any(a is not None and a != b for a, b in zip(shape[1:], inputs.shape, strict=True)):
        message = f"the model takes {_shown(shape[1:])}, and gets {_shown(inputs.shape)} of {name}"
        path: pointers.Path = ("preprocessing",) if steps else ("structure", "inputs")
        yield problem(
            document, path, "preprocessing/input", message, "add a 'reshape', or name the data it was trained on", key=True
        )


def _raw(data: Mapping[str, Any]) -> _Inputs | None:
    """One example of a data set; None where it has several inputs, or where nothing is known of them."""
    names = data.get("inputs")
    arrays = data.get("arrays")
    if not isinstance(names, list) or len(names) != 1 or not isinstance(arrays, list):
        return None
    array = next((each for each in arrays if isinstance(each, dict) and each.get("name") == names[0]), None)
    if array is None or not array.get("shape"):
        return None
    return _Inputs(tuple(array["shape"][1:]), array.get("minimum"), array.get("maximum"), array.get("mean"))


def _step(document: Document, place: int, step: Mapping[str, Any], inputs: _Inputs, name: str) -> Iterator[Problem]:
    path: pointers.Path = ("preprocessing", place)
    if step["op"] == "reshape" and prod(step["shape"]) != prod(inputs.shape):
        message = f"an example of {name} has {_shown(inputs.shape)} numbers, which make no {_shown(step['shape'])}"
        yield problem(document, (*path, "shape"), "preprocessing/shape", message)
    if step["op"] != "normalize":
        return
    channels = inputs.shape[-1] if inputs.shape else 1
    for member in ("mean", "std"):
        if len(step[member]) not in (1, channels):
            message = f"{len(step[member])} numbers for {channels} channels"
            yield problem(document, (*path, member), "preprocessing/channels", message, "one for each channel, or one for all")
    if inputs.range is None:
        return
    least, most = inputs.range
    outside = [value for value in step["mean"] if not least <= value <= most]
    if outside:
        message = f"a mean of {outside[0]:g} for values from {least:g} to {most:g}"
        yield problem(document, (*path, "mean"), "preprocessing/scale", message, _scale(least, most, outside[0]))
    wide = [value for value in step["std"] if value > most - least]
    narrow = [value for value in step["std"] if value * 1000 < most - least]
    for value in [*wide, *narrow][:1]:
        message = f"a standard deviation of {value:g} for values from {least:g} to {most:g}"
        yield problem(document, (*path, "std"), "preprocessing/scale", message, _scale(least, most, value))
    mean, std = sum(step["mean"]) / len(step["mean"]), max(step["std"])
    if not (outside or wide or narrow) and inputs.mean is not None and abs(inputs.mean - mean) > _FAR * std:
        message = f"a mean of {mean:g} and a standard deviation of {std:g} for values whose mean is {inputs.mean:g}"
        yield problem(document, (*path, "mean"), "preprocessing/scale", message, _scale(least, most, std))


def _scale(least: float, most: float, value: float) -> str:
    wider = most - least > 10 * abs(value)
    return "a 'rescale' before it may be missing" if wider else "it may be meant for values before a 'rescale'"


def _after(step: Mapping[str, Any], inputs: _Inputs) -> _Inputs:
    """What is known of an example after a step."""
    match step["op"]:
        case "reshape":
            return _Inputs(tuple(step["shape"]), inputs.least, inputs.most, inputs.mean)
        case "rescale":
            ends = [value * step["scale"] + step.get("offset", 0) for value in inputs.range or ()]
            mean = None if inputs.mean is None else inputs.mean * step["scale"] + step.get("offset", 0)
            return _Inputs(inputs.shape, min(ends, default=None), max(ends, default=None), mean)
        case "normalize":
            return _Inputs(inputs.shape, None, None)
    return inputs


def _shown(shape: Sequence[int | None]) -> str:
    return "x".join("?" if each is None else str(each) for each in shape) or "a single"


def _metrics(document: Document, data: Any, measured: Callable[[], Measured | None]) -> Iterator[Problem]:
    """Metrics that somebody copied into `extensions` are those that were measured, on what is there now."""
    numbers = [*_numbers(document.value.get("extensions"), ("extensions",))]
    found = measured() if numbers else None
    if found is None:
        return
    now = {part["path"]: part.get("md5") for part in _artefacts(document.value, data)}
    changed = sorted(path for path, md5 in now.items() if md5 and found.artefacts.get(path, md5) != md5)
    for path, value in numbers:
        name = str(path[-1])
        if name not in found.metrics:
            continue
        if changed:
            message = f"{name} was measured before {', '.join(changed)} changed"
            yield problem(document, path, "metrics/stale", message, "'mdrepo commit' measures it anew: take it away here")
        elif not _rounds_to(value, found.metrics[name]):
            message = f"{name} is {value} here, and was measured as {found.metrics[name]:.6g} in {found.commit[:7]}"
            yield problem(document, path, "metrics/copied", message, "results belong to commits ('mdrepo log'): take it away here")


def _numbers(value: Any, path: pointers.Path) -> Iterator[tuple[pointers.Path, float]]:
    """The numbers that stand under a name in a content."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for token, each in members:
        if isinstance(each, int | float) and not isinstance(each, bool):
            yield (*path, token), each
        else:
            yield from _numbers(each, (*path, token))


def _artefacts(content: Any, data: Any) -> Iterator[Mapping[str, Any]]:
    for found in (pointers.get(content, ("weights", "artefact")), pointers.get(data, ("artefact",)) if data else None):
        if isinstance(found, dict) and isinstance(found.get("path"), str):
            yield found


def _rounds_to(written: float, exact: float) -> bool:
    """Whether a number is another one, rounded to as many decimals as it was written with."""
    text = written.text if isinstance(written, Float) else repr(written)
    decimals = len(text.partition(".")[2]) if "e" not in text.lower() else 12
    return abs(written - exact) <= 0.5000001 * 10.0**-decimals
