"""Schemas as things of their own: which there are, what is wrong with one, how a new one begins, how an editor finds them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import configuration
from .documents import DocumentError, read
from .errors import Finding, MdrepoError, UsageError
from .files import inside, read_file, write
from .guessing import meant
from .results import Step
from .schemas import KINDS, SchemaStore, builtin, builtin_folder
from .validation import Problem, of_schema
from .workspace import Workspace
from .writing import fresh, rewrite

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SETTINGS = ".vscode/settings.json"


@dataclass(frozen=True)
class Known:
    """A schema: its name, its file (None: built in), title, the patterns that bind it, and how many documents have it."""

    name: str
    path: str | None
    title: str
    patterns: tuple[str, ...]
    documents: int


def known(workspace: Workspace) -> list[Known]:
    """The built-in schemas and the repository's own; raises DocumentError for one that is no JSON."""
    work = workspace.work()
    counts: dict[int, int] = {}
    for path in work.paths:
        if (schema := work.schema_or_none(path)) is not None:
            counts[id(schema.content)] = counts.get(id(schema.content), 0) + 1
    names: dict[int, list[str]] = {}
    contents: dict[int, Any] = {}
    for name, content in work.schemas.contents():
        names.setdefault(id(content), []).append(name)
        contents[id(content)] = content
    found = []
    for key, called in names.items():
        file = None if called[0] in KINDS.values() else called[0]
        patterns = tuple(pattern for pattern, schema in workspace.configuration.schemas.items() if schema in called)
        title = contents[key].get("title", "") if isinstance(contents[key], dict) else ""
        found.append(Known(called[-1], file, title if isinstance(title, str) else "", patterns, counts.get(key, 0)))
    return found


def text(workspace: Workspace, name: str) -> str:
    """The text of a schema, by kind, URI, path, or a file's name without its endings; raises Finding."""
    for kind, uri in KINDS.items():
        if name in (kind, uri):
            return (builtin_folder() / f"{kind}.schema.json").read_text(encoding="utf-8")
    files = _files(workspace)
    for path, data in files.items():
        if name in (path, path.rpartition("/")[2].removesuffix(".json").removesuffix(".schema"), _id(path, data)):
            return data.decode("utf-8", "replace")
    names = [*KINDS, *KINDS.values(), *files, *(each for each in (_id(*item) for item in files.items()) if each)]
    raise Finding(f"there is no schema {name!r} here", meant(name, names, "'mdrepo schema list' lists them"))


def _files(workspace: Workspace) -> dict[str, bytes]:
    """The repository's own schemas as the work tree has them."""
    files = workspace.work().files
    names = sorted(path for path in files.below("schemas") if path.endswith(".json"))
    return {path: data for path in names if (data := files.read(path)) is not None}


def _id(path: str, data: bytes) -> str | None:
    try:
        content = read(data, path).value
    except DocumentError:
        return None
    name = content.get("$id") if isinstance(content, dict) else None
    return name if isinstance(name, str) else None


def check(workspace: Workspace, paths: Sequence[str]) -> list[Problem]:
    """What is wrong with some schemas (none: all of the repository's own, and what mdrepo.toml binds)."""
    files = _files(workspace)
    found = [] if paths else [*_unbound(workspace, files)]
    chosen = {path: files[path] if path in files else _read(workspace, path) for path in paths} or files
    readable = {path: data for path, data in {**files, **chosen}.items() if not _broken(path, data)}
    store = SchemaStore(readable)
    for path, data in chosen.items():
        found += _broken(path, data) or of_schema(read(data, path), store)
    return found


def _read(workspace: Workspace, path: str) -> bytes:
    if not inside(workspace.root, path).is_file():
        raise MdrepoError(f"there is no file {path} here", meant(path, _files(workspace), "'mdrepo schema list' lists the schemas"))
    return read_file(inside(workspace.root, path))


