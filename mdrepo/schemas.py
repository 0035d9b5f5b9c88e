"""Finding, binding and annotating schemas: which schema a document has, and what the schema says of a field."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path as FilePath
from typing import Any, Literal

from . import pointers
from .documents import read
from .errors import Finding
from .pointers import Path

KINDS = {"model": "urn:mdrepo:model:1", "dataset": "urn:mdrepo:dataset:1", "evaluation": "urn:mdrepo:evaluation:1"}

ChangeClass = Literal["descriptive", "behavioural", "breaking"]
"""What a change of a field means: for people only; for what the model answers; for whoever calls it."""

_SEVERITY: dict[Any, int] = {"descriptive": 0, "behavioural": 1, "breaking": 2}
_AFFECTING: dict[Any, ChangeClass] = {"nothing": "descriptive", "metrics": "behavioural", "predictions": "behavioural"}

STRATEGIES = ("ours", "theirs", "union", "max", "min", "derived")

_VALUES = ("const", "default", "enum", "examples")
_COMBINING = ("allOf", "anyOf", "oneOf")
_CONDITIONAL = ("then", "else")


def builtin_folder() -> FilePath:
    """Where the built-in schemas are: inside an installed package, else in the source tree beside it."""
    here = FilePath(__file__).parent
    installed = here / "builtin_schemas"
    return installed if installed.is_dir() else here.parent / "schemas"


@cache
def builtin(kind: str) -> Any:
    """The content of a built-in schema: of a kind of document, or of an answer (`diff`)."""
    return json.loads(_builtin_bytes(kind))


@cache
def _builtin_bytes(kind: str) -> bytes:
    return (builtin_folder() / f"{kind}.schema.json").read_bytes()


def highest(classes: Iterable[ChangeClass | None]) -> ChangeClass | None:
    """The most severe of some classes; None where none is known."""
    return max((each for each in classes if each is not None), key=_SEVERITY.__getitem__, default=None)


def misnamed_classes(schema: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Where a schema names a class that there is not (`x-mdrepo-class`), and what it says there."""
    if isinstance(schema, dict):
        for key, inner in schema.items():
            if key == "x-mdrepo-class" and not isinstance(inner, dict) and (not isinstance(inner, str) or inner not in _SEVERITY):
                yield (*path, key), inner
            elif key not in ("const", "default", "enum", "examples"):
                yield from misnamed_classes(inner, (*path, key))
    elif isinstance(schema, list):
        for index, inner in enumerate(schema):
            yield from misnamed_classes(inner, (*path, index))


