"""Versions and stages as annotated tags in GTO's grammar: `name@v1.2.3`, `name#stage#4`, with `!` taken back.

The grammar is GTO's (https://dvc.org/doc/gto/user-guide), and as GTO does, only annotated tags count. Versions are semantic
(https://semver.org, 2.0.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from .errors import Finding, UsageError
from .plumbing import GitError
from .schemas import ChangeClass
from .snapshots import Git

_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"v?({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9/_-]*[A-Za-z0-9])?"
_TAG = re.compile(rf"({_NAME})(?:@([^#!]+)|#({_NAME}))(!?)(?:#([0-9]+))?")
_ACTIONS = ("deprecated", "created")
_FIELDS = "%00".join(
    f"%({name})" for name in ("refname:strip=2", "objecttype", "*objecttype", "*objectname", "creatordate:iso-strict")
)


class SemVer(NamedTuple):
    """A semantic version."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build: str = ""

    def __str__(self) -> str:
        ends = (f"-{self.prerelease}" if self.prerelease else "") + (f"+{self.build}" if self.build else "")
        return f"{self.major}.{self.minor}.{self.patch}{ends}"

    @property
    def rank(self) -> tuple[Any, ...]:
        """What versions compare by (semver.org, 11): a version before a release is lower than it, and build data do not count."""
        parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.prerelease.split("."))
        return (self[:3], (0, parts) if self.prerelease else (1,))

    @property
    def core(self) -> SemVer:
        """The release that a version before it leads to."""
        return SemVer(*self[:3])

    def after(self, change: ChangeClass | None) -> SemVer:
        """The next release after changes of a class; None, which nobody can tell, counts as breaking.

        Before 1.0.0, which people declare, breaking changes raise the minor version and all others the patch (semver.org, 4).
        """
        if change not in ("behavioural", "descriptive"):
            return SemVer(self.major + 1, 0, 0) if self.major else SemVer(0, self.minor + 1, 0)
        if change == "behavioural" and self.major:
            return SemVer(self.major, self.minor + 1, 0)
        return SemVer(self.major, self.minor, self.patch + 1)


FIRST = SemVer(0, 1, 0)


def parse(text: str) -> SemVer | None:
    """The semantic version that a text is, with or without a `v` before it; None for any other text."""
    found = _SEMVER.fullmatch(text)
    return found and SemVer(int(found[1]), int(found[2]), int(found[3]), found[4] or "", found[5] or "")


def artefact_name(path: str, content: Any) -> str:
    """What GTO calls a document: its `name`, else its path without suffix; what GTO takes in no name becomes '-'."""
    name = content.get("name") if isinstance(content, dict) else None
    text = name if isinstance(name, str) and name else path.removesuffix(".json")
    return re.sub(r"[^A-Za-z0-9/_-]", "-", text).strip("-_/") or "document"


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag in GTO's grammar, with the commit that it is on: of a version (`text`, None if not semantic) or of a stage.

    `commit` is None for a lightweight tag, or one on something else than a commit, which GTO does not count.
    """

    ref: str
    name: str
    commit: str | None
    date: datetime | None
    text: str | None = None
    stage: str | None = None
    cancels: bool = False
    counter: int = 0

    @property
    def version(self) -> SemVer | None:
        return parse(self.text) if self.text is not None and self.text.startswith("v") else None

    @property
    def order(self) -> tuple[float, int]:
        """What decides which of several tags is the last word: its time, and within a second GTO's counter."""
        return (self.date.timestamp() if self.date else 0.0, self.counter)


def all_tags(git: Git) -> list[Tag]:
    """The tags of a repository that are of versions or stages, the first first."""
    found: list[Tag] = []
    for line in git.run("for-each-ref", f"--format={_FIELDS}", "refs/tags").stdout.decode("utf-8", "replace").splitlines():
        ref, kind, target_kind, target, date = line.split("\0")
        parts = _TAG.fullmatch(ref)
        if parts is None or parts[2] in _ACTIONS:
            continue
        commit = target if (kind, target_kind) == ("tag", "commit") else None
        when = datetime.fromisoformat(date) if date else None
        found.append(Tag(ref, parts[1], commit, when, parts[2], parts[3], bool(parts[4]), int(parts[5] or 0)))
    return sorted(found, key=lambda tag: tag.order)


def reachable(git: Git, tip: str) -> set[str]:
    """The tags on a commit or on what it comes from."""
    return set(git.text("for-each-ref", f"--merged={tip}", "--format=%(refname:strip=2)", "refs/tags").splitlines())


def stage_tag(name: str, stage: str, known: Iterable[Tag]) -> str:
    """The tag that assigns a stage, numbered as GTO numbers them, so that a stage can move; raises UsageError."""
    if re.fullmatch(_NAME, stage) is None:
        raise UsageError(f"{stage!r} cannot be a stage", "stages are letters, digits, '-', '_' and '/', as in prod")
    return f"{name}#{stage}#{1 + max((tag.counter for tag in known if tag.name == name), default=0)}"


def write(git: Git, ref: str, commit: str, message: str) -> None:
    """Write an annotated tag, signed where the user's git signs them; raises Finding where there is one already."""
    git.identity()
    try:
        git.run("tag", "-a", "-m", message, "--", ref, commit)
    except GitError as error:
        if "already exists" in error.message:
            raise Finding(f"the tag {ref} is there already", f"'git show {ref}' shows it") from None
        raise
