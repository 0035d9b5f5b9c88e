"""What a checkout or a merge writes down before it changes the work tree, and how the next command finishes or undoes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .artefacts import all_tracked
from .deliveries import bring_back, copy, deliver, different, dropped, protect_data, unlike
from .errors import MdrepoError
from .files import removed
from .journal import Steps
from .snapshots import Git
from .workspace import Workspace

_STASH = "refs/stash"


def about_to(
    workspace: Workspace,
    target: str | None,
    paths: Sequence[str],
    own: Collection[str],
    stashed: Sequence[str],
    *,
    asides: Mapping[str, Path] | None = None,
    sources: Sequence[str] = (),
    merging: bool = False,
) -> Steps:
    """Write down what a checkout, or a merge, will change; files with the user's `own` changes only when the stash has them.

    `target` is where HEAD will be if that is another commit, `sources` are others that git takes the files from, and `asides`
    are copies of data that will make way.
    """
    require_writable(workspace, paths)
    git = workspace.git
    clean = [path for path in paths if path not in own]
    steps = {
        "head": git.head(),
        "at": git.branch(),
        "target": target,
        "paths": clean,
        "sources": [target, *sources] if target else [*sources],
        "stashed": stashed,
        "stash": stash_of(git),
        "asides": {path: str(kept) for path, kept in (asides or {}).items()},
        "merging": merging,
        "back": False,
    }
    workspace.journal.note(checkout=steps)
    return steps


def give_up(workspace: Workspace, steps: Steps) -> None:
    """Write down that what git has done already is to be undone, and not to be finished: its data cannot be had."""
    workspace.journal.note(checkout={**steps, "back": True})


def require_writable(workspace: Workspace, paths: Iterable[str]) -> None:
    """Raise MdrepoError where files cannot be changed: git goes on without them, and its exit code says that all is well."""
    for folder in {path.rpartition("/")[0] for path in paths}:
        place = workspace.root / folder
        while not place.is_dir():
            place = place.parent
        if not os.access(place, os.W_OK | os.X_OK):
            words = f"{folder or 'the work tree'} cannot be written to, and nothing has changed"
            raise MdrepoError(words, "see its permissions, and how it is mounted")


def resume(workspace: Workspace, steps: Steps) -> str | None:
    """Finish a checkout that git had done when it was interrupted, and undo any other; what was done, in words.

    What the user had changed is there again before DVC, which may fail, is asked for anything.
    """
    git = workspace.git
    head, target = steps["head"], steps["target"]
    if target is not None and git.head() == target != head and not steps["back"]:
        return _finished(workspace, steps)
    if steps["merging"]:
        git.run("merge", "--quit")
    if steps["back"] and not _gone_back(git, steps):
        return "it is not undone, since HEAD has moved on" + of_stash(git, steps)
    commits = [each for each in (head, *steps["sources"]) if each]
    stashed = stash_of(git) != steps["stash"]
    if stashed:
        put_back(workspace, head, steps["stashed"], over=[*commits, *_in_stash(git)])
    changed = put_back(workspace, head, steps["paths"], over=steps["sources"])
    brought = bring_back(workspace, steps["asides"], commits)
    if stashed:
        _take_out_of_stash(workspace, steps["stashed"])
    tracked = _brought_by_dvc(workspace, steps)
    return "it was undone" if stashed or changed or brought or tracked or steps["back"] else None


def _finished(workspace: Workspace, steps: Steps) -> str:
    head, there = steps["head"], workspace.at(steps["target"])
    here = list(all_tracked(workspace.at(head).files)) if head else []
    wanted, gone = different(workspace, all_tracked(there.files)), dropped(here, there)
    if wanted or gone:
        deliver(workspace, wanted, gone, protect_data(workspace, here, [*wanted, *gone], force=True))
    return f"{steps['target'][:7]} is checked out, with its data" + of_stash(workspace.git, steps) + of_asides(steps)


def _gone_back(git: Git, steps: Steps) -> bool:
    """Let HEAD, and a branch that was moved, be where they were; False where somebody has gone on from there."""
    at, head, target = steps["at"], steps["head"], steps["target"]
    if git.head() not in (head, target):
        return False
    if at is None:
        git.run("update-ref", "--no-deref", "-m", f"checkout: moving from {git.branch() or target} to {head}", "HEAD", head)
    elif git.branch() != at:
        words = f"checkout: moving from {git.branch() or target} to {at}"
        git.run("symbolic-ref", "-m", words, "HEAD", f"refs/heads/{at}")
    if git.head() != head:
        git.run("update-ref", "-m", "mdrepo: taken back", "HEAD", head, target)
    return True


def _brought_by_dvc(workspace: Workspace, steps: Steps) -> bool:
    """Let the data be as they are recorded, but for what the user had changed, and what is not here; whether any were not."""
    paths = {*steps["paths"], *steps["stashed"]}
    here = [each for each in all_tracked(workspace.work().files) if each.pointer in paths and each.path not in steps["asides"]]
    lacking = different(workspace, here)
    tracked = [*workspace.store.locate(lacking)] if lacking else []
    if tracked:
        deliver(workspace, tracked, [], protect_data(workspace, here, tracked, force=True))
    return bool(tracked)


@contextmanager
def standing(commit: str, told: Callable[[], str] = str) -> Iterator[None]:
    """Say of what fails after a commit was made that it stands, what follows, and where the user's changes are (`told`)."""
    try:
        yield
    except MdrepoError as error:
        words = f"commit {commit[:7]} stands, but not all of its data are there yet: {error.message}{told()}"
        raise MdrepoError(words, "the next command, as 'mdrepo status', brings them when it can") from error


