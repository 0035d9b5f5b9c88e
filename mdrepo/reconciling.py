"""Three versions of a file to one: text first, structure second.

Where git's own text merge is clean, and the result is strict JSON that keeps every edit that one side alone made, it stands, byte
for byte. Otherwise the structural merge, written into ours with as little text changed as possible; for large files it goes first,
and git's only where it leaves conflicts. A true conflict leaves
everything else merged, and git's markers, with base, around only the lines of the conflicting values. On any doubt both sides are
kept, as one conflict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from .changes import MISSING
from .cutting import cut
from .documents import Document, DocumentError, read
from .losses import missing_edits
from .marking import Marks, Template, marked_texts, marked_values
from .merging import Conflict, Settled
from .plumbing import GitError, merge_text
from .settling import Guide, merged_and_settled
from .sharing import Reader
from .writing import rewrite

How = Literal["text", "structure", "not JSON"]
_LARGE = 1 << 20
"""Bytes from which on the structural merge goes first: git's text merge alone takes as long."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Reconciled:
    """The merged bytes; how they came about; the conflicts by field, and those that settled themselves.

    `template` is there where each conflict is marked by itself, and not the whole document.
    """

    data: bytes
    clean: bool
    how: How
    conflicts: tuple[Conflict, ...] = ()
    settled: tuple[Settled, ...] = ()
    reason: str | None = None
    template: Template | None = None


def reconcile(
    base: bytes,
    ours: bytes,
    theirs: bytes,
    guide: Guide = Guide(),  # noqa: B008 - a frozen value
    marks: Marks = Marks(),  # noqa: B008 - a frozen value
) -> Reconciled:
    """The three-way merge of a file; an empty version is a file that is not there; raises GitError where there is no git."""
    if theirs in (base, ours):
        return _taken(ours, marks.labels[0])
    if base == ours:
        return _taken(theirs, marks.labels[2])
    marked = [version.startswith(_BOM) for version in (base, ours, theirs)]
    merged = _Files(base.removeprefix(_BOM), ours.removeprefix(_BOM), theirs.removeprefix(_BOM), guide, marks).merged()
    # a byte-order mark is as one side changed it
    mark = _BOM if (marked[1] if marked[0] == marked[2] else marked[2]) else b""
    return replace(merged, data=mark + merged.data)


def _taken(data: bytes, label: str) -> Reconciled:
    """One side whole, where there is nothing to merge; what is no JSON is still called so."""
    try:
        if data.removeprefix(_BOM).strip():
            read(data.removeprefix(_BOM), label, spelling=False)
    except DocumentError as error:
        return Reconciled(data, True, "not JSON", reason=error.message)
    return Reconciled(data, True, "text")


