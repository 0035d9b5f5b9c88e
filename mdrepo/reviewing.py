"""A review: what changed between two snapshots, where it comes from, what it means, whether it is in order, how it was evaluated.

The cost follows what changed: documents that did not, and that depend on nothing that did, are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import pointers
from .appraising import judged, worst_of
from .artefacts import tracked
from .between import Between, there
from .catalogue import Catalogue
from .comparing import document_diff
from .errors import Finding, MdrepoError, UsageError
from .evaluating import compared_with
from .itemising import itemised
from .notes import Note, note_of
from .pointing import pointed
from .reviews import Distribution, DocumentReview, Review
from .schemas import highest
from .semantics import Around, flags, said
from .snapshots import EMPTY_TREE
from .staleness import stale
from .suggesting import Suggester
from .workspace import Workspace


def review(space: Workspace, revisions: str | None = None, *, staged: bool = False, drawn: bool = False) -> Review:
    """The review of a commit (HEAD without a name) against each of its parents, of `A..B` or `A...B`, or of what is staged.

    `drawn`: also what only a page shows, the history of metrics and what kept outputs say. Raises MdrepoError.
    """
    git = space.git
    if staged:
        if revisions is not None:
            raise UsageError("--staged reviews the index against HEAD, not against a revision", "leave one of them out")
        base = git.head()
        between = Between(space, base, None, space.at(base or EMPTY_TREE), space.staged(), _note(space, base), None, drawn)
        return _reviewed(between, "mdrepo review --staged")
    ends = git.ends(revisions) if revisions else None
    if ends is not None:
        old, new = (git.commit_id(each) for each in ends)
        between = Between(space, old, new, space.at(old), _snapshot(space, new), _note(space, old), _note(space, new), drawn)
        return replace(_reviewed(between, f"mdrepo review {old}..{new}"), remarks=tuple(_apart(space, old, new)))
    if git.head() is None and revisions in (None, "HEAD"):
        raise Finding("there is no commit yet", "'mdrepo review --staged' reviews what is staged")
    commit, parents = compared_with(space, revisions or "HEAD", None)
    sides: list[tuple[str | None, Catalogue, Note | None]] = [(each.id, each.catalogue, each.note) for each in parents]
    sides = sides or [(None, space.at(EMPTY_TREE), None)]
    after, note = _snapshot(space, commit), _note(space, commit)
    found = [
        _reviewed(Between(space, base, commit, before, after, old_note, note, drawn), f"mdrepo review {commit}")
        for base, before, old_note in sides
    ]
    return replace(found[0], against=tuple(found[1:]))


def _note(space: Workspace, commit: str | None) -> Note | None:
    return note_of(space.git, commit) if commit else None


def _snapshot(space: Workspace, commit: str) -> Catalogue:
    """A commit; HEAD with what `validate` knows of it in addition."""
    return space.candidate(commit) if commit == space.git.head() else space.at(commit)


def _apart(space: Workspace, old: str, new: str) -> Iterator[str]:
    """That the first side has commits which the second does not, so that they show as if they were undone."""
    count = space.git.text("rev-list", "--count", f"{new}..{old}", "--")
    if count != "0":
        many = "1 commit" if count == "1" else f"{count} commits"
        yield f"{old[:7]} has {many} that {new[:7]} does not: A...B reviews what B alone changed"


def _reviewed(between: Between, command: str) -> Review:
    between.fetch()
    space, git = between.space, between.space.git
    authors = git.authors(between.base, between.head) if between.head else {}
    suggester = Suggester(space, between.base, between.head)
    found = [_document(between, path, authors.get(path, ()), suggester) for path in between.documents]
    found += [each for path in between.dependants() if (each := _dependant(between, path)) is not None]
    commit = git.commits([between.head])[0] if between.head else None
    without = [f"^{between.base}"] if between.base else []
    count = int(git.text("rev-list", "--count", between.head, *without, "--")) if between.head else 0
    models = judged(between, found)
    evaluated_paths = {each.path for each in models}
    found.sort(key=lambda each: (each.path not in evaluated_paths, each.path))  # models before their data
    verdict, evaluated = worst_of(between, models)
    return Review(
        between.base,
        between.head,
        commit,
        count,
        command,
        verdict,
        evaluated,
        highest(each.meaning for each in found),
        tuple(found),
        tuple(models),
        tuple(between.data),
        tuple(_distributions(found)),
        _allowed(between.new_note),
        tuple(suggester.remarks),
        tuple(pointed(between.after, found, models)),
    )


def _document(between: Between, path: str, authors: Sequence[str], suggester: Suggester) -> DocumentReview:
    """A document that changed."""
    state = "new" if not there(between.before, path) else "changed" if there(between.after, path) else "deleted"
    problems, stale_fields = _order(between, path) if state != "deleted" else ((), ())
    try:
        diff = document_diff(path, between.before, between.after, [])
    except MdrepoError as error:
        return DocumentReview(
            path,
            state,
            problems=problems,
            stale=stale_fields,
            authors=tuple(authors),
            unreadable=f"cannot be read on a side: {error.message}",
        )
    made = DocumentReview(path, state, diff, problems=problems, stale=stale_fields, authors=tuple(authors))
    if diff is None:
        return made
    sections, order, unchanged = itemised(diff, between.before, between.after, _directions(between, path))
    parameters = tuple(each.change for section in sections for each in section.items if _is_parameter(each.change.shown_path))
    return replace(
        made,
        sections=sections,
        reordered=order,
        unchanged=unchanged,
        parameters=parameters,
        said=tuple(said(diff.old, diff.new)) if diff.state == "changed" else (),
        flags=tuple(_flags(between, path, diff.old, diff.new)) if diff.state == "changed" else (),
        suggested=suggester.of(diff) if state != "deleted" else None,
    )


def _dependant(between: Between, path: str) -> DocumentReview | None:
    """A document that did not change, where what it depends on leaves something to be said of it."""
    problems, stale_fields = _order(between, path)
    content = between.after.content(path)
    found = tuple(_flags(between, path, content, content))
    return (
        DocumentReview(path, "unchanged", problems=problems, stale=stale_fields, flags=found)
        if problems or stale_fields or found
        else None
    )


def _order(between: Between, path: str) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The problems and the stale fields of a document as it is now."""
    after = between.after
    problems = tuple(after.problems(path))
    try:
        found = stale(after.document(path).value, after.schema(path), after.files, between.space.reader(after), after.lock(path))
    except MdrepoError:
        found = []  # what it is that cannot be read stands among the problems
    return problems, tuple(found)


