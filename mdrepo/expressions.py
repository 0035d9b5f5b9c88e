"""Conditions on documents, as users type them, on JMESPath: the one module that uses it.

Beside JMESPath's own words there are `and`, `or` and `not`, numbers as they are, and texts in double quotation marks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from .errors import UsageError

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<text>\"(?:[^\"\\]|\\.)*\")|(?P<raw>'(?:[^'\\]|\\.)*')|(?P<literal>`(?:[^`\\]|\\.)*`)"
    r"|(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\[\?|\|\||&&|[=!<>]=|.)",
    re.DOTALL,
)
_WORDS = {"and": "&&", "or": "||", "true": "`true`", "false": "`false`", "null": "`null`"}
_OPENING = {"(": ")", "[": "]", "[?": "]", "{": "}"}
_ENDING = ("&&", "||", "|", ",", ")", "]", "}")
_INSIDE = ("projection", "filter_projection", "value_projection", "flatten", "pipe", "index_expression")
"""What is seen from inside of these, but for their first part, is no field of the document."""


class Expression:
    """A condition; raises UsageError, with the column, for what is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        parser, errors = _parser(), _errors()
        pieces = list(_translated(text))
        made = "".join(piece for piece, _ in pieces)
        try:
            self._tree: Any = parser.parse(made).parsed
        except errors.EmptyExpressionError:
            raise UsageError("the expression is empty", _EXAMPLE) from None
        except errors.LexerError as error:
            raise _wrong(text, _column(pieces, error.lexer_position), error.message) from None
        except errors.IncompleteExpressionError:
            raise _wrong(text, len(text), "something is missing at the end") from None
        except errors.ParseError as error:
            raise _wrong(text, _column(pieces, error.lex_position), f"{error.token_value!r} cannot stand here") from None
        except RecursionError:
            raise UsageError("the expression is nested too deep", "fewer parentheses") from None
        for name in _functions(self._tree):
            if name not in _interpreter().known:
                raise _wrong(text, text.find(name), f"there is no function {name}()")

    def value(self, content: Any) -> Any:
        """What the expression says of a content; raises UsageError where a function has too many or too few arguments."""
        try:
            return _interpreter().visit(self._tree, content)
        except _errors().ArityError as error:
            raise UsageError(f"{self.text!r}: {error}", _EXAMPLE) from None
        except RecursionError:
            raise UsageError("the expression is nested too deep", "fewer parentheses") from None

    def holds(self, content: Any) -> bool:
        """Whether the condition holds; one on a field that is not there does not."""
        found = self.value(content)
        return not (found is None or found is False or found in ("", [], {}))

    @property
    def fields(self) -> list[str]:
        """The fields of the document that the expression names, as `a.b`, each once."""
        return list(dict.fromkeys(_fields(self._tree)))


_EXAMPLE = """as in 'task == "classification" and metrics.accuracy.value < 0.9'"""


def _wrong(text: str, column: int, why: str) -> UsageError:
    return UsageError(f"{text!r} is no expression: at column {column + 1}: {why}", _EXAMPLE)


def _column(pieces: list[tuple[str, int]], position: int) -> int:
    """Where in what a user typed a position in the translation is."""
    at = 0
    for piece, column in pieces:
        if position < at + len(piece):
            return column
        at += len(piece)
    return pieces[-1][1] if pieces else 0


def _translated(text: str) -> Iterator[tuple[str, int]]:
    """The expression in JMESPath's grammar, piece by piece, each with the place that it comes from."""
    open_: list[str] = []
    negated: list[int] = []  # at which depths a `not` reaches to the end of a comparison
    before = ""
    for found in _TOKEN.finditer(text):
        kind, piece, at = str(found.lastgroup), found.group(), found.start()
        made = _WORDS.get(piece, piece) if kind == "name" and before != "." and not _names_a_member(text, found.end()) else piece
        while negated and negated[-1] == len(open_) and made in _ENDING:
            negated.pop()
            yield ")", at
        if kind == "sign" and piece in ('"', "'", "`"):
            raise _wrong(text, at, "a text that does not end")
        if made in _OPENING:
            open_.append(made)
        elif open_ and made == _OPENING[open_[-1]]:
            open_.pop()
        if kind == "name" and piece == made == "not" and before != "." and not _names_a_member(text, found.end()):
            negated.append(len(open_))
            made = "!("
        elif kind == "text" and before != "." and not _names_a_member(text, found.end()):
            made = _text(text, piece, at)
        elif kind == "number" and not (open_ and open_[-1] == "["):
            made = f"`{_number(text, piece, at)}`"
        yield made, at
        before = before if kind == "space" else made
    yield from ((")", len(text)) for _ in negated)


def _names_a_member(text: str, end: int) -> bool:
    """Whether a colon comes next, as after the name of a member in `{name: value}`."""
    return text[end:].lstrip().startswith(":")


def _text(text: str, piece: str, at: int) -> str:
    try:
        json.loads(piece, strict=False)
    except ValueError:
        raise _wrong(text, at, "an escape that JSON does not have") from None
    return f"`{piece.replace('`', chr(92) + '`')}`"


def _number(text: str, piece: str, at: int) -> str:
    try:
        json.loads(piece)
    except ValueError:
        raise _wrong(text, at, f"{piece} is no number as JSON has them") from None
    return piece


def _functions(node: Any) -> Iterator[str]:
    if node["type"] == "function_expression":
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _functions(child)


def _fields(node: Any) -> Iterator[str]:
    whole = _dotted(node)
    if whole is not None:
        yield whole
        return
    children = [child for child in node["children"] if isinstance(child, dict) and child["type"] != "expref"]
    inner = node["type"] == "subexpression" or node["type"] in _INSIDE
    if node["type"] in ("subexpression", "pipe") and children[0]["type"] == "current":
        children = children[1:]  # what is seen from inside of '@' is the document's
    for child in children[:1] if inner else children:
        yield from _fields(child)


def _dotted(node: Any) -> str | None:
    if node["type"] == "field":
        return str(node["value"])
    if node["type"] != "subexpression":
        return None
    sides = [_dotted(child) for child in node["children"] if child["type"] != "current"]  # '@', the document itself
    return None if None in sides else ".".join(map(str, sides))


def _errors() -> Any:
    from jmespath import exceptions

    return exceptions


def _parser() -> Any:
    from jmespath.parser import Parser

    return Parser()


@cache
def _interpreter() -> Any:
    """JMESPath's own, for which nothing can be said of what is not there, or is of another type."""
    from jmespath.exceptions import JMESPathTypeError
    from jmespath.functions import Functions
    from jmespath.visitor import TreeInterpreter

    class Interpreter(TreeInterpreter):  # type: ignore[misc]
        known = Functions.FUNCTION_TABLE

        def visit_comparator(self, node: Any, value: Any) -> Any:
            absent = [self.visit(child, value) is None for child in node["children"] if child["type"] != "literal"]
            if any(absent) and not any(child["type"] == "literal" and child["value"] is None for child in node["children"]):
                return False
            try:
                return super().visit_comparator(node, value)
            except TypeError:  # a text against a number
                return False

        def visit_function_expression(self, node: Any, value: Any) -> Any:
            try:
                return super().visit_function_expression(node, value)
            except JMESPathTypeError:
                return None

    return Interpreter()
