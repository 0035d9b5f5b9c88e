"""Revisions, trees, the index and history, as git has them.

Writing and what must be fast goes through git itself; history is read with GitPython.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from .indexes import FEW, Entry, Indexes
from .plumbing import GitError

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
SUBMODULE = "160000"


class State(NamedTuple):
    """A path that differs from HEAD: its two status letters (index, work tree), as `git status --porcelain` has them."""

    code: str
    path: str

    @property
    def unmerged(self) -> bool:
        """Whether a merge left the path in conflict (git-status(1), "Short Format")."""
        return "U" in self.code or self.code in ("AA", "DD")

    @property
    def word(self) -> str:
        """`conflict`, `new`, `deleted` or `changed`."""
        if self.unmerged:
            return "conflict"
        return "new" if self.code in ("??", "A ") else "deleted" if "D" in self.code else "changed"


class Commit(NamedTuple):
    """One commit of the history."""

    id: str
    parents: tuple[str, ...]
    author: str
    email: str
    date: datetime
    subject: str
    message: str


class Git(Indexes):
    """One git work tree, with its history."""

    def __init__(self, root: Path, folder: Path, common: Path) -> None:
        super().__init__(root, folder, common)
        self._differences: dict[tuple[str, str], Mapping[str, Entry | None]] = {}

    def tree(self, treeish: str, paths: Sequence[str] = ()) -> dict[str, Entry]:
        """The files of a commit or tree, by path: all, or those at and below some paths."""
        entries: dict[str, Entry] = {}
        few = paths if len(paths) <= FEW else ()  # a command line has an end
        for item in self.items("ls-tree", "-r", "-z", "--full-tree", treeish, "--", *few):
            meta, _, path = item.partition("\t")
            mode, kind, blob = meta.split()
            if kind == "blob":
                entries[path] = Entry(mode, blob, path)
        return entries

    def hashed(self, paths: Sequence[str]) -> dict[str, str]:
        """The ids that files of the work tree, no links, would have as blobs."""
        found: dict[str, str] = {}
        for start in range(0, len(paths), FEW):
            some = paths[start : start + FEW]
            found.update(zip(some, self.text("hash-object", "--", *some).split(), strict=True))
        return found

    def changed(self, before: str, after: str, index: Path | None = None) -> Mapping[str, Entry | None]:
        """What differs between two commits or trees, by their ids, as the second has it; None where it has nothing.

        An index that has the second is read sooner than that.
        """
        if (before, after) in self._differences:  # the last two, which a commit asks for again
            return self._differences[before, after]
        found: dict[str, Entry | None] = {}
        words = ("diff-index", "--cached") if index else ("diff-tree", "-r")
        sides = (before,) if index else (before, after)
        items = iter(self.items(*words, "-z", "--raw", "--no-renames", *sides, index=index))
        for meta, path in zip(items, items, strict=True):
            _, mode, _, blob, code = meta.split()
            found[path] = None if code == "D" else Entry(mode, blob, path)
        self._differences = {**dict([*self._differences.items()][-1:]), (before, after): found}
        return found

    def blobs(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The contents of blobs, by id."""
        if not ids:
            return {}
        out = self.run("cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in ids).encode()).stdout
        contents: dict[str, bytes] = {}
        at = 0
        for blob in ids:
            end = out.index(b"\n", at)
            header = out[at:end].split()
            if len(header) != 3:
                raise GitError(f"git has no object {blob}", "run 'git fsck'")
            size = int(header[2])
            contents[blob] = out[end + 1 : end + 1 + size]
            at = end + 2 + size
        return contents

    # the work tree and the index

    def status(self) -> list[State]:
        """What differs from HEAD; untracked files one by one, ignored ones not."""
        items = iter(self.items("status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"))
        return [State(item[:2], item[3:]) for item in items]

    def listed(self, folder: str = ".") -> list[str]:
        """The files of the work tree, or of a folder of it, that git tracks, or would (not the ignored ones)."""
        words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder)
        return sorted(set(self.items("--literal-pathspecs", *words)))

    def tracked(self, *patterns: str) -> list[str]:
        """The files that git tracks, by git's pathspecs."""
        return self.items("ls-files", "-z", "--", *patterns)

    def differing(self, *words: str) -> list[str]:
        """The paths that `git diff` finds different: of the index or, with its words for other sides, of those."""
        return self.items("diff", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--ignore-submodules", *words, "--")

    # history

    def naming(self, names: Sequence[str], treeish: str | None) -> list[str]:
        """The files of a tree, or (None) of the index, in whose text one of some names stands."""
        proper = [name for name in names if name and "\n" not in name]
        if not proper:
            return []
        words = [
            "grep",
            "-z",
            "-l",
            "-F",
            "--full-name",
            "--no-recurse-submodules",
            "-f",
            "-",
            *([treeish] if treeish else ["--cached"]),
        ]
        out = self.run(*words, stdin=os.fsencode("\n".join(proper)), codes=(0, 1)).stdout
        found = [os.fsdecode(item) for item in out.split(b"\0") if item]
        return [name.removeprefix(f"{treeish}:") for name in found] if treeish else found

    def authors(self, base: str | None, head: str) -> dict[str, list[str]]:
        """Who changed each path in the commits of one that another one does not have; merges count for nobody."""
        words = [
            "log",
            "-z",
            "--no-merges",
            "--no-renames",
            "--name-only",
            "--format=%x01%an",
            head,
            *([f"^{base}"] if base else []),
        ]
        found: dict[str, list[str]] = {}
        author = ""
        for item in self.items(*words, *([f"^{base}"] if base else []), "--"):
            text = item.lstrip("\n")
            if text.startswith("\x01"):
                author, _, text = text[1:].partition("\n")
            if text and author not in (known := found.setdefault(text, [])):
                known.append(author)
        return found

    def commits(self, ids: Sequence[str]) -> list[Commit]:
        """Some commits, by their ids, in one reading."""
        if not ids:
            return []
        form = "%H%x00%P%x00%an%x00%ae%x00%aI%x00%s%x00%B%x00"
        words = [
            "log",
            "--no-walk=unsorted",
            "--stdin",
            "--no-color",
            "--no-show-signature",
            "--no-patch",
            f"--format=tformat:{form}",
        ]
        out = self.run(*words, stdin="".join(f"{each}\n" for each in ids).encode()).stdout
        parts = out.decode("utf-8", "replace").split("\0")
        found = zip(*[iter(parts)] * 7, strict=False)
        return [
            Commit(id_.lstrip("\n"), tuple(parents.split()), author, email, datetime.fromisoformat(date), subject, message)
            for id_, parents, author, email, date, subject, message in found
        ]

    def history(self, revisions: str, paths: Sequence[str] = (), limit: int | None = None) -> list[Commit]:
        """The commits of a revision or range, newest first, that touch some of the paths (any, if none are given)."""
        import git
        from git.exc import GitCommandError

        repository = git.Repo(self.root, search_parent_directories=False)
        try:
            options: dict[str, Any] = {} if limit is None else {"max_count": limit}
            found = repository.iter_commits(revisions, paths=list(paths), **options)
            return [
                Commit(
                    commit.hexsha,
                    tuple(parent.hexsha for parent in commit.parents),
                    commit.author.name or "",
                    commit.author.email or "",
                    commit.authored_datetime,
                    str(commit.summary),
                    str(commit.message),
                )
                for commit in found
            ]
        except (GitCommandError, ValueError) as error:
            raise GitError(f"the history of {revisions} cannot be read: {str(error).splitlines()[0]}") from None
        finally:
            repository.close()