@dataclass(frozen=True, slots=True)
class _Files:
    base: bytes
    ours: bytes
    theirs: bytes
    guide: Guide
    marks: Marks

    def merged(self) -> Reconciled:
        return self.by_items() or self.whole()

    def whole(self) -> Reconciled:
        versions, problems = self.versions()
        if problems:
            return self.as_text(problems)
        old, mine, yours = versions
        values = [version.value if version else MISSING for version in versions]
        if mine is None or yours is None:  # one side took the file away, and the other changed it
            return self.doubtful("structure", None, Conflict((), values[0], values[1], values[2]))
        large = max(len(self.ours), len(self.theirs)) >= _LARGE
        structured = self.by_structure(old, mine, yours) if large else None
        if structured and structured.clean:
            return structured
        text, clean = self.git_merge()
        if clean and _stands(text, values[0], mine.value, yours.value):
            return Reconciled(text, True, "text")
        return structured or self.by_structure(old, mine, yours)

    def git_merge(self) -> tuple[bytes, bool]:
        return merge_text(self.base, self.ours, self.theirs, self.marks.labels, self.marks.size)

    def versions(self) -> tuple[list[Document | None], list[str]]:
        """Base, ours and theirs, None where there is no file, and what is no JSON among them."""
        ours, base, theirs = self.marks.labels
        versions: list[Document | None] = []
        problems: list[str] = []
        reader = Reader()
        for data, label in ((self.base, base), (self.ours, ours), (self.theirs, theirs)):
            try:
                versions.append(reader.read(data, label) if data.strip() else None)
            except DocumentError as error:
                problems.append(error.message)
        return versions, problems

    def by_items(self) -> Reconciled | None:
        """The merge of a long list's items as texts: what one side alone changed is taken as it stands there, the rest is merged.

        None where that cannot be, or finds a conflict, or does not give strict JSON.
        """
        cuts = cut((self.base, self.ours, self.theirs))
        if cuts is None:
            return None
        pieces = [*map(_one_sided, *cuts.pieces)]
        rest = cuts.rest([place for place, each in enumerate(pieces[1:-1], 1) if each is None])
        if rest is None or not rest.is_told_apart(self.guide.keys):
            return None
        old, mine, yours = rest.documents
        merged = self.by_structure(old, mine, yours)
        again = cuts.again(merged.data, rest.places) if merged.clean and not merged.settled else None
        if again is None:
            return None
        taken = {**dict(enumerate(pieces)), **dict(zip(rest.places, again, strict=True))}
        data = cuts.joined([taken[place] or b"" for place in range(len(pieces))])
        return replace(merged, data=data) if _is_json(data) else None

    def by_structure(self, old: Document | None, mine: Document, yours: Document) -> Reconciled:
        try:
            return self.structured(old, mine, yours)
        except Exception as error:  # our mistake must not cost the user a side
            whole = Conflict((), old.value if old else MISSING, mine.value, yours.value)
            return self.doubtful("structure", f"the structural merge failed: {type(error).__name__}: {error}", whole)

    def structured(self, old: Document | None, mine: Document, yours: Document) -> Reconciled:
        base = old.value if old else MISSING
        whole = Conflict((), base, mine.value, yours.value)
        merged = merged_and_settled(base, mine.value, yours.value, self.guide)
        if any(not conflict.path for conflict in merged.conflicts):
            return self.doubtful("structure", None, whole)
        if merged.conflicts:
            text, template = marked_values(mine, merged.content, merged.conflicts, self.marks, self.guide.order)
            return Reconciled(text.encode("utf-8"), False, "structure", merged.conflicts, merged.settled, template=template)
        said = {each.conflict.path for each in merged.settled}
        if any(path not in said for path in missing_edits(base, mine.value, yours.value, merged.content)):
            return self.doubtful("structure", "the structural merge would lose an edit", whole)
        return Reconciled(rewrite(mine, merged.content, self.guide.order).encode("utf-8"), True, "structure", (), merged.settled)

    def as_text(self, problems: list[str]) -> Reconciled:
        """git's text merge of what is no JSON; where one version is, and the clean merge is not, both sides are kept."""
        try:
            text, clean = self.git_merge()
        except GitError as error:  # it does not merge what it takes for binary
            return self.doubtful("not JSON", error.message)
        if clean and len(problems) < 3 and not _is_json(text):
            return self.doubtful("not JSON", problems[0])
        return Reconciled(text, clean, "not JSON", reason=problems[0])

    def doubtful(self, how: How, reason: str | None, *conflicts: Conflict) -> Reconciled:
        """Both sides, and the base, as one conflict."""
        texts = [data.decode("utf-8", "surrogateescape") for data in (self.ours, self.base, self.theirs)]
        newline = "\r\n" if "\r\n" in texts[0] else "\n"
        # whose lines nobody knows, as in UTF-16, is not cut
        marked = self.marks.around(texts, newline) if how == "not JSON" else marked_texts(texts, self.marks, newline)
        data = marked.encode("utf-8", "surrogateescape")
        return Reconciled(data, False, how, conflicts, reason=reason)


def _one_sided(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """What a text becomes that at most one side changed; None where both did, each in its own way."""
    if theirs in (base, ours):
        return ours
    return theirs if base == ours else None


def _stands(text: bytes, base: Any, ours: Any, theirs: Any) -> bool:
    """Whether a clean text merge is strict JSON and has lost nothing."""
    try:
        return not missing_edits(base, ours, theirs, read(text).value, renames=True)
    except (DocumentError, RecursionError):
        return False


def _is_json(text: bytes) -> bool:
    try:
        read(text, spelling=False)
    except DocumentError:
        return False
    return True
