"""`checkout`: documents and DVC data of a revision into the work tree together, both or neither."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .artefacts import Artefact, all_tracked, md5
from .catalogue import Catalogue
from .committing import changed_paths, companions
from .errors import Finding, MdrepoError
from .files import removed, write
from .guessing import meant
from .results import Restored
from .snapshots import Git
from .workspace import Workspace

_STASH = "refs/stash"


def checkout(workspace: Workspace, revision: str, paths: Sequence[str] = (), *, force: bool = False) -> Restored:
    """Documents and data of a revision ('-': the one before, as in git) into the work tree: the whole of it, or some documents."""
    revision = "@{-1}" if revision == "-" else revision
    if unmerged := [state.path for state in workspace.git.status() if state.unmerged]:
        raise Finding(f"{', '.join(unmerged)} is in conflict", "settle the merge first, or 'git merge --abort' it")
    commit = workspace.git.commit_id(revision)
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
    about_to(workspace, commit, coming, own, changed)
    if changed:
        git.run("stash", "push", "--quiet", "-m", f"mdrepo checkout --force {revision}")
    # git itself refuses to overwrite what is not committed
    done = git.run("checkout", "--quiet", revision, "--", codes=(0, 1, 128))
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode and (git.branch() or git.head(), git.head()) == (before, head):
        workspace.journal.note(checkout=None)
        files = ", ".join(line.strip() for line in lines if line.startswith("\t"))
        words = f"{files} would be overwritten" if files else (lines or ["git says no reason"])[0].removeprefix("error: ")
        hint = "move them away" if force else "commit your changes, or use --force to put them aside in a stash"
        raise Finding(f"nothing checked out: {words}", hint)
    # else git has done its part, and its exit code is that of a hook that ran then: the data have to follow
    if failed := _unwritten(lines):
        workspace.journal.note(checkout=None)
        raise MdrepoError(f"{commit[:7]} is checked out, but for files that git cannot write: {failed}", "see 'git status'")
    try:
        deliver(workspace, wanted, gone, aside)
    except MdrepoError:
        git.run("checkout", "--quiet", str(before), "--", codes=(0, 1))
        workspace.store.checkout(different(workspace, here))
        for path, kept in aside.items():
            removed(workspace.root / path)
            _copy(kept, workspace.root / path)
        workspace.journal.note(checkout=None)
        raise
    workspace.journal.note(checkout=None)
    return Restored(commit, artefacts=tuple(a.path for a in [*wanted, *gone]), kept=(*map(str, aside.values()), *changed))


def _some(workspace: Workspace, commit: str, target: Catalogue, paths: Sequence[str], force: bool) -> Restored:
    git = workspace.git
    selected = closure(workspace, target, paths)
    for path in paths:
        if not any(each == path or each.startswith(path.rstrip("/") + "/") for each in selected):
            raise Finding(f"{path} is not in {commit[:7]}", elsewhere(workspace, target, path))
    tracked = [each for each in all_tracked(target.files) if each.pointer in selected]
    wanted = different(workspace, tracked)
    workspace.store.require(wanted)
    aside = protect_data(workspace, list(all_tracked(workspace.work().files)), wanted, force)
    changed = in_the_way(workspace, selected, force)
    ignoring = ignored_again(target, workspace.work(), selected)
    about_to(
        workspace, None, [*selected, *ignoring], {*changed, *(state.path for state in git.status())}, changed, sources=[commit]
    )
    put_in_stash(workspace, f"mdrepo checkout --force {commit[:7]}", changed)
    done = git.run("--literal-pathspecs", "checkout", "--quiet", commit, "--", *selected, codes=(0, 1))  # 1: or a hook's
    if failed := _unwritten(done.stderr.decode("utf-8", "replace").splitlines()):
        raise MdrepoError(f"git cannot write what {commit[:7]} has: {failed}", "see 'git status'")
    for path, data in ignoring.items():
        write(workspace.root, path, data)
        git.run("--literal-pathspecs", "add", "--", path)
    deliver(workspace, wanted, [], aside)
    workspace.journal.note(checkout=None)
    return Restored(commit, tuple(selected), tuple(a.path for a in wanted), (*map(str, aside.values()), *changed))


def in_the_way(workspace: Workspace, paths: Collection[str], force: bool) -> list[str]:
    """The files among some that have changes that no commit has; raises Finding for them, unless they are to be put aside.

    One that git ignores is none that it tells of, and nobody else has it.
    """
    git = workspace.git
    changed = [state.path for state in git.status() if state.path in paths]
    changed += _ignored(workspace, [path for path in paths if path not in changed])
    if changed and not force:
        raise Finding(f"{', '.join(changed)} has changes that no commit has", "use --force to put them aside in a stash first")
    return changed


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


def _unwritten(lines: Sequence[str]) -> str | None:
    """The first file that git could not write, by what it said, and why."""
    return next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), None)


def elsewhere(workspace: Workspace, target: Catalogue, path: str) -> str:
    """Where a path is that a revision does not have: in other commits, or there under a name that is like it."""
    if workspace.git.text("--literal-pathspecs", "log", "-n1", "--format=%h", "HEAD", "--", path):
        return f"'mdrepo log -- {path}' lists the commits that changed it"
    return meant(path, target.files.paths(), "'mdrepo status' lists the documents")


def about_to(
    workspace: Workspace,
    target: str | None,
    paths: Sequence[str],
    own: Collection[str],
    stashed: Sequence[str],
    *,
    sources: Sequence[str] = (),
    merging: bool = False,
) -> None:
    """Write down what a checkout, or a merge, will change; files with the user's `own` changes only when the stash has them.

    `target` is where HEAD will be if that is another commit, and `sources` are others that git takes the files from.
    """
    require_writable(workspace, paths)
    git = workspace.git
    clean = [path for path in paths if path not in own]
    workspace.journal.note(
        checkout={
            "head": git.head(),
            "target": target,
            "paths": clean,
            "sources": [target, *sources] if target else [*sources],
            "stashed": stashed,
            "stash": _stash(git),
            "merging": merging,
        }
    )


def require_writable(workspace: Workspace, paths: Iterable[str]) -> None:
    """Raise MdrepoError where files cannot be changed: git goes on without them, and its exit code says that all is well."""
    for folder in {path.rpartition("/")[0] for path in paths}:
        place = workspace.root / folder
        while not place.is_dir():
            place = place.parent
        if not os.access(place, os.W_OK | os.X_OK):
            words = f"{folder or 'the work tree'} cannot be written to, and nothing has changed"
            raise MdrepoError(words, "see its permissions, and how it is mounted")


def resume(workspace: Workspace, steps: Mapping[str, Any]) -> str | None:
    """Finish a checkout that git had done when it was interrupted, and undo any other; what was done, in words."""
    git = workspace.git
    head, target = steps["head"], steps["target"]
    before = workspace.at(head) if head else None
    here = list(all_tracked(before.files)) if before else []
    if target is not None and git.head() == target != head:
        there = workspace.at(target)
        wanted, gone = different(workspace, all_tracked(there.files)), dropped(here, there)
        if wanted or gone:
            deliver(workspace, wanted, gone, protect_data(workspace, here, [*wanted, *gone], force=True))
        return f"{target[:7]} is checked out, with its data" + _stashed(git, steps)
    if steps["merging"]:
        git.run("merge", "--quit")
    stashed = _stash(git) != steps["stash"]
    if stashed:
        put_back(workspace, head, steps["stashed"])
    changed = put_back(workspace, head, steps["paths"], over=steps["sources"])
    tracked = different(workspace, (each for each in here if each.pointer in steps["paths"]))
    if tracked:
        aside = protect_data(workspace, here, tracked, force=True)
        deliver(workspace, tracked, [], aside)
    if stashed:
        popped = git.run("stash", "pop", "--index", "--quiet", codes=(0, 1, 128)).returncode == 0
        return "it was undone" + ("" if popped else "; your changes are in the stash: 'git stash pop'")
    return "it was undone" if changed or tracked else None


def put_back(workspace: Workspace, commit: str | None, paths: Sequence[str], *, over: Sequence[str] | None = None) -> list[str]:
    """Give files what a commit has of them; the paths of those that were something else.

    After a kill, what is `over`written is put aside, unless one of these commits has it: somebody may have written it since.
    """
    git = workspace.git
    known = git.tree(commit) if commit else {}
    files = {state.path for state in git.status()}
    changed = [path for path in paths if path in files]
    aside = _unlike(workspace, changed, over) if over is not None else ()
    for path in changed:
        if path in aside:
            _copy(workspace.root / path, workspace.journal.aside(path))
        if path not in known:
            removed(workspace.root / path)
    present = [path for path in changed if path in known]
    if present:
        git.run("--literal-pathspecs", "checkout", "--quiet", str(commit), "--", *present)
    git.set_entries({path: None for path in changed if path not in known})
    return changed


def _unlike(workspace: Workspace, paths: Iterable[str], commits: Sequence[str]) -> set[str]:
    """The files that are as none of some commits has them."""
    git = workspace.git
    there = [path for path in paths if workspace.exists(path)]
    places = {path: workspace.root / path for path in there}
    found = git.hashed([path for path, place in places.items() if place.is_file() and not place.is_symlink()])
    for known in [git.tree(commit, there) for commit in commits]:
        there = [path for path in there if path not in known or known[path].blob != found.get(path)]
    return set(there)


def _stash(git: Git) -> str:
    return git.run("rev-parse", "--verify", "--quiet", _STASH, codes=(0, 1, 128)).stdout.decode().strip()


def _stashed(git: Git, steps: Mapping[str, Any]) -> str:
    return "; what you had changed is in the stash" if _stash(git) != steps["stash"] else ""


def dropped(here: Iterable[Artefact], target: Catalogue) -> list[Artefact]:
    """The artefacts that a snapshot does not have."""
    there = {each.path for each in all_tracked(target.files)}
    return [each for each in here if each.path not in there]


def deliver(workspace: Workspace, wanted: list[Artefact], gone: Sequence[Artefact], aside: Mapping[str, Path]) -> None:
    """DVC's bytes into the work tree; what was copied aside makes way, since DVC overwrites nothing that it does not have."""
    for path in aside:
        removed(workspace.root / path)
    workspace.store.checkout(wanted)
    _remove(workspace, gone)


