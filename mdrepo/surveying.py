"""Which documents a command has to look at: those that differ from a tree that was looked at before, and what depends on them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from . import __version__
from .catalogue import Catalogue
from .files import ANYTHING
from .ledger import Examined, Ledger, Page, Unknown
from .locks import SUFFIX
from .plumbing import GitError
from .revisions import Tip
from .snapshots import EMPTY_TREE, State
from .workspace import Workspace


class Survey(NamedTuple):
    """The documents of a snapshot to look at; what is seen of these is recorded for the next time.

    `listing` gives all of them, sorted: of many documents the list takes longer than all else, so that it is made when it is asked
    for, after what was seen is recorded.
    """

    examine: list[str]
    record: Callable[[Mapping[str, Examined]], None]
    listing: Callable[[], Sequence[str]]


def contains(documents: Sequence[str], path: str) -> bool:
    """Whether sorted documents have one at a path."""
    place = bisect_left(documents, path)
    return place < len(documents) and documents[place] == path


class _Changes(NamedTuple):
    """What differs: between the tree that is known and this one, and between this one and the work tree; True is there."""

    moved: Mapping[str, bool]
    changed: Mapping[str, bool]
    new: frozenset[str]
    """The paths of the work tree that the tree does not have."""


class Surveyor:
    """Surveys the snapshots of a repository."""

    def __init__(self, workspace: Workspace) -> None:
        self._space = workspace
        self._git = workspace.git
        self._ledger = Ledger(workspace.git.folder / "mdrepo" / "ledger.db")

    def candidate(self, tree: str, tip: Tip | None = None) -> tuple[Catalogue, list[str]]:
        """A tree that is to be committed on a tip, and the documents of it to look at, with their lock files read at once."""
        child = self._space.candidate(tree, tip)
        if tip is not None:  # what it changes will be looked at: it is read together with the schemas
            changed = self._git.changed(tip.tree or EMPTY_TREE, tree)
            new = [path for path, entry in changed.items() if entry and self._space.configuration.is_document(path)]
            child.files.prefetch([name for path in new for name in (path, path + SUFFIX)], "schemas")
        examine = self._survey(child, tree, _Changes({}, {}, frozenset())).examine
        child.files.prefetch([name for path in examine for name in (path, path + SUFFIX)])
        return child, examine

    def work(self, catalogue: Catalogue, states: Sequence[State], head: str | None) -> Survey:
        """Of the work tree, which differs from HEAD's tree, if there is one, in some paths."""
        changed = {state.path: self._space.exists(state.path) for state in states}
        new = frozenset(state.path for state in states if "A" in state.code or state.code == "??")
        unmerged = any(state.unmerged for state in states)
        return self._survey(catalogue, None if unmerged else head, _Changes({}, changed, new))

    def _survey(self, catalogue: Catalogue, tree: str | None, changes: _Changes) -> Survey:
        stamp = self._stamp(catalogue)
        listing = cache(partial(self._listing, catalogue, tree, stamp, changes))
        if tree is not None:
            with contextlib.suppress(Unknown), self._ledger.open() as page:
                known = page.tree(stamp)
                if known is not None and (moved := self._moved(known, tree)) is not None:
                    return self._from(page, tree, stamp, _Changes(moved, changes.changed, changes.new), listing)
        here = [path for path in catalogue.paths if changes.changed.get(path, True)]

        def record(found: Mapping[str, Examined]) -> None:
            if tree is not None:
                self._write(tree, stamp, self._of_tree(found, changes), [], anew=True)

        return Survey(here, record, lambda: here)

    def _touched(self, changes: _Changes) -> dict[str, bool]:
        """The documents that differ from what is known of them, and whether they are there."""
        names = {**changes.moved, **changes.changed}
        return {path: there for path, there in names.items() if self._space.configuration.is_document(path)}

    def _listing(self, catalogue: Catalogue, tree: str | None, stamp: str, changes: _Changes) -> list[str]:
        """All documents, by what is known of the tree itself; by git's own list where that is nothing."""
        if tree is not None:
            with contextlib.suppress(Unknown), self._ledger.open() as page:
                if page.tree(stamp) == tree:
                    here = page.documents()  # in order; of many documents few are touched
                    for path, there in self._touched(changes).items():
                        place = bisect_left(here, path)
                        if contains(here, path) != there:
                            here[place : place + (not there)] = [path] * there
                    return here
        return [path for path in catalogue.paths if changes.changed.get(path, True)]

    def _from(self, page: Page, tree: str, stamp: str, changes: _Changes, listing: Callable[[], Sequence[str]]) -> Survey:
        """From what is known of another tree."""
        touched, unsound = self._touched(changes), page.unsound()
        needing = page.needing({**changes.moved, **changes.changed})
        examine = sorted(path for path in {*touched} | unsound | needing if touched.get(path, True))

        def record(found: Mapping[str, Examined]) -> None:
            kept = self._of_tree(found, changes)
            if not changes.moved:
                kept = {path: each for path, each in kept.items() if each.sound == (path in unsound)}
            if changes.moved or kept:
                gone = [path for path, there in changes.moved.items() if not there]
                self._write(tree, stamp, kept, gone, anew=False)

        return Survey(examine, record, listing)

    def _moved(self, known: str, tree: str) -> dict[str, bool] | None:
        """What differs between two trees, and whether the second has it; None where git has not the first any more."""
        if known == tree:
            return {}
        try:
            return {path: entry is not None for path, entry in self._git.changed(known, tree).items()}
        except GitError:
            return None

    def _of_tree(self, found: Mapping[str, Examined], changes: _Changes) -> dict[str, Examined]:
        """What is so in the tree: of what is, or depends on, something else in the work tree nothing is known."""
        kept: dict[str, Examined] = {}
        for path, each in found.items():
            if path not in changes.new:
                same = each.sound and ANYTHING not in each.needs and not each.needs & changes.changed.keys()
                kept[path] = each if same else Examined(False)
        deleted = [path for path, there in changes.changed.items() if not there and path not in changes.new]
        return kept | {path: Examined(False) for path in deleted if self._space.configuration.is_document(path)}

    def _write(self, tree: str, stamp: str, found: Mapping[str, Examined], gone: Sequence[str], *, anew: bool) -> None:
        with contextlib.suppress(Unknown), self._ledger.open(make=True) as page:
            page.write(tree, stamp, found, gone, anew=anew)

    def _stamp(self, catalogue: Catalogue) -> str:
        """What the state of every document depends on: mdrepo, the extractors, the configuration, the schemas."""
        content = [__version__, _installed(), repr(self._space.configuration), catalogue.fingerprint]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _installed() -> list[tuple[str, int]]:
    """The folders that say which packages are installed, with when they last changed: an extractor comes, goes or is renewed so.

    What the packages say of themselves takes much longer to read than the state of all documents.
    """
    found = []
    for folder in map(Path, sys.path):
        with contextlib.suppress(OSError):
            if any(each.suffix in (".dist-info", ".egg-info") for each in folder.iterdir()):
                found.append((str(folder), folder.stat().st_mtime_ns))
    return found
