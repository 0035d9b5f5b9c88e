"""git's remotes: which one is meant, fetching and pushing in git's own words, and the evaluations of two people made one.

What the others have evaluated is kept in `refs/mdrepo/remotes/REMOTE/`, as git keeps their branches in `refs/remotes/REMOTE/`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from .errors import Busy, Finding, MdrepoError
from .indexes import Entry
from .notes import NOTES, newer, parse_note
from .plumbing import GitError
from .snapshots import Git

_TRACKED = "refs/mdrepo/remotes"
_ATTEMPTS = 20
_FEW = 256
"""Up to how many notes lie in one folder, as git itself has them."""
_RACES = ("fetch first", "non-fast-forward", "stale info", "cannot lock ref", "failed to update ref", "incorrect old value")


class Ref(NamedTuple):
    """A branch or tag to push: the object that is sent, the commit that it is, and the remote's name for it."""

    id: str
    commit: str
    to: str
    forced: bool = False


class Refused(NamedTuple):
    """A reference that the other side did not take, and why."""

    to: str
    reason: str

    @property
    def outrun(self) -> bool:
        """Whether somebody else was faster."""
        return any(words in self.reason for words in _RACES)


def remote_of(git: Git, name: str | None, branch: str | None, *, pushing: bool = False) -> str:
    """The remote that is meant: the named one, the branch's own, `origin`, or the only one; raises MdrepoError."""
    known = git.run("remote").stdout.decode("utf-8", "surrogateescape").splitlines()
    if name is not None:
        if name not in known:
            there = f"there is: {', '.join(known)}" if known else f"'git remote add {name or 'origin'} URL' makes one"
            raise MdrepoError(f"there is no remote {name!r} here", there)
        return name
    asked = [f"branch.{branch}.pushRemote", "remote.pushDefault"] if pushing else []
    for key in [*asked, f"branch.{branch}.remote"]:
        if (found := git.setting(key)) in known:
            return str(found)
    if "origin" in known or len(known) == 1:
        return "origin" if "origin" in known else known[0]
    if known:
        raise Finding(f"there are several remotes: {', '.join(known)}", "name the one that is meant")
    raise MdrepoError("this repository has no remote", "'git remote add origin URL' names one")


def fetch(git: Git, remote: str, *refspecs: str) -> None:
    """Fetch a remote's branches, or what refspecs say; raises GitError where it cannot be reached."""
    prune = ["--prune", "--no-tags"] if refspecs else []
    done = git.run("fetch", "--quiet", *prune, "--end-of-options", remote, *refspecs, codes=(0, 1, 128))
    if done.returncode:
        raise _unreached(remote, done.stderr)


def has_branch(git: Git, remote: str, ref: str) -> bool:
    """Whether a remote that was fetched from just now has a branch; other references are taken for granted."""
    name = ref.removeprefix("refs/heads/")
    if name == ref:
        return True
    fetched = git.folder / "FETCH_HEAD"
    if fetched.exists() and os.fsencode(f"\tbranch '{name}' of ") in fetched.read_bytes():
        return True
    # another fetch may have begun, and emptied the file
    return git.run("ls-remote", "--exit-code", "--quiet", "--end-of-options", remote, ref, codes=(0, 2)).returncode == 0


def _unreached(remote: str, stderr: bytes) -> GitError:
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:", "ssh:"))] or lines or ["no reason given"]
    words = re.sub("^(fatal|error): ", "", told[0])
    return GitError(f"the remote {remote} cannot be reached: {words}", f"'git remote -v' shows where {remote} is; nothing is lost")


def send(git: Git, remote: str, refs: Sequence[Ref], *options: str) -> list[Refused]:
    """Push; what was not taken, with the reasons. Raises GitError where the remote cannot be reached or a hook forbids it."""
    specs = [f"{'+' if each.forced else ''}{each.id}:{each.to}" for each in refs]
    done = git.run("push", "--porcelain", *options, "--end-of-options", remote, *specs, codes=(0, 1, 128))
    lines = [line.split("\t") for line in done.stdout.decode("utf-8", "replace").splitlines()]
    refused = [Refused(names.partition(":")[2], words) for flag, names, words in (x for x in lines if len(x) == 3) if flag == "!"]
    if done.returncode and not refused:
        if done.returncode == 1:
            raise Finding("git pushed nothing: a hook of this clone stopped it", "'git push' shows what it says")
        raise _unreached(remote, done.stderr)
    return refused


def unseen(git: Git, tips: Sequence[str], remote: str) -> tuple[list[str], list[Entry]]:
    """What the remote was not seen to have of some commits: those without a parent of the kind, and the pointers that any changes.

    With the whole of the former (of the tips, where nothing is new) that is every pointer of them all.
    """
    lines = [each.split() for each in git.text("rev-list", "--parents", *tips, "--not", f"--remotes={remote}").splitlines()]
    new = {words[0] for words in lines}
    if not new:
        return list(dict.fromkeys(tips)), []
    first = [commit for commit, *parents in lines if not new.issuperset(parents) or not parents]
    commits = "".join(f"{words[0]}\n" for words in lines).encode()
    shown = git.run("diff-tree", "--stdin", "-r", "-m", "--root", "-z", "--no-renames", "--no-commit-id", stdin=commits).stdout
    parts = iter(os.fsdecode(part) for part in shown.split(b"\0") if part)
    found: dict[Entry, None] = {}
    for meta, path in zip(parts, parts, strict=True):
        _, mode, _, blob, status = meta.split()
        if status != "D" and (path.endswith(".dvc") or PurePosixPath(path).name == "dvc.lock"):
            found[Entry(mode, blob, path)] = None
    return first, list(found)


