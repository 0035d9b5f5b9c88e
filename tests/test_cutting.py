"""Documents of which most is not read: the same changes, the same merges and the same refusals as when all is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdrepo import cutting
from mdrepo.differences import compare_bytes
from mdrepo.documents import DocumentError, exact, read
from mdrepo.marking import Marks
from mdrepo.reconciling import _Files
from mdrepo.settling import Guide

NAMES = [f"n{number}" for number in range(12)]
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([1.0, 1e-07, 0.5, "", "n1", '"},\n{', "\\", "ä"])
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.lists(st.fixed_dictionaries({"name": st.sampled_from(NAMES)}), max_size=3)
ITEMS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1)),
    min_size=3,
    max_size=9,
    unique_by=lambda item: item[0],
)


@pytest.fixture(autouse=True, scope="module")
def small() -> Any:
    """Texts of any size are cut, so that small examples meet the cutting."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_WORTH", 0)
        patch.setattr(cutting, "_OFTEN", 1)
        yield


def text(items: list[dict[str, Any]], where: str, note: Any) -> bytes:
    """A document with a long list somewhere."""
    value = {"list": {"note": note, "items": items}, "deep": {"a": {"b": items}, "note": note}, "root": items}[where]
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


@st.composite
def versions(draw: st.DrawFn, number: int) -> list[bytes]:
    """Texts of a document and of edits of it, most of which keep the order of items; some are damaged, all alike or one alone."""
    key = draw(st.sampled_from(["name", "id", "other"]))
    first = [{key: name, **rest} for name, rest in draw(ITEMS)]
    where = draw(st.sampled_from(["list", "deep", "root"]))
    found = [text(first, where, 0)]
    for _ in range(number - 1):
        items = json.loads(json.dumps(first))
        for place in draw(st.lists(st.integers(0, len(items) - 1), max_size=3)):
            items[place] |= draw(st.dictionaries(st.sampled_from([*"abc", "name"]), SCALARS, max_size=2))
        if draw(st.integers(0, 5)) == 0:
            items.insert(draw(st.integers(0, len(items))), {key: draw(st.sampled_from(NAMES)), "a": 1})
        if draw(st.integers(0, 5)) == 0:
            items.reverse()
        found.append(text(items, where, draw(st.integers(0, 1))))
    kind = draw(st.integers(0, 5))
    old, new = draw(
        st.sampled_from(
            [(b"},\n", b"}, \n"), (b"\n    },\n    {", b"\n    }, {"), (b": 1", b": 01"), (b"{", b"["), (b'"a"', b'"b"')]
        )
    )
    if kind == 0:
        found = [each.replace(old, new, 1) for each in found]
    elif kind == 1:
        found[-1] = found[-1].replace(old, new, 1)
    return found


def told(pair: list[bytes], *, whole: bool) -> list[Any] | str:
    """The changes between two texts, or why one of them is no JSON."""
    try:
        found = compare_bytes(("old", pair[0]), ("new", pair[1]), whole=whole)
    except DocumentError as error:
        return error.message
    return (
        [
            (
                each.kind,
                each.path,
                exact(each.old) if each.kind != "added" else b"",
                each.new_path,
                each.old_path,
                each.origin,
                each.identity,
            )
            for each in found[0].delta
        ]
        if found
        else []
    )


@settings(max_examples=300, deadline=None)
@given(versions(2))
def test_the_changes_are_the_same(pair: list[bytes]) -> None:
    expected = told(pair, whole=True)
    found = told(pair, whole=False)
    if isinstance(expected, str) and not isinstance(found, str):
        same = [read_or_none(each) for each in pair]  # what is the same in both was not looked at, so both have it
        assert same == [None, None]
    else:
        assert found == expected


def read_or_none(data: bytes) -> Any:
    try:
        return read(data).value
    except DocumentError:
        return None


@settings(max_examples=300, deadline=None)
@given(versions(3))
def test_the_merge_is_the_same(three: list[bytes]) -> None:
    files = _Files(three[0], three[1], three[2], Guide(), Marks())
    quick = files.by_items()
    if quick is None:
        return
    assert quick.clean
    result = read(quick.data).value
    if all(read_or_none(each) is not None for each in three):
        whole = files.whole()
        assert whole.clean
        assert exact(read(whole.data).value) == exact(result)


def test_most_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [{"name": f"n{number}", "a": [number], "b": {"c": 1}} for number in range(40)]
    edited = json.loads(json.dumps(items))
    edited[7]["b"]["c"], edited[30]["a"] = 2, [0, 1]
    sizes: list[int] = []

    def counted(data: bytes, *words: Any, **options: Any) -> Any:
        sizes.append(len(data))
        return read(data, *words, **options)

    monkeypatch.setattr(cutting, "read", counted)
    old, new = (text(each, "list", 0) for each in (items, edited))
    (found,) = compare_bytes(("old", old), ("new", new), whole=False)
    assert [each.shown_path for each in found.delta] == [
        ("items", 7, "b", "c"),
        ("items", 30, "a", 0),
        *[("items", 30, "a", place) for place in (0, 1)],
    ]
    assert len(sizes) == 3  # what is left of each, and one item to see how all are made
    assert max(sizes) < len(old) / 5


@pytest.mark.parametrize(
    "change",
    [
        lambda items: items.insert(3, {"name": "new", "a": 1}),
        lambda items: items.pop(3),
        lambda items: items.reverse(),
        lambda items: items[3].update(name="new"),
        lambda items: items[3].update(name="n4"),
        lambda items: items[3].pop("name"),
    ],
)
def test_other_items_or_another_order_are_left_to_who_reads_all(change: Any) -> None:
    items = [{"name": f"n{number}", "a": [number]} for number in range(9)]
    edited = json.loads(json.dumps(items))
    change(edited)
    assert cutting.cut([text(each, "list", 0) for each in (items, edited)]) is None


def test_what_is_the_same_text_but_not_one_item_is_not_left_out() -> None:
    """Two items in one piece would shift the places of all that come behind."""
    items = [{"name": f"n{number}", "a": number} for number in range(9)]
    edited = json.loads(json.dumps(items))
    edited[7]["a"] = 0
    pair = [text(each, "list", 0).replace(b"\n    },\n    {\n", b"\n    }, {\n", 1) for each in (items, edited)]
    assert told(pair, whole=False) == told(pair, whole=True) != []
