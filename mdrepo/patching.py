"""(content, patch) to content: JSON Patch (RFC 6902), and a Delta as one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

from . import pointers
from .changes import MISSING, Change, Delta
from .documents import exact, same
from .errors import Finding, UsageError

Operation = dict[str, Any]
_COPIED = 1 << 20
"""Bytes that copies may add to a document, besides twice its size."""


class PatchError(Finding):
    """An operation that does not apply: its number, its pointer, and why."""

    def __init__(self, number: int, operation: Any, reason: str) -> None:
        name = operation.get("op", "?") if isinstance(operation, dict) else "?"
        place = operation.get("path", "?") if isinstance(operation, dict) else "?"
        super().__init__(f"operation {number} ({name} {place}): {reason}")
        self.number = number
        self.reason = reason


def operations(delta: Delta, *, tests: bool = True) -> list[Operation]:
    """A Delta as RFC 6902 operations; with `tests`, each that overwrites or removes first tests what was there."""
    made: list[Operation] = []
    for change in delta:
        if tests and change.kind in ("changed", "removed"):
            made.append({"op": "test", "path": pointers.build(change.path), "value": change.old})
        made.append(_operation(change))
    return made


def _operation(change: Change) -> Operation:
    path = pointers.build(change.path)
    if change.kind == "added":
        return {"op": "add", "path": path, "value": change.new}
    if change.kind == "removed":
        return {"op": "remove", "path": path}
    if change.kind == "moved":
        return {"op": "move", "from": pointers.build(change.origin or ()), "path": path}
    return {"op": "replace", "path": path, "value": change.new}


def invert(delta: Delta) -> Delta:
    """The Delta that undoes another."""
    undone = {"added": "removed", "removed": "added", "changed": "changed", "moved": "moved"}
    return Delta(
        tuple(
            Change(
                cast(Any, undone[change.kind]),
                change.origin if change.kind == "moved" and change.origin is not None else change.path,
                change.new,
                change.old,
                change.new_path,
                change.old_path,
                change.path if change.kind == "moved" else None,
                change.identity,
            )
            for change in reversed(delta.changes)
        )
    )


def apply(content: Any, patch: Sequence[Any]) -> Any:
    """The content after all operations of an RFC 6902 patch; the given content stays as it is; raises PatchError."""
    if not isinstance(patch, list | tuple):
        raise UsageError("a JSON Patch is a list of operations (RFC 6902)")
    draft = _Draft(content)
    for number, operation in enumerate(patch, start=1):
        try:
            _apply_one(draft, operation)
        except (KeyError, ValueError, UsageError) as error:
            reason = f"there is no {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
            raise PatchError(number, operation, reason) from None
    return draft.content


def apply_delta(content: Any, delta: Delta) -> Any:
    """The content after all changes of a Delta; raises PatchError where it is not what the Delta was made for."""
    return apply(content, operations(delta))


def _member(operation: Operation, name: str) -> Any:
    if name not in operation:
        raise ValueError(f"the operation has no {name!r}")
    return operation[name]


def _path(operation: Operation, name: str) -> tuple[str, ...]:
    pointer = _member(operation, name)
    if not isinstance(pointer, str):
        raise ValueError(f"{name!r} is not a JSON pointer")
    return pointers.parse(pointer)


class _Draft:
    """A content that is being changed while its original stays: each container on the way to a change is copied once."""

    def __init__(self, content: Any) -> None:
        self.content = content
        self._own: dict[int, Any] = {}
        self._allowed: int | None = None

    def _owned(self, value: Any) -> Any:
        if not isinstance(value, dict | list) or id(value) in self._own:
            return value
        copied = value.copy()
        self._own[id(copied)] = copied
        return copied

    def parent(self, path: tuple[str, ...]) -> Any:
        """The container that holds the field at a path, ready to be changed; raises KeyError where there is none."""
        self.content = node = self._owned(self.content)
        for token in path[:-1]:
            child = pointers.step(node, token)
            owned = self._owned(child)
            if owned is not child:
                node[token if isinstance(node, dict) else int(token)] = owned
            node = owned
        if not isinstance(node, dict | list):
            raise KeyError(path[-1])
        return node

    def add(self, path: tuple[str, ...], value: Any) -> None:
        if not path:
            self.content = value
            return
        parent = self.parent(path)
        if isinstance(parent, dict):
            parent[path[-1]] = value
        else:
            parent.insert(_position(parent, path[-1], beyond=True), value)

    def copy(self, origin: tuple[str, ...], path: tuple[str, ...]) -> None:
        """Copy a value; a few copies of copies could fill any memory, so they are bounded; raises ValueError."""
        value = pointers.resolve(self.content, origin)
        if self._allowed is None:
            self._allowed = _COPIED + 2 * len(exact(self.content))
        self._allowed -= len(exact(value))
        if self._allowed < 0:
            raise ValueError("the patch copies far more than there is in the document")
        self.add(path, copy.deepcopy(value))

    def remove(self, path: tuple[str, ...]) -> Any:
        """Take a value away; the value."""
        if not path:
            gone, self.content = self.content, None
            return gone
        parent = self.parent(path)
        return parent.pop(path[-1] if isinstance(parent, dict) else _position(parent, path[-1]))

    def replace(self, path: tuple[str, ...], value: Any) -> None:
        if not path:
            self.content = value
            return
        parent = self.parent(path)
        pointers.step(parent, path[-1])
        parent[path[-1] if isinstance(parent, dict) else _position(parent, path[-1])] = value


def _apply_one(draft: _Draft, operation: Any) -> None:
    if not isinstance(operation, dict):
        raise ValueError("an operation is an object")
    path = _path(operation, "path")
    match _member(operation, "op"):
        case "add":
            draft.add(path, _member(operation, "value"))
        case "remove":
            draft.remove(path)
        case "replace":
            draft.replace(path, _member(operation, "value"))
        case "test":
            if not _equal(pointers.resolve(draft.content, path), _member(operation, "value")):
                raise ValueError("the value there is another one")
        case "copy":
            draft.copy(_path(operation, "from"), path)
        case "move":
            origin = _path(operation, "from")
            if path[: len(origin)] == origin and path != origin:
                raise ValueError("a value cannot move into itself")
            draft.add(path, draft.remove(origin))
        case name:
            raise ValueError(f"{name!r} is not an operation of RFC 6902")


def _equal(one: Any, other: Any) -> bool:
    """RFC 6902's equality: numbers by value, whatever their spelling."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return same(one, other) or (isinstance(one, int | float) and isinstance(other, int | float) and one == other)


