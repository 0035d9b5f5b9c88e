"""Versions read beside each other: the same values, and the same refusals, as each read alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mdrepo import sharing
from mdrepo.documents import DocumentError, exact, read

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([1.0, 1e-07, 0.5, "", "a", '"},\n{', "ä"])
ITEMS = st.dictionaries(st.sampled_from(["id", "a", "b"]), SCALARS | st.lists(SCALARS, max_size=2), max_size=3)
LISTS = st.lists(ITEMS | SCALARS | st.lists(ITEMS, max_size=3), max_size=8)
DOCUMENTS = LISTS | st.fixed_dictionaries({"x": LISTS, "y": SCALARS, "z": st.fixed_dictionaries({"w": LISTS})})


@pytest.fixture(autouse=True, scope="module")
def small() -> Any:
    """Texts and lists of any size are cut, so that small examples meet the cutting."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "_WORTH", 0)
        patch.setattr(sharing, "_MANY", 1)
        yield


def text(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


@settings(max_examples=1500, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
@example([{"id": 0}, {"id": 0}, {}, {"id": 0}, {"id": 0}], [])
def test_a_version_is_read_as_if_alone(one: Any, other: Any) -> None:
    reader = sharing.Reader()
    for value in (one, other, one):
        document, alone = reader.read(text(value)), read(text(value))
        assert exact(document.value) == exact(alone.value)
        assert document.text == alone.text
        assert document.pretty == alone.pretty


@settings(max_examples=1500, deadline=None)
@given(LISTS, st.data())
def test_a_damaged_version_is_refused_as_if_alone(items: list[Any], data: st.DataObject) -> None:
    first = text({"items": items})
    start = data.draw(st.integers(0, len(first)))
    piece = data.draw(st.sampled_from([b"", b",", b"}", b"{", b"]", b"\n", b"  ", b'"', b"0", b'"a": 1,\n', b"\xff", b"NaN"]))
    damaged = first[:start] + piece + first[data.draw(st.integers(start, len(first))) :]
    reader = sharing.Reader()
    reader.read(first)
    assert told(reader, damaged) == told(sharing.Reader(), damaged)


def told(reader: sharing.Reader, data: bytes) -> bytes | str:
    """The value of a text, or why it is none."""
    try:
        return exact(reader.read(data, "there").value)
    except DocumentError as error:
        return error.message


def test_what_both_have_is_one_object() -> None:
    items = [{"id": number, "a": [number]} for number in range(9)]
    changed = [dict(item) for item in items]
    changed[4] = {"id": 4, "a": [0]}
    reader = sharing.Reader()
    one, other = (reader.read(text({"items": each})).value["items"] for each in (items, changed))
    assert [old is new for old, new in zip(one, other, strict=True)] == [False, *[True] * 3, False, *[True] * 3, False]


def test_an_inserted_item_shifts_nothing() -> None:
    items = [{"id": number} for number in range(9)]
    reader = sharing.Reader()
    one, other = (reader.read(text(each)).value for each in (items, [{"id": -1}, *items]))
    assert [item["id"] for item in other] == [-1, *range(9)]
    assert sum(any(old is new for old in one) for new in other) == 7
