"""`checkout`: documents and DVC data of a revision into the work tree together, both or neither."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from .artefacts import all_tracked
from .catalogue import Catalogue
from .committing import changed_paths, companions
from .deliveries import deliver, different, dropped, protect_data
from .errors import Finding, MdrepoError
from .files import write
from .guessing import meant
from .results import Restored
from .undoing import about_to, give_up, unwritten
from .workspace import Workspace


def checkout(workspace: Workspace, revision: str, paths: Sequence[str] = (), *, force: bool = False) -> Restored:
    """Documents and data of a revision ('-': the one before, as in git) into the work tree: the whole of it, or some documents."""
    revision = "@{-1}" if revision == "-" else revision
    if unmerged := [state.path for state in workspace.git.status() if state.unmerged]:
        begun = workspace.git.unfinished()
        raise Finding(f"{', '.join(unmerged)} is in conflict", begun.hint if begun else None)
    commit = workspace.git.switched_to(revision)
    target = workspace.at(commit)
    return _some(workspace, commit, target, paths, force) if paths else _whole(workspace, revision, commit, target, force)


def _whole(workspace: Workspace, revision: str, commit: str, target: Catalogue, force: bool) -> Restored:
    git = workspace.git
    here = list(all_tracked(workspace.work().files))
    wanted = different(workspace, all_tracked(target.files))
    gone = dropped(here, target)
    workspace.store.require(wanted)
    aside = protect_data(workspace, here, [*wanted, *gone], force)
    before, head = git.branch() or git.head(), git.head()
    states = git.status()
    changed = [state.path for state in states if state.code != "??"] if force else []
    coming, own = changed_paths(git, head, commit), {state.path for state in states}
    if ignored := _ignored(workspace, [path for path in coming if path not in own]):
        raise Finding(f"nothing checked out: {', '.join(ignored)} would be overwritten, and git ignores it", "move it away")
    steps = about_to(workspace, commit, coming, own, changed, asides=aside)
    if changed:
        git.run("stash", "push", "--quiet", "-m", f"mdrepo checkout --force {revision}")
    # git itself refuses to overwrite what is not committed
    done = git.run("checkout", "--quiet", revision, "--", codes=(0, 1, 128))
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode and (git.branch() or git.head(), git.head()) == (before, head):
        if not changed:  # else they have to come out of the stash again
            workspace.journal.note(checkout=None)
        files = ", ".join(line.strip() for line in lines if line.startswith("\t"))
        told = [line for line in lines if line.startswith(("error: ", "fatal: "))] or lines or ["git says no reason"]
        words = f"{files} would be overwritten" if files else told[0].removeprefix("error: ").removeprefix("fatal: ")
        hint = "move them away" if force else "commit your changes, or use --force to put them aside in a stash"
        raise Finding(f"nothing checked out: {words}", hint)
    if (there := git.head()) != commit:  # as where a hook has moved it
        git.run("checkout", "--quiet", str(before), "--", codes=(0, 1))  # 1: or a hook's
        words = f"git has checked out {str(there)[:7]} for {revision}, and not {commit[:7]}; nothing is checked out"
        raise MdrepoError(words, "see the hooks in 'git rev-parse --git-path hooks', or name the commit")
    # else git has done its part, and its exit code is that of a hook that ran then: the data have to follow
    if failed := unwritten(lines):
        workspace.journal.note(checkout=None)
        hint = "see 'git status'" + (", and 'git stash list' for what you had changed" if changed else "")
        raise MdrepoError(f"{commit[:7]} is checked out, but for files that git cannot write: {failed}", hint)
    try:
        deliver(workspace, wanted, gone, aside)
    except MdrepoError:
        give_up(workspace, steps)
        raise
    workspace.journal.note(checkout=None)
    return Restored(commit, artefacts=tuple(a.path for a in [*wanted, *gone]), kept=(*map(str, aside.values()), *changed))


def _some(workspace: Workspace, commit: str, target: Catalogue, paths: Sequence[str], force: bool) -> Restored:
    git = workspace.git
    selected = closure(workspace, target, paths)
    for path in paths:
        if not any(_is_in(each, path) for each in selected):
            raise Finding(f"{path} is not in {commit[:7]}", elsewhere(workspace, target, path))
    tracked = [each for each in all_tracked(target.files) if each.pointer in selected]
    wanted = different(workspace, tracked)
    workspace.store.require(wanted)
    aside = protect_data(workspace, list(all_tracked(workspace.work().files)), wanted, force)
    changed = in_the_way(workspace, selected, force)
    ignoring = ignored_again(target, workspace.work(), selected)
    own = {*changed, *(state.path for state in git.status())}
    about_to(workspace, None, [*selected, *ignoring], own, changed, asides=aside, sources=[commit])
    put_in_stash(workspace, f"mdrepo checkout --force {commit[:7]}", changed)
    done = git.run("--literal-pathspecs", "checkout", "--quiet", commit, "--", *selected, codes=(0, 1))  # 1: or a hook's
    if failed := unwritten(done.stderr.decode("utf-8", "replace").splitlines()):
        raise MdrepoError(f"git cannot write what {commit[:7]} has: {failed}", "see 'git status'")
    for path, data in ignoring.items():
        write(workspace.root, path, data)
        git.run("--literal-pathspecs", "add", "--", path)
    deliver(workspace, wanted, [], aside)
    workspace.journal.note(checkout=None)
    return Restored(commit, tuple(selected), tuple(a.path for a in wanted), (*map(str, aside.values()), *changed))


def closure(workspace: Workspace, target: Catalogue, paths: Sequence[str]) -> list[str]:
    """The named files of a snapshot with their companions, but for `.gitignore`, which speaks of other data too."""
    known = set(target.files.paths())
    selected: list[str] = []
    for path in paths:
        below = sorted(each for each in known if _is_in(each, path))
        for each in below:
            extras = [extra for extra in companions(workspace, target, each) if not extra.endswith(".gitignore")]
            selected += [each, *(extra for extra in extras if extra in known)]
    return list(dict.fromkeys(selected))


def _is_in(each: str, path: str) -> bool:
    """Whether a file is the one at a path, or below it; '.' is the root, as for git."""
    return path in (each, ".") or each.startswith(path.rstrip("/") + "/")


def in_the_way(workspace: Workspace, paths: Collection[str], force: bool) -> list[str]:
    """The files among some that have changes that no commit has; raises Finding for them, unless they are to be put aside.

    One that git ignores is none that it tells of, and nobody else has it.
    """
    git = workspace.git
    _require_watched(workspace, list(paths))
    changed = [state.path for state in git.status() if state.path in paths]
    changed += _ignored(workspace, [path for path in paths if path not in changed])
    if changed and not force:
        raise Finding(f"{', '.join(changed)} has changes that no commit has", "use --force to put them aside in a stash first")
    return changed


def _require_watched(workspace: Workspace, paths: Sequence[str]) -> None:
    """Raise Finding for a file with changes that git is told not to see: the stash would not take them either."""
    git = workspace.git
    flags = git.unwatched(paths)
    there = [path for path in flags if workspace.exists(path)]
    places = {path: workspace.root / path for path in there}
    found = git.hashed([path for path, place in places.items() if place.is_file() and not place.is_symlink()])
    staged = git.index_entries(there)
    for path in there:
        if found.get(path) != staged[path].blob:
            words = f"{path} has changes that git is told not to see, and no stash would keep"
            raise Finding(words, f"'git update-index {flags[path]} {path}' first; 'git diff {path}' shows them then")


def _ignored(workspace: Workspace, paths: Sequence[str]) -> list[str]:
    """Those of some files, of which git tells no changes, that are there, and that neither it nor DVC has."""
    there = [path for path in paths if workspace.exists(path) and not (workspace.root / path).is_dir()]
    head = workspace.git.head() if there else None
    known = workspace.git.tree(head, there) if head else {}
    if not (unknown := [path for path in there if path not in known]):
        return []
    data = tuple(f"{each.path}/" for each in all_tracked(workspace.work().files))  # which `protect_data` sees to
    return [path for path in unknown if not f"{path}/".startswith(data)]


def put_in_stash(workspace: Workspace, message: str, paths: Sequence[str]) -> None:
    if paths:
        words = ("stash", "push", "--quiet", "--all", "-m", message, "--", *paths)
        workspace.git.run("--literal-pathspecs", *words)


def ignored_again(target: Catalogue, now: Catalogue, selected: Collection[str]) -> dict[str, bytes]:
    """The `.gitignore` files as they are now, with the lines for the data of some pointers that a snapshot has in them."""
    found: dict[str, bytes] = {}
    for artefact in all_tracked(target.files):
        folder, _, name = artefact.path.rpartition("/")
        path, line = f"{folder}/.gitignore".lstrip("/"), os.fsencode(f"/{name}")
        if artefact.pointer in selected and line in (target.files.read(path) or b"").splitlines():
            data = found.get(path, now.files.read(path) or b"")
            if line not in data.splitlines():
                found[path] = data + (b"" if data.endswith(b"\n") or not data else b"\n") + line + b"\n"
    return found


def elsewhere(workspace: Workspace, target: Catalogue, path: str) -> str:
    """Where a path is that a revision does not have: in other commits, or there under a name that is like it."""
    if workspace.git.text("--literal-pathspecs", "log", "-n1", "--format=%h", "HEAD", "--", path):
        return f"'mdrepo log -- {path}' lists the commits that changed it"
    return meant(path, target.files.paths(), "'mdrepo status' lists the documents")
