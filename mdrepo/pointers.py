"""JSON Pointer (RFC 6901): the name of a field inside a document."""

from __future__ import annotations

import re
from typing import Any

from .errors import UsageError

Token = str | int
Path = tuple[Token, ...]

_INDEX = re.compile(r"0|[1-9][0-9]*")


def parse(pointer: str) -> tuple[str, ...]:
    """The reference tokens of a pointer, all as text; raises UsageError where RFC 6901 does not allow it."""
    if pointer == "":
        return ()
    if not pointer.startswith("/"):
        raise UsageError(f"not a JSON pointer: {pointer!r} does not begin with '/'", "example: /labels/3/name")
    if re.search(r"~(?![01])", pointer):
        raise UsageError(f"not a JSON pointer: {pointer!r} has a '~' that is not '~0' or '~1'")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def build(path: Path) -> str:
    """The pointer of a path of keys and indices."""
    text = "".join([f"/{token}" for token in path])
    if "~" not in text and text.count("/") == len(path):  # as nearly always
        return text
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in path)


def index(token: Token) -> int | None:
    """The array index that a token stands for, or None (RFC 6901, section 4: no sign, no leading zero)."""
    if isinstance(token, int):
        return token
    return int(token) if _INDEX.fullmatch(token) and len(token) < 18 else None


def step(value: Any, token: Token) -> Any:
    """The member or item of a value that a token names; raises KeyError."""
    if isinstance(value, dict) and str(token) in value:
        return value[str(token)]
    if isinstance(value, list):
        position = index(token)
        if position is not None and position < len(value):
            return value[position]
    raise KeyError(token)


def resolve(value: Any, path: Path) -> Any:
    """The part of a value that a path names; raises KeyError with the first token that is not there."""
    for token in path:
        value = step(value, token)
    return value


def get(value: Any, path: Path, default: Any = None) -> Any:
    """As resolve, but with a default where the path leads nowhere."""
    try:
        return resolve(value, path)
    except KeyError:
        return default


def located(value: Any, path: tuple[str, ...]) -> Path:
    """The same path with integers where the value has lists; raises KeyError where it leads nowhere."""
    typed: list[Token] = []
    for token in path:
        typed.append(index(token) if isinstance(value, list) else token)  # type: ignore[arg-type]
        value = step(value, token)
    return tuple(typed)


def split(field: str) -> tuple[str, str | None]:
    """PATH#POINTER as (path, pointer), with None where it names no field."""
    path, mark, pointer = field.partition("#")
    return path, (pointer if mark else None)
