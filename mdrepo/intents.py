"""What a journal may say: the form of each step, so that one that is damaged is told from one that can be followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_Form = Callable[[Any], bool]


def _of(*kinds: type) -> _Form:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _process(value: Any) -> bool:
    return _of(int)(value) and value > 0


def _texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _files(value: Mapping[str, Any]) -> bool:
    return all(isinstance(each, str | None) for each in value.values())


def _kept(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


_text, _text_or_none = _of(str), _of(str, type(None))

_ALWAYS: Mapping[str, _Form] = {"version": _of(int), "what": _text, "pid": _process, "since": _of(int, float), "root": _text}

_PARTS: Mapping[str, Mapping[str, _Form]] = {
    "commit": {"head": _text_or_none, "tree": _text, "note": _of(dict, type(None)), "index": _text},
    "rollback": {"paths": _texts, "stash": _text, "asides": _kept},
    "merged": {"before": _text},
    "checkout": {
        "head": _text_or_none,
        "at": _text_or_none,
        "target": _text_or_none,
        "stash": _text,
        "asides": _kept,
        "merging": _of(bool),
        "back": _of(bool),
        "paths": _texts,
        "sources": _texts,
        "stashed": _texts,
    },
    "settled": {"path": _text, "blob": _text},
    "notes": {"head": _text, "before": _text_or_none, "after": _text},
}


def legible(steps: Any) -> bool:
    """Whether a journal says whose it is and since when, and has what was begun as it should be, whatever that says."""
    if not isinstance(steps, dict) or not _has(steps, _ALWAYS):
        return False
    return all(isinstance(steps.get(name), dict | None) for name in (*_PARTS, "files")) and _text_or_none(steps.get("made"))


def whole(steps: Mapping[str, Any]) -> bool:
    """Whether each step that a journal has says all that `recovering` goes by; one that is null is none."""
    parts = ((steps[name], form) for name, form in _PARTS.items() if steps.get(name) is not None)
    return _files(steps.get("files") or {}) and all(_has(part, form) for part, form in parts)


def _has(part: Mapping[str, Any], form: Mapping[str, _Form]) -> bool:
    return all(name in part and fits(part[name]) for name, fits in form.items())