def _broken(path: str, data: bytes) -> list[Problem]:
    try:
        read(data, path)
    except DocumentError as error:
        return [Problem(path, error.place.line, error.place.column, "", "json/syntax", error.problem, error.hint)]
    return []


def _unbound(workspace: Workspace, files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Bindings to schemas that are not here."""
    names = [*KINDS.values(), *files, *(name for name in (_id(*item) for item in files.items()) if name)]
    lines = (
        read_file(workspace.root / configuration.FILE).decode("utf-8").splitlines() if workspace.exists(configuration.FILE) else []
    )
    for pattern, name in workspace.configuration.schemas.items():
        if name not in names:
            line = next((number for number, each in enumerate(lines, 1) if pattern in each and name in each), 1)
            hint = meant(name, names, "'mdrepo schema list' lists the schemas")
            words = f"{pattern!r} is bound to {name}, which is not here"
            yield Problem(configuration.FILE, line, 1, "", "document/schema", words, hint)


# a new one


def _start(name: str) -> dict[str, Any]:
    """How a schema begins: closed, described, with every word of mdrepo's shown once."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{name}:1",
        "$comment": (
            "x-mdrepo-class says what a change means: breaking, behavioural or descriptive. "
            "x-mdrepo-affects: what it invalidates: predictions, metrics or nothing. "
            "x-mdrepo-merge: how a conflict settles itself: ours, theirs, union, max, min or derived. "
            "x-mdrepo-key: what tells a list's items apart. x-mdrepo-source: the extractor that derives a field. "
            "x-mdrepo-reference: the value is the path of another document. "
            "x-mdrepo-artefact: an object that names a file of DVC's."
        ),
        "title": name,
        "description": "Say what these documents are for; editors show it.",
        "type": "object",
        "properties": {
            "$schema": {"description": "The schema of this document.", "type": "string", "x-mdrepo-affects": "nothing"},
            "name": {
                "$comment": "x-mdrepo-class: a change of this is for people only.",
                "description": "What it is called.",
                "examples": ["example"],
                "type": "string",
                "x-mdrepo-affects": "nothing",
                "x-mdrepo-class": "descriptive",
            },
            "revision": {
                "$comment": "x-mdrepo-merge: of two numbers that both sides raised, the greater one stays.",
                "description": "How often it was revised.",
                "examples": [1],
                "type": "integer",
                "x-mdrepo-affects": "nothing",
                "x-mdrepo-merge": "max",
            },
            "entries": {
                "$comment": "x-mdrepo-key: items are compared and merged by their name, not by their place.",
                "description": "A list whose items have a name.",
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"description": "What tells this entry apart.", "type": "string"},
                        "value": {"description": "Its value.", "type": "number"},
                    },
                    "required": ["name"],
                    "additionalProperties": False,
                },
                "x-mdrepo-key": "name",
            },
            "extensions": {
                "description": "Fields of your own, which nothing checks.",
                "type": "object",
                "x-mdrepo-affects": "nothing",
            },
        },
        "required": ["name"],
        "additionalProperties": False,
    }


