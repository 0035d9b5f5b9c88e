"""Evaluations as git keeps them: one JSON note a commit (schemas/evaluation.schema.json)."""

from __future__ import annotations

import json
import os
from typing import Any

from .errors import Busy
from .snapshots import Git

NOTES = "refs/notes/mdrepo"
SCRATCH = "refs/notes/mdrepo-"
"""Where a note is made before it is among the others, with the number of the process behind."""
_ATTEMPTS = 20

Note = dict[str, Any]


def note_of(git: Git, commit_id: str) -> Note | None:
    """The evaluation of a commit, or None; a note that is no evaluation counts as none."""
    return parse_note(bytes_of(git, commit_id))


def bytes_of(git: Git, commit_id: str) -> bytes | None:
    """The note of a commit as it is kept, whatever it is; None where there is none."""
    done = git.run("notes", f"--ref={NOTES}", "show", commit_id, codes=(0, 1, 128))
    return done.stdout if done.returncode == 0 else None


def encoded(note: Note) -> bytes:
    """A note's bytes."""
    return (json.dumps(note, indent=1, ensure_ascii=False) + "\n").encode()


def noted(git: Git) -> dict[str, str]:
    """The blob of each commit's note, by the commit's id."""
    if git.run("rev-parse", "--verify", "--quiet", NOTES, codes=(0, 1, 128)).returncode:
        return {}
    lines = git.run("notes", f"--ref={NOTES}", "list").stdout.decode().splitlines()
    return {commit: blob for blob, commit in (line.split() for line in lines)}


def write_note(git: Git, commit_id: str, note: Note) -> None:
    """Keep an evaluation as a commit's note, by compare-and-swap: `git notes add` loses notes under concurrency, with exit 0."""
    content = encoded(note)
    scratch = f"{SCRATCH}{os.getpid()}"
    try:
        for _ in range(_ATTEMPTS):
            old = git.run("rev-parse", "--verify", "--quiet", NOTES, codes=(0, 1, 128)).stdout.decode().strip()
            git.run("update-ref", "-d", scratch)
            if old:
                git.run("update-ref", scratch, old)
            git.run("notes", f"--ref={scratch}", "add", "-f", "-F", "-", commit_id, stdin=content)
            new = git.text("rev-parse", "--verify", scratch)
            swapped = git.run("update-ref", "-m", "mdrepo: evaluation", NOTES, new, old or "0" * 40, codes=(0, 1, 128))
            if swapped.returncode == 0:
                return
    finally:
        git.run("update-ref", "-d", scratch)
    raise Busy(f"{NOTES} kept changing while a note was written", "try again: mdrepo eval")


def parse_note(data: bytes | None) -> Note | None:
    """The evaluation in a note's bytes; None for anything else that somebody put there."""
    try:
        content: Any = json.loads(data) if data else None
    except ValueError:
        return None
    return content if isinstance(content, dict) and isinstance(content.get("documents"), dict) and "verdict" in content else None