def _directions(between: Between, path: str) -> dict[str, bool]:
    """For each metric that an evaluation of the document names with its direction, whether higher is better."""
    notes = [note["documents"].get(path, {}) for note in (between.old_note, between.new_note) if note]
    rows = [row for result in notes for row in result.get("differences", ()) if isinstance(row, dict)]
    return {row["metric"]: row["direction"] == "higher" for row in rows if row.get("direction") in ("higher", "lower")}


def _is_parameter(path: pointers.Path) -> bool:
    return path[:2] in (("training", "hyperparameters"), ("structure", "parameters")) or path[:1] in (
        ("decision",),
        ("evaluation",),
    )


def _flags(between: Between, path: str, old: Any, new: Any) -> Iterator[Any]:
    if isinstance(old, dict) and isinstance(new, dict) and ("labels" in new or "evaluation" in new or "weights" in new):
        sides = ((between.before, old, between.old_note), (between.after, new, between.new_note))
        yield from flags(*(Around(content, *_hashes(side, content), _metrics(note, path)) for side, content, note in sides))


def _metrics(note: Note | None, path: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = note["documents"].get(path, {}).get("metrics", {}) if note else {}
    return found


def _hashes(side: Catalogue, content: Any) -> tuple[str | None, str | None]:
    """The hashes of the test and of the training data that a model document names."""
    found: list[str | None] = []
    for place in (("evaluation", "dataset"), ("training", "dataset")):
        name = pointers.get(content, place)
        data = pointers.get(side.content(name), ("artefact", "path")) if isinstance(name, str) else None
        try:
            artefact = tracked(side.files, data) if isinstance(data, str) else None
        except MdrepoError:
            artefact = None
        found.append(artefact.md5 if artefact else None)
    return found[0], found[1]


def _distributions(found: Sequence[DocumentReview]) -> Iterator[Distribution]:
    """The classes of dataset documents whose counts changed."""
    for each in found:
        if each.diff is None:
            continue
        old, new = (_counts(side) for side in (each.diff.old, each.diff.new))
        if old != new and (old or new):
            names = tuple(dict.fromkeys([*new, *old]))
            yield Distribution(
                each.path, names, *(tuple(side.get(name, 0) for name in names) if side else None for side in (old, new))
            )


def _counts(content: Any) -> dict[str, int]:
    classes = pointers.get(content, ("classes",))
    items = [each for each in classes if isinstance(each, dict)] if isinstance(classes, list) else []
    return {str(each.get("name")): each["count"] for each in items if isinstance(each.get("count"), int)}


def _allowed(note: Note | None) -> str | None:
    allowed = note.get("allowed") if note else None
    reason = allowed.get("reason") if isinstance(allowed, dict) else None
    return reason if isinstance(reason, str) else None
