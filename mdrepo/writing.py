"""Document and new value to text: as little text as possible changes, or all of it to one canonical layout."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import eq
from typing import Any, NamedTuple

import orjson

from .documents import Document, deep, exact, same
from .layout import Node
from .pairing import origins
from .pointers import Path
from .scanning import Float

KeyOrder = Callable[[Path], Sequence[str]]
"""The schema's property order for the object at a path; empty where the schema says none."""


def no_order(_: Path) -> Sequence[str]:
    return ()


class Style(NamedTuple):
    """How a file is laid out: indentation unit ('' for one line), line end, separators, whether escapes are ASCII."""

    indent: str = "  "
    newline: str = "\n"
    comma: str = ", "
    colon: str = ": "
    ascii: bool = False

    @staticmethod
    def of(text: str) -> Style:
        first = re.search(r"[\[{]\r?\n([ \t]+)", text)
        colon = re.search(r'"[ \t]*:([ \t]*)', text)
        comma = re.search(r",([ \t]*)\S", text)
        return Style(
            indent=first.group(1) if first else ("" if re.search(r"[\[{][ \t]*[^\]}\s]", text) else "  "),
            newline="\r\n" if "\r\n" in text else "\n",
            comma="," + (comma.group(1) if comma else " "),
            colon=":" + (colon.group(1) if colon else " "),
            ascii=text.isascii() and re.search(r"\\u[0-9a-fA-F]{4}", text) is not None,
        )


def scalar(value: Any, *, ascii_only: bool = False) -> str:
    """The JSON text of a scalar, numbers in the spelling that they came with."""
    if isinstance(value, Float):
        return value.text
    return json.dumps(value, ensure_ascii=ascii_only)


def dumps(value: Any, style: Style, lead: str = "", order: KeyOrder = no_order, path: Path = (), *, sort: bool = False) -> str:
    """The JSON text of a value; `lead` is the indentation of the line that it begins on."""
    if not isinstance(value, dict | list) or not value:
        return scalar(value, ascii_only=style.ascii)
    inner = lead + style.indent
    if isinstance(value, dict):
        keys = _ordered(value, order(path), sort=sort)
        parts = [
            scalar(key, ascii_only=style.ascii) + style.colon + dumps(value[key], style, inner, order, (*path, key), sort=sort)
            for key in keys
        ]
        opening, closing = "{}"
    else:
        parts = [dumps(item, style, inner, order, (*path, i), sort=sort) for i, item in enumerate(value)]
        opening, closing = "[]"
    if not style.indent:
        return opening + style.comma.join(parts) + closing
    line = style.newline + inner
    return f"{opening}{line}{(',' + line).join(parts)}{style.newline}{lead}{closing}"


def _ordered(value: dict[str, Any], known: Sequence[str], *, sort: bool) -> list[str]:
    rank = {key: place for place, key in enumerate(known)}
    rest = [key for key in value if key not in rank]
    return sorted((key for key in value if key in rank), key=rank.__getitem__) + (sorted(rest) if sort else rest)


@deep
def formatted(value: Any, order: KeyOrder = no_order) -> str:
    """The canonical layout: schema property order, then sorted; two spaces; one scalar a line; one final newline.

    One scalar a line makes two branches that add the same key collide in a text merge, which would otherwise leave the key
    in the file twice.
    """
    return dumps(value, Style(), "", order, sort=True) + "\n"


@deep
def fresh(value: Any, order: KeyOrder = no_order) -> str:
    """The text of a new file, in the canonical layout but for the keys that no schema orders, which stay as they are."""
    return dumps(value, Style(), "", order) + "\n"


@deep
def rewrite(document: Document, value: Any, order: KeyOrder = no_order) -> str:
    """The document's text with another value in it, changed in the lines that must change and no others."""
    if document.pretty and b"\\" not in document.data and (text := _pretty(_in_order(document.value, value, order, ()))):
        return text
    root = document.layout
    body = _Rewriter(document.text, Style.of(document.text), order).value(root, document.value, value, ())
    return document.text[: root.start] + body + document.text[root.end :]


_NOTHING = object()
_EXPONENT = re.compile(r"e-([5-9])(?=,?\n)")
_TINY = re.compile(r"0\.0000[1-9][0-9]*(?=,?\n)")


