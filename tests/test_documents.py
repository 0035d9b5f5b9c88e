"""Strict reading and faithful writing."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mdrepo import pointers
from mdrepo.diffing import diff
from mdrepo.documents import DocumentError, canonical, digest, read, same
from mdrepo.errors import UsageError
from mdrepo.merging import merge
from mdrepo.patching import apply
from mdrepo.scanning import MAX_DEPTH, Float, scan
from mdrepo.writing import formatted, rewrite, scalar

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=5), max_leaves=25
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1e21, "1e+21"), (1e-7, "1e-7"), (123456789012345680000.0, "123456789012345680000"), (0.000001, "0.000001"), (-0.0, "0")],
)
def test_numbers_as_ecmascript_writes_them(value: float, shown: str) -> None:
    assert canonical(value) == shown


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (b'{"a": 1,\n "a": 2}', "2:2", "duplicate key 'a', first in line 1"),
        (b'{"a": NaN}', "1:7", "'NaN' where a value is expected"),
        (b"[1, 2,]", "1:7", "']' where a value is expected"),
        (b"[1] 2", "1:5", "more text after the end"),
        (b'["\\ud800"]', "1:2", "lone surrogate"),
        (b'\xef\xbb\xbf{"a": 1}', "1:1", "byte-order mark"),
        (b'{\n"a": "\xff"}', "2:7", "not UTF-8"),
        (b"[1e999]", "1:2", "beyond what a double can hold"),
        (b'{"a" 1}', "1:6", "':' is expected"),
        (b"['a']", "1:2", "where a value is expected"),
        (b'["a\nb"]', "1:4", "control character"),
        (b'["\\x"]', "1:3", "no JSON escape"),
        (b"[1", "1:3", "the text ends"),
        (b"", "1:1", "the text ends"),
        (b"[01]", "1:2", "not a JSON number"),
        (b"[" * 501 + b"]" * 501, "1:501", "more than 500 levels"),
        (b"[" * 100_000, "1:501", "more than 500 levels"),
        (b'{"a": 1,\n<<<<<<< ours\n"b": 2\n', "2:1", "conflict markers"),
    ],
)
def test_what_is_wrong_and_where(text: bytes, place: str, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(text, "x.json")
    assert caught.value.message.startswith(f"x.json:{place}: ")
    assert words in caught.value.message


def test_depth_up_to_the_limit_is_read() -> None:
    text = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert read(text).text == text.decode()


@pytest.mark.parametrize(
    "number",
    [
        "1.0",
        "1e-7",
        "1e-07",
        "0.00001",
        "1e16",
        "1e+16",
        "12345678901234567890",
        "0.1000",
        "1E5",
        "-0",
        "123456789.123456789123456789",
    ],
)
def test_numbers_keep_their_spelling(number: str) -> None:
    document = read(f'{{"a": {number}, "b": 1}}'.encode())
    assert rewrite(document, {**document.value, "b": 2}) == f'{{"a": {number}, "b": 2}}'
    assert formatted(document.value) == f'{{\n  "a": {number},\n  "b": 1\n}}\n'
    assert f'"c": {number}' in rewrite(document, {"b": 1, "c": document.value["a"]})


def test_one_and_one_point_zero_and_true_are_three_values() -> None:
    assert not same(1, 1.0)
    assert not same(1, True)
    assert not same([1], [True])
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})


LAID_OUT = """{
    "name":"x",   "list": [1, 2,
        3],
    "nested": {
        "caf\\u00e9": true
    },
    "objects": [
        {"name": "a", "v": 1},
        {"name": "b", "v": 2}
    ]
}"""


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (lambda v: v["nested"].update({"caf\u00e9": False}), "true", "false"),
        (lambda v: v["objects"][1].update(v=3), '"v": 2', '"v": 3'),
        (lambda v: v["list"].append(4), "        3]", "        3, 4]"),
        (lambda v: v["objects"].pop(0), '{"name": "a", "v": 1},\n        ', ""),
        (lambda v: v.pop("list"), '   "list": [1, 2,\n        3],', ""),
        (lambda v: v["nested"].update(z=1), "true\n", 'true,\n        "z":1\n'),
        (
            lambda v: v["objects"].reverse(),
            '{"name": "a", "v": 1},\n        {"name": "b", "v": 2}',
            '{"name": "b", "v": 2},\n        {"name": "a", "v": 1}',
        ),
    ],
)
def test_an_edit_changes_the_text_that_it_must_and_no_other(change: Any, old: str, new: str) -> None:
    value = json.loads(LAID_OUT)
    change(value)
    assert LAID_OUT.count(old) == 1
    assert rewrite(read(LAID_OUT.encode()), value) == LAID_OUT.replace(old, new)


@settings(max_examples=300, deadline=None)
@given(values, values, st.sampled_from([None, 2, "\t"]))
def test_rewriting_gives_the_new_value(old: Any, new: Any, indent: Any) -> None:
    document = read(json.dumps(old, indent=indent).encode())
    assert rewrite(document, old) == document.text
    assert same(read(rewrite(document, new).encode()).value, new)


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False)
        | st.sampled_from([5e-05, 1e-07, 1.5e-06, 1e16, 1e22])
        | st.sampled_from(["5e-05", "x 1e-07,", "0.00001", "e-05", "1e-7,", "0.00001 "]),
        max_size=6,
    ),
    st.sampled_from([None, 2, 4]),
    st.sampled_from([("", ""), ("e-0", "e-"), (".0,", ".00,"), ("e+", "e"), ("e", "E")]),
)
def test_numbers_keep_their_spelling_on_every_way_through(value: Any, indent: Any, other: tuple[str, str]) -> None:
    text = json.dumps(value, indent=indent).replace(*other)
    document = read(text.encode())
    exact_value = json.loads(text)
    assert same(document.value, exact_value)
    assert same(read(text.encode(), spelling=False).value, exact_value)
    spelled = [scalar(each) for each in document.value]
    assert spelled == [scalar(each) for each in scan(text)]
    assert json.loads(f"[{','.join(spelled)}]") == exact_value
    assert "".join(spelled) == re.sub(r"[\[\]]|,?\s+|,", "", text) or any(isinstance(each, str) for each in value)


numbers = st.sampled_from([1e-07, 5e-05, 1e16, 0.1, 2**70, Float("1e-7"), Float("0.00001"), Float("0.100"), Float("1E5")])
spelled = st.recursive(
    scalars | numbers | st.sampled_from(["x 1e-7,", "0.00001", "\\"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("abcde"), inner, max_size=5),
    max_leaves=25,
)


@settings(max_examples=1000, deadline=None)
@given(spelled, spelled, st.booleans())
@example([None, 0.1], [Float("0.100")], False)
def test_pretty_documents_are_rewritten_fast_and_the_same(old: Any, new: Any, keep: bool) -> None:
    document = read((json.dumps(old, indent=2, ensure_ascii=False) + "\n").encode())
    if keep and isinstance(document.value, dict):
        new = {**document.value, "e": new}
    elif keep and isinstance(document.value, list):
        new = [new, *document.value[1:]]
    text = rewrite(document, new, lambda path: ("d", "b") if len(path) % 2 else ())
    assert text == rewrite(replace(document, pretty=False), new, lambda path: ("d", "b") if len(path) % 2 else ())


@settings(max_examples=300, deadline=None)
@given(values)
def test_formatting_keeps_the_value_and_is_stable(value: Any) -> None:
    text = formatted(value)
    assert same(read(text.encode()).value, value)
    assert formatted(read(text.encode()).value) == text
    assert digest(read(text.encode()).value) == digest(value)


@settings(max_examples=300, deadline=None)
@given(values)
def test_the_scanner_reads_what_the_parser_reads(value: Any) -> None:
    text = json.dumps(value)
    assert same(scan(text), read(text.encode()).value)


def test_line_ends_and_final_newline_are_kept() -> None:
    document = read(b'{\r\n  "a": 1\r\n}')
    assert rewrite(document, {"a": 1, "b": 2}) == '{\r\n  "a": 1,\r\n  "b": 2\r\n}'


@pytest.mark.parametrize("pointer", ["a", "/~", "/~2", "#/a"])
def test_what_is_no_pointer(pointer: str) -> None:
    with pytest.raises(UsageError):
        pointers.parse(pointer)


def test_positions_of_fields() -> None:
    document = read(b'{\n  "a": [\n    1,\n    {"b": 2}\n  ]\n}')
    assert document.position(("a", 1, "b")) == (4, 11)
    assert document.position(("a", 1, "b"), key=True) == (4, 6)
    assert document.position(("a", 7)) == (2, 8)


def test_the_recursion_limit_is_not_touched_by_reading() -> None:
    before = sys.getrecursionlimit()
    read(b"[" * 400 + b"]" * 400)
    assert sys.getrecursionlimit() == before


def test_a_document_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(b'{"a": 1}')
    assert read(file.read_bytes(), str(file)).value == {"a": 1}


DEEP = [b"[" * 499 + inner + b"]" * 499 for inner in (b"[1]", b"[2]")]


@pytest.mark.parametrize("what", ["same", "canonical", "diff", "merge", "apply", "formatted", "rewrite"])
def test_500_levels_under_python_s_own_limit(what: str) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    try:
        old, new = (read(text) for text in DEEP)
        {
            "same": lambda: same(old.value, read(DEEP[0]).value),
            "canonical": lambda: canonical(old.value),
            "diff": lambda: diff(old.value, new.value),
            "merge": lambda: merge(old.value, new.value, read(DEEP[0].replace(b"1", b"3")).value),
            "apply": lambda: apply(old.value, [{"op": "replace", "path": "/0" * 499, "value": [2]}]),
            "formatted": lambda: formatted(old.value),
            "rewrite": lambda: rewrite(old, new.value),
        }[what]()
        assert sys.getrecursionlimit() == 1000
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize(
    ("text", "new", "expected"),
    [
        ("[1, 2,\n   3]", [1, 2, 4], "[1, 2,\n   4]"),
        ("[\n1,2,\n3]", [1, 2, "x"], '[\n1,2,\n"x"]'),
        ('{"a": 1  ,\n"b": 2}', {"a": 1, "b": 3}, '{"a": 1  ,\n"b": 3}'),
        ("[1 , 2 , 3]", [1, 2, 4], "[1 , 2 , 4]"),
        ('{ "a": 1\n, "b": 2\n, "c": 3\n}', {"a": 1, "b": 9, "c": 3}, '{ "a": 1\n, "b": 9\n, "c": 3\n}'),
    ],
)
def test_an_edit_changes_the_value_alone(text: str, new: object, expected: str) -> None:
    assert rewrite(read(text.encode()), new) == expected
