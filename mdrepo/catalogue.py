"""The documents of one snapshot, with their schemas, locks and problems."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any, NamedTuple

from . import __version__, locks, marks
from .caching import Cache
from .changes import MISSING
from .checks import Origin, check
from .configuration import Configuration
from .consistency import Measured
from .documents import Document, DocumentError, read
from .errors import Finding
from .files import ANYTHING, Changed, Files
from .guessing import meant
from .locks import Lock
from .pointers import Path
from .schemas import Schema, SchemaStore
from .validation import Problem, validate


class Merge(NamedTuple):
    """The merge that a snapshot comes out of: the commits of its sides, that of its result if there is one, and their snapshots."""

    sides: Sequence[str]
    result: str | None
    at: Callable[[str], Catalogue]


def no_merge() -> Merge | None:
    return None


def not_measured(_: str) -> Measured | None:
    return None


class Catalogue:
    """What mdrepo sees in one snapshot."""

    def __init__(
        self,
        files: Files,
        configuration: Configuration,
        cache: Cache,
        merge: Callable[[], Merge | None] = no_merge,
        measured: Callable[[str], Measured | None] = not_measured,
    ) -> None:
        self.files = files
        self.configuration = configuration
        self._cache = cache
        self._merge = merge
        self._measured = measured
        self._documents: dict[str, Document | None] = {}

    def changed(self, files: Mapping[str, bytes]) -> Catalogue:
        """This snapshot with other bytes in some files."""
        return Catalogue(Changed(self.files, files), self.configuration, self._cache, self._merge, self._measured)

    @cached_property
    def paths(self) -> list[str]:
        """The documents' paths, sorted."""
        return sorted(path for path in self.files.paths() if self.configuration.is_document(path))

    @cached_property
    def schemas(self) -> SchemaStore:
        names = sorted(path for path in self.files.below("schemas") if path.endswith(".json"))
        return SchemaStore({name: data for name in names if (data := self.files.read(name)) is not None})

    def find(self, path: str) -> Document | None:
        """The document at a path; None where there is none; raises DocumentError."""
        if self.files.seen is not None:
            self.files.seen.add(path)
        if path not in self._documents:
            data = self.files.read(path)
            self._documents[path] = None if data is None else read(data, path)
        return self._documents[path]

    def document(self, path: str) -> Document:
        """The document at a path; raises Finding."""
        found = self.find(path)
        if found is None:
            raise Finding(f"there is no document {path} here", self._similar(path))
        return found

    def _similar(self, path: str) -> str:
        return meant(path, self.paths, "'mdrepo status' lists the documents")

    def content(self, path: str) -> Any:
        """The content of a document that another one refers to; None where it cannot be had, which validation reports."""
        try:
            found = self.find(path)
        except Finding:
            return None
        return found.value if found else None

    def schema(self, path: str) -> Schema:
        """The schema of a document; raises Finding."""
        return self.schemas.bound(self.document(path).value, path, self.configuration.bound_schema(path))

    def schema_or_none(self, path: str) -> Schema | None:
        """The schema of a document, if it has one that can be found."""
        try:
            return self.schema(path)
        except Finding:
            return None

    def lock(self, path: str) -> Lock:
        """The lock file beside a document; raises Finding."""
        return locks.parse(self.files.read(path + locks.SUFFIX), path + locks.SUFFIX)

    def artefacts(self, path: str) -> list[tuple[Path, dict[str, Any]]]:
        """The artefacts that a document refers to (`x-mdrepo-artefact`): where, and what it says of each."""
        try:
            found = self.schema(path).annotated(self.document(path).value, "x-mdrepo-artefact")
        except Finding:
            return []
        return [(where, value) for where, _, value in found if isinstance(value, dict) and isinstance(value.get("path"), str)]

    def problems(self, path: str) -> list[Problem]:
        """All that is wrong with a document: as JSON, by its schema, with what it refers to."""
        return [*self._document_problems(path), *self._lock_problems(path)]

    def malformed(self, path: str) -> list[Problem]:
        """What is wrong with a document by itself: as JSON, or by its schema."""
        try:
            document = self.document(path)
        except DocumentError as error:
            return self._unreadable(error)
        except Finding as error:
            return [Problem(path, 1, 1, "", "document/unreadable", error.message, error.hint)]
        try:
            return self._schema_problems(document, self.schema(path))
        except Finding as error:
            return [_without_schema(path, error)]

    def _document_problems(self, path: str) -> list[Problem]:
        if found := self.malformed(path):
            return found
        try:
            return check(
                self.document(path),
                self.schema(path),
                self.artefacts(path),
                self.files,
                self.content,
                self._origin(path),
                partial(self._measured_of, path),
            )
        except Finding as error:
            return [_without_schema(path, error)]

    def _origin(self, path: str) -> Callable[[], Origin] | None:
        """What a document was on the sides of the merge that it comes out of, if it does; read only when it is asked for."""
        merge = self._merge()
        if merge is None:
            return None

        def origin() -> Origin:
            self._depends_on_more()
            sides = [content for side in merge.sides if (content := merge.at(side).content(path)) is not None]
            return Origin(sides, MISSING if merge.result is None else merge.at(merge.result).content(path))

        return origin

    def _measured_of(self, path: str) -> Measured | None:
        self._depends_on_more()
        return self._measured(path)

    def _depends_on_more(self) -> None:
        if self.files.seen is not None:
            self.files.seen.add(ANYTHING)

    @contextmanager
    def seen(self) -> Iterator[set[str]]:
        """Collects the files that are read meanwhile, and ANYTHING where it is more than files."""
        self.files.seen = found = set[str]()
        try:
            yield found
        finally:
            self.files.seen = None

    def _lock_problems(self, path: str) -> list[Problem]:
        """What is wrong with the lock file beside a document, without which nothing tells manual changes from derived values."""
        try:
            self.lock(path)
        except DocumentError as error:
            return self._unreadable(error)
        except Finding as error:
            lock = path + locks.SUFFIX
            return [Problem(lock, 1, 1, "", "lock/unreadable", error.message.removeprefix(f"{lock}: "), error.hint)]
        return []

    def _unreadable(self, error: DocumentError) -> list[Problem]:
        """Why a file is not JSON: the conflicts that a merge left in it, or the place where it is wrong."""
        path, place = error.path, error.place
        marked = marks.marked(self.files.read(path) or b"", path)
        if not marked:
            return [Problem(path, place.line, place.column, "", "json/syntax", error.problem, error.hint)]
        return [Problem(path, each.line, 1, each.pointer or "", "document/conflict", *_words(each, path)) for each in marked]

    @cached_property
    def fingerprint(self) -> str:
        """What a validation depends on beside the document: this mdrepo, and every schema that may be referred to."""
        return f"{__version__} {self.schemas.fingerprint}"

    def _schema_problems(self, document: Document, schema: Schema) -> list[Problem]:
        """As validate, but what was found valid once is not validated again: jsonschema takes longer to load than to run."""
        stamp = f"{self.fingerprint}\0{schema.name}\0"
        key = hashlib.sha256(stamp.encode() + document.data).hexdigest()
        if self._cache.get("valid", key) is not None:
            return []
        found = validate(document, schema)
        if not found:
            self._cache.put("valid", key, b"")
        return found


def _without_schema(path: str, error: Finding) -> Problem:
    return Problem(path, 1, 1, "", "document/schema", error.message.removeprefix(f"{path}: "), error.hint)


def _words(marked: marks.Marked, path: str) -> tuple[str, str]:
    """What a mark in a file means, and what to do."""
    if not marked.whole:
        return "a conflict mark that was left behind", "take the line away, and look whether its conflict is settled"
    field = f"{path}#{marked.pointer}" if marked.pointer else path
    return "a merge's conflict, not settled", f"mdrepo resolve '{field}' --ours (or --theirs), or an editor"
