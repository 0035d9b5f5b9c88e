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

    Without renames and corrections it is what people wrote into the document's `classes`. The data's old version stays in DVC's
    cache. Raises Finding where the data are not as the document says; nothing is written then.
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
    for place, value in classes.corrected(corrections):
        new[place] = value
    moves = Counter((old, now) for old, now in zip(target.values, new, strict=True) if (type(old), old) != (type(now), now))
    told = tuple(Move(str(old), str(now), count) for (old, now), count in sorted(moves.items(), key=str))
    change = target.change(new, wanted)
    if moves and not dry:
        _record(workspace, path, artefact, change, _items(document.value, wanted))
    return Relabelled(path, artefact.path, len(new), told, tuple(change.renamed), written=bool(moves) and not dry)


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
        settled = [f"{path}#/classes"] if found.conflicts else []
        write_patch(workspace, patch(workspace, [path], take=settled))


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
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Classes:
    """The classes of a target: values in the data, and what the document calls them."""

    def __init__(self, target: targets.Target, described: Sequence[Mapping[str, Any]]) -> None:
        self.target = target
        self.values = set(target.values)
        self.described = described
        self.names = {_name(value): value for value in self.values}
        # in a table of text a whole number stands as it is spelled
        self.spelled = {
            each["value"]: each["value"] if each["value"] in self.values else _name(each["value"]) for each in described
        }
        # a name that people wrote comes before the value of another class that is spelled so
        self.names |= {each["name"]: value for each in described if (value := self.spelled[each["value"]]) in self.values}

    def renamed(self, renames: Mapping[str, str]) -> dict[Any, Any]:
        """Old values to new ones; raises UsageError for a class that is not there."""
        return {self.value(old): self.new(name) for old, name in renames.items()}

    def by_hand(self, lock: Lock) -> dict[Any, Any]:
        """What people wrote into the document's classes: another name for a class, or that of another class."""
        locked = lock.fields.get("/classes")
        derived = {each["value"]: each["name"] for each in locked.value} if locked else {}
        own = {name: value for value, name in derived.items()}
        found: dict[Any, Any] = {}
        for each in self.described:
            value, name = each["value"], each["name"]
            if derived.get(value, name) != name and (name in own or isinstance(value, str)):
                found[self.spelled[value]] = self.spelled.get(own[name], own[name]) if name in own else name
        return found

    def value(self, name: str) -> Any:
        if name not in self.names:
            raise UsageError(f"there is no class {name!r} in the data", f"there are {', '.join([*map(str, self.names)][:12])}")
        return self.names[name]

    def new(self, name: str) -> Any:
        """The value of a class, also of one that is new."""
        if name in self.names:
            return self.names[name]
        kinds = {type(value) for value in self.values}
        if kinds <= {int} and kinds:
            try:
                return int(name)
            except ValueError:
                raise UsageError(f"{name!r} is no whole number, as the data's classes are") from None
        if kinds <= {bool} and kinds:
            raise UsageError("there is no third class of true and false")
        return name

    def corrected(self, data: bytes | None) -> list[tuple[int, Any]]:
        """The examples that a CSV of corrections names (`item`, `label`, and perhaps `was`), with their values; raises Finding."""
        if data is None:
            return []
        try:
            rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
            if not {"item", "label"} <= set(rows.fieldnames or ()):
                raise Finding("the corrections have no columns 'item' and 'label'", self.target.items)
            return [self._correction(row, rows.line_num) for row in rows]
        except (UnicodeDecodeError, csv.Error) as error:
            raise Finding(f"the corrections are no CSV in UTF-8: {error}") from None

    def _correction(self, row: Mapping[str, str], line: int) -> tuple[int, Any]:
        where = f"line {line} of the corrections"
        item, label = row["item"] or "", row["label"]
        place = self.target.example(item)
        if place is None or label is None:
            raise Finding(f"{where}: there is no example {item!r}, or no label", self.target.items)
        was, there = row.get("was"), self.target.values[place]
        if was and self.names.get(was) != there:
            raise Finding(f"{where}: example {item} is {_name(there)!r}, and not {was!r}", "nothing was written")
        return place, self.new(label)
