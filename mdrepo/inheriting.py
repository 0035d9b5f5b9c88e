"""What was corrected in a base model's document since a child was made of it, brought into the child: a three-way merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from . import pointers
from .changes import MISSING
from .diffing import diff
from .errors import Finding, UsageError
from .files import write
from .merging import Conflict
from .patching import replaced
from .pointers import Path
from .results import Inherited
from .settling import Guide, merged_and_settled
from .workspace import Workspace
from .writing import rewrite

_OWN = ("$schema", "name", "lineage", "weights", "structure")
"""What a child never takes from its base: what it is, and what is read off its own artefact."""


def merge_base(
    workspace: Workspace, path: str, revision: str = "HEAD", take: Sequence[str] = (), keep: Sequence[str] = ()
) -> Inherited:
    """Merge what changed in the base's document, from the commit that the child has it of to another one, into the child; write it.

    A field that both changed stays as the child has it, until `take` or `keep` (pointers) settles it; only then the child names
    the new commit. Raises Finding where the child names no base.
    """
    work = workspace.work()
    document, schema = work.document(path), work.schema(path)
    name, commit = _base(path, document.value)
    now = workspace.git.commit_id(revision)
    before, after = (workspace.at(each).document(name).value for each in (workspace.git.commit_id(commit), now))
    own = {pointers.parse(pointer) for pointer in work.lock(path).fields} | {(each,) for each in _OWN}
    base, theirs = (_with(side, document.value, own) for side in (before, after))
    merged = merged_and_settled(base, document.value, theirs, Guide.of(schema))
    content, still_open = merged.content, list[Conflict]()
    takes, keeps = ([pointers.parse(pointer) for pointer in each] for each in (take, keep))
    for pointer, named in zip((*take, *keep), (*takes, *keeps), strict=True):
        if named in takes and named in keeps:
            raise UsageError(f"{pointer} cannot be taken and kept at once")
        if not any(_meant(conflict.path, [named]) for conflict in merged.conflicts):
            raise Finding(f"there is no conflict at {pointer}", f"'mdrepo merge-base {path}' shows the conflicts")
    for conflict in reversed(merged.conflicts):  # from the end, so that what is taken away moves no other
        taken = _meant(conflict.path, takes)
        content = replaced(content, conflict.path, conflict.theirs if taken else conflict.ours)
        if not taken and not _meant(conflict.path, keeps):
            still_open.insert(0, conflict)
    done = not still_open and now != commit
    if done:
        content = replaced(content, ("lineage", "base", "merged"), now)
    delta = diff(document.value, content, schema.keys)
    if delta:
        write(workspace.root, path, rewrite(document, content, schema.key_order))
    inherited = replace(delta, changes=tuple(each for each in delta if each.shown_path[:1] != ("lineage",)))
    return Inherited(path, name, commit, now, inherited, tuple(still_open))


def _base(path: str, content: Any) -> tuple[str, str]:
    """The document that a child names as its base, and the commit up to which it has its corrections: that of the base itself,
    which stays what the weights were made of, or a later one that was merged."""
    base = pointers.get(content, ("lineage", "base"))
    if not isinstance(base, dict) or not isinstance(base.get("document"), str):
        raise Finding(f"{path} names no base", f'mdrepo set \'{path}#/lineage\' \'{{"base": {{"document": ..., "commit": ...}}}}\'')
    if not isinstance(base.get("commit"), str):
        hint = f"the one that it was made of: mdrepo set '{path}#/lineage/base/commit' --text COMMIT"
        raise Finding(f"{path} names no commit of its base {base['document']}", hint)
    return base["document"], str(base.get("merged", base["commit"]))


def _with(side: Any, child: Any, own: set[tuple[str, ...]]) -> Any:
    """A version of the base, with the child's own fields in it, so that they count as unchanged."""
    for path in sorted(own):
        mine = pointers.get(child, path, MISSING)
        if mine is not MISSING or pointers.get(side, path, MISSING) is not MISSING:
            side = replaced(side, path, mine)
    return side


def _meant(path: Path, named: Sequence[tuple[str, ...]]) -> bool:
    place = tuple(map(str, path))
    return any(place[: len(each)] == each for each in named)
