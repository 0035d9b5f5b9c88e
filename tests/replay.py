"""The corpus of real history as a git repository, and the parallel edits that it might have seen."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mdrepo.merging import merge
from mdrepo.patching import replaced
from mdrepo.reconciling import Reconciled, reconcile
from mdrepo.schemas import SchemaStore
from mdrepo.settling import Guide

CORPUS = Path("corpora") / "history" / "Project-MONAI+model-zoo.jsonl.gz"
DERIVED = ("version", "changelog")


def versions(shared: Path) -> list[dict[str, Any]]:
    """The versions in their order: commit, path, date, subject, and the content as `json` (none where the file was deleted)."""
    with gzip.open(shared / CORPUS, "rt", encoding="utf-8") as lines:
        return sorted(map(json.loads, lines), key=lambda each: each["seq"])  # type: ignore[no-any-return]


def text(content: Any) -> bytes:
    """A content as MONAI's people lay it out."""
    return (json.dumps(content, indent=4, ensure_ascii=False) + "\n").encode()


def schema_name(version: dict[str, Any]) -> str:
    return str(version["json"]["schema"]).rpartition("/")[2]


def rebuild(shared: Path, folder: Path) -> int:
    """All versions as the commits of a new repository, their schemas bound by pattern; how many there are."""
    found = versions(shared)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    bound = {each["path"]: f"schemas/{schema_name(each)}" for each in found if "json" in each}
    lines = ["[documents]", 'include = ["models/**/metadata.json"]', "[schemas]", *(f'"{p}" = "{s}"' for p, s in bound.items())]
    files = {"mdrepo.toml": "\n".join(lines).encode() + b"\n"}
    schemas = (shared / CORPUS).parent / "monai-schemas"
    files |= {f"schemas/{file.name}": file.read_bytes() for file in sorted(schemas.glob("*.json"))}
    stream = [_commit(0, "1970-01-01T00:00:00+00:00", "Schemas and configuration", files)]
    stream += [
        _commit(each["seq"], each["date"], each["subject"], {each["path"]: text(each["json"]) if "json" in each else None})
        for each in found
    ]
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=b"".join(stream), check=True)
    subprocess.run(["git", "checkout", "-q", "main"], cwd=folder, check=True)
    return len(found)


def _commit(number: int, date: str, subject: str, files: dict[str, bytes | None]) -> bytes:
    when = datetime.fromisoformat(date)
    message = subject.encode()
    who = f"A <a@example.com> {int(when.timestamp())} {when:%z}"
    parts = [f"commit refs/heads/main\nmark :{number + 1}\ncommitter {who}\ndata {len(message)}\n".encode(), message, b"\n"]
    for path, data in files.items():
        if data is None:
            parts.append(f"D {path}\n".encode())
        else:
            parts += [f"M 100644 inline {path}\ndata {len(data)}\n".encode(), data, b"\n"]
    return b"".join(parts)


def parallel_edits(shared: Path) -> Iterator[tuple[Any, Any, Any]]:
    """What two people might have done at once: base, ours, theirs.

    Of three consecutive revisions the first, the second, and the first with the edit that made the third of the second.
    """
    by_path: defaultdict[str, list[Any]] = defaultdict(list)
    for each in versions(shared):
        if "json" in each:
            by_path[each["path"]].append(each["json"])
    for contents in by_path.values():
        for base, ours, last in zip(contents, contents[1:], contents[2:], strict=False):
            yield base, ours, transplanted(base, ours, last)


def numbered_alike(edit: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
    """The edits as two people make them who do not know of each other: both give the version that comes next on the base."""
    base, ours, theirs = edit
    number, other = ours["version"], theirs["version"]
    if base["version"] in (number, other) or number == other:
        return edit
    entries = {number if key == other else key: value for key, value in theirs["changelog"].items()}
    return base, ours, {**theirs, "version": number, "changelog": entries}


def without_derived(edit: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
    """The edits of documents that hold neither version nor changelog."""
    base, ours, theirs = ({key: value for key, value in side.items() if key not in DERIVED} for side in edit)
    return base, ours, theirs


def transplanted(base: Any, before: Any, after: Any) -> Any:
    """A content with an edit that was made to another one."""
    merged = merge(before, base, after)
    content = merged.content
    for conflict in reversed(merged.conflicts):
        content = replaced(content, conflict.path, conflict.theirs)
    return content


def merged_edit(edit: tuple[Any, Any, Any], guide: Guide = Guide()) -> Reconciled:  # noqa: B008 - a frozen value
    base, ours, theirs = map(text, edit)
    return reconcile(base, ours, theirs, guide)


def derived_guide() -> Guide:
    """What a schema says of merging that declares version and changelog derived."""
    schema = {"properties": {name: {"x-mdrepo-merge": "derived"} for name in DERIVED}}
    found = SchemaStore({"schemas/s.json": json.dumps(schema).encode()}).find("schemas/s.json")
    assert found is not None
    return Guide.of(found)


def only_derived(merged: Reconciled) -> bool:
    """Whether a merge conflicts in nothing but version and changelog."""
    return not merged.clean and all(each.path[:1] in [(name,) for name in DERIVED] for each in merged.conflicts)
