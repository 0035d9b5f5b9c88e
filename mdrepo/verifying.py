"""Whether a commit's note is what its evaluation gives: all of it is computed anew, and compared byte for byte."""

from __future__ import annotations

from typing import Any

from .caching import Cache
from .carrying import OWN
from .diffing import diff
from .errors import MdrepoError
from .evaluating import Report, compared_with, evaluate
from .judgements import Verified
from .notes import Note, bytes_of, encoded, parse_note
from .temporaries import temporary
from .workspace import Workspace

_COMPUTED = ("key", *OWN)


def verify(workspace: Workspace, revision: str, report: Report) -> Verified:
    """Evaluate a commit with an empty cache, so that models are run again, and hold its note against what comes out.

    Raises MdrepoError where the commit has no note.
    """
    commit = workspace.git.commit_id(revision)
    kept = bytes_of(workspace.git, commit)
    note = parse_note(kept)
    if kept is None or note is None:
        what = "no note" if kept is None else "a note that is no evaluation"
        raise MdrepoError(f"{commit[:7]} has {what}: there is nothing to verify", f"'mdrepo eval {commit[:7]}' makes one")
    with temporary("verify") as folder:
        fresh = Workspace(workspace.git, workspace.report)
        fresh.cache = Cache(folder)
        _, parents = compared_with(fresh, commit, None)
        child = fresh.at(commit)
        alone = evaluate(fresh, child, [each._replace(note=None) for each in parents], report)
        carried = evaluate(fresh, child, parents, report)
    expected = [_as_kept(note, made, alone) for made in (alone, carried)]
    whole = [Verified(commit, diff(note, each), kept.strip() == encoded(each).strip()) for each in expected]
    return min(whole, key=lambda each: (not each.same, len(each.delta)))


def _as_kept(note: Note, made: Note | None, computed: Note | None) -> Note:
    """A note that was made anew, as it would be kept: with what was allowed, and with figures that were computed.

    Where nothing has changed, an evaluation takes over the figures of the parent's note, which may be false too.
    """
    if made is None or computed is None:
        return {}
    documents: dict[str, Any] = {
        path: result | {name: computed["documents"][path].get(name) for name in _COMPUTED if name in result}
        for path, result in made["documents"].items()
    }
    allowed = {"allowed": note["allowed"]} if "allowed" in note else {}
    return {**made, "documents": documents, **allowed}
