"""Metadata to data: a changed label map applied to a data set, example by example, as a new DVC version of it."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from . import pointers, targets
from .artefacts import Artefact, tracked
from .changes import MISSING
from .errors import Finding, MdrepoError, UsageError
from .files import inside, removed, write
from .locks import SUFFIX, Lock
from .patching import replaced
from .results import Move, Relabelled
from .updating import patch, write_patch
from .workspace import Workspace
from .writing import rewrite


def relabel(
    workspace: Workspace, path: str, renames: Mapping[str, str], corrections: bytes | None = None, *, dry: bool = False
) -> Relabelled:
    """Give the classes of a data set other names, or merge them, and correct single examples; write the data, and record them.

    Renames come first, and a correction's label is a class as it is called then. Without renames and corrections it is what people
    wrote into the document's `classes`. The data's old version stays in DVC's cache. Raises Finding where the data are not as the
    document says; nothing is written then.
    """
    work = workspace.work()
    document, schema = work.document(path), work.schema(path)
    if schema.kind != "dataset":
        raise Finding(f"{path} is no dataset document", "'mdrepo status' lists the documents")
    artefact = workspace.recorded(work, str(pointers.get(document.value, ("artefact", "path"))))
    if not artefact.pointer.endswith(".dvc"):
        raise Finding(f"{artefact.path} is made by a stage of {artefact.pointer}", "let the stage make it with other labels")
    target = targets.of(inside(workspace.root, artefact.path), document.value.get("target"))
    classes = _Classes(target, document.value.get("classes") or [])
    wanted = classes.renamed(renames) if renames or corrections else classes.by_hand(work.lock(path))
    new = [wanted.get(value, value) for value in target.values]
    for place, value in classes.corrected(corrections, wanted).items():
        new[place] = value
    moves = Counter((old, now) for old, now in zip(target.values, new, strict=True) if (type(old), old) != (type(now), now))
    told = tuple(Move(_name(old), _name(now), count) for (old, now), count in sorted(moves.items(), key=str))
    change = target.change(new, wanted)
    if moves and not dry:
        _record(workspace, path, artefact, change, _items(document.value, wanted))
    retyped = change.retyped if moves else None
    return Relabelled(path, artefact.path, len(new), told, tuple(change.renamed), bool(moves) and not dry, retyped)


def _record(workspace: Workspace, path: str, artefact: Artefact, change: targets.Change, classes: list[Any]) -> None:
    """Put other data in the place of the old ones, let DVC record them, and bring the document up to date: all of it or nothing."""
    if not workspace.store.cached(artefact):
        raise Finding(
            f"DVC's cache has not what {artefact.pointer} records",
            f"'dvc fetch {artefact.path}' or 'dvc commit {artefact.path}' brings it there",
        )
    ignored = str(PurePosixPath(artefact.path).with_name(".gitignore"))
    with workspace.journal.together([artefact.path, artefact.pointer, ignored, path, path + SUFFIX]):
        _exchange(workspace, artefact.path, change)
        workspace.store.add(artefact.path)
        work = workspace.work()
        recorded = tracked(work.files, artefact.path)
        if recorded is None or artefact.files not in (None, recorded.files):
            raise Finding(f"DVC would not record all of {artefact.path}", "does .dvcignore name one of the new classes?")
        document = work.document(path)
        renamed = replaced(document.value, ("classes",), classes)
        write(workspace.root, path, rewrite(document, renamed, work.schema(path).key_order))
        found = patch(workspace, [path])
        for problem in (*found.problems, *found.proposals[path].problems):
            raise Finding(f"{path} cannot follow the data: {problem}", "nothing was changed")
        open_here = [each for each in found.proposals[path].conflicts if each.conflict.path[:1] == ("classes",)]
        settled = patch(workspace, [path], take=[f"{path}#/classes"] if open_here else [])
        write_patch(workspace, settled)
        _follow(workspace, path, settled.proposals[path].lock, classes)


def _follow(workspace: Workspace, path: str, lock: Lock, items: list[Any]) -> None:
    """Make the document's classes those that its data have now, whatever a merge of both made of them."""
    work = workspace.work()
    document, locked = work.document(path), lock.fields.get("/classes")
    if locked is None:
        return
    written = {each["value"]: each for each in items}
    classes = [{**each, **written.get(each["value"], {}), "count": each["count"]} for each in locked.value]
    if classes != document.value.get("classes", []):
        content = replaced(document.value, ("classes",), classes)
        write(workspace.root, path, rewrite(document, content, work.schema(path).key_order))


