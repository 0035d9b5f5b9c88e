"""Document and schema to problems: every problem, with its place, what was expected and the nearest allowed value."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from . import pointers
from .annotations import annotation_problems
from .documents import Document, canonical
from .errors import Finding
from .guessing import meant, nearest
from .limiting import limited
from .patterns import SOURCE, python, translated
from .pointers import Path
from .schemas import KINDS, Schema, SchemaStore, builtin, misnamed_classes, subschemas

_SHOWN = 60
_FORMATS = (
    "fqdn",
    "idna",
    "isoduration",
    "jsonpointer",
    "rfc3339_validator",
    "rfc3986_validator",
    "rfc3987",
    "rfc3987_syntax",
    "uri_template",
    "webcolors",
)
_LISTED = 50
_ALIKE = 0.75
"""How much a value must be like an allowed one to be a slip of it: RandomCrop is another thing than RandomZoom."""
_SECONDS = 5.0
_SECONDS_A_MEGABYTE = 10.0


class Problem(NamedTuple):
    """Something wrong in a document: where (line and column from 1), which rule, what, and what to do."""

    path: str
    line: int
    column: int
    pointer: str
    rule: str
    message: str
    hint: str | None = None


def problem(document: Document, path: Path, rule: str, message: str, hint: str | None = None, *, key: bool = False) -> Problem:
    """A problem at a field of a document."""
    place = document.position(path, key=key)
    return Problem(document.path, place.line, place.column, pointers.build(path), rule, message, hint)


def validate(document: Document, schema: Schema) -> list[Problem]:
    """All the problems that a document has with its schema, in the order of the file; raises Finding for a bad schema.

    A schema that takes more than 5 seconds of computing, and 10 more for each megabyte of the document, is a bad one.
    """
    seconds = _SECONDS + _SECONDS_A_MEGABYTE * len(document.text) / 1e6
    hint = "a pattern that backtracks, or alternatives that refer to each other?"
    with limited(seconds, Finding(f"{schema.name}: validation by this schema takes more than {seconds:.0f} seconds", hint)):
        found = {p for error in _errors(document.value, schema) for p in _problems(document, error)}
        return sorted(found, key=lambda p: (p.line, p.column, p.rule, p.message))


def _jsonschema() -> Any:
    """jsonschema without what it would load for `format`, which asserts nothing here: one of these packages takes a second."""
    if "jsonschema" in sys.modules:
        return sys.modules["jsonschema"]
    before = {name: sys.modules.get(name) for name in _FORMATS}
    sys.modules |= dict.fromkeys(name for name, module in before.items() if module is None)  # type: ignore[arg-type]
    try:
        import jsonschema
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
    return jsonschema


def check(schema: Schema) -> tuple[Any, Any]:
    """A schema's content for Python's regular expressions, and the validator class of its draft; raises Finding for a bad one."""
    jsonschema = _jsonschema()
    content = translated(schema.content)
    draft = jsonschema.validators.validator_for(content, default=jsonschema.Draft202012Validator)
    if schema.kind is not None:
        return content, draft  # those that ship are checked by the tests, and 'status' need not wait for it
    try:
        draft.check_schema(content)
    except jsonschema.SchemaError as error:
        place = pointers.build(tuple(error.absolute_path)) or "its root"
        raise Finding(f"{schema.name}: not a valid schema at {place}: {error.message[:200]}") from None
    for where, said in misnamed_classes(schema.content):
        allowed = "one of: breaking, behavioural, descriptive"
        raise Finding(f"{schema.name}: at {pointers.build(where)}: {shown(said)} is no class of changes", allowed)
    return content, draft


@lru_cache(maxsize=16)
def _validator(schema: Schema) -> Any:
    """jsonschema's validator for a schema, checked, with references to the schemas of its store only; raises Finding."""
    content, draft = check(schema)
    extended = _jsonschema().validators.extend(draft, {"uniqueItems": _unique_items})
    return extended(content, registry=_registry(schema.store, draft))


