"""What changes of model and dataset documents mean, in sentences: of whatever shape a document is, none is no reason to fail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from . import pointers
from .changes import Change, Delta
from .pointers import Path

_FEW = 5
_LONG = 40
_LAYERS = ("structure", "layers")
_HALF = 0.5
_GATES = ("off", "warn", "block", "strict")
_ORDERED = {("structure", "layers"), ("structure", "inputs"), ("structure", "outputs"), ("preprocessing",)}


class Said(NamedTuple):
    """A sentence about a document, and the field that it is about."""

    path: Path
    text: str


def said(old: Any, new: Any) -> list[Said]:
    """What a reader should see at once in two versions of a document, both there."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return []
    parts = (_labels, _classes, _layers, _thresholds, _preprocessing)
    return [each for part in parts for each in part(old, new)]


def reordered(delta: Delta) -> dict[Path, list[Change]]:
    """The changes that only move an item of a list whose items are told apart by what they are: they change nothing."""
    found: dict[Path, list[Change]] = {}
    for each in delta:
        place = each.shown_path[:-1]
        if each.kind == "moved" and each.identity and place not in _ORDERED:
            found.setdefault(place, []).append(each)
    return found


def quoted(text: Any) -> str:
    """A name from a document, as JSON, not too long."""
    shown = text if isinstance(text, str) else json.dumps(text)
    return json.dumps(shown if len(shown) <= _LONG else f"{shown[: _LONG - 1]}…", ensure_ascii=False)


def listed(names: Sequence[Any]) -> str:
    """Some names in a row, the first few of many."""
    shown = ", ".join(quoted(each) for each in names[:_FEW])
    return f"{shown} and {len(names) - _FEW} more" if len(names) > _FEW else shown


def _items(content: Any, path: Path) -> list[dict[str, Any]]:
    found = pointers.get(content, path)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _named(content: Any, path: Path, name: str, value: str) -> dict[str, Any]:
    """The items of a list by a member that is a text, each with another member."""
    return {each[name]: each.get(value) for each in _items(content, path) if isinstance(each.get(name), str)}


def _plural(count: int, noun: str) -> str:
    return f"{noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}"


def _labels(old: Any, new: Any) -> Iterator[Said]:
    was, now = _named(old, ("labels",), "name", "index"), _named(new, ("labels",), "name", "index")
    place = ("labels",)
    moved = {name: (was[name], now[name]) for name in was if name in now and was[name] != now[name]}
    swapped = []
    for name, (before, after) in moved.items():
        other = next((each for each, way in moved.items() if way == (after, before)), None)
        if other is not None and name not in swapped and other != name and other not in swapped:
            swapped += [name, other]
            yield Said(
                place, f"labels {quoted(name)} and {quoted(other)} swapped: outputs {before} and {after} change their meaning"
            )
    if left := [name for name in moved if name not in swapped]:
        yield Said(place, f"{len(left)} {_plural(len(left), 'label')} stand for other outputs: {listed(left)}")
    gone, come = [name for name in was if name not in now], [name for name in now if name not in was]
    renames = [(name, next((each for each in come if now[each] == was[name]), None)) for name in gone]
    renamed = [(one, other) for one, other in renames if other is not None]
    for one, other in renamed[:_FEW]:
        yield Said(place, f"label {quoted(one)} is called {quoted(other)} now (output {was[one]})")
    if len(renamed) > _FEW:
        yield Said(place, f"{len(renamed) - _FEW} more labels renamed")
    yield from _come_and_gone(
        place,
        "label",
        [name for name in come if name not in {other for _, other in renamed}],
        [name for name in gone if name not in {one for one, _ in renamed}],
    )


def _classes(old: Any, new: Any) -> Iterator[Said]:
    place = ("classes",)
    was, now = ({json.dumps(each.get("value")): each for each in _items(side, place)} for side in (old, new))
    come, gone = ([side[key].get("name", key) for key in side if key not in other] for side, other in ((now, was), (was, now)))
    yield from _come_and_gone(place, "class", come, gone)
    for key in [key for key in was if key in now and was[key].get("name") != now[key].get("name")][:_FEW]:
        yield Said(
            place, f"class {quoted(was[key].get('name'))} is called {quoted(now[key].get('name'))} now (value {key[:_LONG]})"
        )


def _come_and_gone(place: Path, noun: str, come: Sequence[Any], gone: Sequence[Any]) -> Iterator[Said]:
    for names, word in ((come, "added"), (gone, "removed")):
        if names:
            yield Said(place, f"{_plural(len(names), noun)} {listed(names)} {word}")


def _layers(old: Any, new: Any) -> Iterator[Said]:
    was, now = ({each["name"]: each for each in _items(side, _LAYERS) if isinstance(each.get("name"), str)} for side in (old, new))
    order = list(now)
    come = [name for name in now if name not in was]
    for name in come[:_FEW]:
        at = order.index(name)
        after = f"after {quoted(order[at - 1])}" if at else "first"
        kind = now[name].get("class_name")
        word = "appended" if at == len(order) - 1 and was else "inserted"
        yield Said(_LAYERS, f"layer {quoted(name)}{f' ({kind[:_LONG]})' if isinstance(kind, str) else ''} {word} {after}")
    if len(come) > _FEW:
        yield Said(_LAYERS, f"{len(come) - _FEW} more layers inserted")
    yield from _come_and_gone(_LAYERS, "layer", (), [name for name in was if name not in now])
    both = [name for name in now if name in was]
    if both != [name for name in was if name in now]:
        yield Said(_LAYERS, "the layers stand in another order")
    for value, word in ((False, "frozen"), (True, "trained again")):
        turned = [name for name in both if now[name].get("trainable") is value and was[name].get("trainable") is (not value)]
        if turned:
            yield Said(_LAYERS, f"{_plural(len(turned), 'layer')} {listed(turned)} {word}")
    weights = [name for name in both if "digest" in now[name] and "digest" in was[name]]
    changed = [name for name in weights if now[name]["digest"] != was[name]["digest"]]
    if changed:
        yield Said(_LAYERS, f"the weights of {len(changed)} of {len(weights)} layers changed: {listed(changed)}")


