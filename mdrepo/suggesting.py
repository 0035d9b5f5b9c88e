"""The versions that changes ask for, of many documents at once: tags are read once, and only released documents' histories."""

from __future__ import annotations

from functools import cached_property

from . import tags
from .differences import DocumentDiff
from .errors import MdrepoError
from .history import History
from .reviews import Suggested
from .schemas import highest
from .tags import FIRST, artefact_name
from .workspace import Workspace

_MOST = 20
"""Of how many released documents the history is read."""


class Suggester:
    """Suggests versions for documents at a commit, or (None) for what is staged on HEAD."""

    def __init__(self, space: Workspace, base: str | None, head: str | None) -> None:
        self._space, self._base, self._head = space, base, head
        self._read = 0
        self.remarks: list[str] = []

    @cached_property
    def _released(self) -> set[str]:
        return {each.name for each in tags.all_tags(self._space.git) if each.version is not None}

    def of(self, diff: DocumentDiff) -> Suggested | None:
        """The version that a document should get; None where that cannot be told."""
        names = {artefact_name(diff.path, content) for content in (diff.old, diff.new)}
        if not names & self._released:
            return Suggested(FIRST, None)
        self._read += 1
        if self._read > _MOST:
            if self._read == _MOST + 1:
                self.remarks.append(f"versions are suggested for {_MOST} released documents; 'mdrepo version DOC' says it of any")
            return None
        try:
            found = History(self._space, diff.path, self._head or self._base or "HEAD").version()
        except MdrepoError:
            return None
        last = found.last.version if found.last else None
        if self._head is not None or last is None:
            return Suggested(found.version, last)
        meaning = highest([found.meaning, diff.highest_class])
        return Suggested(last.core if last.prerelease else last.after(meaning or diff.highest_class), last)