def begin(workspace: Workspace, name: str, pattern: str | None) -> tuple[str, str]:
    """Write a schema to begin with and bind it to a pattern in mdrepo.toml; its path, and the pattern."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a schema's name", "names are letters, digits, '.', '_' and '-', without spaces")
    path = f"schemas/{name}.schema.json"
    if workspace.exists(path):
        raise Finding(f"{path} is there already", f"'mdrepo schema check {path}' checks it")
    content = _start(name)
    if any(uri == content["$id"] for uri, _ in workspace.work().schemas.contents()):
        raise Finding(f"there is a schema {content['$id']} already", "'mdrepo schema list' says where")
    wanted = pattern or f"metadata/{name}/*.json"
    toml = _binding(workspace, wanted, path)
    write(workspace.root, path, fresh(content))
    write(workspace.root, configuration.FILE, toml)
    return path, wanted


def _binding(workspace: Workspace, pattern: str, path: str) -> str:
    """The text of mdrepo.toml with a binding more; raises Finding where that is left to people."""
    place = workspace.root / configuration.FILE
    before = place.read_text(encoding="utf-8") if place.exists() else ""
    # a JSON string is a TOML string, but for DEL, which TOML wants escaped
    line = f"{json.dumps(pattern, ensure_ascii=False)} = {json.dumps(path)}".replace("\x7f", "\\u007f") + "\n"
    found = re.search(r"^[ \t]*\[schemas\][^\n]*(\n|\Z)", before, re.MULTILINE)
    if found:
        made = before[: found.end()] + ("" if before[: found.end()].endswith("\n") else "\n") + line + before[found.end() :]
    else:
        made = before + ("" if not before or before.endswith("\n") else "\n") + f"\n[schemas]\n{line}"
    try:
        bound = configuration.read(made).schemas.get(pattern) == path
    except Finding:
        bound = False
    if not bound:
        hint = f"is it bound already, or written in another way? write below [schemas]: {line.strip()}"
        raise Finding(f"{configuration.FILE}: {pattern!r} cannot be bound by mdrepo; nothing was written", hint)
    return made


# editors


def bind_editor(workspace: Workspace) -> tuple[Step, str | None]:
    """Bind the schemas in .vscode/settings.json, keeping all that is there; where that is not safe, what to paste."""
    wanted = [*_entries(workspace)]
    place = inside(workspace.root, SETTINGS)
    pasted = fresh({"json.schemas": wanted})
    if not place.exists():
        write(workspace.root, SETTINGS, pasted)
        return Step("vscode", "done", f"{SETTINGS} binds {len(wanted)} schemas"), None
    try:
        document = read(read_file(place), SETTINGS)
    except DocumentError as error:
        words = f"{SETTINGS}:{error.place.line}: left as it is ({error.problem}; comments?): paste what follows"
        return Step("vscode", "left", words), pasted
    settings = document.value
    there = settings.get("json.schemas", []) if isinstance(settings, dict) else None
    if not isinstance(there, list) or not all(isinstance(each, dict) for each in there):
        return Step("vscode", "left", f"{SETTINGS}: json.schemas is no list of objects: left as it is, paste what follows"), pasted
    merged = _merged(there, wanted)
    if merged == there:
        return Step("vscode", "kept", f"{SETTINGS} binds the schemas"), None
    write(workspace.root, SETTINGS, rewrite(document, {**settings, "json.schemas": merged}))
    return Step("vscode", "done", f"{SETTINGS} binds {len(wanted)} schemas, beside what was there"), None


def _entries(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """For VS Code: what each name stands for, since it knows no urn:, and which files a pattern binds."""
    for kind in ("model", "dataset"):
        yield {"fileMatch": [], "url": KINDS[kind], "schema": builtin(kind)}
    own = _files(workspace)
    for path, data in own.items():
        if (name := _id(path, data)) is not None:
            yield {"fileMatch": [], "url": name, "schema": read(data, path).value}
    by_path: dict[str, list[str]] = {}
    for pattern, schema in workspace.configuration.schemas.items():
        by_path.setdefault(schema, []).append(pattern if "/" in pattern.rstrip("/") else f"**/{pattern}")
    for schema, patterns in by_path.items():
        yield {"fileMatch": patterns, "url": f"./{schema}" if schema in own else schema}


def _merged(there: Sequence[dict[str, Any]], wanted: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    made = [dict(each) for each in there]
    for entry in wanted:
        same = next((each for each in made if each.get("url") == entry["url"]), None)
        if same is None:
            made.append(entry)
            continue
        kept = same.get("fileMatch")
        known_patterns = kept if isinstance(kept, list) else []
        same["fileMatch"] = [*known_patterns, *(each for each in entry["fileMatch"] if each not in known_patterns)]
        if "schema" in entry:
            same["schema"] = entry["schema"]
    return made
