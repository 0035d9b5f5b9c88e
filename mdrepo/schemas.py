"""Finding, binding and annotating schemas: which schema a document has, and what the schema says of a field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from . import pointers
from .documents import read
from .errors import Finding
from .pointers import Path

KINDS = {"model": "urn:mdrepo:model:1", "dataset": "urn:mdrepo:dataset:1", "evaluation": "urn:mdrepo:evaluation:1"}

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
    """The content of a built-in schema: `model`, `dataset` or `evaluation`."""
    return json.loads((builtin_folder() / f"{kind}.schema.json").read_text(encoding="utf-8"))


class Schema:
    """One schema, with the annotations of every field that it describes."""

    def __init__(self, name: str, content: Any, store: SchemaStore) -> None:
        self.name = name
        self.content = content
        self.store = store
        self._at: dict[Path, list[dict[str, Any]]] = {}

    @property
    def kind(self) -> str | None:
        """`model`, `dataset` or `evaluation` for a built-in schema."""
        return next((kind for kind, name in KINDS.items() if name == self.name), None)

    def at(self, path: Path) -> list[dict[str, Any]]:
        """All subschemas that speak of a path, whether their conditions hold or not."""
        if path not in self._at:
            self._at[path] = (
                [each for parent in self.at(path[:-1]) for child in _children(parent, path[-1]) for each in self._expanded(child)]
                if path
                else list(self._expanded(self.content))
            )
        return self._at[path]

    def annotation(self, path: Path, name: str) -> Any:
        """What the schema's annotation says of a path, or None."""
        return next((schema[name] for schema in self.at(path) if name in schema), None)

    def keys(self, path: Path) -> Sequence[str] | None:
        """The members that tell the items of the list at a path apart (`x-mdrepo-key`)."""
        keys = self.annotation(path, "x-mdrepo-key")
        return [keys] if isinstance(keys, str) else keys

    def strategy(self, path: Path) -> str | None:
        """How a true conflict in the field at a path settles itself (`x-mdrepo-merge`), if at all."""
        found = self.annotation(path, "x-mdrepo-merge")
        return found if isinstance(found, str) else None

    def key_order(self, path: Path) -> Sequence[str]:
        """The properties of the object at a path, in the schema's order."""
        return list(dict.fromkeys(name for schema in self.at(path) for name in schema.get("properties", ())))

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

    def annotated(self, content: Any, name: str, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
        """(path, annotation, value) of each field of a content whose schema has an annotation."""
        annotation = self.annotation(path, name)
        if annotation is not None:
            yield path, annotation, content
        members = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
        for token, value in members:
            if isinstance(value, dict | list | str) and self.at((*path, token)):
                yield from self.annotated(value, name, (*path, token))

    def _expanded(self, schema: Any, seen: frozenset[str] = frozenset()) -> Iterator[dict[str, Any]]:
        """A schema and all that it includes by reference, combination or condition."""
        if not isinstance(schema, dict):
            return
        yield schema
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            yield from self._expanded(self.store.dereferenced(reference, self.content), seen | {reference})
        for keyword in _COMBINING:
            for part in schema.get(keyword, ()):
                yield from self._expanded(part, seen)
        for keyword in _CONDITIONAL:
            yield from self._expanded(schema.get(keyword), seen)


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
    properties = schema.get("properties")
    if isinstance(properties, dict) and token in properties:
        yield properties[token]
    elif isinstance(token, str) and isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]
    at = pointers.index(token)
    if at is not None:
        first = schema.get("prefixItems", [])
        yield first[at] if at < len(first) else schema.get("items")


class SchemaStore:
    """The built-in schemas and those in a repository's `schemas/` folder; nothing is ever fetched from elsewhere."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self._files = files or {}
        self._schemas: dict[str, Schema] = {}

    def contents(self) -> Iterator[tuple[str, Any]]:
        """(URI, content) of every schema here: each by its `$id`, the repository's also by their path."""
        for kind, name in KINDS.items():
            yield name, builtin(kind)
        for path, data in self._files.items():
            content = read(data, path).value
            yield path, content
            if isinstance(content, dict) and isinstance(content.get("$id"), str):
                yield content["$id"], content

    def find(self, name: str) -> Schema | None:
        """The schema with a URI, or in a file from the repository's root."""
        if name not in self._schemas:
            kind = next((kind for kind, uri in KINDS.items() if uri == name), None)
            content = builtin(kind) if kind else next((c for uri, c in self.contents() if uri == name), None)
            if content is None:
                return None
            _check_strategies(content, name, ())
            self._schemas[name] = Schema(name, content, self)
        return self._schemas[name]

    def names(self) -> list[str]:
        """What a document's `$schema` may say here."""
        return [*KINDS.values(), *(uri for uri, _ in self.contents() if uri not in KINDS.values())]

    def bound(self, content: Any, path: str, pattern_schema: str | None) -> Schema:
        """The schema of a document: what its `$schema` says, else what mdrepo.toml binds to it; raises Finding."""
        name = content.get("$schema") if isinstance(content, dict) else None
        if name is None:
            name = pattern_schema
        if name is None:
            hint = f'add "$schema": "{KINDS["model"]}", or bind one to the file in [schemas] of mdrepo.toml'
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
        return pointers.get(content, pointers.parse(fragment) if fragment.startswith("/") else ())


def _relative(path: str, name: str) -> str:
    """A schema's path that is written relative to the document, as a path from the repository's root."""
    parts = path.split("/")[:-1]
    for part in name.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
