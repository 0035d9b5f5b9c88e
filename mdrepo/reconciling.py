"""Three versions of a file to one: text first, structure second.

Where git's own text merge is clean, and the result is strict JSON that keeps every edit that one side alone made, it stands, byte
for byte. Otherwise the structural merge, written into ours with as little text changed as possible. A true conflict leaves
everything else merged, and git's markers, with base, around only the lines of the conflicting values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from .changes import MISSING, KeyFinder, no_keys
from .documents import Document, DocumentError, read
from .merging import Conflict, merge, missing_edits
from .patching import replaced
from .snapshots import merge_text
from .writing import Style, dumps, rewrite

LABELS = ("ours", "base", "theirs")
MARKER_SIZE = 7


@dataclass(frozen=True)
class Template:
    """A merged document's text with a token in the place of each conflicting value: `mark`, the conflict's number, `@@`."""

    text: str
    mark: str

    @property
    def token(self) -> re.Pattern[str]:
        return re.compile(f'"{self.mark}(\\d+)@@"')


@dataclass(frozen=True)
class Reconciled:
    """The merged bytes; how they came about; the conflicts by field (none are known where the files are no JSON).

    `template` is there where each conflict is marked by itself, and not the whole document.
    """

    data: bytes
    clean: bool
    how: Literal["text", "structure", "not JSON"]
    conflicts: tuple[Conflict, ...] = ()
    reason: str | None = None
    template: Template | None = None


def reconcile(
    base: bytes,
    ours: bytes,
    theirs: bytes,
    keys: KeyFinder = no_keys,
    labels: Sequence[str] = LABELS,
    size: int = MARKER_SIZE,
) -> Reconciled:
    """The three-way merge of a file; an empty base stands for none; raises GitError."""
    text, clean = merge_text(base, ours, theirs, labels, size)
    try:
        old = read(base, labels[1]) if base.strip() else None
        mine, yours = read(ours, labels[0]), read(theirs, labels[2])
    except DocumentError as error:
        return Reconciled(text, clean, "not JSON", reason=error.message)
    origin = old.value if old else MISSING
    if clean and _stands(text, origin, mine.value, yours.value):
        return Reconciled(text, True, "text")
    merged = merge(origin, mine.value, yours.value, keys)
    if merged.conflicts:
        return _conflicted(mine, merged.content, merged.conflicts, (text, clean), labels, size)
    if lost := missing_edits(origin, mine.value, yours.value, merged.content):
        # on any doubt both sides are kept
        conflict = Conflict(lost[0], origin, mine.value, yours.value)
        return Reconciled(_whole(base, ours, theirs, labels, size), False, "structure", (conflict,))
    return Reconciled(rewrite(mine, merged.content).encode("utf-8"), True, "structure")


def _stands(text: bytes, base: Any, ours: Any, theirs: Any) -> bool:
    """Whether a clean text merge is strict JSON and has lost nothing."""
    try:
        return not missing_edits(base, ours, theirs, read(text).value)
    except DocumentError:
        return False


def _conflicted(
    mine: Document,
    content: Any,
    conflicts: tuple[Conflict, ...],
    text: tuple[bytes, bool],
    labels: Sequence[str],
    size: int,
) -> Reconciled:
    if any(not conflict.path for conflict in conflicts):
        data, clean = text
        return Reconciled(data if not clean else mine.text.encode("utf-8"), False, "structure", conflicts)
    template = next(made for number in count() if (made := _template(mine, content, conflicts, f"@@mdrepo-{number}-conflict-")))
    data = marked(template, conflicts, Style.of(mine.text), labels, size).encode("utf-8")
    return Reconciled(data, False, "structure", conflicts, template=template)


def _template(mine: Document, content: Any, conflicts: Sequence[Conflict], mark: str) -> Template | None:
    """The merged text with tokens; None if the documents themselves have such a string."""
    for number, conflict in enumerate(conflicts):
        content = replaced(content, conflict.path, f"{mark}{number}@@")
    template = Template(rewrite(mine, content), mark)
    return template if len(template.token.findall(template.text)) == len(conflicts) else None


def marked(
    template: Template, conflicts: Sequence[Conflict], style: Style, labels: Sequence[str] = LABELS, size: int = MARKER_SIZE
) -> str:
    """The text with git's markers, with base, around the lines that have tokens."""
    token = template.token
    lines = re.split(r"(?<=\n)", template.text)  # a string may have other line ends in it, which splitlines would take for such
    return "".join(_marked(line, token, conflicts, style, labels, size) if token.search(line) else line for line in lines)


def _marked(
    line: str, token: re.Pattern[str], conflicts: Sequence[Conflict], style: Style, labels: Sequence[str], size: int
) -> str:
    """A line with conflicting values as git shows a conflict: ours, base, theirs."""
    lead = line[: len(line) - len(line.lstrip(" \t"))]
    end = style.newline

    def version(side: str) -> str:
        sides = {number: getattr(conflicts[int(number)], side) for number in token.findall(line)}
        if all(value is MISSING for value in sides.values()):
            return ""
        made = token.sub(lambda found: _text(sides[found.group(1)], style, lead), line)
        return made if made.endswith("\n") else made + end

    marks = [("<" * size, labels[0], "ours"), ("|" * size, labels[1], "base"), ("=" * size, "", "theirs")]
    parts = [f"{mark} {label}".rstrip() + end + version(side) for mark, label, side in marks]
    return "".join(parts) + f"{'>' * size} {labels[2]}".rstrip() + end


def _text(value: Any, style: Style, lead: str) -> str:
    return "null" if value is MISSING else dumps(value, style, lead)


def _whole(base: bytes, ours: bytes, theirs: bytes, labels: Sequence[str], size: int) -> bytes:
    """The whole file as one conflict."""

    def ended(text: bytes) -> bytes:
        return text if text.endswith(b"\n") or not text else text + b"\n"

    marks = [(b"<", labels[0], ours), (b"|", labels[1], base)]
    begin = b"".join(mark * size + b" " + label.encode() + b"\n" + ended(text) for mark, label, text in marks)
    return begin + b"=" * size + b"\n" + ended(theirs) + b">" * size + b" " + labels[2].encode() + b"\n"