_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def subschemas(schema: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every object in a schema that is a schema itself, with its path."""
    if isinstance(schema, list):
        for index, inner in enumerate(schema):
            yield from subschemas(inner, (*path, index))
    elif isinstance(schema, dict):
        yield path, schema
        for key, inner in schema.items():
            if key in _MAPS and isinstance(inner, dict):
                for name, each in inner.items():
                    yield from subschemas(each, (*path, key, name))
            elif key not in _VALUES and not key.startswith("x-"):
                yield from subschemas(inner, (*path, key))


class Schema:
    """One schema, with the annotations of every field that it describes."""

    def __init__(self, name: str, content: Any, store: SchemaStore) -> None:
        self.name = name
        self.content = content
        self.store = store
        self._at: dict[Path, list[dict[str, Any]]] = {}
        self._classes: dict[Path, ChangeClass] = {}
        self._counts: dict[Path, int] = {}

    @property
    def kind(self) -> str | None:
        """`model`, `dataset` or `evaluation` for a built-in schema."""
        return next((kind for kind, name in KINDS.items() if name == self.name), None)

    def at(self, path: Path) -> list[dict[str, Any]]:
        """All subschemas that speak of a path, whether their conditions hold or not."""
        if path not in self._at:
            parts = [child for parent in self.at(path[:-1]) for child in _children(parent, path[-1])] if path else [self.content]
            seen: set[int] = set()
            self._at[path] = [each for part in parts for each in self._expanded(part, seen)]
        return self._at[path]

    def annotation(self, path: Path, name: str) -> Any:
        """What the schema's annotation says of a path, or None."""
        return next((schema[name] for schema in self.at(path) if name in schema), None)

    def keys(self, path: Path) -> Sequence[str] | None:
        """The members that tell the items of the list at a path apart (`x-mdrepo-key`); none for a set (`uniqueItems`)."""
        keys = self.annotation(path, "x-mdrepo-key")
        if keys is None and self.annotation(path, "uniqueItems") is True:
            inside = self.at((*path, 0))
            return [] if inside and not any(each.get("type") in (None, "object", "array") for each in inside) else None
        names = [keys] if isinstance(keys, str) else keys
        return names if isinstance(names, list) and names and all(isinstance(name, str) for name in names) else None

    def change_class(self, path: Path, *contents: Any) -> ChangeClass:
        """What a change at a path means (`x-mdrepo-class`, from the nearest field around that has it).

        Of contents that come or go whole, it is the most severe class of all that they contain.
        """
        place = self._alike(path)
        if not contents:
            return self._class(place)
        return max([self._class(place), *(self._inside(place, content) for content in contents)], key=_SEVERITY.__getitem__)

    def _alike(self, path: Path) -> Path:
        """A path of which the schema says the same: a list's items are all alike, but for the first few that it may name."""
        place: Path = ()
        for token in path:
            place = self._beside(place, token)
        return place

    def _beside(self, path: Path, token: str | int) -> Path:
        """A path such as `_alike` gives, one step on."""
        return (*path, min(token, self._named(path)) if isinstance(token, int) else token)

    def _named(self, path: Path) -> int:
        """How many items of the list at a path the schema names one by one."""
        if path not in self._counts:
            self._counts[path] = max((len(_list(schema, "prefixItems")) for schema in self.at(path)), default=0)
        return self._counts[path]

    def _class(self, path: Path) -> ChangeClass:
        if path not in self._classes:
            around = [path[:length] for length in range(len(path), -1, -1)]
            said = highest(next(filter(None, (self._said(place, "x-mdrepo-class") for place in around)), ()))
            affects = next(filter(None, (self._said(place, "x-mdrepo-affects") for place in around)), ())
            self._classes[path] = said or highest(_AFFECTING[each] for each in affects) or "descriptive"
        return self._classes[path]

    def _said(self, path: Path, name: str) -> list[Any]:
        """What the subschemas at a path say by an annotation, where they say something that is known."""
        known = _SEVERITY if name == "x-mdrepo-class" else _AFFECTING
        return [schema[name] for schema in self.at(path) if isinstance(schema.get(name), str) and schema[name] in known]

    def _inside(self, path: Path, content: Any) -> ChangeClass:
        """The most severe class of a field and all below it."""
        found = self._class(path)
        members = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
        for token, value in members:
            if found == "breaking":
                break
            place = self._beside(path, token)
            if self.at(place):  # what no schema speaks of is as what is around it
                found = max(found, self._inside(place, value), key=_SEVERITY.__getitem__)
        return found

    def below(self, place: Path) -> Callable[[Path], Sequence[str] | None]:
        """The identities of the lists below a path, by their paths from there."""
        return lambda path: self.keys((*place, *path))

    def strategy(self, path: Path) -> str | None:
        """How a true conflict in the field at a path settles itself (`x-mdrepo-merge`), if at all."""
        found = self.annotation(path, "x-mdrepo-merge")
        return found if isinstance(found, str) else None

    def key_order(self, path: Path) -> Sequence[str]:
        """The properties of the object at a path, in the schema's order."""
        return list(dict.fromkeys(name for schema in self.at(path) for name in _object(schema, "properties")))

    def sources(self) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        """Each field that can be derived, with its `x-mdrepo-source`; fields of list items are derived with their list."""
        yield from self._sources((), 0)

    def _sources(self, path: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        source = self.annotation(path, "x-mdrepo-source")
        if source is not None:
            yield path, source
        elif depth < 20:
            for name in self.key_order(path):
                yield from self._sources((*path, name), depth + 1)

    def annotated(self, content: Any, name: str) -> Iterator[tuple[Path, Any, Any]]:
        """(path, annotation, value) of each field of a content whose schema has an annotation."""
        return self._annotated(content, name, (), ())

    def _annotated(self, content: Any, name: str, path: Path, place: Path) -> Iterator[tuple[Path, Any, Any]]:
        """As `annotated`, of what is at a path; `place` is the one of which the schema says the same (`_alike`)."""
        annotation = self.annotation(place, name)
        if annotation is not None:
            yield path, annotation, content
        members = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
        for token, value in members:
            if isinstance(value, dict | list | str) and self.at(inner := self._beside(place, token)):
                yield from self._annotated(value, name, (*path, token), inner)

    def _expanded(self, schema: Any, seen: set[int]) -> Iterator[dict[str, Any]]:
        """A schema and all that it includes by reference, combination or condition; each once, however it is reached."""
        if not isinstance(schema, dict) or id(schema) in seen:
            return
        seen.add(id(schema))
        yield schema
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield from self._expanded(self.store.dereferenced(reference, self.content), seen)
        for keyword in _COMBINING:
            for part in _list(schema, keyword):
                yield from self._expanded(part, seen)
        for keyword in _CONDITIONAL:
            yield from self._expanded(schema.get(keyword), seen)


def _object(schema: dict[str, Any], keyword: str) -> dict[str, Any]:
    """A keyword's object; schemas of a repository may hold anything there until they are validated."""
    found = schema.get(keyword)
    return found if isinstance(found, dict) else {}


def _list(schema: dict[str, Any], keyword: str) -> list[Any]:
    found = schema.get(keyword)
    return found if isinstance(found, list) else []


def _check_strategies(content: Any, name: str, path: Path) -> None:
    """Raise Finding for a strategy that there is not: it would be a conflict that nobody expects."""
    if isinstance(content, list):
        for place, item in enumerate(content):
            _check_strategies(item, name, (*path, place))
    elif isinstance(content, dict):
        found = content.get("x-mdrepo-merge", STRATEGIES[0])
        # a property may have that name, and is described by an object then
        if not isinstance(found, dict | bool) and found not in STRATEGIES:
            message = f"{name}: {pointers.build(path) or 'its root'}: there is no merge strategy {found!r}"
            raise Finding(message, f"x-mdrepo-merge is one of: {', '.join(STRATEGIES)}")
        for key, inner in content.items():
            if key not in _VALUES:
                _check_strategies(inner, name, (*path, key))


def _children(schema: dict[str, Any], token: pointers.Token) -> Iterator[Any]:
    properties = _object(schema, "properties")
    if token in properties:
        yield properties[token]
    elif isinstance(token, str) and isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]
    at = pointers.index(token)
    if at is not None:
        first = _list(schema, "prefixItems")
        yield first[at] if at < len(first) else schema.get("items")


class SchemaStore:
    """The built-in schemas and those in a repository's `schemas/` folder; nothing is ever fetched from elsewhere."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self._files = files or {}
        self._schemas: dict[str, Schema] = {}
        self._own: list[tuple[str, Any]] | None = None

    def contents(self) -> Sequence[tuple[str, Any]]:
        """(URI, content) of every schema here: each by its `$id`, the repository's also by their path; raises DocumentError."""
        return [*((name, builtin(kind)) for kind, name in KINDS.items()), *self.own()]

    def own(self) -> Sequence[tuple[str, Any]]:
        """Of `contents`, those of the repository alone: to read the others takes longer than to validate a document."""
        if self._own is None:
            self._own = list(self._read())
        return self._own

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the bytes of every schema here, with the paths of the repository's."""
        total = hashlib.sha256()
        for name, data in [*((kind, _builtin_bytes(kind)) for kind in KINDS), *self._files.items()]:
            total.update(f"{len(data)} {len(name)} {name}".encode("utf-8", "surrogatepass") + data)
        return total.hexdigest()

    def _read(self) -> Iterator[tuple[str, Any]]:
        for path, data in self._files.items():
            content = read(data, path).value
            yield path, content
            if isinstance(content, dict) and isinstance(content.get("$id"), str):
                yield content["$id"], content

    def find(self, name: str) -> Schema | None:
        """The schema with a URI, or in a file from the repository's root."""
        if name not in self._schemas:
            kind = next((kind for kind, uri in KINDS.items() if uri == name), None)
            content = builtin(kind) if kind else next((c for uri, c in self.own() if uri == name), None)
            if content is None:
                return None
            _check_strategies(content, name, ())
            self._schemas[name] = Schema(name, content, self)
        return self._schemas[name]

    def names(self) -> list[str]:
        """What a document's `$schema` may say here."""
        return [*KINDS.values(), *(uri for uri, _ in self.own() if uri not in KINDS.values())]

    def bound(self, content: Any, path: str, pattern_schema: str | None) -> Schema:
        """The schema of a document: what its `$schema` says, else what mdrepo.toml binds to it; raises Finding."""
        name = content.get("$schema") if isinstance(content, dict) else None
        if name is None:
            name = pattern_schema
        if name is None:
            bind = "bind one to the file in [schemas] of mdrepo.toml, as 'mdrepo schema new' does"
            hint = f'add "$schema": "{KINDS["model"]}", or {bind}'
            raise Finding(f"{path}: the document names no schema", hint)
        schema = self.find(name) if isinstance(name, str) else None
        if schema is None and isinstance(name, str):
            schema = self.find(_relative(path, name))
        if schema is None:
            raise Finding(f"{path}: there is no schema {name!r} here", f"there are: {', '.join(self.names())}")
        return schema

    def dereferenced(self, reference: str, root: Any) -> Any:
        """What a `$ref` names: in the same schema, or in another one of the store; None where it leads nowhere."""
        uri, _, fragment = reference.partition("#")
        content = root if not uri else next((c for name, c in self.contents() if name == uri), None)
        if fragment and not fragment.startswith("/"):
            return None  # an anchor: validation follows it, annotations do not
        return pointers.get(content, tuple(each.replace("~1", "/").replace("~0", "~") for each in fragment.split("/")[1:]))


def _relative(path: str, name: str) -> str:
    """A schema's path that is written relative to the document, as a path from the repository's root."""
    parts = path.split("/")[:-1]
    for part in name.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
