"""What a pickle says, without running it: its opcodes are read as data, and no object is ever made of a class that it names."""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import Malformed

_MARK = object()
_LIMIT = 2_000_000  # opcodes
_OPEN = 10_000  # marks that wait for their end


class Refused(Malformed):
    """A pickle that asks for something that is not admitted."""


@dataclass(frozen=True, slots=True)
class Named:
    """A class or function that a pickle names."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Persistent:
    """Something that lies outside of the pickle."""

    key: Any


Made = Callable[..., Any]


class _Machine:
    """Pickle's stack machine, with plain values, and calls only of what `admitted` has."""

    def __init__(self, admitted: Mapping[tuple[str, str], Made | None]) -> None:
        self.admitted = admitted
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.open = 0

    def run(self, data: bytes) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > _LIMIT:
                raise Refused(f"its pickle has more than {_LIMIT:,} steps")
            if opcode.name == "STOP":
                return self.stack.pop()
            self.step(opcode.name, argument)
        raise Malformed("its pickle has no end")

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _VALUES:
            stack.append(argument)
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if argument is None else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name == "MARK":
            self.open += 1
            if self.open > _OPEN:
                raise Refused(f"its pickle has more than {_OPEN:,} parts inside each other")
            stack.append(_MARK)
        elif name not in ("PROTO", "FRAME"):
            raise Refused(f"its pickle has the step {name}, which no tensors need")

    def marked(self) -> list[Any]:
        """What is on the stack above the last mark, taken off with it."""
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise Malformed("its pickle lacks a mark")
        self.open -= 1
        taken = self.stack[at + 1 :]
        del self.stack[at:]
        return taken

    def tuple_of(self, count: int) -> None:
        taken = self.stack[-count:]
        del self.stack[-count:]
        self.stack.append(tuple(taken))

    def named(self, module: str, name: str) -> None:
        """Admit a class or function, or refuse it by name."""
        if (module, name) not in self.admitted:
            raise Refused(f"its pickle asks for {module}.{name}, which is no part of tensors and could run code")
        self.stack.append(Named(module, name))

    def global_name(self, argument: str) -> None:
        self.named(*argument.split(" ", 1))

    def stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.named(str(module), str(name))

    def call(self, _: Any) -> None:
        arguments, what = self.stack.pop(), self.stack.pop()
        make = self.admitted.get((what.module, what.name)) if isinstance(what, Named) else None
        if make is None or not isinstance(arguments, tuple):
            raise Refused("its pickle calls something that is not to be called")
        self.stack.append(make(*arguments))

    def fill_list(self, items: Iterable[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise Refused("its pickle adds to something that is no list")
        target.extend(items)

    def fill_set(self, items: Iterable[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, set):
            raise Refused("its pickle adds to something that is no set")
        target.update(_key(each) for each in items)

    def fill_dict(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise Refused("its pickle sets items of something that is no dict")
        target.update(_plain(items))

    def dict_of(self, items: list[Any]) -> None:
        self.stack.append(dict(_plain(items)))

    def two(self) -> list[Any]:
        value, key = self.stack.pop(), self.stack.pop()
        return [key, value]


def _key(value: Any) -> Any:
    """A key or a member of a set, if it is plain: tuples of tuples can take for ever to tell apart."""
    plain = str | bytes | int | float | complex | None
    if isinstance(value, plain) or (isinstance(value, tuple) and all(isinstance(each, plain) for each in value)):
        return value
    raise Refused("its pickle has a key that is no plain value")


def _plain(items: list[Any]) -> Iterable[tuple[Any, Any]]:
    return ((_key(key), value) for key, value in zip(items[::2], items[1::2], strict=True))


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}
_VALUES = frozenset(
    [
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
    ]
)
_STEPS: dict[str, Callable[[_Machine, Any], Any]] = {
    "POP": lambda machine, _: machine.stack.pop(),
    "POP_MARK": lambda machine, _: machine.marked(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.marked())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "LIST": lambda machine, _: machine.stack.append(machine.marked()),
    "DICT": lambda machine, _: machine.dict_of(machine.marked()),
    "FROZENSET": lambda machine, _: machine.stack.append(frozenset(map(_key, machine.marked()))),
    "APPEND": lambda machine, _: machine.fill_list([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.fill_list(machine.marked()),
    "ADDITEMS": lambda machine, _: machine.fill_set(machine.marked()),
    "SETITEM": lambda machine, _: machine.fill_dict(machine.two()),
    "SETITEMS": lambda machine, _: machine.fill_dict(machine.marked()),
    "GLOBAL": _Machine.global_name,
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.call,
    "BINPERSID": lambda machine, _: machine.stack.append(Persistent(machine.stack.pop())),
    "BUILD": lambda machine, _: machine.stack.pop(),  # attributes of an object: tensors have none that we need
}


def load(data: bytes, admitted: Mapping[tuple[str, str], Made | None]) -> Any:
    """The value of a pickle, with `admitted` instead of the classes and functions that it names (None: not to be called).

    Raises Refused for whatever else it asks for, by name; ValueError and others where it is broken.
    """
    return _Machine(admitted).run(data)