def _pretty(value: Any) -> str | None:
    """The text of a value as orjson lays it out, its numbers as Python writes them; None where it has what orjson cannot write.

    A number at the end of a line stands in no string: there its quotation mark would follow.
    """
    try:
        text = orjson.dumps(value, default=_fragment, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    except TypeError:  # an integer beyond 64 bits, more than 254 levels
        return None
    return _TINY.sub(_as_python, _EXPONENT.sub(r"e-0\1", text))


def _as_python(match: re.Match[str]) -> str:
    """The number that a match ends, if it begins there too."""
    alone = not match.string[max(match.start() - 1, 0) : match.start()].isdigit()
    return repr(float(match.group())) if alone else match.group()


def _fragment(value: Any) -> Any:
    if isinstance(value, Float) and not (_EXPONENT.search(value.text + "\n") or _TINY.search(value.text + "\n")):
        return orjson.Fragment(value.text)
    raise TypeError("orjson and what comes behind it would not keep this spelling")


def _in_order(old: Any, new: Any, order: KeyOrder, path: Path) -> Any:
    """The new value with its keys in the order in which `_Rewriter` writes them."""
    if old is new or same(old, new):
        return old
    if isinstance(old, dict) and isinstance(new, dict) and any(key in new for key in old):
        keys = _merged_keys(list(old), new, order(path))
        return {key: _in_order(old.get(key, _NOTHING), new[key], order, (*path, key)) for key in keys}
    if not isinstance(new, dict | list) or (isinstance(new, list) and _plain(new) and _plain(old)):
        return new
    if isinstance(old, list) and isinstance(new, list) and old:
        sources = [_NOTHING if place is None else old[place] for place in _sources(old, new)]
        pairs = enumerate(zip(sources, new, strict=True))
        return [value if source is value else _in_order(source, value, order, (*path, i)) for i, (source, value) in pairs]
    if isinstance(new, dict):
        return {key: _in_order(_NOTHING, new[key], order, (*path, key)) for key in _ordered(new, order(path), sort=False)}
    return [_in_order(_NOTHING, value, order, (*path, i)) for i, value in enumerate(new)]


def _plain(value: Any) -> bool:
    """Whether a value is no list with other containers or with numbers of their own spelling in it."""
    return not (isinstance(value, list) and any(isinstance(item, dict | list | Float) for item in value))


class _Rewriter(NamedTuple):
    text: str
    style: Style
    order: KeyOrder

    def value(self, node: Node, old: Any, new: Any, path: Path) -> str:
        if same(old, new):
            return self.text[node.start : node.end]
        if isinstance(old, dict) and isinstance(new, dict) and any(key in new for key in old):
            return self.object(node, old, new, path)
        if isinstance(old, list) and isinstance(new, list) and old and new:
            return self.array(node, old, new, path)
        return self.fresh(new, self._indentation(node.start), path)

    def fresh(self, new: Any, lead: str, path: Path) -> str:
        return dumps(new, self.style, lead, self.order, path)

    def _indentation(self, offset: int) -> str:
        """The white space that the line of an offset begins with."""
        line = self.text[self.text.rfind("\n", 0, offset) + 1 : offset]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _lead(self, gap: str, node: Node) -> str:
        """The indentation of a part of a container, by what stands before it."""
        _, newline, line = gap.rpartition("\n")
        return line[: len(line) - len(line.lstrip(" \t"))] if newline else self._indentation(node.start)

    def object(self, node: Node, old: dict[str, Any], new: dict[str, Any], path: Path) -> str:
        members = node.members
        gaps = _Gaps.of(self.text, node, [(member.start, member.value.end) for member in members.values()], self.style)
        places = {key: place for place, key in enumerate(members)}
        parts: list[str] = []
        for key in _merged_keys(list(members), new, self.order(path)):
            gap = gaps.before(places.get(key), first=not parts)
            if key in members:
                start, _, child = members[key]
                parts.append(gap + self.text[start : child.start] + self.value(child, old[key], new[key], (*path, key)))
            else:
                name = scalar(key, ascii_only=self.style.ascii) + self.style.colon
                parts.append(gap + name + self.fresh(new[key], self._lead(gap, node), (*path, key)))
        return "{" + "".join(parts) + gaps.closing + "}"

    def array(self, node: Node, old: list[Any], new: list[Any], path: Path) -> str:
        gaps = _Gaps.of(self.text, node, [(item.start, item.end) for item in node.items], self.style)
        parts: list[str] = []
        for place, (value, source) in enumerate(zip(new, _sources(old, new), strict=True)):
            gap = gaps.before(source, first=not parts)
            if source is not None:
                body = self.value(node.items[source], old[source], value, (*path, place))
            else:
                body = self.fresh(value, self._lead(gap, node), (*path, place))
            parts.append(gap + body)
        return "[" + "".join(parts) + gaps.closing + "]"


class _Gaps(NamedTuple):
    """What stands around the parts of a container: behind its bracket, before each part but the first, before its end."""

    opening: str
    between: list[str]
    closing: str
    usual: str

    @staticmethod
    def of(text: str, node: Node, spans: Sequence[tuple[int, int]], style: Style) -> _Gaps:
        opening = text[node.start + 1 : spans[0][0]]
        between = [text[end:start] for (_, end), (start, _) in pairwise(spans)]
        usual = between[0] if between else "," + opening if "\n" in opening else style.comma
        return _Gaps(opening, between, text[spans[-1][1] : node.end - 1], usual)

    def before(self, place: int | None, *, first: bool) -> str:
        """What stands before a part that had a place here (None: that is new), perhaps another one."""
        if first:
            return self.opening
        return self.between[place - 1] if place else self.usual


def _sources(old: list[Any], new: list[Any]) -> list[int | None]:
    """For each new item the old item whose text serves it: the one that it is, perhaps edited, else an equal one elsewhere."""
    sources = origins(old, new, None)[1]
    left = set(range(len(old))).difference(i for i in sources if i is not None)
    free = {exact(old[place]): place for place in sorted(left)}
    if free:
        for place, value in enumerate(new):
            if sources[place] is None:
                sources[place] = free.pop(exact(value), None)
    return sources


def _merged_keys(old: list[str], new: dict[str, Any], known: Sequence[str]) -> list[str]:
    """The keys of the new object: the old ones where they were, added ones where the schema, or else `new`, has them."""
    if len(old) == len(new) and all(map(eq, old, new)):
        return old
    keys = [key for key in old if key in new]
    rank = {key: place for place, key in enumerate(known)}
    previous: str | None = None
    for key in new:
        if key not in keys:
            later = [k for k in keys if rank.get(k, -1) > rank[key]] if key in rank else []
            if later:
                keys.insert(keys.index(later[0]), key)
            elif key in rank or previous is None:
                keys.append(key)
            else:
                keys.insert(keys.index(previous) + 1, key)
        previous = key
    return keys
