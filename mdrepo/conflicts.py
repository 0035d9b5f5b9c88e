"""What is in conflict in an unmerged document: from the index's stages, with the work tree's file as the state.

The merge is made again from the stages, so that every conflict is known with its three values. The file says which of them are
still open: those whose marks are in it, as the merge wrote them. All else in it is kept as it is, also what was edited by hand.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from . import marks, pointers
from .documents import DocumentError, read, same
from .errors import Finding, MdrepoError
from .files import inside
from .indexes import Entry
from .marking import Chunk, Marks, Template, marked
from .marks import LABELS, MARKER_SIZE, Block, Pieces
from .merging import Conflict
from .plumbing import merge_text
from .reconciling import Reconciled
from .results import DocumentStatus
from .validation import Problem
from .workspace import Workspace
from .writing import Style

Merge = Callable[[str, bytes, bytes, bytes, int], Reconciled]
"""The merge of a path's base, ours and theirs, with marks of a length."""
Stages = Mapping[int, Entry]
_COMMA = re.compile(r",?([ \t]*\r?\n?)\Z")


@dataclass(frozen=True)
class Unsettled:
    """A document in conflict as it stands in the work tree: the conflicts that are open, with their paths in it.

    `template` is its text with a token for each of them (None: the document conflicts as a whole), `numbers` their places among all
    conflicts of the merge. `pending`: no field is in conflict, but git's marks are still in the text.
    """

    open: tuple[Conflict, ...] = ()
    template: Template | None = None
    numbers: tuple[int, ...] = ()
    pending: bool = False


@dataclass(frozen=True)
class Remade:
    """The merge of one path, made again: base, ours and theirs; the lines with tokens that it had or that were made of it."""

    path: str
    sides: tuple[bytes, bytes, bytes]
    merged: Reconciled
    lines: frozenset[str]
    whole: bool = False  # a conflict of the whole document is settled
    labels: tuple[str, str, str] = LABELS
    size: int = MARKER_SIZE

    @property
    def style(self) -> Style:
        return Style.of(self.sides[1].decode("utf-8"))

    def known(self) -> dict[tuple[str, str | None, str], str]:
        """For the marks around each conflict, alone or with others in its line, the line with tokens that they stand for."""
        if self.merged.template is None:
            return {}
        found: dict[tuple[str, str | None, str], str] = {}
        mark, conflicts = self.merged.template.mark, self.merged.conflicts
        for line in self.lines:
            for variant in (line, _COMMA.sub(r"\1", line, count=1), _COMMA.sub(r",\1", line, count=1)):
                text = marked(Template(variant, mark), conflicts, Marks(self.labels, self.size), self.style)
                for block in marks.blocks(marks.pieces(text)):
                    found.setdefault(_key(block), variant)
        return found


def _key(block: Block) -> tuple[str, str | None, str]:
    return block.ours, block.base, block.theirs


def unsettled(workspace: Workspace, path: str, stages: Stages, merge: Merge) -> Unsettled:
    """The conflicts of an unmerged path that are not settled yet; raises Finding where they cannot be named by field."""
    required(path, stages)
    text = work_text(workspace, path)
    return open_in(remade(workspace, path, stages, text, merge), text)


def document_status(workspace: Workspace, path: str, problems: Sequence[Problem], merge: Merge) -> DocumentStatus:
    """An unmerged document with its open conflicts, or with the reason for which there are none."""
    try:
        found = unsettled(workspace, path, workspace.git.unmerged().get(path, {}), merge)
    except MdrepoError as error:
        return DocumentStatus(path, "conflict", tuple(problems), remark=tuple(filter(None, (error.message, error.hint))))
    return DocumentStatus(path, "conflict", tuple(problems), conflicts=found.open, remark=remark(path, found))


def remark(path: str, found: Unsettled) -> tuple[str, ...]:
    """What there is to say of an unmerged document without open conflicts, and what to type."""
    if found.open:
        return ()
    if found.pending:
        words = "no field is in conflict: field by field the sides go together, which git's text merge could not see"
        return words, f"mdrepo resolve {path} --ours"
    return "every conflict is settled", f"git add {path}"