# the evaluations of two people


def fetch_notes(git: Git, remote: str) -> str | None:
    """Fetch what others have evaluated; the commit that has it, None where the remote has none."""
    fetch(git, remote, f"+{NOTES}*:{_TRACKED}/{remote}/mdrepo*")
    return _at(git, f"{_TRACKED}/{remote}/mdrepo")


def push_notes(git: Git, remote: str) -> int:
    """Bring the evaluations to a remote, merged with what is there, however often it changes meanwhile; how many are new there."""
    for _ in range(_ATTEMPTS):
        theirs = fetch_notes(git, remote)
        join_notes(git, theirs)
        ours = _at(git, NOTES)
        if ours is None or ours == theirs:
            return 0
        # a hook that looks at what is pushed looks at the branch
        refused = send(git, remote, [Ref(ours, ours, NOTES)], "--no-verify")
        if not refused:
            git.run("update-ref", f"{_TRACKED}/{remote}/mdrepo", ours)
            known = _notes(git, theirs)
            return sum(known.get(commit) != blob for commit, blob in _notes(git, ours).items())
        if not refused[0].outrun:
            raise Finding(f"{remote} does not take the evaluations: {refused[0].reason}", f"it has to let {NOTES} be pushed")
    raise Busy(f"the evaluations of {remote} kept changing", "try again: mdrepo push")


def join_notes(
    git: Git, theirs: str | None, about_to: Callable[[str | None, str], None] = lambda _old, _new: None
) -> tuple[str | None, str | None]:
    """Merge fetched notes into ours, by compare-and-swap: what our notes were, and are; `about_to` is told of both before."""
    for _ in range(_ATTEMPTS):
        ours = _at(git, NOTES)
        new = _joined(git, ours, theirs)
        if new is None or new == ours:
            return ours, ours
        about_to(ours, new)
        if git.swapped(NOTES, ours, new, "mdrepo: evaluations of others"):
            return ours, new
    raise Busy(f"{NOTES} kept changing while notes were merged", "try again")


def taken_back(git: Git, before: str | None, after: str) -> bool:
    """Undo what join_notes did, unless the notes have changed since; whether they were undone."""
    if _at(git, NOTES) != after:
        return False
    return git.run("update-ref", *([NOTES, before] if before else ["-d", NOTES]), after, codes=(0, 1, 128)).returncode == 0


def _at(git: Git, ref: str) -> str | None:
    return git.run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", codes=(0, 1, 128)).stdout.decode().strip() or None


def _notes(git: Git, commit: str | None) -> dict[str, str]:
    """The blob of each note of a notes commit, by what it is a note of; other files in it by their paths."""
    entries = git.tree(commit) if commit else {}
    return {name if re.fullmatch("[0-9a-f]{40,64}", name := path.replace("/", "")) else path: e.blob for path, e in entries.items()}


def _joined(git: Git, ours: str | None, theirs: str | None) -> str | None:
    """The commit that has the notes of both."""
    if ours is None or theirs is None or ours == theirs:
        return ours or theirs
    found = git.run("merge-base", ours, theirs, codes=(0, 1)).stdout.decode().strip()
    if found in (ours, theirs):
        return theirs if found == ours else ours
    base, one, other = _notes(git, found or None), _notes(git, ours), _notes(git, theirs)
    both = [each for commit in one.keys() & other.keys() for each in (one[commit], other[commit])]
    contents = git.blobs(sorted(set(both)))
    merged = other | one
    for commit in one.keys() & other.keys():
        if one[commit] != other[commit]:
            changed = [each for each in (one[commit], other[commit]) if each != base.get(commit)]
            merged[commit] = max(changed, key=lambda blob: (_rank(contents[blob]), blob))
    git.identity()
    tree = _written(git, merged)
    words = "mdrepo: evaluations of two clones"
    return git.text("commit-tree", tree, "-p", ours, "-p", theirs, "-m", words)


def _rank(data: bytes) -> tuple[Any, ...]:
    """What decides between two notes of a commit: an evaluation, of the newer format, with a reason why it was let through, by the
    newer mdrepo."""
    if newer(data):
        return 2, _numbers(json.loads(data)["$schema"])
    note = parse_note(data)
    if note is None:
        return (0,)
    environment = note.get("environment")
    version = environment.get("mdrepo") if isinstance(environment, dict) else None
    return 1, "allowed" in note, _numbers(version)


def _numbers(words: Any) -> tuple[int, ...]:
    return tuple(int(each[:9]) for each in re.findall(r"\d+", words)) if isinstance(words, str) else ()


def _written(git: Git, notes: dict[str, str]) -> str:
    """The tree of some notes."""
    many = len(notes) > _FEW

    def place(name: str) -> str:
        return f"{name[:2]}/{name[2:]}" if many and re.fullmatch("[0-9a-f]{40,64}", name) else name

    with git.candidate_index("--empty") as candidate:
        index = candidate.path
        git.set_entries({place(name): Entry("100644", blob, place(name)) for name, blob in notes.items()}, index=index)
        return git.text("write-tree", index=index)
