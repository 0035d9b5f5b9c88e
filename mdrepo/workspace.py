"""One repository at work: git, configuration, caches, artefacts, and the catalogues of its snapshots."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import configuration, pointers
from .artefacts import Artefact, Store, tracked
from .caching import Cache
from .catalogue import Catalogue, Merge, no_merge, not_measured
from .configuration import Configuration
from .consistency import Measured
from .errors import Finding, MdrepoError, UsageError
from .files import ANYTHING, TreeFiles, WorkFiles, inside
from .guessing import meant
from .indexes import Entry
from .journal import Journal
from .locks import SUFFIX
from .notes import note_of
from .origins import DocumentReader
from .plumbing import GitError, writer_above
from .revisions import Tip
from .snapshots import EMPTY_TREE, SUBMODULE, Git

if TYPE_CHECKING:  # most commands run no model, and read no artefact
    from .deriving import Deriver
    from .evaluation.processes import Limits

_OURS = (".dvcignore", ".gitignore", ".gitattributes", configuration.FILE)


class Workspace:
    """What the workflow's verbs share."""

    def __init__(self, git: Git, report: Callable[[str], None] = lambda _: None) -> None:
        self.git = git
        self.root = git.root
        self.report = report
        self.fetches = True

    @cached_property
    def offline(self) -> Workspace:
        """The same, in which artefacts that are not on this machine are not fetched."""
        found = Workspace(self.git, self.report)
        found.fetches = False
        return found

    @classmethod
    def open(cls, start: Path, report: Callable[[str], None] = lambda _: None) -> Workspace:
        """The repository that a folder is in, with where long work says what it does; raises GitError."""
        return cls(Git.find(start), report)

    @cached_property
    def configuration(self) -> Configuration:
        file = inside(self.root, configuration.FILE)
        try:
            return configuration.read(file.read_text(encoding="utf-8")) if file.is_file() else Configuration()
        except UnicodeDecodeError as error:
            raise Finding(
                f"{configuration.FILE}: byte 0x{error.object[error.start]:02x} is not UTF-8", "save it as UTF-8"
            ) from None

    @cached_property
    def cache(self) -> Cache:
        return Cache(self.git.common / "mdrepo" / "cache", self.configuration.evaluation.cache << 20)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.git.common / "mdrepo", self.root, writer_above(), self.report)

    @cached_property
    def limits(self) -> Limits:
        """What a model's process may use here, and which classes the user lets models have (git's `mdrepo.trust`)."""
        from .evaluation.processes import Limits

        found = self.configuration.evaluation
        folder = self.git.common / "mdrepo"
        trusted, where = self.git.settings("mdrepo.trust"), (found.engine, found.ray_address)
        return Limits(found.timeout, found.memory, found.keep_alive, folder, trusted, self.report, *where)

    @cached_property
    def store(self) -> Store:
        return Store(self.root, self.git.common / "mdrepo" / "dvc", self.cache, fetches=self.fetches)

    @cached_property
    def deriver(self) -> Deriver:
        from .deriving import Deriver
        from .extraction.running import Runner

        limits = self.configuration.extraction
        return Deriver(self.store, self.cache, Runner(limits.timeout, limits.memory, self.report))

    def work(self, tip: Tip | None = None) -> Catalogue:
        """The work tree as it is, at a tip; None is where HEAD is when that is asked."""
        return Catalogue(WorkFiles(self.git), self.configuration, self.cache, cache(partial(self._merge, tip)), self.measured)

    def at(self, treeish: str) -> Catalogue:
        """A commit or a tree, by its id."""
        return self._of(lambda paths: self.git.tree(treeish, paths))

    def candidate(self, tree: str, tip: Tip | None = None) -> Catalogue:
        """A tree that is to be committed on a tip; None is where HEAD is when that is asked."""
        changed = self.git.changed(tip.tree or EMPTY_TREE, tree) if tip else {}

        def listed(paths: Sequence[str]) -> Mapping[str, Entry]:
            known = {path: entry for path in paths if (entry := changed.get(path)) and entry.mode != SUBMODULE}
            rest = [path for path in paths if path not in known]
            return {**(self.git.tree(tree, rest) if rest or not paths else {}), **known}

        return self._of(listed, cache(partial(self._merge, tip)), self.measured)

    def _merge(self, tip: Tip | None = None) -> Merge | None:
        """The merge, cherry-pick or rebase that is not finished; else HEAD, if it is a merge."""
        _, head, _, parents = tip or self.git.tip()
        if head is None:
            return None
        if incoming := self.git.incoming():
            return Merge((head, *incoming), None, cache(self.at))
        return Merge(parents, head, cache(self.at)) if len(parents) > 1 else None

    def reader(self, work: Catalogue) -> DocumentReader:
        """Reads documents of a snapshot by PATH, and those of a commit by REV:PATH; None where there is none."""
        at = cache(self.at)

        def content(name: str) -> Any:
            revision, colon, path = name.partition(":")
            if not colon or work.files.read(name) is not None:
                return work.content(name)
            if work.files.seen is not None:
                work.files.seen.add(ANYTHING)
            try:
                return at(self.git.commit_id(revision)).content(path)
            except GitError:
                return None

        return content

    def measured(self, path: str) -> Measured | None:
        """What HEAD's evaluation measured of a model document, and on which artefacts; None where it was not evaluated."""
        head = self.git.head()
        note = note_of(self.git, head) if head else None
        metrics = note["documents"].get(path, {}).get("metrics") if note else None
        if head is None or not metrics:
            return None
        then = self.at(head)
        content = then.content(path)
        data = pointers.get(content, ("evaluation", "dataset"))
        named = [*then.artefacts(path), *(then.artefacts(data) if isinstance(data, str) else [])]
        return Measured(head, metrics, {each["path"]: each["md5"] for _, each in named if "md5" in each})

    def recorded(self, work: Catalogue, name: str) -> Artefact:
        """What DVC tracks at a path, where the work tree has it as it is recorded; raises Finding."""
        artefact = tracked(work.files, name)
        if artefact is None or self.store.in_work_tree(artefact) is None:
            recording = artefact.recording if artefact else f"dvc add {name}"
            raise Finding(f"{name} is not here as DVC recorded it", f"run 'dvc pull {name}', or '{recording}'")
        return artefact

    def staged(self) -> Catalogue:
        """The index."""
        return self._of(lambda paths: self.git.index_entries(paths or ["."]))

    def _of(
        self,
        listed: Callable[[Sequence[str]], Mapping[str, Entry]],
        merge: Callable[[], Merge | None] = no_merge,
        measured: Callable[[str], Measured | None] = not_measured,
    ) -> Catalogue:
        files = TreeFiles(self.git, listed, self.is_metadata)
        return Catalogue(files, self.configuration, self.cache, merge, measured)

    def exists(self, path: str) -> bool:
        """Whether there is anything at a path of the work tree."""
        return os.path.lexists(self.root / path)

    def chosen(self, work: Catalogue, paths: Sequence[str]) -> list[str]:
        """The documents of the work tree, or those at or below some paths; raises MdrepoError for a path without any."""
        if not paths:
            return [path for path in work.paths if self.exists(path)]
        found: list[str] = []
        for path in paths:
            below = [each for each in work.paths if each.startswith(path.rstrip("/") + "/") or path == "."]
            if not below and path not in work.paths and work.find(path) is None:
                raise MdrepoError(
                    f"there is no document {path} here", meant(path, work.paths, "'mdrepo status' lists the documents")
                )
            found += below or [path]
        return list(dict.fromkeys(found))

    def is_metadata(self, path: str) -> bool:
        """Whether a path is a document, its lock, or what DVC says of data: a pointer or a pipeline."""
        return (
            self.configuration.is_document(path)
            or (path.endswith(SUFFIX) and self.configuration.is_document(path.removesuffix(SUFFIX)))
            or path.endswith(".dvc")
            or path.rpartition("/")[2] in ("dvc.lock", "dvc.yaml")
        )

    def is_ours(self, path: str) -> bool:
        """Whether a commit of everything takes a path: metadata, and what sets the repository up."""
        return self.is_metadata(path) or path.rpartition("/")[2] in _OURS or path.startswith(("schemas/", ".dvc/"))

    def relative(self, path: str, start: Path) -> str:
        """A path that a user typed in a folder, as a path from the root with '/'; raises UsageError."""
        place = Path(start, path).absolute()
        root = self.root.resolve()
        parent = place.parent.resolve()
        try:
            return (
                (parent / place.name).relative_to(root).as_posix()
                if place.name != ".."
                else place.resolve().relative_to(root).as_posix()
            )
        except ValueError:
            raise UsageError(f"{path} is outside the repository {self.root}") from None
