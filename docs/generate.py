"""What the code is the source of: the README's table of commands, and pages of the site's reference.

`python docs/generate.py` writes the README's generated part; with `--check` it only says whether that is up to date. MkDocs loads
this file as a hook (mkdocs.yml) and adds the pages to the site; they are in no commit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from mdrepo import errors, rules
from mdrepo.cli import COMMANDS, group

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
_TELLING = {"properties", "items", "anyOf", "oneOf", "description"}
BEGIN, END = "<!-- commands: begin -->", "<!-- commands: end -->"


def overview() -> str:
    """The table of commands, from the command line's own words."""
    rows = ["| command | what it does |", "| --- | --- |"]
    for context, name in _commands():
        pieces = context.command.collect_usage_pieces(context)
        usage = " ".join([name, *(piece for piece in pieces if piece != "[OPTIONS]")])
        rows.append(f"| `{_cell(usage)}` | {COMMANDS[name]} |")
    return "\n".join(rows)


def commands() -> Iterator[str]:
    """What `--help` says, command by command."""
    yield "# Commands\n"
    with click.Context(group, info_name="mdrepo") as whole:
        yield f"```text\n{group.get_help(whole)}\n```\n"
    for context, name in _commands():
        yield f"## mdrepo {name}\n\n```text\n{context.get_help()}\n```\n"


def _commands() -> Iterator[tuple[click.Context, str]]:
    with click.Context(group, info_name="mdrepo") as whole:
        for name in COMMANDS:
            found = group.get_command(whole, name)
            assert found is not None
            yield click.Context(found, parent=whole, info_name=name), name


def exit_codes() -> Iterator[str]:
    """The exit codes, from the classes of errors that have them."""
    yield "# Exit codes\n"
    yield "The same for every command; scripts and hooks may rely on them.\n"
    yield "| code | means | in Python |\n| ---: | --- | --- |"
    yield "| 0 | All is well. | |"
    kinds = [errors.Finding, errors.UsageError, errors.MdrepoError, errors.Busy]
    for kind in kinds:
        yield f"| {kind.exit_code} | {(kind.__doc__ or '').splitlines()[0]} | `mdrepo.errors.{kind.__name__}` |"
    yield "| 130 | Interrupted (Ctrl-C). | `KeyboardInterrupt` |"
    yield "\nA failure is one line on standard error, `mdrepo: what and where`, and a second, `hint:`, with what to type next."


def rule_list() -> Iterator[str]:
    """What validate finds, rule by rule."""
    yield "# Rules of validate\n"
    yield "`mdrepo explain RULE` says the same at the terminal.\n"
    for each in rules.RULES.values():
        yield f"## `{each.id}`\n\n{each.wrong}\n\n*Why:* {each.why}\n\n*What to do:* {each.remedy}\n"


def python() -> Iterator[str]:
    """The Python API, from its docstrings."""
    yield "# Python\n"
    yield "`Repository` has the commands' verbs as methods. They print nothing, return frozen values, and raise"
    yield "`mdrepo.errors.MdrepoError`.\n"
    for name in ("mdrepo.repository.Repository", "mdrepo.reader.Reader", "mdrepo.errors", "mdrepo.extraction"):
        yield f"::: {name}\n"
    for name in ("states", "commits", "tasks", "versions", "transfers", "care"):
        yield f"::: mdrepo.results.{name}\n"


def schemas() -> Iterator[str]:
    """Every field of documents, and of notes, from the schemas."""
    yield "# Schemas\n"
    yield "`mdrepo schema show NAME` prints them. Pointers name fields as the commands do; `*` is any item or member.\n"
    for name in ("model", "dataset", "evaluation"):
        schema = _schema(name)
        yield f"## {schema['title']}\n\n`{schema['$id']}`. {schema.get('description', '')}\n"
        yield from _table(schema, schema)


