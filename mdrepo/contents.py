"""The contents of many versions of documents, each blob read once, and the schemas that they have at one snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .ancestry import Version
from .catalogue import Catalogue
from .changes import MISSING
from .documents import DocumentError
from .errors import Finding
from .schemas import Schema
from .sharing import Reader
from .snapshots import Git


class Contents:
    """The contents of some versions; one that is no JSON counts as not there."""

    def __init__(self, git: Git, versions: Iterable[Version]) -> None:
        self._data = git.blobs(sorted({version.blob for version in versions if version.blob is not None}))
        self._known: dict[str | None, Any] = {None: MISSING}
        self._reader = Reader()

    def of(self, version: Version) -> Any:
        """The content of a version, MISSING where there is none."""
        blob = version.blob
        if blob is not None and blob not in self._known:
            try:
                self._known[blob] = self._reader.read(self._data[blob], version.path).value
            except DocumentError:
                self._known[blob] = MISSING
        return self._known[blob]


class Schemas:
    """The schemas of documents by what they name, as they are in one snapshot."""

    def __init__(self, there: Catalogue) -> None:
        self._there = there
        self._known: dict[tuple[str | None, str | None], Schema | None] = {}

    def of(self, path: str, *contents: Any) -> Schema | None:
        """The schema of the first content that has one."""
        bound = self._there.configuration.bound_schema(path)
        for content in contents:
            named = content.get("$schema") if isinstance(content, dict) else None
            place = (bound, named if isinstance(named, str) else None)
            if place not in self._known:
                self._known[place] = self._bound(content, path, bound)
            if (found := self._known[place]) is not None:
                return found
        return None

    def _bound(self, content: Any, path: str, bound: str | None) -> Schema | None:
        try:
            return None if content is MISSING else self._there.schemas.bound(content, path, bound)
        except Finding:
            return None
