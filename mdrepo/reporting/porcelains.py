"""The status for scripts: a form that stays the same, whatever the user's settings are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .lines import harmless

if TYPE_CHECKING:
    from ..results import Status

_SHORT = {"\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def status(found: Status, *, quoted: bool = True) -> Iterator[str]:
    """Version 1: lines with # of the repository, then one of each document, artefact, other file and orphan that needs a look."""
    name = quote if quoted else str
    yield "# version 1"
    yield f"# branch.oid {found.head or '(initial)'}"
    yield f"# branch.head {found.branch or '(detached)'}"
    yield f"# verdict {found.verdict or '(none)'}"
    for each in found.documents:
        if each.state != "unchanged" or each.problems or each.stale:
            yield f"D {each.state} {len(each.problems)} {len(each.stale)} {len(each.conflicts)} {name(each.path)}"
    for artefact in found.unrecorded:
        yield f"A modified {name(artefact.path)}"
    for path, state in found.files:
        yield f"F {state.replace(' ', '-')} {name(path)}"
    for path in found.orphans:
        yield f"O orphan {name(path)}"


def quote(path: str) -> str:
    """A path as git quotes it: in double quotes, with C's escapes, where anything in it is not plain."""
    if not re.search(r'["\\\x00-\x1f\x7f]', path) and harmless(path) == path:
        return path
    return f'"{"".join(map(_escaped, path))}"'


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if harmless(character) == character:
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
