"""Settling the conflicts that git left in a document, one by one, and writing the file with the others still marked."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from . import marks, pointers
from .changes import MISSING
from .conflicts import Merge, Remade, Stages, Unsettled, kept, kept_name, open_in, remade, remark, required, token_lines, work_text
from .documents import DocumentError, read
from .errors import Finding, MdrepoError, UsageError
from .files import inside, write
from .locks import SUFFIX
from .marking import Marks, Template, marked
from .merging import Conflict
from .patching import replaced
from .results import Resolved
from .validation import Problem
from .wildcards import grouped, matching
from .workspace import Workspace
from .writing import fresh, rewrite

Side = Literal["ours", "theirs", "base"]


@dataclass(frozen=True)
class Choice:
    """How a conflict is settled: by a side, or (None) by a value."""

    side: Side | None
    value: Any = MISSING

    def of(self, conflict: Conflict) -> Any:
        return getattr(conflict, self.side) if self.side else self.value


def settle(workspace: Workspace, path: str, pointer: str | None, choice: Choice, merge: Merge, *, add: bool = False) -> Resolved:
    """Settle the conflict at a pointer, which may have wildcards, those below it, or (None) all of a document; write the file."""
    tokens = None if pointer is None else pointers.parse(pointer)
    if choice.side is None and tokens is None:
        raise UsageError("a value settles one conflict: name its field", f"mdrepo resolve '{path}#/POINTER' --value JSON")
    inside(workspace.root, path)
    unmerged = workspace.git.unmerged()
    if path not in unmerged:
        raise _not_in_conflict(workspace, path, sorted(unmerged))
    required(path, unmerged[path])
    before = work_text(workspace, path)
    here = remade(workspace, path, unmerged[path], before, merge)
    found = open_in(here, before)
    chosen = _chosen(here, found, tokens, choice)
    text, lines = _settled(here, found, chosen, choice)
    whole = found.template is None and not found.pending
    after = Remade(path, here.sides, here.merged, here.lines | lines, whole, here.labels, here.size)
    left = open_in(after, text).open
    _keep(workspace, path, unmerged[path], lines, whole)
    if work_text(workspace, path) != before:
        raise MdrepoError(f"{path} was changed by somebody else just now", "try again")
    if add and not left:
        blob = workspace.git.run("hash-object", f"--path={path}", "--stdin", stdin=text.encode("utf-8")).stdout.decode().strip()
        workspace.journal.note(settled={"path": path, "blob": blob})
    write(workspace.root, path, text)
    _forget(workspace, {name: stages for name, stages in unmerged.items() if left or whole or name != path})
    settled = tuple((found.open[number].path, choice.of(found.open[number])) for number in chosen)
    if left:
        return Resolved(path, settled, left)
    problems = _problems(workspace, path)
    if add and not problems:
        workspace.git.run("--literal-pathspecs", "add", "--", path)
    workspace.journal.note(settled=None)
    return Resolved(path, settled, problems=problems, added=add and not problems)


def complete(workspace: Workspace, path: str, blob: str) -> bool:
    """Add a document that was settled, if it is as it was written then and still in conflict; whether that was so."""
    git = workspace.git
    if path not in git.unmerged() or git.hashed([path]) != {path: blob} or _problems(workspace, path):
        return False
    git.run("--literal-pathspecs", "add", "--", path)
    return True


def _chosen(here: Remade, found: Unsettled, tokens: tuple[str, ...] | None, choice: Choice) -> list[int]:
    """The numbers of the open conflicts that are meant; raises Finding where there are none."""
    named = [tuple(map(str, conflict.path)) for conflict in found.open]
    wanted = [*range(len(named))] if tokens is None else matching(tokens, named)
    field = here.path + ("" if tokens is None else f"#{pointers.build(tokens)}")
    if choice.side is None and any(len(named[number]) != len(tokens or ()) for number in wanted):
        below = _list([pointers.build(named[number]) for number in wanted])
        hint = f"a value settles one conflict, or all that one name with * names: {below}"
        raise Finding(f"there are conflicts below {field}, not at it", hint)
    if wanted or (found.pending and tokens is None):
        return wanted
    if not found.open:
        raise Finding(f"there is no conflict at {field}: {remark(here.path, found)[0]}", remark(here.path, found)[1])
    wanted_pointer = pointers.build(tokens or ())
    names = [pointers.build(group.path) or "(the whole document)" for group in grouped(named)]
    names.sort(key=lambda name: -difflib.SequenceMatcher(None, wanted_pointer, name).ratio())
    raise Finding(f"there is no conflict at {field}", f"in conflict: {_list(names)}")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f", and {len(names) - 5} more" if len(names) > 5 else "")


def _settled(here: Remade, found: Unsettled, chosen: Sequence[int], choice: Choice) -> tuple[str, set[str]]:
    """The file's new text, and the lines with tokens in it that the merge did not have."""
    if found.pending:
        return here.merged.data.decode("utf-8"), set()
    if found.template is None:
        return _whole(here, found.open[0], choice), set()
    document = read(found.template.text.encode("utf-8"), here.path)
    content = document.value
    for number in reversed(chosen):  # from the end, so that an item that goes moves none that is still to be settled
        content = replaced(content, found.open[number].path, choice.of(found.open[number]))
    template = Template(rewrite(document, content), found.template.mark)
    try:
        read(template.text.encode("utf-8"), here.path)
    except DocumentError as error:
        raise Finding(f"{here.path} would not be a document any more: {error.problem}", "nothing was written") from None
    conflicts = [here.merged.conflicts[number] for number in found.numbers]
    original = here.merged.template
    assert original is not None
    lines = {
        template.token.sub(lambda match: f'"{original.mark}{found.numbers[int(match.group(1))]}@@"', line)
        for line in token_lines(template, conflicts, here.style)
    }
    return marked(template, conflicts, Marks(here.labels, here.size), here.style), lines - here.lines


