"""One name for many fields: what it names, and that it names them back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mdrepo import pointers
from mdrepo.wildcards import grouped, matching

TOKENS = st.sampled_from(["a", "b", "c", "*", 0, 1])
PATHS = st.lists(st.lists(TOKENS, max_size=3).map(tuple), max_size=16, unique_by=pointers.build)


@settings(max_examples=1000, deadline=None)
@given(PATHS)
def test_every_field_has_one_name_that_names_it_back(paths: list[pointers.Path]) -> None:
    groups = grouped(paths)
    assert sorted(number for group in groups for number in group.numbers) == [*range(len(paths))]
    texts = [tuple(map(str, path)) for path in paths]
    for group in groups:
        named = matching(tuple(map(str, group.path)), texts)
        assert set(group.numbers) <= set(named)
        assert len(group.numbers) >= 3 if group.wildcard is not None else len(group.numbers) == 1


def test_what_recurs_below_each_item_has_one_name() -> None:
    paths = [("labels", n, "name") for n in range(4)] + [("labels", 1, "id"), ("x",)] + [("a", n) for n in range(2)]
    named = [(pointers.build(group.path), len(group.numbers)) for group in grouped(paths)]
    assert named == [("/labels/*/name", 4), ("/labels/1/id", 1), ("/x", 1), ("/a/0", 1), ("/a/1", 1)]


def test_a_key_that_is_called_so_comes_before_any_other() -> None:
    paths = [("a", "*"), ("a", "b"), ("a", "c", "d")]
    assert matching(("a", "*"), paths) == [0]
    assert matching(("*", "c"), paths) == [2]
    assert matching(("*",), paths) == [0, 1, 2]
    assert matching(("*", "*", "*", "*"), paths) == []