def _registry(store: SchemaStore, draft: Any) -> Any:
    """The schemas that references may lead to: those of a store."""
    from referencing import Registry, Resource
    from referencing.exceptions import NoSuchResource
    from referencing.jsonschema import specification_with

    default = specification_with(draft.META_SCHEMA["$schema"])

    def shipped(uri: str) -> Any:
        """A built-in schema, to which few others refer."""
        kind = next((kind for kind, name in KINDS.items() if name == uri), None)
        if kind is None:
            raise NoSuchResource(uri)
        return Resource.from_contents(translated(builtin(kind)), default)

    resources = ((uri, Resource.from_contents(translated(each), default)) for uri, each in store.own())
    registry: Registry[Any] = Registry(retrieve=shipped).with_resources(resources)  # type: ignore[call-arg]
    return registry


def of_schema(document: Document, store: SchemaStore) -> list[Problem]:
    """What is wrong with a schema itself: by its draft, in its patterns, references and mdrepo's own words."""
    jsonschema = _jsonschema()
    content = document.value
    named = content.get("$schema") if isinstance(content, dict) else None
    found = [*_unknown_draft(document, named)]
    draft = jsonschema.validators.validator_for({} if found else content, default=jsonschema.Draft202012Validator)
    if not found:
        with limited(_SECONDS, Finding(f"{document.path}: checking this schema takes more than {_SECONDS:.0f} seconds")):
            for error in draft(draft.META_SCHEMA).iter_errors(content):
                found.append(problem(document, tuple(error.absolute_path), f"schema/{error.validator}", error.message[:200]))
    for path, each in subschemas(content):
        found += [problem(document, (*path, *place), *told) for place, *told in annotation_problems(each)]  # type: ignore[arg-type]
        for place, pattern in _patterns(each):
            try:
                re.compile(python(pattern))
            except (ValueError, re.error) as error:
                found.append(problem(document, (*path, *place), "schema/pattern", f"{shown(pattern)}: {error}"))
    found += _unresolved(document, store, draft)
    return sorted(set(found), key=lambda p: (p.line, p.column, p.rule, p.message))


def _unknown_draft(document: Document, named: Any) -> Iterator[Problem]:
    jsonschema = _jsonschema()
    if named is None or (isinstance(named, str) and jsonschema.validators.validator_for({"$schema": named}, default=None)):
        return
    known = [str(each.META_SCHEMA["$schema"]) for each in (jsonschema.Draft202012Validator, jsonschema.Draft7Validator)]
    hint = meant(str(named), known, f"as {known[0]}")
    yield problem(document, ("$schema",), "schema/draft", f"{shown(named)} is no draft of JSON Schema that is known here", hint)


