"""Every answer in JSON that a test reads is held to what is published of it (schemas/answers.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry

SCHEMAS = Path(__file__).parent.parent / "schemas"


def hold(answer: Mapping[str, Any]) -> None:
    """Fail where an answer is none of those that are published for its command."""
    assert answer["mdrepo"] == 1
    found = [(name, error) for name, validator in _forms()[answer["command"]] for error in [_error(validator, answer)]]
    assert any(error is None for _, error in found), "\n".join(f"{name}: {error}" for name, error in found)


def _error(validator: Draft202012Validator, answer: Mapping[str, Any]) -> str | None:
    first = next(iter(validator.iter_errors(answer)), None)
    return f"{first.json_path}: {first.message[:300]}" if first else None


@cache
def _forms() -> dict[str, list[tuple[str, Draft202012Validator]]]:
    """By command the names and validators of its forms."""
    schemas = [json.loads(file.read_text(encoding="utf-8")) for file in SCHEMAS.glob("*.json")]
    by_id = {each["$id"]: each for each in schemas}
    registry: Registry[Any] = Registry().with_contents(list(by_id.items()))
    published = by_id["urn:mdrepo:answers:1"]
    found: dict[str, list[tuple[str, Draft202012Validator]]] = {}
    for branch in published["anyOf"]:
        name = branch["$ref"].removeprefix("#/$defs/")
        command = published["$defs"][name]["properties"]["command"]
        validator = Draft202012Validator({"$ref": f"{published['$id']}#/$defs/{name}"}, registry=registry)
        for each in [command["const"]] if "const" in command else command["enum"]:
            found.setdefault(each, []).append((name, validator))
    return found