def work_text(workspace: Workspace, path: str) -> str:
    try:
        return inside(workspace.root, path).read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise Finding(f"{path} is not UTF-8, so it is no JSON", _by_hand(path)) from None
    except OSError as error:
        raise Finding(f"{path}: {error.strerror}", f"git checkout --merge -- {path} brings it back, in conflict") from None


def _by_hand(path: str) -> str:
    return f"settle it in an editor, or take one side whole: git checkout --ours -- {path} (or --theirs); then git add {path}"


def remade(workspace: Workspace, path: str, stages: Stages, text: str, merge: Merge) -> Remade:
    blocks = marks.blocks(marks.pieces(text))
    contents = workspace.git.blobs([entry.blob for entry in stages.values()])
    base, ours, theirs = (contents[stages[stage].blob] if stage in stages else b"" for stage in (1, 2, 3))
    if "\r\n" in text and b"\r\n" not in ours:  # git converts line ends on their way into the work tree
        base, ours, theirs = (side.replace(b"\n", b"\r\n") for side in (base, ours, theirs))
    size = blocks[0].size if blocks else MARKER_SIZE
    merged = merge(path, base, ours, theirs, size)
    lines, whole = kept(workspace, path, stages)
    if merged.template is not None:
        style = Style.of(ours.decode("utf-8"))
        lines = token_lines(merged.template, merged.conflicts, style) | {line for line in lines if _fits(line, merged)}
    return Remade(path, (base, ours, theirs), merged, frozenset(lines), whole, blocks[0].labels if blocks else LABELS, size)


def token_lines(template: Template, conflicts: Sequence[Conflict], style: Style) -> set[str]:
    return {part.tokened for part in template.parts(conflicts, style) if isinstance(part, Chunk)}


def _fits(line: str, merged: Reconciled) -> bool:
    """Whether a line that was kept is one of this merge's."""
    numbers = merged.template.token.findall(line) if merged.template else []
    return bool(numbers) and all(int(number) < len(merged.conflicts) for number in numbers)


def required(path: str, stages: Stages) -> None:
    """Make sure that both sides have a file; raises Finding."""
    names = {1: "base", 2: "ours", 3: "theirs"}
    for stage, entry in stages.items():
        if not entry.mode.startswith("100"):
            raise Finding(f"{path} is no file in {names[stage]}: a symbolic link, or another repository", _by_hand(path))
    keep, drop = f"git add {path}", f"git rm {path}"
    match sorted(stages):
        case [1, 2] | [1, 3]:
            gone, left = ("theirs", "ours") if 2 in stages else ("ours", "theirs")
            words = f"{path}: {gone} deleted the document, {left} changed it"
            raise Finding(words, f"keep it with {left}' changes: git checkout --{left} -- {path} && {keep}; delete it: {drop}")
        case [1]:
            raise Finding(f"{path}: both sides deleted or renamed the document", drop)
        case [stage]:
            raise Finding(f"{path}: {names[stage]} alone has the document here, as a rename does it", f"{keep}, or {drop}")


def open_in(here: Remade, text: str) -> Unsettled:
    path, merged = here.path, here.merged
    pieces = marks.pieces(text)
    blocks = marks.blocks(pieces)
    whole = merged.how == "structure" and not merged.clean and merged.template is None
    stray = any(not each.whole for each in marks.marked(text.encode("utf-8"), path))
    unmarked = whole and not here.whole and text == merged.data.decode("utf-8")
    if not blocks and not stray and not unmarked:
        try:
            read(text.encode("utf-8"), path)
        except DocumentError as error:
            raise Finding(f"{error.message} (no conflict has its marks any more)", f"put it right, then git add {path}") from None
        return Unsettled()  # settled by hand, or as git remembered it
    if merged.how == "not JSON":
        raise Finding(f"{path} was merged as text, since a side is no JSON: {merged.reason}", _by_hand(path))
    if stray:
        raise _edited(path, text)
    if merged.template is not None and (found := _recognised(here, pieces)):
        return found
    if not unmarked and not _untouched(here, pieces):
        raise _edited(path, text)
    if merged.clean:
        return Unsettled(pending=True)
    if merged.template is None:
        first = merged.conflicts[0]
        return Unsettled((Conflict((), first.base, first.ours, first.theirs),))
    return Unsettled(merged.conflicts, merged.template, tuple(range(len(merged.conflicts))))