def _position(items: list[Any], key: str, *, beyond: bool = False) -> int:
    if beyond and key == "-":
        return len(items)
    position = pointers.index(key)
    if position is None:
        raise ValueError(f"{key!r} is not an index of a list")
    if position > len(items) - (0 if beyond else 1):
        raise ValueError(f"index {position} is beyond the list's {len(items)} items")
    return position


def merge_patch(content: Any, patch: Any) -> Any:
    """The content after a JSON Merge Patch (RFC 7396, section 2): null takes a member away, lists are replaced whole."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(content) if isinstance(content, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def reversed_operations(patch: Sequence[Any]) -> list[Operation]:
    """The operations that undo a patch that tests what it overwrites, as mdrepo's own do; raises PatchError for any other."""
    undone: list[Operation] = []
    tested: tuple[Any, Any] | None = None
    for number, operation in enumerate(patch, start=1):
        path = _checked(number, operation)
        known = tested[1] if tested is not None and tested[0] == path else MISSING
        tested = None
        match operation["op"]:
            case "test":
                tested = (path, operation.get("value"))
                continue
            case "add":
                undone.append({"op": "remove", "path": path})
                undone.append({"op": "test", "path": path, "value": operation.get("value")})
            case "move":
                undone.append({"op": "move", "from": path, "path": operation.get("from")})
            case "replace" | "remove" if known is not MISSING:
                if operation["op"] == "remove":
                    undone.append({"op": "add", "path": path, "value": known})
                else:
                    undone.append({"op": "replace", "path": path, "value": known})
                    undone.append({"op": "test", "path": path, "value": operation.get("value")})
            case _:
                raise PatchError(number, operation, "it cannot be undone: no 'test' before it says what was there")
    return undone[::-1]


def _checked(number: int, operation: Any) -> str:
    if not isinstance(operation, dict) or not isinstance(operation.get("path"), str) or "op" not in operation:
        raise PatchError(number, operation, "an operation is an object with 'op' and 'path'")
    path: str = operation["path"]
    return path


def replaced(content: Any, path: pointers.Path, value: Any) -> Any:
    """The content with another value at a path (MISSING takes it away); objects on the way are made where there are none."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(content, list):
        items = list(content)
        position = pointers.index(head)
        if position is None or position > len(items):
            raise KeyError(head)
        if value is MISSING and not rest:
            del items[position : position + 1]
        else:
            inner = items[position] if position < len(items) else {}
            items[position : position + 1] = [replaced(inner, rest, value)]
        return items
    members = dict(content) if isinstance(content, dict) else {}
    if value is MISSING and not rest:
        members.pop(str(head), None)
    elif value is not MISSING or str(head) in members:
        members[str(head)] = replaced(members.get(str(head), {}), rest, value)
    return members
