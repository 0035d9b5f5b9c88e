"""Versions of a value that two people changed: what the laws of merging are tried on."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

leaves = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b", "0.1.0", "0.1.1", "0.2.0", 1.0, "one two " * 6])
named = st.fixed_dictionaries({"name": st.sampled_from("abcdef")}, optional={"v": leaves, "w": leaves})
lists = (
    st.lists(named, max_size=5, unique_by=lambda item: item["name"])
    | st.lists(st.sampled_from("abcdef"), max_size=5, unique=True)
    | st.lists(leaves, max_size=4)
)
values = st.recursive(
    leaves | lists,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "c", "version"]), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """The value with some of its members, items or itself changed, added, removed or moved."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        result = {key: draw(changed(each)) if draw(st.booleans()) else each for key, each in value.items()}
        for key in draw(st.sets(st.sampled_from(sorted(value)), max_size=1)):
            del result[key]
        return {**result, **draw(st.dictionaries(st.sampled_from("abcd"), leaves, max_size=1))}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        items = [draw(changed(each)) if isinstance(each, dict | list) and draw(st.booleans()) else each for each in value]
        for _ in range(draw(st.integers(0, 2))):
            place = draw(st.integers(0, len(items)))
            match draw(st.sampled_from(["add", "remove", "move", "replace"])):
                case "add":
                    items.insert(place, draw(st.sampled_from(value) | named | leaves))
                case "remove":
                    del items[place : place + 1]
                case "move" if place < len(items):
                    items.insert(draw(st.integers(0, len(items) - 1)), items.pop(place))
                case "replace" if place < len(items):
                    items[place] = draw(named | leaves)
        return items
    return draw(leaves | lists)


@st.composite
def versions(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """(base, ours, theirs), of which each side changed some parts."""
    base = draw(values)
    return base, draw(changed(base)), draw(changed(base))
