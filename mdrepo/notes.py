"""Evaluations as git keeps them: one JSON note a commit (schemas/evaluation.schema.json)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from .errors import Busy, MdrepoError
from .schemas import KINDS, builtin
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
    there = git.run("notes", f"--ref={NOTES}", "show", commit_id, codes=(0, 1, 128))
    if there.returncode == 0 and newer(there.stdout):
        raise MdrepoError(f"{commit_id[:7]} was evaluated by a newer mdrepo, whose note stays", "update mdrepo")
    content = encoded(note)
    if there.returncode == 0 and there.stdout == content:
        return  # as after a kill right behind it, or of one that was computed again
    scratch = f"{SCRATCH}{os.getpid()}"
    try:
        for _ in range(_ATTEMPTS):
            old = git.run("rev-parse", "--verify", "--quiet", NOTES, codes=(0, 1, 128)).stdout.decode().strip()
            git.run("update-ref", "-d", scratch)
            if old:
                git.run("update-ref", scratch, old)
            git.run("notes", f"--ref={scratch}", "add", "-f", "-F", "-", commit_id, stdin=content)
            new = git.text("rev-parse", "--verify", scratch)
            if git.swapped(NOTES, old or None, new, "mdrepo: evaluation"):
                return
    finally:
        git.run("update-ref", "-d", scratch)
    raise Busy(f"{NOTES} kept changing while a note was written", "try again: mdrepo eval")


def newer(data: bytes) -> bool:
    """Whether a note is of a format that a later mdrepo writes."""
    content = _json(data)
    name = content.get("$schema") if isinstance(content, dict) else None
    known, _, version = KINDS["evaluation"].rpartition(":")
    found = re.fullmatch(rf"{re.escape(known)}:([0-9]{{1,9}})", name) if isinstance(name, str) else None
    return found is not None and int(found[1]) > int(version)


def parse_note(data: bytes | None) -> Note | None:
    """The evaluation in a note's bytes; None for anything else that somebody put there, here or in a clone that was pulled from."""
    content = _json(data) if data else None
    if not isinstance(content, dict) or newer(data or b""):
        return None
    return content if _fits(content, {**builtin("evaluation"), "required": ["verdict", "documents"]}) else None


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "null": (type(None),),
}


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value has the shape that the note's schema gives it; notes are read often, and jsonschema is slow to load."""
    kinds = schema.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    if kinds and (isinstance(value, bool) or not any(isinstance(value, _TYPES[kind]) for kind in kinds)):
        return False
    if value not in schema.get("enum", (value,)):
        return False
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        members = ((member, known.get(name, others)) for name, member in value.items())
        return value.keys() >= set(schema.get("required", ())) and all(_fits(m, s) for m, s in members if isinstance(s, dict))
    if isinstance(value, list):
        items = schema.get("items", {})
        return len(value) >= int(schema.get("minItems", 0)) and all(_fits(each, items) for each in value)
    return True
