"""What the cache has for a request, put where others can take it from: files by their SHA-256, and for each request a list of them.

A list is named by all that outputs depend on, so that only who would compute the same takes it. What comes back is checked by its
SHA-256 and read before it counts; whether somebody made it up, nobody can tell without computing it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..caching import Cache
from ..errors import MdrepoError
from ..temporaries import temporary
from .modelfiles import equipped
from .plans import Plan
from .processes import Limits
from .requests import Request
from .sides import Side

_LARGEST = 4 << 20  # bytes of a list
_KINDS = ("graphs", "outputs", "activations")


class Folder(Protocol):
    """Where files can be put; `shelves.Folder`."""

    def size(self, file: str) -> int | None: ...
    def put(self, source: Path, file: str) -> None: ...
    def take(self, file: str, target: Path) -> bool: ...


@dataclass(frozen=True)
class Exchanged:
    """How many entries of the cache were copied, their bytes, how many were there already, and what was wrong with others."""

    entries: int = 0
    bytes: int = 0
    there: int = 0
    broken: tuple[str, ...] = ()

    def __add__(self, other: Exchanged) -> Exchanged:
        counts = self.entries + other.entries, self.bytes + other.bytes, self.there + other.there
        return Exchanged(*counts, tuple(dict.fromkeys((*self.broken, *other.broken))))


def push(requests: Sequence[Request], cache: Cache, limits: Limits, there: Folder) -> Exchanged:
    """Copy what the cache has for requests; raises MdrepoError."""
    found = Exchanged()
    with equipped(cache, limits) as means:
        file = means.folder / "entry"
        for request in requests:
            rows: list[dict[str, Any]] = []
            for kind, key in Side(request, means).kept():
                if not cache.take(kind, key, file):
                    continue  # it was cut short, or taken away meanwhile
                row: dict[str, Any] = {"kind": kind, "key": key, "sha256": _sha256(file), "size": file.stat().st_size}
                rows.append(row)
                if there.size(_place(row)) == row["size"]:
                    found += Exchanged(there=1)
                else:
                    limits.report(f"pushing {kind} of {request.name}, {row['size'] / (1 << 20):,.1f} MiB ...")
                    there.put(file, _place(row))
                    found += Exchanged(1, row["size"])
            if rows:
                known = {(row["kind"], row["key"]): row for row in [*_listed(request, there, file)[0], *rows]}
                file.write_text(json.dumps({"entries": list(known.values())}))
                there.put(file, _list(request))
    return found


def pull(requests: Sequence[Request], cache: Cache, limits: Limits, there: Folder) -> Exchanged:
    """Take what others have put there for requests into the cache; raises MdrepoError."""
    found = Exchanged()
    with temporary("cache") as folder:
        file = folder / "entry"
        for request in requests:
            rows, broken = _listed(request, there, file)
            found += Exchanged(broken=(broken,) if broken else ())
            for row in rows:
                if cache.has(row["kind"], row["key"]):
                    found += Exchanged(there=1)
                    continue
                limits.report(f"pulling {row['kind']} of {request.name}, {row['size'] / (1 << 20):,.1f} MiB ...")
                wrong = _wrong(row, there, file)
                if wrong is None and not cache.add(row["kind"], row["key"], file):
                    wrong = "does not fit into the cache here"
                words = f"{row['kind']} of {request.name} ({row['sha256'][:8]}) {wrong}"
                found += Exchanged(broken=(words,)) if wrong else Exchanged(1, row["size"])
    return found


def _list(request: Request) -> str:
    return f"lists/{request.key}.json"


def _place(row: Mapping[str, Any]) -> str:
    return f"files/{row['sha256'][:2]}/{row['sha256'][2:]}"


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _listed(request: Request, there: Folder, file: Path) -> tuple[list[dict[str, Any]], str | None]:
    """The entries that a request's list names, or what is wrong with it; others can write it."""
    size = there.size(_list(request))
    if size is None:
        return [], None
    wrong = f"the list for {request.name} there is none of mdrepo's"
    if size > _LARGEST or not there.take(_list(request), file):
        return [], wrong
    try:
        rows = json.loads(file.read_bytes())["entries"]
        good = all(
            row["kind"] in _KINDS
            and all(re.fullmatch("[0-9a-f]{64}", row[name]) for name in ("key", "sha256"))
            and type(row["size"]) is int
            and set(row) == {"kind", "key", "sha256", "size"}
            for row in rows
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return [], wrong
    return (rows, None) if good else ([], wrong)


def _wrong(row: Mapping[str, Any], there: Folder, file: Path) -> str | None:
    """Take an entry from there, and say what is wrong with it; None where nothing is."""
    size = there.size(_place(row))
    if size is None:
        return "is no longer there"
    if size != row["size"] or not there.take(_place(row), file) or _sha256(file) != row["sha256"]:
        return "has other bytes there than its list says"
    try:
        if row["kind"] == "graphs":
            values = json.loads(file.read_bytes())
            readable = Plan.of_json(values["plan"]) if "plan" in values else str(values["reason"])
        else:
            readable = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError, EOFError, MdrepoError):
        return "cannot be read"
    return None if isinstance(readable, Plan | str | np.ndarray) else "cannot be read"