def _patterns(schema: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    if isinstance(schema.get("pattern"), str):
        yield ("pattern",), schema["pattern"]
    if isinstance(schema.get("patternProperties"), dict):
        yield from ((("patternProperties", each), each) for each in schema["patternProperties"])


def _unresolved(document: Document, store: SchemaStore, draft: Any) -> Iterator[Problem]:
    """References that lead nowhere without the network."""
    from referencing import Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    default = specification_with(draft.META_SCHEMA["$schema"])
    try:
        root = _registry(store, draft).resolver_with_root(Resource.from_contents(document.value, default))
    except (AttributeError, TypeError, ValueError):
        return  # not a schema at all, which has been said
    for path, each in subschemas(document.value):
        for word in ("$ref", "$dynamicRef"):
            if isinstance(each.get(word), str):
                try:
                    root.lookup(each[word])
                except (Unresolvable, LookupError, TypeError, ValueError, AttributeError):
                    hint = "references lead to schemas/ or to built-in schemas only"
                    yield problem(document, (*path, word), "schema/$ref", f"{shown(each[word])} leads nowhere", hint)


def _errors(content: Any, schema: Schema) -> Iterator[Any]:
    from referencing.exceptions import Unresolvable

    try:
        yield from _validator(schema).iter_errors(content)
    except Unresolvable as error:
        hint = "references lead to schemas/ or to built-in schemas only"
        name = error.ref or f"#{getattr(error, 'anchor', '')}"
        raise Finding(f"{schema.name}: the reference {name!r} leads nowhere", hint) from None
    except RecursionError:
        raise Finding(f"{schema.name}: a schema that refers to itself without end, or documents too deep for it") from None
    except OverflowError:
        raise Finding(f"{schema.name}: the document has an integer too large for 'multipleOf' a fraction") from None
    except (
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        re.error,
    ) as error:  # jsonschema checks no schema that another refers to
        raise Finding(f"{schema.name}: it, or a schema that it refers to, is not valid: {str(error)[:200]}") from None


def _unique_items(validator: Any, unique: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """`uniqueItems` in linear time; jsonschema compares each item with each other."""
    from jsonschema import ValidationError

    if not unique or not validator.is_type(instance, "array"):
        return
    first: dict[str, int] = {}
    for index, item in enumerate(instance):
        earlier = first.setdefault(canonical(item), index)
        if earlier != index:
            yield ValidationError(f"the same as item {earlier}", path=[index])


def _problems(document: Document, error: Any) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    rule = f"schema/{error.validator}"
    value, wanted = error.instance, error.validator_value
    match error.validator:
        case "required":
            for name in (name for name in wanted if name not in value):
                yield problem(document, path, rule, f"the field {name!r} is missing", _example(error.schema, name))
        case "additionalProperties" | "unevaluatedProperties" if isinstance(value, dict) and wanted is False:
            known = list(error.schema.get("properties", ()))
            patterns = tuple(error.schema.get("patternProperties", ()))
            for name in _unknown(value, known, patterns):
                own = "own fields go under 'extensions'" if "extensions" in known else "its schema may be given one"
                hint = _nearest(name, known) or own
                yield problem(document, (*path, name), rule, f"there is no field {name!r} here", hint, key=True)
        case "type":
            names = wanted if isinstance(wanted, str) else " or ".join(wanted)
            yield problem(document, path, rule, f"expected {names}, found {_kind(value)}{shown(value)}")
        case "enum":
            allowed = ", ".join([*map(shown, wanted[:_LISTED]), *(["…"] if len(wanted) > _LISTED else [])])
            yield problem(document, path, rule, f"{shown(value)} is not one of: {allowed}", _nearest(value, wanted, _ALIKE))
        case "const":
            yield problem(document, path, rule, f"expected {shown(wanted)}, found {shown(value)}")
        case "pattern":
            message = f"{shown(value)} does not match {error.schema[SOURCE]}"
            yield problem(document, path, rule, message, _example(error.schema, None))
        case "uniqueItems":
            yield problem(document, path, rule, f"{shown(pointers.get(document.value, path))} stands here twice: {error.message}")
        case "anyOf" | "oneOf":
            yield problem(document, path, rule, f"{shown(value)} fits none, or more than one, of the {len(wanted)} alternatives")
        case None:
            yield problem(document, path, "schema/false", f"the schema allows nothing here, found {shown(value)}")
        case _:
            yield problem(document, path, rule, f"{shown(value)} does not meet {error.validator} {shown(wanted)}")


def _unknown(value: dict[str, Any], known: Sequence[str], patterns: Sequence[str]) -> Iterator[str]:
    for name in value:
        if name not in known and not any(re.search(pattern, name) for pattern in patterns):
            yield name


def _nearest(value: Any, allowed: Sequence[Any], alike: float = 0.6) -> str | None:
    names = {str(each): each for each in allowed}
    near = nearest(str(value), names, alike)
    return f"did you mean {shown(names[near])}?" if near is not None else None


def _example(schema: dict[str, Any], name: str | None) -> str | None:
    described = schema if name is None else schema.get("properties", {}).get(name, {})
    if not isinstance(described, dict):
        return None
    examples = described.get("examples") or ([described["const"]] if "const" in described else [])
    return f"example: {shown(examples[0])}" if examples else None


def _kind(value: Any) -> str:
    """The word before a value of a type; `null` says it itself."""
    kinds = {bool: "boolean ", int: "integer ", str: "string ", list: "array ", dict: "object ", type(None): ""}
    return kinds.get(type(value), "number ")


def shown(value: Any) -> str:
    """A value as short JSON."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
