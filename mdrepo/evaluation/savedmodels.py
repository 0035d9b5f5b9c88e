"""What the graphs of a SavedModel may hold: operations that compute, and no files but its own. Read without TensorFlow.

Field numbers are those of saved_model.proto, meta_graph.proto, graph.proto, function.proto, node_def.proto, attr_value.proto and
saved_object_graph.proto.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from pathlib import Path

from ..extraction import ExtractionError, bundles
from ..extraction.bundles import Bundle
from ..extraction.protobuf import Message
from .admitted import OF_CHECKPOINTS, OPERATIONS

_LIMIT = 2 << 30
_FILES = 100_000
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")
_SAVING = ("__inference__traced_save", "__inference__traced_restore")


class Named(Exception):
    """Something that is refused, and can be trusted, by its name."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(what)
        self.what = what
        self.name = name


def scan(folder: Path, trusted: Collection[str]) -> None:
    """Refuse a SavedModel for an operation, a file or a size. Raises Named, ExtractionError, ValueError, OSError."""
    size = _own_files(folder)
    file = folder / "saved_model.pb"
    if not file.is_file():
        raise ExtractionError(folder, "it is no SavedModel: the folder has no saved_model.pb")
    if file.stat().st_size > _LIMIT:
        raise ExtractionError(folder, f"its saved_model.pb is larger than {_LIMIT >> 30} GiB")
    graphs = list(Message(memoryview(file.read_bytes())).messages(2))
    for graph in graphs:
        objects = graph.message(7)
        if objects is None:
            raise ExtractionError(folder, "it was written by TensorFlow 1, whose models are read and not run")
        if (definition := graph.message(2)) is not None:
            operations(definition, trusted)
        _objects(folder, objects, size)
    if (folder / "variables/variables.index").exists():
        bundle = Bundle(folder / "variables", "variables")
        for key in bundle.entries:
            bundle.tensor(key, key)  # has as many bytes as it declares, inside of its file


def _own_files(folder: Path) -> int:
    """How many bytes the folder has; refuses what leads out of it."""
    size = 0
    for count, path in enumerate(folder.rglob("*")):
        if path.is_symlink():
            raise ExtractionError(folder, f"its {path.relative_to(folder)} is a link, which may lead to another file")
        if count > _FILES:
            raise ExtractionError(folder, f"it has more than {_FILES:,} files")
        size += path.stat().st_size if path.is_file() else 0
    return size


def operations(definition: Message, trusted: Collection[str]) -> None:
    """Refuse operations that are not admitted, in a GraphDef and in its functions. Raises Named."""
    library = definition.message(2)
    functions = {_name(each): list(each.messages(3)) for each in library.messages(1)} if library is not None else {}
    for where, nodes in [("", list(definition.messages(1))), *functions.items()]:
        for node in nodes:
            operation = node.text(2)
            if operation in OF_CHECKPOINTS:
                if not where.startswith(_SAVING):
                    raise Named(f"its graph has the operation {operation}, which reads or writes files", operation)
            elif operation not in OPERATIONS and operation not in functions and operation not in trusted:
                raise Named(_refusal(operation), operation)
            if where and any(called.startswith(_SAVING) for called in _called(node)):
                raise Named(f"its function {where} saves or restores files", where)


def _refusal(operation: str) -> str:
    if operation in _PYTHON:
        return f"its graph calls Python (py_function: the operation {operation})"
    return f"its graph has the operation {operation}, which is not one of those that are admitted"


def _name(function: Message) -> str:
    signature = function.message(1)
    return "" if signature is None else signature.text(1)


def _called(node: Message) -> Iterator[str]:
    """The functions that a node names in its attributes, and as its own operation."""
    yield node.text(2)
    for _, value in node.map(5):
        for holder in (value, *value.messages(1)):
            yield from (each.text(1) for each in holder.messages(10 if holder is value else 9))


def _objects(folder: Path, objects: Message, size: int) -> None:
    """Refuse variables that declare more than the folder has, assets outside of it, and served functions that save."""
    for node in objects.messages(1):
        variable, function, bare = node.message(7), node.message(6), node.message(8)
        shape = bundles.shape(variable.message(2)) if variable is not None else None
        if shape is not None and math.prod(max(each, 1) for each in shape) > max(size, 1 << 16):
            raise ExtractionError(folder, f"a variable declares the shape {shape}, far larger than the folder")
        names = [bytes(each).decode() for each in function.all(1) if not isinstance(each, int)] if function is not None else []
        if bare is not None:
            names.append(bare.text(1))
        for name in names:
            if name.startswith(_SAVING):
                raise Named(f"its function {name} saves or restores files, and is served", name)