def answers() -> Iterator[str]:
    """The answers of --json, command by command, from their schema."""
    whole = _schema("answers")
    yield "# JSON answers\n"
    yield f"{whole['description']} The schema is `schemas/answers.schema.json` (`{whole['$id']}`), and the tests hold every answer"
    yield "to it. Beside what is listed, each has `mdrepo`, the version of the form (1), and `command`.\n"
    for branch in whole["anyOf"]:
        form = whole["$defs"][branch["$ref"].removeprefix("#/$defs/")]
        yield f"## {form['title']}\n\n{form['description']}\n"
        yield from _table(form, whole, ("mdrepo", "command"))


def _schema(name: str) -> Any:
    return json.loads((ROOT / f"schemas/{name}.schema.json").read_text(encoding="utf-8"))


def _table(schema: Mapping[str, Any], root: Mapping[str, Any], leave: tuple[str, ...] = ()) -> Iterator[str]:
    yield "| field | type | meaning |\n| --- | --- | --- |"
    for name, each in schema.get("properties", {}).items():
        if name not in leave:
            yield from _rows(f"/{name}", each, root, ())
    yield ""


def _rows(place: str, schema: Any, root: Mapping[str, Any], within: tuple[str, ...]) -> Iterator[str]:
    """The rows of a field and of those inside it; what contains itself is followed once."""
    inner, names = _followed(schema, root)
    kind, meaning = _kind(inner, root), (schema.get("description") or inner.get("description") or "")
    example = inner.get("examples") or schema.get("examples")
    if example and not isinstance(example[0], dict | list):
        meaning += f" For example `{json.dumps(example[0], ensure_ascii=False)}`."
    if meaning or kind != "object":  # an object without words of its own is said by its members
        yield f"| `{_cell(place)}` | {_cell(kind)} | {_cell(meaning)} |"
    if set(names) & set(within):
        return
    for alternative in [inner, *inner.get("anyOf", ()), *inner.get("oneOf", ())]:
        part, more = _followed(alternative, root)
        below = (*within, *names, *more)
        for name, each in part.get("properties", {}).items():
            yield from _rows(f"{place}/{name}", each, root, below)
        for word in ("items", "additionalProperties"):
            item = part.get(word)
            if isinstance(item, dict) and _TELLING & _followed(item, root)[0].keys():
                yield from _rows(f"{place}/*", item, root, below)


def _followed(schema: Any, root: Mapping[str, Any]) -> tuple[Any, tuple[str, ...]]:
    """A schema with what its references say, and their names; one to another schema stays as it is."""
    names: tuple[str, ...] = ()
    while isinstance(schema, dict) and str(schema.get("$ref", "")).startswith("#/$defs/"):
        name = schema["$ref"].removeprefix("#/$defs/")
        names = (*names, name)
        target = root["$defs"][name]
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        both = {"properties": {**target.get("properties", {}), **rest.get("properties", {})}} if "properties" in rest else {}
        schema = {**target, **rest, **both}
    return schema, names


def _kind(schema: Any, root: Mapping[str, Any]) -> str:
    """A schema's type in a few words."""
    schema, _ = _followed(schema, root)
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(each, ensure_ascii=False)}`" for each in schema["enum"])
    if "$ref" in schema:  # another schema
        name = schema["$ref"].split(":")[2]
        return f"[{name}](schemas.md#{name})"
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_kind(each, root) for each in alternatives if isinstance(each, dict)))
    kinds = schema.get("type", "any")
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES = {
    "reference/commands.md": commands,
    "reference/schemas.md": schemas,
    "reference/answers.md": answers,
    "reference/exit-codes.md": exit_codes,
    "reference/rules.md": rule_list,
    "reference/python.md": python,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """MkDocs' event: the generated pages beside the written ones."""
    for path, lines in PAGES.items():
        files.append(File.generated(config, path, content="\n".join(lines()) + "\n"))
    return files


def main() -> int:
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    made = f"{before}{BEGIN}\n{overview()}\n{END}{after}"
    if "--check" in sys.argv:
        if made != text:
            print("README.md is not up to date: run 'make docs'")
        return int(made != text)
    README.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