def _thresholds(old: Any, new: Any) -> Iterator[Said]:
    place: Path = ("decision", "thresholds")
    was, now = (_numbers(pointers.get(side, place)) for side in (old, new))
    moved = [name for name in now if name in was and was[name] != now[name]]
    for name in moved[:_FEW]:
        before, after = was[name], now[name]
        word = "raised, so it is answered less often" if after > before else "lowered, so it is answered more often"
        crossed = ", and crosses one half" if (before < _HALF) != (after < _HALF) else ""
        yield Said((*place, name), f"threshold of {quoted(name)} {before:g} → {after:g}: {word}{crossed}")
    if len(moved) > _FEW:
        yield Said(place, f"{len(moved) - _FEW} more thresholds changed")
    rules = [pointers.get(side, ("decision", "rule"), "argmax") for side in (old, new)]
    if rules[0] != rules[1]:
        yield Said(("decision", "rule"), f"answers are decided by {quoted(rules[1])}, no more by {quoted(rules[0])}")


def _numbers(content: Any) -> dict[str, float]:
    items = content.items() if isinstance(content, Mapping) else ()
    return {name: value for name, value in items if isinstance(value, int | float) and not isinstance(value, bool)}


def _preprocessing(old: Any, new: Any) -> Iterator[Said]:
    was, now = (_items(side, ("preprocessing",)) for side in (old, new))
    kinds = [[each.get("op") for each in side] for side in (was, now)]
    if kinds[0] != kinds[1]:
        if sorted(map(str, kinds[0])) == sorted(map(str, kinds[1])):
            yield Said(("preprocessing",), "the steps of the preprocessing run in another order")
        else:
            shown = [" → ".join(str(each)[:_LONG] for each in side[: 2 * _FEW]) or "nothing" for side in kinds]
            yield Said(("preprocessing",), f"the preprocessing was {shown[0]} and is {shown[1]}")
        return
    for at, (one, other) in enumerate(zip(was, now, strict=True)):
        if one != other and "mean" in one and "std" in one and (one["mean"], one["std"]) == (other.get("std"), other.get("mean")):
            yield Said(("preprocessing", at), "mean and standard deviation swapped")


class Around(NamedTuple):
    """What is known of a model document at one snapshot: its content, hashes of its test and training data, its metrics."""

    content: Any
    test: str | None
    training: str | None
    metrics: Mapping[str, Any]


def flags(old: Around, new: Around) -> Iterator[Said]:
    """What a reviewer should ask about in two versions of a model's document."""
    same_model = _model(old.content) is not None and _model(old.content) == _model(new.content)
    if same_model and _outputs_of(old.content) != _outputs_of(new.content):
        yield Said(("labels",), "the label map changed, the model did not")
    if same_model and old.content.get("preprocessing") != new.content.get("preprocessing"):
        yield Said(("preprocessing",), "the preprocessing changed, the model did not")
    if _changed(old.training, new.training) and same_model:
        yield Said(("training", "dataset"), "the training data changed, the model did not")
    if _changed(old.test, new.test):
        if not new.metrics:
            yield Said(("evaluation", "dataset"), "the test data changed, and nothing was evaluated since")
        elif old.metrics and dict(old.metrics) == dict(new.metrics):
            yield Said(("evaluation", "dataset"), "the test data changed, the metrics did not")
    elif (
        _outputs_of(old.content) != _outputs_of(new.content)
        and _copied(old.content)
        and _copied(old.content) == _copied(new.content)
    ):
        yield Said(("extensions",), "the label map changed, and the metrics that the document holds did not")
    yield from _loosened(old.content, new.content)


def _changed(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _model(content: Any) -> Any:
    return pointers.get(content, ("weights", "digest")) or pointers.get(content, ("weights", "artefact", "md5"))


def _outputs_of(content: Any) -> dict[str, Any]:
    return _named(content, ("labels",), "name", "index")


def _copied(content: Any) -> Any:
    return pointers.get(content, ("extensions", "metrics"))


def _loosened(old: Any, new: Any) -> Iterator[Said]:
    """A gate or a tolerance that lets more through than before."""
    before, after = (pointers.get(side, ("evaluation", "gate"), "block") for side in (old, new))
    if before in _GATES and after in _GATES and _GATES.index(after) < _GATES.index(before):
        yield Said(("evaluation", "gate"), f"the gate lets more through: {before} → {after}")
    place: Path = ("evaluation", "tolerance")
    was, now = (_numbers(pointers.get(side, place)) for side in (old, new))
    for name in list(was)[: 4 * _FEW]:
        if name not in now:
            yield Said((*place, name), f"{quoted(name)} has no tolerance any more, so it decides nothing")
        elif now[name] > was[name]:
            yield Said((*place, name), f"the tolerance of {quoted(name)} was raised: {was[name]:g} → {now[name]:g}")