def _edited(path: str, text: str) -> Finding:
    lines = ", ".join(str(each.line) for each in marks.marked(text.encode("utf-8"), path))
    words = f"{path}: marks of a conflict (in line {lines}) were edited by hand, or are not those of this merge"
    hint = f"settle these in an editor, then git add {path}; or start anew, without the edits: git checkout --merge -- {path}"
    return Finding(words, hint)


def _recognised(here: Remade, pieces: Pieces) -> Unsettled | None:
    """The open conflicts by their marks; None where marks are not as the merge wrote them."""
    original = here.merged.template
    assert original is not None
    known = here.known()
    template = Template("", f"@@mdrepo-{secrets.token_hex(8)}-")
    numbers: list[int] = []
    lines: list[tuple[int, str]] = []

    def renumbered(match: re.Match[str]) -> str:
        numbers.append(int(match.group(1)))
        return f'"{template.mark}{len(numbers) - 1}@@"'

    at = 1
    for piece in pieces:
        if isinstance(piece, str):
            lines.append((at, piece))
            at += 1
        elif _key(piece) in known:
            lines.append((at, original.token.sub(renumbered, known[_key(piece)])))
            at += 4 + sum(side.count("\n") for side in (piece.ours, piece.base or "", piece.theirs))
        else:
            return None
    text = "".join(line for _, line in lines)
    try:
        content = read(text.encode("utf-8"), here.path).value
    except DocumentError as error:
        place = f"{here.path}:{lines[min(error.place.line, len(lines)) - 1][0]}"
        raise Finding(f"{place}: beside the conflicts, {error.problem}", error.hint or "put it right in an editor first") from None
    paths = dict(_tokens(content, template.mark, ()))
    conflicts = [here.merged.conflicts[number] for number in numbers]
    found = (Conflict(paths[place], each.base, each.ours, each.theirs) for place, each in enumerate(conflicts))
    return Unsettled(tuple(found), Template(text, template.mark), tuple(numbers))


def _tokens(value: Any, mark: str, path: pointers.Path) -> Iterator[tuple[int, pointers.Path]]:
    """Each token in a content: its number, and its path."""
    if isinstance(value, str) and value.startswith(mark):
        yield int(value.removeprefix(mark).removesuffix("@@")), path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for token, each in members:
        yield from _tokens(each, mark, (*path, token))


def _untouched(here: Remade, pieces: Pieces) -> bool:
    """Whether a file is what a text merge of git's left, whatever its labels and the style of its conflicts."""
    base, ours, theirs = here.sides
    for data in (merge_text(base, ours, theirs, LABELS, here.size)[0], here.merged.data):
        reference = marks.pieces(data.decode("utf-8"))
        if all(_alike(marks.side(pieces, name), marks.side(reference, name)) for name in ("ours", "theirs")):
            return True
    return False


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return same(read(one.encode("utf-8")).value, read(other.encode("utf-8")).value)
    except DocumentError:
        return False


def kept_name(path: str, stages: Stages) -> str:
    parts = [path, *(f"{stage} {entry.blob}" for stage, entry in sorted(stages.items()))]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def kept(workspace: Workspace, path: str, stages: Stages) -> tuple[set[str], bool]:
    """Lines with tokens that settling one of several conflicts in a line made; whether a whole document was settled."""
    file = workspace.git.folder / "mdrepo" / "resolve" / kept_name(path, stages)
    with suppress(OSError, ValueError, TypeError, KeyError):
        content = json.loads(file.read_text(encoding="utf-8"))
        return {line for line in content["lines"] if isinstance(line, str)}, content["whole"] is True
    return set(), False