def put_back(workspace: Workspace, commit: str | None, paths: Sequence[str], *, over: Sequence[str] | None = None) -> list[str]:
    """Give files what a commit has of them; the paths of those that were something else.

    After a kill, what is `over`written is put aside, unless one of these commits has it: somebody may have written it since.
    """
    git = workspace.git
    known = git.tree(commit) if commit else {}
    files = {state.path for state in git.status()}
    changed = [path for path in paths if path in files and not _is_repository(workspace, path)]
    aside = unlike(workspace, changed, over) if over is not None else ()
    for path in changed:
        if path in aside:
            copy(workspace.root / path, workspace.journal.aside(path))
        if path not in known:
            removed(workspace.root / path)
    present = [path for path in changed if path in known]
    if present:
        _written(git, str(commit), present)
    git.set_entries({path: None for path in changed if path not in known})
    return changed


def _written(git: Git, commit: str, paths: Sequence[str]) -> None:
    """Let git write files as a commit has them, into the index too; whatever a hook says of that."""
    done = git.run("--literal-pathspecs", "checkout", "--quiet", commit, "--", *paths, codes=(0, 1))  # 1: or a hook's
    if failed := unwritten(done.stderr.decode("utf-8", "replace").splitlines()):
        raise MdrepoError(f"git cannot write what {commit[:7]} has: {failed}", "see 'git status'")


def unwritten(lines: Sequence[str]) -> str | None:
    """The first file that git could not write, by what it said, and why."""
    return next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), None)


def stash_of(git: Git) -> str:
    """The newest entry of the stash; empty where there is none."""
    return git.run("rev-parse", "--verify", "--quiet", _STASH, codes=(0, 1, 128)).stdout.decode().strip()


def _take_out_of_stash(workspace: Workspace, paths: Sequence[str]) -> None:
    """Files, in the work tree and in the index, as the newest entry of the stash has them, which is dropped then.

    'git stash pop --index' refuses to, where something else is staged as it was when the entry was made.
    """
    git, newest = workspace.git, stash_of(workspace.git)
    _, index, *untracked = git.parents(newest)
    mine = [path for path in paths if not _is_repository(workspace, path)]
    staged = git.tree(index, mine)
    there: set[str] = set()
    for commit in (newest, *untracked):
        known = git.tree(commit, mine)
        if present := [path for path in mine if path in known]:
            _written(git, commit, present)
            there.update(present)
    for path in mine:
        if path not in there:
            removed(workspace.root / path)
    git.set_entries({path: staged.get(path) for path in mine})
    git.run("stash", "drop", "--quiet")


def _is_repository(workspace: Workspace, path: str) -> bool:
    """Whether a path is another repository inside of this one, a submodule say: git moves what it records of it, and no files."""
    return (workspace.root / path / ".git").exists()


def _in_stash(git: Git) -> list[str]:
    """The commits that have the files of the newest entry: those that git tracks, and those that it does not."""
    newest = stash_of(git)
    return [newest, *git.parents(newest)[2:]]


def of_stash(git: Git, steps: Steps) -> str:
    """Where what the user had changed is, if the stash has it, as an end of a sentence."""
    return "; what you had changed is in the stash ('git stash list')" if stash_of(git) != steps["stash"] else ""


def of_asides(steps: Steps) -> str:
    """The same of data that were put aside."""
    return f"; what you had changed of data is in {', '.join(steps['asides'].values())}" if steps["asides"] else ""
