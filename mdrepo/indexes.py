"""git's index: what is staged, copies of it to try things out in, and what it is after a commit."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .errors import Finding
from .revisions import Revisions

FEW = 1000
"""So many paths find room on a command line."""


class Entry(NamedTuple):
    """A file in a tree or in the index."""

    mode: str
    blob: str
    path: str


class Candidate(NamedTuple):
    """An index to try things out in, and the state of the clone's own if it is a copy of that."""

    path: Path
    copied: tuple[int, ...] | None = None


_BEGUN = (
    ("rebase-merge", "rebase", "git rebase"),  # which has a CHERRY_PICK_HEAD, too
    ("rebase-apply/applying", "git am", "git am"),
    ("rebase-apply", "rebase", "git rebase"),
    ("MERGE_HEAD", "merge", "mdrepo merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick", "git cherry-pick"),
    ("REVERT_HEAD", "revert", "git revert"),
)
"""What git has in its folder while something is not finished, what that is, and whose --continue and --abort end it."""


def _state(index: Path) -> tuple[int, ...] | None:
    """What tells that nobody has written an index since: git always writes a new file, and renames it."""
    try:
        found = index.lstat()
    except FileNotFoundError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


class Indexes(Revisions):
    """The indexes of one git work tree."""

    def index_entries(self, paths: Sequence[str], index: Path | None = None) -> dict[str, Entry]:
        """The index's entries of some paths."""
        if not paths:
            return {}
        entries: dict[str, Entry] = {}
        few = paths if len(paths) <= FEW else ["."]  # a command line has an end
        for item in self.items("--literal-pathspecs", "ls-files", "-z", "--stage", "--", *few, index=index):
            meta, _, path = item.partition("\t")
            mode, blob, _stage = meta.split()
            entries[path] = Entry(mode, blob, path)
        return entries if few is paths else {path: entries[path] for path in paths if path in entries}

    def unwatched(self, paths: Sequence[str]) -> dict[str, str]:
        """Those of some paths whose changes git is told not to see, with the option of `git update-index` that ends it."""
        few = paths if len(paths) <= FEW else ["."]  # a command line has an end
        listed = self.items("--literal-pathspecs", "ls-files", "-v", "-z", "--", *few) if paths else []
        flags = {item[2:]: item[0] for item in listed if item[0] == "S" or item[0].islower()}
        return {path: "--no-skip-worktree" if flags[path] in "Ss" else "--no-assume-unchanged" for path in paths if path in flags}

    def unmerged(self) -> dict[str, dict[int, Entry]]:
        """The paths in conflict, with the index's stages of each: 1 base, 2 ours, 3 theirs."""
        found: dict[str, dict[int, Entry]] = {}
        for item in self.items("ls-files", "-z", "--unmerged"):
            meta, _, path = item.partition("\t")
            mode, blob, stage = meta.split()
            found.setdefault(path, {})[int(stage)] = Entry(mode, blob, path)
        return found

    def unfinished(self) -> Finding | None:
        """What git has begun here, by how it tells it itself, and how that is ended; None where nothing is in its way."""
        for name, words, command in _BEGUN:
            if (self.folder / name).exists():
                steps = f"'{command} --continue' commits it, '{command} --abort' undoes it"
                return Finding(f"the {words} before is not finished", f"settle its conflicts, if any: {steps}")
        if not (paths := sorted(self.unmerged())):
            return None
        return Finding(f"{', '.join(paths)} is in conflict", f"settle it ('mdrepo resolve {paths[0]}'), and 'git add' it")

    def stage(self, paths: Sequence[str], index: Path) -> None:
        """Put some paths of the work tree, as they are or are gone, into an index."""
        if any(path.endswith("/") for path in paths):  # a repository inside of this one
            self.run("--literal-pathspecs", "add", "-A", "--", *paths, index=index)
        elif paths:  # git looks at these alone, and not at all folders that they are in
            words = ("update-index", "--add", "--remove", "--replace", "--ignore-skip-worktree-entries", "-z", "--stdin")
            self.run(*words, stdin=b"".join(os.fsencode(path) + b"\0" for path in paths), index=index)

    def set_entries(self, entries: Mapping[str, Entry | None], index: Path | None = None) -> None:
        """Put entries into the index, or take paths out of it (None)."""
        lines = [f"{e.mode} {e.blob}\t{path}" if e else f"0 {'0' * 40}\t{path}" for path, e in entries.items()]
        if lines:
            self.run("update-index", "-z", "--index-info", stdin=b"".join(os.fsencode(x) + b"\0" for x in lines), index=index)
            there = [path for path, entry in entries.items() if entry]
            if len(there) > FEW:  # a command line has an end
                self.run("update-index", "-q", "--refresh", index=index, codes=(0, 1))
            elif there:  # git looks at these alone, and not at all files
                self.run("--literal-pathspecs", "add", "--refresh", "--", *there, index=index, codes=(0, 1, 128))

    @contextmanager
    def candidate_index(self, base: str | None = None, own: Path | None = None) -> Iterator[Candidate]:
        """A copy of the index (or of `own`, another one), or the index of a commit, to try things out in."""
        from tempfile import TemporaryDirectory  # few commands need it

        scratch = self.common / "mdrepo" / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="index-", dir=scratch, ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "index"
            current, copied = own or self.folder / "index", None
            if base is not None:
                self.run("read-tree", base, index=path)
            elif current.exists():
                copied = _state(current) if own is None else None  # before the copy: what is written meanwhile shows
                shutil.copy2(current, path)  # with its time: git tells by it which entries may have changed since
            yield Candidate(path, copied)

    def keep_index(self, folder: Path) -> Path:
        """A second name, in a folder, for the clone's own index as it is: git writes into none, but puts another there."""
        own, kept = self.folder / "index", folder / "index"
        kept.unlink(missing_ok=True)
        try:
            kept.hardlink_to(own)
        except FileNotFoundError:
            return kept  # before the first 'git add' there is none
        except OSError:
            shutil.copy2(own, kept)
        return kept

    def adopt(self, candidate: Candidate) -> bool:
        """Let a candidate, as git left it, be the clone's own index, if that is still what it is a copy of.

        Meanwhile git's own lock keeps others out. Where it is not there to be had, or there is no renaming, nothing is done.
        """
        own, lock = self.folder / "index", self.folder / "index.lock"
        if candidate.copied is None:
            return False
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except OSError:
            return False
        try:
            if _state(own) != candidate.copied:
                return False
            os.replace(candidate.path, own)
            return True
        except OSError:  # on another file system
            return False
        finally:
            lock.unlink()

    def index_tree(self, index: Path | None) -> str:
        """The tree of an index (None: the clone's own), of a copy of it: `git write-tree` locks, and hooks run several at once."""
        with self.candidate_index(own=index) as copy:
            return self.text("write-tree", index=copy.path)