def _whole(here: Remade, conflict: Conflict, choice: Choice) -> str:
    """The text of a document that conflicts as a whole, settled."""
    if choice.side is None:
        return fresh(choice.value)
    if choice.of(conflict) is MISSING:
        raise Finding(f"{here.path}: there was no such document in {choice.side}", f"delete it: git rm {here.path}")
    return here.sides[("base", "ours", "theirs").index(choice.side)].decode("utf-8")


def _problems(workspace: Workspace, path: str) -> tuple[Problem, ...]:
    """What is wrong with a document, or a lock file, that has no conflict any more."""
    document = path.removesuffix(SUFFIX)
    if not workspace.configuration.is_document(document):
        return ()
    return tuple(problem for problem in workspace.work().problems(document) if problem.path == path)


def _not_in_conflict(workspace: Workspace, path: str, unmerged: Sequence[str]) -> Finding:
    place = workspace.root / path
    if place.is_dir():
        return Finding(f"{path} is a folder: name one document", f"in conflict: {_list(unmerged)}" if unmerged else None)
    if not place.exists():
        hint = f"in conflict: {_list(unmerged)}" if unmerged else "'mdrepo status' lists the documents"
        return Finding(f"there is no file {path} here", hint)
    if any(each.whole for each in _marks_left(workspace, path)):
        words = f"{path} has marks of conflicts in it, but was added as it is (git add)"
        return Finding(words, f"git checkout --merge -- {path} puts it into conflict again; else settle it in an editor")
    if unmerged:
        return Finding(f"{path} is not in conflict", f"in conflict: {_list(unmerged)}")
    return Finding(f"{path} is not in conflict: no merge, rebase, cherry-pick, revert or stash left a conflict here")


def _marks_left(workspace: Workspace, path: str) -> list[marks.Marked]:
    data = inside(workspace.root, path).read_bytes()
    try:
        read(data, path)
    except DocumentError:
        return marks.marked(data, path)
    return []


# what is kept between calls


def _keep(workspace: Workspace, path: str, stages: Stages, lines: set[str], whole: bool) -> None:
    """Keep, before the file is written, what the next call needs to know beside it."""
    if lines or whole:
        content = {"lines": sorted(lines | kept(workspace, path, stages)[0]), "whole": whole}
        write((workspace.git.folder / "mdrepo" / "resolve").resolve(), kept_name(path, stages), json.dumps(content))


def _forget(workspace: Workspace, unmerged: Mapping[str, Stages]) -> None:
    """Take away what was kept of conflicts that are over."""
    current = {kept_name(path, stages) for path, stages in unmerged.items()}
    folder = workspace.git.folder / "mdrepo" / "resolve"
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.name not in current:
            file.unlink(missing_ok=True)
