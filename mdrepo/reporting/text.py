"""Patches, problems, statuses and logs as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import pointers, wildcards
from ..changes import MISSING
from .diffs import change
from .lines import Line, Span, counted, value

if TYPE_CHECKING:  # the values' types alone: a command loads what it makes, not what others make
    from ..caching import Usage
    from ..deriving import Proposal
    from ..merging import Conflict
    from ..provenance import Provenance
    from ..results import Check, DocumentStatus, Logged, Patch, Resolved, Status, Step
    from ..staleness import Stale
    from ..validation import Problem

_STYLES = {
    "improved": "good",
    "regressed": "bad",
    "failed": "bad",
    "inconclusive": "warn",
    "baseline": "strong",
    "skipped": "faint",
    "unchanged": "faint",
}


def verdict(name: str | None) -> Span:
    """A verdict in its colour."""
    return Span(name, _STYLES.get(name, "")) if name else Span("not evaluated", "faint")


def problem(each: Problem) -> Line:
    place = f"{each.path}:{each.line}:{each.column}: "
    return [
        Span(place, "strong"),
        *([f"{each.pointer}: "] if each.pointer else []),
        each.message,
        Span(f"  [{each.rule}]", "faint"),
    ]


def problems(found: list[Problem]) -> Iterator[Line]:
    for each in found:
        yield problem(each)
        if each.hint:
            yield ["    ", Span(each.hint, "faint")]
    files = len({each.path for each in found})
    yield [f"{counted(len(found), 'problem')} in {counted(files, 'document')}"]


def status(found: Status) -> Iterator[Line]:
    where = f"On branch {found.branch}" if found.branch else "On no branch (HEAD is detached)"
    yield [where, ", ", *(["no commit yet"] if found.head is None else [f"commit {found.head[:7]}: ", verdict(found.verdict)])]
    if not found.remarkable and not found.paths:
        yield ["No documents yet: 'mdrepo new model NAME' makes one"]
    for each in found.remarkable:
        yield from document_status(each)
    for artefact in found.unrecorded:
        yield [Span("  modified ", "warn"), f"{artefact.path} is not what DVC recorded: run '{artefact.recording}'"]
    for path, state in found.files:
        yield [Span(f"  {state:<10}", "warn"), path]
    for path in found.orphans:
        yield [Span("  ! ", "warn"), f"{path} belongs to no document: git rm it, or git mv it to where the document is now"]
    if not found.remarkable and not found.files and not found.orphans and found.paths:
        yield [f"{counted(len(found.paths), 'document')}, nothing to commit, nothing stale"]


def provenance(path: str, fields: Sequence[Provenance]) -> Iterator[Line]:
    """A document's fields, each with what it was read off."""
    yield [Span(path, "strong")]
    styles = {"derived": "good", "overridden": "warn", "removed": "warn"}
    words = {"overridden": "written by hand, against ", "removed": "taken away by hand, in "}
    for each in fields:
        told = [Span(f"  ({words.get(each.kind, '')}{each.source.shown()})", "faint")] if each.source else []
        yield [Span(f"  {each.kind:<10} ", styles.get(each.kind, "")), pointers.build(each.path) or "(the whole document)", *told]


def document_status(each: DocumentStatus) -> Iterator[Line]:
    """A document that is not just as it was committed."""
    yield [Span(f"  {each.state:<10}", "warn" if each.state != "unchanged" else ""), each.path]
    yield from _unsettled(each)
    # that a digest is not the artefact's is what stale says
    problems = [item for item in each.problems if not (each.stale and item.rule == "artefact/digest")]
    problems = [item for item in problems if not (each.state == "conflict" and item.rule == "document/conflict")]
    if problems:
        told = f"{counted(len(problems), 'problem')}, in line {problems[0].line}: {problems[0].message}"
        yield ["            ", Span("invalid: ", "bad"), told]
    yield from _stale(each.stale)


def stale(path: str, fields: Sequence[Stale]) -> Iterator[Line]:
    """A document with fields that are not what they were derived from."""
    yield [f"  {path}"]
    yield from _stale(fields)


def _stale(fields: Sequence[Stale]) -> Iterator[Line]:
    for reason in dict.fromkeys(item.reason for item in fields):
        number = sum(item.reason == reason for item in fields)
        yield ["            ", Span("stale: ", "warn"), f"{reason} ({counted(number, 'derived field')}: 'mdrepo patch')"]


def _unsettled(each: DocumentStatus) -> Iterator[Line]:
    """The conflicts of a document with all three values, and how one is settled; or why they have no names, and what to type."""
    groups = wildcards.grouped([item.path for item in each.conflicts])
    for group in groups:
        place = pointers.build(group.path) or "(the whole document)"
        if group.wildcard is None:
            yield from three_values(["            ", Span(place, "bad")], each.conflicts[group.numbers[0]], lead=12)
            continue
        yield ["            ", Span(place, "bad"), f": {counted(len(group.numbers), 'conflict')}"]
        for number in group.numbers:
            item = each.conflicts[number]
            yield from three_values([" " * 16, str(group.token(item.path))], item, lead=16)
    if groups:
        field = f"{each.path}#{pointers.build(groups[0].path)}"
        yield [Span(f"            settle it: mdrepo resolve '{field}' --ours (or --theirs, --base, --value JSON)", "faint")]
    for text, style in zip(each.remark, ("", "faint"), strict=False):
        yield ["            ", Span(text, style)]