def closure(workspace: Workspace, target: Catalogue, paths: Sequence[str]) -> list[str]:
    """The named files of a snapshot with their companions, but for `.gitignore`, which speaks of other data too."""
    known = set(target.files.paths())
    selected: list[str] = []
    for path in paths:
        below = sorted(each for each in known if each == path or each.startswith(path.rstrip("/") + "/"))
        for each in below:
            extras = [extra for extra in companions(workspace, target, each) if not extra.endswith(".gitignore")]
            selected += [each, *(extra for extra in extras if extra in known)]
    return list(dict.fromkeys(selected))


def different(workspace: Workspace, artefacts: Iterable[Artefact]) -> list[Artefact]:
    """The artefacts whose bytes in the work tree are not the recorded ones."""
    return [each for each in artefacts if workspace.store.in_work_tree(each) is None]


def protect_data(workspace: Workspace, here: Sequence[Artefact], touched: Sequence[Artefact], force: bool) -> dict[str, Path]:
    """Make sure that no data that DVC does not have are overwritten: refuse, or (force) copy them aside; the copies, by path."""
    recorded = {each.path: each for each in here}
    kept: dict[str, Path] = {}
    for artefact in touched:
        path = workspace.root / artefact.path
        known = recorded.get(artefact.path)
        found = md5(path, workspace.cache) if path.exists() else None
        # what is recorded here is in DVC's cache; what is wanted there may lie here still, from before its pointer went away
        if found is None or found in (artefact.md5, known.md5 if known else None):
            continue
        if workspace.store.cached(artefact._replace(md5=found)):
            continue  # of another commit, as after a 'git checkout' without 'dvc checkout'
        if path.is_file() and artefact.path not in _unlike(workspace, [artefact.path], [*filter(None, [workspace.git.head()])]):
            continue  # git has it, as before DVC did
        if not force:
            raise Finding(
                f"{artefact.path} has changes that DVC does not have",
                f"'{artefact.recording}' keeps them, --force puts them aside",
            )
        aside = workspace.journal.aside(artefact.path)
        _copy(path, aside)
        kept[artefact.path] = aside
    return kept


def _remove(workspace: Workspace, artefacts: Sequence[Artefact]) -> None:
    """Take artefacts out of the work tree that the snapshot does not have, if DVC's cache has their bytes."""
    for artefact in artefacts:
        path = workspace.store.in_work_tree(artefact)
        if path is not None and workspace.store.cached(artefact):
            removed(path)


def _copy(path: Path, place: Path) -> None:
    """Copy a file or folder; links inside stay links."""
    if path.is_dir():
        shutil.copytree(path, place, symlinks=True)
    else:
        shutil.copy2(path, place)
