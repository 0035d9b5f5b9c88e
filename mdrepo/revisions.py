"""Revisions: names to commits, ranges, HEAD, and what is being merged into it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from .guessing import meant
from .plumbing import GitError, Runner


class Span(NamedTuple):
    """A range of revisions: the commits that it reaches from its tips, but not from those that it leaves out."""

    tips: tuple[str, ...]
    without: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """The range as git's commands take it."""
        return [*self.tips, *(f"^{each}" for each in self.without)]


class Tip(NamedTuple):
    """Where a work tree stands: its branch, HEAD's commit, that one's tree, and its parents, where there are such."""

    branch: str | None
    commit: str | None = None
    tree: str | None = None
    parents: tuple[str, ...] = ()


class Revisions(Runner):
    """The revisions of one git work tree."""

    told_heads: Sequence[str] = ()
    """What a hook is told that is being merged: git writes MERGE_HEAD only after it."""

    def commit_id(self, revision: str) -> str:
        """The id of the commit that a revision names; raises GitError."""
        done = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", codes=(0, 1, 128))
        if done.returncode:
            if revision.startswith("HEAD") and self.head() is None:
                raise GitError("there is no commit yet", "'mdrepo commit' makes one")
            shallow = (self.common / "shallow").exists()
            hint = "this clone is shallow: run 'git fetch --unshallow'" if shallow else self._named_like(revision)
            raise GitError(f"there is no revision {revision!r} here", hint)
        return done.stdout.decode().strip()

    def switched_to(self, name: str) -> str:
        """The commit that `git checkout` takes a name for: a branch's before a tag's, of which `commit_id` prefers the tag's."""
        branch = self.run("check-ref-format", "--branch", name, codes=(0, 128)).stdout.decode("utf-8", "surrogateescape").strip()
        return self.commit_id(f"refs/heads/{branch}" if branch and self.has(f"refs/heads/{branch}") else name)

    def has(self, ref: str) -> bool:
        """Whether there is a reference, by its full name."""
        return self.run("show-ref", "--verify", "--quiet", "--", ref, codes=(0, 1, 128)).returncode == 0

    def _named_like(self, revision: str) -> str:
        """What a revision that is not there might have meant: a branch or a tag."""
        name = re.split(r"[~^@]", revision)[0]
        lines = self.text("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", "refs/tags", "refs/remotes").splitlines()
        if name in lines or name == "HEAD":
            return f"'mdrepo log {name}' lists the commits that there are"
        return meant(name, [*lines, "HEAD"], "'mdrepo log' lists the commits")

    def head(self) -> str | None:
        """The id of HEAD's commit, or None before the first commit."""
        done = self.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", codes=(0, 1, 128))
        return done.stdout.decode().strip() or None

    def branch(self) -> str | None:
        """The branch that is checked out; None where HEAD is detached."""
        done = self.run("symbolic-ref", "--quiet", "--short", "HEAD", codes=(0, 1))
        return done.stdout.decode("utf-8").strip() or None

    def tip(self) -> Tip:
        """Where the work tree stands, by one process."""
        done = self.run("rev-parse", "HEAD^{commit}", "HEAD^{tree}", "HEAD^@", "--symbolic-full-name", "HEAD", codes=(0, 128))
        if done.returncode:
            return Tip(self.branch())
        head, tree, *parents, name = done.stdout.decode("utf-8").splitlines()
        branch = name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else None
        return Tip(branch, head, tree, tuple(parents))

    def swapped(self, name: str, old: str | None, new: str, reason: str) -> bool:
        """Let a reference name another object; False where it was not `old` any more (None: not there). Raises GitError."""
        done = self.run("update-ref", "-m", reason, name, new, old or "0" * 40, codes=(0, 1, 128))
        if done.returncode == 0:
            return True
        now = self.run("rev-parse", "--verify", "--quiet", name, codes=(0, 1, 128)).stdout.decode().strip()
        if now == (old or ""):  # nobody else has changed it: a full disk, say
            self.run("update-ref", "-m", reason, name, new, old or "0" * 40)
            return True
        return False

    def merging(self) -> bool:
        """Whether a merge waits for its commit."""
        return (self.folder / "MERGE_HEAD").exists() or bool(self.told_heads)

    def incoming(self) -> list[str]:
        """The commits that a merge or cherry-pick (a rebase makes them too) that is not finished brings to HEAD."""
        return [*self.merge_heads(), *self._named_in("CHERRY_PICK_HEAD")]

    def merge_heads(self) -> list[str]:
        """The commits that will be parents, beside HEAD, of a merge that waits for its commit."""
        return self._named_in("MERGE_HEAD") or [*self.told_heads]

    def _named_in(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text(encoding="ascii").split() if file.exists() else []

    def merge_base(self, one: str, other: str) -> str:
        """The best common ancestor of two commits; raises GitError."""
        found = self.run("merge-base", self.commit_id(one), self.commit_id(other), codes=(0, 1)).stdout.decode().strip()
        if not found:
            raise GitError(f"{one} and {other} have no common ancestor here", "two dots, A..B, compare them as they are")
        return found

    def ends(self, revisions: str) -> tuple[str, str] | None:
        """What a range compares (`A..B`, `A...B`: from the merge base, `A^!`: from its parent); None where it is no range."""
        if "..." in revisions:
            one, other = (side or "HEAD" for side in revisions.split("...", 1))
            return self.merge_base(one, other), other
        if ".." in revisions:
            old, new = (side or "HEAD" for side in revisions.split("..", 1))
            return old, new
        tip = revisions.removesuffix("^!")
        return (f"{tip}^", tip) if tip != revisions else None

    def span(self, revisions: str) -> Span:
        """A revision or a range in git's grammar (`A..B`, `A...B`, `A^!`); raises GitError."""
        if "..." in revisions:
            sides = tuple(self.commit_id(side or "HEAD") for side in revisions.split("...", 1))
            return Span(sides, tuple(self.run("merge-base", "--all", *sides, codes=(0, 1)).stdout.decode().split()))
        if ".." in revisions:
            old, new = (self.commit_id(side or "HEAD") for side in revisions.split("..", 1))
            return Span((new,), (old,))
        if revisions.endswith("^!"):
            tip = self.commit_id(revisions.removesuffix("^!"))
            return Span((tip,), tuple(self.parents(tip)))
        return Span((self.commit_id(revisions),))

    def parents(self, commit: str) -> list[str]:
        """The parents of a commit that are here (a shallow clone cuts them off)."""
        return self.text("rev-list", "--parents", "-n1", commit).split()[1:]
