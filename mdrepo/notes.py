"""Evaluations as git keeps them: one JSON note a commit (schemas/evaluation.schema.json)."""

from __future__ import annotations

import json
from typing import Any

from .snapshots import Git

Note = dict[str, Any]


def note_of(git: Git, commit_id: str) -> Note | None:
    """The evaluation of a commit, or None; a note that is no evaluation counts as none."""
    return parse_note(git.note(commit_id))


def parse_note(data: bytes | None) -> Note | None:
    """The evaluation in a note's bytes; None for anything else that somebody put there."""
    try:
        content: Any = json.loads(data) if data else None
    except ValueError:
        return None
    return content if isinstance(content, dict) and isinstance(content.get("documents"), dict) and "verdict" in content else None
