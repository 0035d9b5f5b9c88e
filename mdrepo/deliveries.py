"""DVC's data in the work tree: what is to change, what must not be lost by it, and the bytes into their places."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from . import folders
from .artefacts import Artefact, all_tracked, md5
from .catalogue import Catalogue
from .copies import give_back, same
from .errors import Finding
from .files import removed
from .workspace import Workspace


def different(workspace: Workspace, artefacts: Iterable[Artefact]) -> list[Artefact]:
    """The artefacts whose bytes in the work tree are not the recorded ones."""
    return [each for each in artefacts if workspace.store.in_work_tree(each) is None]


def dropped(here: Iterable[Artefact], target: Catalogue) -> list[Artefact]:
    """The artefacts that a snapshot does not have."""
    there = {each.path for each in all_tracked(target.files)}
    return [each for each in here if each.path not in there]


def protect_data(
    workspace: Workspace, here: Sequence[Artefact], touched: Sequence[Artefact], force: bool | None
) -> dict[str, Path]:
    """Make sure that no data that DVC does not have are overwritten: refuse (None: the command has no --force), or (force) copy
    them aside; the copies, by path."""
    recorded = {each.path: each for each in here}
    kept: dict[str, Path] = {}
    for artefact in touched:
        path = workspace.root / artefact.path
        known = recorded.get(artefact.path)
        found = md5(path, workspace.cache) if path.exists() else None
        # what is recorded here is in DVC's cache; what is wanted there may lie here still, from before its pointer went away
        if not _must_make_way(artefact, path):
            if found in (None, folders.EMPTY, artefact.md5, known.md5 if known else None):
                continue
            if workspace.store.cached(artefact._replace(md5=str(found))):
                continue  # of another commit, as after a 'git checkout' without 'dvc checkout'
        if path.is_file() and artefact.path not in unlike(workspace, [artefact.path], [*filter(None, [workspace.git.head()])]):
            continue  # git has it, as before DVC did
        if not force:
            raise Finding(
                f"{artefact.path} has changes that DVC does not have",
                f"'{artefact.recording}' keeps them" + ("" if force is None else ", --force puts them aside"),
            )
        aside = workspace.journal.aside(artefact.path)
        copy(path, aside)
        kept[artefact.path] = aside
    return kept


def _must_make_way(artefact: Artefact, path: Path) -> bool:
    """Whether a file is to be where a folder is with files that DVC ignores: DVC would take it away with all that is in it."""
    return not artefact.is_folder and path.is_dir() and not path.is_symlink() and folders.others(path)


def deliver(workspace: Workspace, wanted: list[Artefact], gone: Sequence[Artefact], aside: Mapping[str, Path]) -> None:
    """DVC's bytes into the work tree; what was copied aside makes way, since DVC overwrites nothing that it does not have."""
    for path in aside:
        removed(workspace.root / path)
    workspace.store.checkout(wanted)
    for artefact in gone:
        workspace.store.take_away(artefact)


def bring_back(workspace: Workspace, asides: Mapping[str, str], commits: Iterable[str]) -> list[str]:
    """What was put aside into its places again, over what some commits record there; anything else there is put aside in turn."""
    known = {(each.path, each.md5) for commit in commits for each in all_tracked(workspace.at(commit).files)}
    told, brought = [*workspace.journal.kept], list[str]()
    for path, kept in asides.items():
        place, aside = workspace.root / path, Path(kept)
        if not os.path.lexists(aside) or same(place, aside):
            continue  # brought back before; or never taken away
        if os.path.lexists(place):
            found = md5(place, workspace.cache)
            if (path, found) in known and not (place.is_dir() and folders.others(place)):
                removed(place)
            else:
                shutil.move(place, workspace.journal.aside(path))
        give_back(aside, place)
        brought.append(path)
        if path in told:
            workspace.journal.kept.remove(path)
    return brought


def unlike(workspace: Workspace, paths: Iterable[str], commits: Sequence[str]) -> set[str]:
    """The files that are as none of some commits has them."""
    git = workspace.git
    there = [path for path in paths if workspace.exists(path)]
    places = {path: workspace.root / path for path in there}
    found = git.hashed([path for path, place in places.items() if place.is_file() and not place.is_symlink()])
    for known in [git.tree(commit, there) for commit in commits]:
        there = [path for path in there if path not in known or known[path].blob != found.get(path)]
    return set(there)


def copy(path: Path, place: Path) -> None:
    """Copy a file or folder; links inside stay links."""
    if path.is_dir():
        shutil.copytree(path, place, symlinks=True)
    else:
        shutil.copy2(path, place)