def _exchange(workspace: Workspace, path: str, change: targets.Change) -> None:
    """Put what is made of the data in their place, whole."""
    place = inside(workspace.root, path)
    try:
        with tempfile.TemporaryDirectory(dir=workspace.journal.scratch) as folder:
            new = Path(folder) / place.name
            change.write(new)
            shutil.copymode(place, new)
            removed(place)
            shutil.move(new, place)
    except OSError as error:
        raise MdrepoError(f"{path} cannot be written: {error.strerror}") from None


def _items(content: Any, wanted: Mapping[Any, Any]) -> list[Any]:
    """The document's classes under their new values, with what people wrote of them; merged ones are one."""
    items: dict[Any, Any] = {}
    for each in content.get("classes") or []:
        value = wanted.get(each["value"], each["value"])
        same = value == each["value"]
        item = {**each, "value": value, "name": each["name"] if same else _name(value)}
        items[value] = {**item, **items.get(value, {})} if not same else {**items.get(value, {}), **item}
    return list(items.values())


def _name(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


class _Classes:
    """The classes of a target: values in the data, and what the document calls them."""

    def __init__(self, target: targets.Target, described: Sequence[Mapping[str, Any]]) -> None:
        self.target = target
        self.values = {value for value in target.values if value is not None}
        self.described = described
        self.names = {_name(value): value for value in self.values}
        # a name that people wrote comes before the value of another class that is spelled so
        self.names |= {each["name"]: each["value"] for each in described if each["value"] in self.values}

    def renamed(self, renames: Mapping[str, str]) -> dict[Any, Any]:
        """Old values to new ones; raises UsageError for a class that is not there."""
        return {self.value(old): self.new(name) for old, name in renames.items()}

    def by_hand(self, lock: Lock) -> dict[Any, Any]:
        """What people wrote into the document's classes: another name for a class, or that of another class."""
        locked = lock.fields.get("/classes")
        derived = {each["value"]: each["name"] for each in locked.value} if locked and locked.value is not MISSING else {}
        own = {name: value for value, name in derived.items()}
        found: dict[Any, Any] = {}
        for each in self.described:
            value, name = each["value"], each["name"]
            if derived.get(value, name) != name and (name in own or isinstance(value, str)):
                found[value] = own[name] if name in own else self.target.meant(name)
        return found

    def value(self, name: str) -> Any:
        """The value of a class that is there; raises UsageError for another."""
        value = self.new(name)
        if value not in self.values:
            raise UsageError(f"there is no class {name!r} in the data", f"there are {', '.join([*self.names][:12])}")
        return value

    def new(self, name: str) -> Any:
        """The value of a class, also of one that is new."""
        return self.names[name] if name in self.names else self.target.meant(name)

    def corrected(self, data: bytes | None, wanted: Mapping[Any, Any]) -> dict[int, Any]:
        """The examples that a CSV of corrections names (`item`, `label`, and perhaps `was`), with their values; raises Finding."""
        if data is None:
            return {}
        found: dict[int, tuple[int, Any]] = {}
        try:
            rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
            if not {"item", "label"} <= set(rows.fieldnames or ()):
                raise Finding("the corrections have no columns 'item' and 'label'", self.target.items)
            for row in rows:
                place, value = self._correction(row, rows.line_num, wanted)
                line, other = found.setdefault(place, (rows.line_num, value))
                if other != value:
                    both = f"lines {line} and {rows.line_num} of the corrections give example {row['item']}"
                    raise Finding(f"{both} the labels {_name(other)!r} and {_name(value)!r}", "nothing was written: keep one")
        except (UnicodeDecodeError, csv.Error) as error:
            raise Finding(f"the corrections are no CSV in UTF-8: {error}") from None
        return {place: value for place, (_, value) in found.items()}

    def _correction(self, row: Mapping[str, str], line: int, wanted: Mapping[Any, Any]) -> tuple[int, Any]:
        where = f"line {line} of the corrections"
        item, label = row["item"] or "", row["label"]
        place = self.target.example(item)
        if place is None or label is None:
            raise Finding(f"{where}: there is no example {item!r}, or no label", self.target.items)
        was, there = row.get("was"), self.target.values[place]
        try:
            if was and self.new(was) != there:
                raise Finding(f"{where}: example {item} is {_name(there)!r}, and not {was!r}", "nothing was written")
            value = self.new(label)
        except UsageError as error:
            raise Finding(f"{where}: {error.message}", error.hint) from None
        now = wanted.get(value, value)
        if now != value and value in wanted.values():
            both = f"{where}: {label!r} is one class before the renames and another after them"
            raise Finding(both, "relabel in two steps: the corrections, and then the renames")
        return place, now