def three_values(name: Line, item: Conflict, sides: tuple[str, str] = ("ours", "theirs"), lead: int = 2) -> Iterator[Line]:
    """A conflict with all three values; `sides` is what the two are called."""
    yield [*name, f": it was {_side(item.base)}"]
    yield [f"{' ' * lead}    {sides[0]}: {_side(item.ours)}"]
    yield [f"{' ' * lead}    {sides[1]}: {_side(item.theirs)}"]


def resolved(found: Resolved) -> Iterator[Line]:
    for path, content in found.settled:
        yield [Span("  = ", "good"), f"{pointers.build(path) or '(the whole document)'}: {_side(content)}"]
    for each in found.left:
        yield [Span("  ! ", "bad"), f"{pointers.build(each.path)}: ours {_side(each.ours)}, theirs {_side(each.theirs)}"]


def patch(found: Patch, *, applied: bool = False) -> Iterator[Line]:
    """What a patch changes and where it comes from; once applied, only how much, what was kept, and what is in conflict."""
    for path, proposal in found.proposals.items():
        for place in proposal.settled:
            yield [Span("  = ", "good"), f"{path}#{pointers.build(place)}: settled"]
        if proposal.stale:
            yield [Span(path, "strong"), f"  {counted(len(proposal.delta), 'change')}{' merged' if applied else ''}"]
            yield from ([Span(f"  {reason}", "faint")] for reason in proposal.reasons)
            yield from () if applied else _changes(proposal)
            for place in proposal.kept:
                yield [Span("  = ", "good"), f"{pointers.build(place)}: kept as people wrote it"]
            yield from _conflicts(path, proposal)
    for text in found.problems:
        yield [Span("  ! ", "warn"), text]
    if not found.stale and not found.problems:
        yield ["Every derived field is what its artefact says"]


def _changes(proposal: Proposal) -> Iterator[Line]:
    last = None
    for each in proposal.delta:
        source = proposal.source(each.shown_path)
        if source and source.shown() != last:
            last = source.shown()
            yield [Span(f"  from {last}:", "faint")]
        yield change(each)


def _conflicts(path: str, proposal: Proposal) -> Iterator[Line]:
    for conflict in proposal.conflicts:
        each = conflict.conflict
        pointer = pointers.build(each.path)
        sides = "by hand", f"derived from {conflict.source.shown()}"
        yield from three_values([Span("  ! conflict ", "bad"), pointer], each, sides)
        yield [Span(f"      settle it: mdrepo patch --apply --keep-manual '{path}#{pointer}' (or --take-derived)", "faint")]


def _side(content: Any) -> str:
    return "not there" if content is MISSING else value(content)


def logged(each: Logged, width: int = 13) -> Line:
    name = each.note["verdict"] if each.note else None
    span = verdict(name)
    return [
        Span(each.commit.id[:7], "warn"),
        "  ",
        Span(f"{span.text:<{width}}", span.style),
        f"  {each.commit.date:%Y-%m-%d %H:%M}  ",
        each.commit.subject,
        Span(_accuracy(each.note), "faint"),
    ]


def log(found: Sequence[Logged]) -> Iterator[Line]:
    """The commits, each with what it changed, where that was asked for; a document is named where it is another one than before."""
    last = None
    for each in found:
        yield logged(each)
        for document in each.documents:
            if document.path != last or document.state != "changed":
                yield ["  ", Span(document.path, "strong"), "" if document.state == "changed" else f"  {document.state}"]
            last = document.path
            for item, meaning in zip(document.delta, document.classes, strict=True):
                yield change(item, meaning)


def _accuracy(note: Mapping[str, Any] | None) -> str:
    """The first document's accuracy, and how it changed."""
    for result in (note or {}).get("documents", {}).values():
        told = result.get("metrics", {}).get("accuracy")
        if told is None:
            continue
        moved = next((each["difference"] for each in result.get("differences", ()) if each["metric"] == "accuracy"), None)
        return f"  (accuracy {told:.1%}" + (f", {moved * 100:+.1f} points)" if moved is not None else ")")
    return ""


def steps(found: list[Step]) -> Iterator[Line]:
    marks = {"done": Span("  + ", "good"), "kept": Span("  = ", "faint"), "left": Span("  ! ", "warn")}
    for each in found:
        yield [marks[each.state], each.message]


def checks(found: list[Check]) -> Iterator[Line]:
    for each in found:
        yield [
            Span("  ok   ", "good") if each.ok else Span("  look ", "warn"),
            each.message,
            Span(f": {each.hint}" if each.hint else "", "faint"),
        ]


def cache(found: Sequence[Usage], limit: int, *, cleared: bool) -> Iterator[Line]:
    for each in found:
        yield f"  {each.kind:<12} {counted(each.entries, 'entry').replace('entrys', 'entries'):>16} {_mebibytes(each.bytes):>14}"
    total = f"{_mebibytes(sum(each.bytes for each in found))} of {_mebibytes(limit)} (evaluation.cache in mdrepo.toml)"
    yield f"cleared: {total}" if cleared else total


def _mebibytes(number: int) -> str:
    return f"{number / (1 << 20):,.1f} MiB"
