"""The documents in the commits of a range: each that a commit changed or evaluated, with what its evaluation says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .ancestry import Version, ancestry, blobs_at
from .caching import Cache
from .edits import Edits
from .notes import Note, noted, parse_note
from .revisions import Span
from .snapshots import Git
from .touches import touches


class Moment(NamedTuple):
    """A document in a commit, and its part of the commit's evaluation, empty where it was not evaluated."""

    commit: str
    version: Version
    result: Mapping[str, Any]


def moments(git: Git, cache: Cache, span: Span, is_document: Callable[[str], bool], paths: Sequence[str] = ()) -> list[Moment]:
    """The moments of a range, newest first; of some documents, under all the names that they had, or folders, if any are given."""
    histories = [Edits(git, cache, tip) for tip in span.tips]
    names = {name for path in paths if is_document(path) for edits in histories for name in ancestry(edits, path).paths}
    folders = tuple("" if path == "." else f"{path.rstrip('/')}/" for path in paths if path not in names)
    order = git.run("rev-list", *span.words, "--").stdout.decode().split()
    notes = notes_of(git, order)
    found: dict[str, dict[str, Version]] = {}
    for touch in touches(git, span, is_document):
        found.setdefault(touch.commit, {})[touch.now.path] = touch.now
    evaluated = [
        (commit, path)
        for commit, note in notes.items()
        for path in note["documents"]
        if path not in found.get(commit, {}) and "\n" not in path
    ]
    for (commit, path), blob in zip(evaluated, blobs_at(git, evaluated), strict=True):
        found.setdefault(commit, {})[path] = Version(path, blob)
    return [
        Moment(commit, version, result_of(notes.get(commit), path))
        for commit in order
        for path, version in sorted(found.get(commit, {}).items())
        if version.blob is not None and (not paths or path in names or path.startswith(folders))
    ]


def notes_of(git: Git, commits: Sequence[str]) -> dict[str, Note]:
    """The evaluations of those commits that have one, by commit."""
    known = noted(git)
    wanted = {commit: known[commit] for commit in commits if commit in known}
    blobs = git.blobs(sorted(set(wanted.values())))
    return {commit: note for commit, blob in wanted.items() if (note := parse_note(blobs[blob]))}


def result_of(note: Note | None, path: str) -> dict[str, Any]:
    """A document's part of an evaluation; empty where there is none, or what somebody else wrote."""
    found = note["documents"].get(path) if note else None
    return found if isinstance(found, dict) else {}


def metrics_of(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The metrics of an evaluation by name, each with its `value` and how it compares with the parent's."""
    metrics, differences = result.get("metrics"), result.get("differences")
    found = {name: {"value": value} for name, value in metrics.items()} if isinstance(metrics, dict) else {}
    for each in differences if isinstance(differences, list) else ():
        if isinstance(each, dict) and each.get("metric") in found:
            found[each["metric"]] |= {key: value for key, value in each.items() if key not in ("metric", "value")}
    return found
