"""A document's version, releases and changelog: as lines for a terminal, as markdown, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import pointers
from . import data, words
from .diffs import change, compared, moved
from .lines import Line, Span, counted, plain, value
from .markdown import code, escaped

if TYPE_CHECKING:
    from ..changes import Change
    from ..differences import DocumentDiff
    from ..results import Changelog, Entry, Release, Releases, Section, Tagged, Versioned

_CLASSES = ("breaking", "behavioural", "descriptive", None)
_STYLES = {"breaking": "bad", "behavioural": "warn", "descriptive": "faint", None: "faint"}


def _grouped(diff: DocumentDiff | None) -> Iterator[tuple[str | None, list[Change]]]:
    """The changes of a diff by their class, the most severe first."""
    changes = [*zip(diff.classes, diff.delta, strict=True)] if diff else []
    for name in _CLASSES:
        if found := [each for meaning, each in changes if meaning == name]:
            yield name, found


def _heading(section: Section, found: Changelog) -> str:
    release = section.release
    if release is None:
        return "Unreleased" + (f" (next: {found.version.version})" if found.version and not found.version.released else "")
    stages = f" ({', '.join(release.stages)})" if release.stages else ""
    return f"{release.version} - {release.date:%Y-%m-%d}{stages}"


def _facts(entry: Entry) -> list[str]:
    step = entry.step
    return [step.commit[:7], f"{step.date:%Y-%m-%d}", *([entry.verdict] if entry.verdict else [])]


# for a terminal


def version(found: Versioned) -> Line:
    """The version alone, for scripts."""
    return [str(found.version)]


def reason(found: Versioned) -> str:
    """Why the version is what it is."""
    if found.released and found.last:
        return f"nothing has changed since {found.last.tag} of {found.last.date:%Y-%m-%d}"
    if found.last is None:
        return "there is no release yet; 'mdrepo tag DOC --next' makes the first one"
    told = (
        f"{counted(len(found.diff.delta), 'change')}, {found.meaning or 'of no class that a schema says'}, " if found.diff else ""
    )
    return f"not released: {told}since {found.last.version}"


def text(found: Changelog) -> Iterator[Line]:
    """The changelog for a terminal, as a diff shows changes."""
    yield [Span(found.name, "strong"), f"  {found.path}"]
    for section in found.sections:
        yield []
        yield [Span(_heading(section, found), "strong")]
        for entry in section.entries:
            yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[Line]:
    commit, *facts = _facts(entry)
    yield [Span(f"  {commit}", "warn"), f"  {'  '.join(facts)}  {entry.step.subject}"]
    if entry.renamed_from:
        yield [f"    renamed from {entry.renamed_from}"]
    if entry.problem:
        yield [Span("    ! ", "warn"), entry.problem]
    for name, changes in _grouped(entry.diff):
        yield [Span(f"    {name or 'of no class'}", _STYLES[name])]
        for each in changes:
            yield ["    ", *change(each)]
            if each.kind == "changed" and words.are_long(each.old, each.new):
                yield from (["          ", *line] for line in words.compared(each.old, each.new))


def releases(found: Releases) -> Iterator[Line]:
    if not found.releases:
        yield [f"{found.path} has no release yet"]
    for each in found.releases:
        stages = f"  {', '.join(each.stages)}" if each.stages else ""
        yield [Span(each.tag, "strong"), f"  {each.date:%Y-%m-%d}  ", Span(each.commit[:7], "warn"), Span(stages, "good")]


# as markdown


def markdown(found: Changelog) -> str:
    """The changelog as markdown, in which nothing in a document or in a commit's message is mark-up."""
    parts = [f"# Changelog of {code(found.name)}\n"]
    for section in found.sections:
        parts.append(f"\n## {_heading(section, found)}\n")
        for entry in section.entries:
            parts.append(f"\n### {escaped(entry.step.subject, 200)} ({', '.join(_facts(entry))})\n\n")
            parts += [f"{line}\n" for line in _bullets(entry)]
    return "".join(parts)


def version_markdown(found: Versioned) -> str:
    """The version, the reason for it, and the changes since the last full release, as markdown."""
    changes = [f"{line}\n" for line in _told_changes(found.diff)]
    return "".join([f"**{code(found.name)} {found.version}**: {escaped(reason(found), 300)}\n", *["\n"][: len(changes)], *changes])


def _bullets(entry: Entry) -> Iterator[str]:
    if entry.renamed_from:
        yield f"- renamed from {code(entry.renamed_from)}"
    if entry.problem:
        yield f"- {escaped(entry.problem, 300)}"
    yield from _told_changes(entry.diff)


def _told_changes(diff: DocumentDiff | None) -> Iterator[str]:
    for name, changes in _grouped(diff):
        yield f"- **{name or 'of no class'}**"
        for each in changes:
            identity = f" ({code(each.identity)})" if each.identity else ""
            yield f"  - {code(pointers.build(each.shown_path)) or 'the whole document'}{identity}: {_told(each)}"


def _told(each: Change) -> str:
    if each.kind in ("added", "removed"):
        return f"{each.kind} {code(value(each.new if each.kind == 'added' else each.old))}"
    if each.kind == "moved":
        return f"moved {code(moved(each))}"
    if words.are_long(each.old, each.new):
        return "; ".join(code(plain(line), 400) for line in words.compared(each.old, each.new))
    notes = compared(each.old, each.new)
    return f"{code(value(each.old))} → {code(value(each.new))}" + (f" ({', '.join(notes)})" if notes else "")


# as JSON


def _release(each: Release | None) -> dict[str, Any] | None:
    if each is None:
        return None
    stages = list(each.stages)
    return {"version": str(each.version), "tag": each.tag, "commit": each.commit, "date": each.date.isoformat(), "stages": stages}


def version_data(found: Versioned) -> dict[str, Any]:
    return {
        "path": found.path,
        "name": found.name,
        "version": str(found.version),
        "released": found.released,
        "class": found.meaning,
        "changes": len(found.diff.delta) if found.diff else None,
        "last": _release(found.last),
        "remarks": list(found.remarks),
    }


def changelog_data(found: Changelog) -> dict[str, Any]:
    sections = [{"release": _release(each.release), "entries": _entries(each.entries)} for each in found.sections]
    version = str(found.version.version) if found.version else None
    remarks = list(found.remarks)
    return data.answer("changelog", path=found.path, name=found.name, version=version, sections=sections, remarks=remarks)


def _entries(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [
        {
            "commit": each.step.commit,
            "author": each.step.author,
            "date": each.step.date.isoformat(),
            "subject": each.step.subject,
            "path": each.step.now.path,
            "renamed_from": each.renamed_from,
            "state": each.diff.state if each.diff else None,
            "class": each.diff.highest_class if each.diff else None,
            "verdict": each.verdict,
            "problem": each.problem,
            "changes": data.changes(each.diff) if each.diff else [],
        }
        for each in entries
    ]


def releases_data(found: Releases) -> dict[str, Any]:
    releases = [_release(each) for each in found.releases]
    return {"path": found.path, "name": found.name, "releases": releases, "remarks": list(found.remarks)}


def tagged_data(found: Tagged) -> dict[str, Any]:
    return {
        "path": found.path,
        "tag": found.ref,
        "version": str(found.version),
        "stage": found.stage,
        "commit": found.commit,
        "remarks": list(found.remarks),
    }
