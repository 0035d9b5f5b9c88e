"""What git's hooks ask: whether what is about to be committed may be, and, once it is, that its evaluation belongs to it.

Between the two git makes the commit, so that the note waits in a file, for exactly that tree on exactly those parents.
"""

from __future__ import annotations

import json
from pathlib import Path

from .committing import Terms, heads_of, judged
from .evaluating import Report
from .files import write
from .notes import write_note
from .results import Outcome
from .snapshots import EMPTY_TREE, Git
from .workspace import Workspace

_WAITING = "mdrepo/gated.json"


def before(workspace: Workspace, index: Path | None, terms: Terms, report: Report) -> Outcome:
    """Judge what an index (git's own, or that of a partial commit) is about to be committed as."""
    git = workspace.git
    forget(git)
    tip = git.tip()
    tree = git.index_tree(index)
    if tree in (tip.tree, EMPTY_TREE) and not git.merging():
        return Outcome("current")  # as an amended message is, or a commit of nothing
    outcome = judged(workspace, tree, tip, terms, report)
    if outcome.status == "sound" and outcome.note is not None:
        waiting = {"tree": tree, "parents": heads_of(git, tip), "note": outcome.note}
        write(git.folder, _WAITING, json.dumps(waiting))
    return outcome


def after(workspace: Workspace) -> str | None:
    """Give the commit that was made its note, if it is the one that was judged; its id."""
    git = workspace.git
    try:
        waiting = json.loads((git.folder / _WAITING).read_bytes())
    except (OSError, ValueError):
        return None
    forget(git)
    _, head, tree, parents = git.tip()
    if head is None or tree != waiting["tree"] or [*parents] != waiting["parents"]:
        return None  # made with --no-verify, amended, or changed by another hook
    write_note(git, head, waiting["note"])
    return head


def forget(git: Git) -> None:
    """Let no note wait: whatever it was for is not going to be made."""
    (git.folder / _WAITING).unlink(missing_ok=True)
