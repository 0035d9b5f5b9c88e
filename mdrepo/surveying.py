"""Which documents a command has to look at: those that differ from a tree that was looked at before, and what depends on them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import __version__
from .catalogue import Catalogue
from .files import ANYTHING
from .ledger import Examined, Ledger, Page, Unknown
from .locks import SUFFIX
from .snapshots import State
from .workspace import Workspace


@dataclass(frozen=True)
class Survey:
    """All documents of a snapshot, sorted, and those to look at; what is seen of these is recorded for the next time."""

    documents: list[str]
    examine: list[str]
    record: Callable[[Mapping[str, Examined]], None] = field(repr=False)


def contains(documents: Sequence[str], path: str) -> bool:
    """Whether sorted documents have one at a path."""
    place = bisect_left(documents, path)
    return place < len(documents) and documents[place] == path


@dataclass(frozen=True)
class _Changes:
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

    def tree(self, catalogue: Catalogue, tree: str) -> Survey:
        """Of a tree that is to be committed."""
        return self._survey(catalogue, tree, _Changes({}, {}, frozenset()))

    def candidate(self, tree: str) -> tuple[Catalogue, list[str]]:
        """A tree that is to be committed, and the documents of it to look at, with their lock files read at once."""
        child = self._space.candidate(tree)
        examine = self.tree(child, tree).examine
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
        if tree is not None:
            with contextlib.suppress(Unknown), self._ledger.open() as page:
                known = page.tree(stamp)
                if known is not None and (moved := self._moved(known, tree)) is not None:
                    return self._from(page, tree, stamp, _Changes(moved, changes.changed, changes.new))
        here = [path for path in catalogue.paths if changes.changed.get(path, True)]

        def record(found: Mapping[str, Examined]) -> None:
            if tree is not None:
                self._write(tree, stamp, self._of_tree(found, changes), [], anew=True)

        return Survey(here, here, record)

    def _from(self, page: Page, tree: str, stamp: str, changes: _Changes) -> Survey:
        """From what is known of another tree."""
        names = {**changes.moved, **changes.changed}
        touched = {path: there for path, there in names.items() if self._space.configuration.is_document(path)}
        unsound = page.unsound()
        here = page.documents()  # in order; of many documents few are touched
        for path, there in touched.items():
            place = bisect_left(here, path)
            if contains(here, path) != there:
                here[place : place + (not there)] = [path] * there
        examine = sorted(path for path in {*touched} | unsound | page.needing(names) if contains(here, path))

        def record(found: Mapping[str, Examined]) -> None:
            kept = self._of_tree(found, changes)
            if not changes.moved:
                kept = {path: each for path, each in kept.items() if each.sound == (path in unsound)}
            if changes.moved or kept:
                gone = [path for path, there in changes.moved.items() if not there]
                self._write(tree, stamp, kept, gone, anew=False)

        return Survey(here, examine, record)

    def _moved(self, known: str, tree: str) -> dict[str, bool] | None:
        """What differs between two trees, and whether the second has it; None where git has not the first any more."""
        if known == tree:
            return {}
        done = self._git.run("diff-tree", "-r", "-z", "--name-status", "--no-renames", known, tree, codes=(0, 128))
        if done.returncode:
            return None
        items = done.stdout.decode("utf-8", "surrogateescape").split("\0")
        return {path: code != "D" for code, path in zip(items[::2], items[1::2], strict=False)}

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
