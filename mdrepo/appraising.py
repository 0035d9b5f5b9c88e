"""How what is reviewed was evaluated: by a note that compares the same commits, by kept outputs, or by two notes side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import pointers
from .between import Between
from .errors import MdrepoError, MissingExtra
from .evaluation import WORST_FIRST
from .moments import notes_of
from .notes import Note
from .reviews import DocumentReview, Judged, Point

_HISTORY = 30
_GREATEST = 1e300
_WEIGHED = 10
"""Of how many documents the outputs are looked for."""


def judged(between: Between, found: Sequence[DocumentReview]) -> list[Judged]:
    """The evaluations of the model documents that are not what they were, by the note of the head, the worst first."""
    made = [each for path, result in _results(between) if (each := _judged(between, path, result)) is not None]
    made.sort(key=lambda each: (WORST_FIRST.index(each.result["verdict"]), each.path))
    made = [_weighed(between, each) if place < _WEIGHED else each for place, each in enumerate(made)]
    return _with_history(between, made) if between.drawn else made


def worst_of(between: Between, found: Sequence[Judged]) -> tuple[str | None, str]:
    """The verdict over all, and in words how it was come to."""
    note, head = between.new_note, between.head
    if head is None:
        return None, "not evaluated: a commit evaluates what is staged"
    if note is None:
        evaluated = any(_gated(between, path) for path in between.documents)
        return None, f"not evaluated: 'mdrepo eval {head[:7]}' does it" if evaluated else "nothing that changed is evaluated"
    base = (between.base or "")[:7]
    bases = {each.basis for each in found}
    if "notes" in bases:
        own = f"against its own parent {note['parent'][:7]}" if note.get("parent") else "against nothing"
        return note["verdict"], f"evaluated {own}, not against {base}: 'mdrepo eval {head[:7]} --against {base}' compares them"
    if "outputs" in bases:
        verdict = min((each.result["verdict"] for each in found), key=WORST_FIRST.index)
        return verdict, f"compared with {base} by the outputs of both models"
    verdict = min((each.result["verdict"] for each in found), key=WORST_FIRST.index) if found else "skipped"
    if verdict == "skipped":
        return verdict, "nothing that is evaluated changed"
    return verdict, f"evaluated against {base}, the parent" if base else "evaluated, and compared with nothing: there is no parent"


def _gated(between: Between, path: str) -> bool:
    """Whether a document is one that commits are judged by; without a list of all documents, which a review has no use for."""
    block = pointers.get(between.after.content(path), ("evaluation",))
    return isinstance(block, dict) and block.get("gate", "block") != "off"


def _results(between: Between) -> list[tuple[str, Mapping[str, Any]]]:
    found = between.new_note["documents"].items() if between.new_note else ()
    return [(path, each) for path, each in found if isinstance(each, dict) and "verdict" in each and _finite(each)]


def _finite(value: Any) -> bool:
    """Whether all numbers in a result can be shown, which what somebody else wrote into a note need not be."""
    if isinstance(value, dict):
        return all(_finite(each) for each in value.values())
    if isinstance(value, list):
        return all(_finite(each) for each in value)
    return not isinstance(value, int | float) or -_GREATEST < value < _GREATEST


def _judged(between: Between, path: str, result: Mapping[str, Any]) -> Judged | None:
    """What is to be said of one document's result; None where it is what it was."""
    note = between.new_note or {}
    if note.get("parent") == between.base:
        return None if result["verdict"] == "skipped" else Judged(path, result, "note", between.base)
    other = next((each for each in result.get("against", ()) if each.get("parent") == between.base and "verdict" in each), None)
    if other is not None:
        carried = {name: result[name] for name in ("key", "dataset", "examples", "metrics", "confidence") if name in result}
        return None if other["verdict"] == "skipped" else Judged(path, {**carried, **other}, "note", between.base)
    before = _before(between.old_note, path)
    if before.get("key") is not None and before.get("key") == result.get("key"):
        return None
    metrics = before.get("metrics")
    return Judged(path, result, "notes", between.base, metrics if isinstance(metrics, dict) else {})


def _before(note: Note | None, path: str) -> Mapping[str, Any]:
    found = note["documents"].get(path) if note else None
    return found if isinstance(found, dict) and _finite(found) else {}


def _weighed(between: Between, each: Judged) -> Judged:
    """With what the outputs of both models say, where they are kept here: the comparison that no note has, and for a page more."""
    if each.basis == "note" and not between.drawn:
        return each
    try:
        from .weighing import weighed

        return weighed(between, each)
    except (MdrepoError, MissingExtra, ImportError):
        return each  # they are not here, or nothing here reads them: the note is what there is


def _with_history(between: Between, found: Sequence[Judged]) -> list[Judged]:
    """With the metrics of the commits before."""
    if between.head is None or not found:
        return list(found)
    lines = between.space.git.items("log", "-z", "-n", "300", "--format=%H %s", between.head, "--")
    commits = dict(line.partition(" ")[::2] for line in lines)
    notes = notes_of(between.space.git, list(commits))

    def points(path: str) -> Iterator[Point]:
        for commit in reversed(commits):
            result = _before(notes.get(commit), path)
            if result.get("metrics"):
                yield Point(commit, commits[commit], result)

    return [replace(each, history=tuple(points(each.path))[-_HISTORY:]) for each in found]
