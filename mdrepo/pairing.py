"""Which items of two lists are the same thing: by identity, else by alignment, never by index; never in a table of N x M."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain, compress, count, islice, pairwise, repeat
from operator import itemgetter, ne, sub
from typing import Any

from .documents import exact

Identity = Hashable
Pair = tuple[int, int]
"""The places of one item in an old and in a new list."""

_USUAL = ("name", "id", "key", "path", "label", "op")
_SMALL = 4096
"""Up to so many comparisons, a gap between two anchors is aligned by difflib."""
_WORD = 64
_SHINGLES = (1, 4, 16)


def identities(items: Sequence[Any], names: Sequence[str]) -> list[Identity] | None:
    """The identity of each item by some of its members (by its value, if there are no names); None where two have the same."""
    found: list[Identity] | None = _by_members(items, names) if names else list(map(exact, items))
    return found if found is not None and len(set(found)) == len(found) else None


def _by_members(items: Sequence[Any], names: Sequence[str]) -> list[Identity] | None:
    try:
        columns = [list(map(itemgetter(name), items)) for name in names]
    except (KeyError, TypeError):  # an item without such a member, or none that has members
        return None
    if len(columns) == 1 and set(map(type, columns[0])) in ({str}, {int}):
        return columns[0]
    return list(map(exact, zip(*columns, strict=True)))


def identifying_members(lists: Iterable[Sequence[Any]], declared: Sequence[str] | None) -> Sequence[str] | None:
    """The members that tell the items of all these lists apart: the declared ones, else one that all items have.

    None of them (an empty list) means a set: each item is its own identity.
    """
    found = _identified([items for items in lists if items], declared)
    return found[0] if found else None


def identities_by_members(lists: Sequence[Sequence[Any]], declared: Sequence[str] | None) -> list[list[Identity]] | None:
    """The identities of the items of all these lists by the members that tell them apart; None where no members do."""
    found = _identified([items for items in lists if items], declared)
    if not found or not found[0]:
        return None
    known = iter(found[1])
    return [next(known) if items else [] for items in lists]


def side_by_side(ids: Sequence[Sequence[Identity]], lists: Sequence[Sequence[Any]], absent: Any) -> dict[Identity, tuple[Any, ...]]:
    """Each identity with the items that have it, one of each list; `absent` where a list has none."""
    if all(each == ids[0] for each in ids):
        return dict(zip(ids[0], zip(*lists, strict=True), strict=True))
    known = [dict(zip(each, items, strict=True)) for each, items in zip(ids, lists, strict=True)]
    return {each: tuple(items.get(each, absent) for items in known) for each in dict.fromkeys(chain.from_iterable(ids))}


def _identified(versions: list[Sequence[Any]], declared: Sequence[str] | None) -> tuple[Sequence[str], list[list[Identity]]] | None:
    """The members that tell the items of all the versions of a list apart (none: their values do), and the identities by them."""
    if not versions:
        return None
    if declared is None and not isinstance(versions[0][0], dict):
        return ([], [list(items) for items in versions]) if all(map(_is_set, versions)) else None
    for names in [declared] if declared is not None else [[name] for name in _USUAL if name in versions[0][0]]:
        found = [each for items in versions if (each := identities(items, names)) is not None]
        if len(found) == len(versions) and (declared is not None or all(isinstance(each[0], str | int) for each in found)):
            return names, found
    return None


def _is_set(items: Sequence[Any]) -> bool:
    """Whether a list looks like a set of words: short strings, none of them twice."""
    return set(map(type, items)) == {str} and len(set(items)) == len(items) and max(map(len, items)) <= _WORD


def origins(
    old: Sequence[Any], new: Sequence[Any], declared: Sequence[str] | None
) -> tuple[Sequence[str] | None, list[int | None]]:
    """The members that tell the items apart (None: they are aligned), and for each new item the place of the old one that it is."""
    found = _identified([old, new], declared) if old and new else None
    if found is not None:
        names, (mine, yours) = found
        if mine == yours:
            return names, list(range(len(mine)))
        return names, list(map(dict(zip(mine, range(len(mine)), strict=True)).get, yours))
    places: list[int | None] = [None] * len(new)
    for i, j in aligned(old, new):
        places[j] = i
    return None, places


def aligned(old: Sequence[Any], new: Sequence[Any]) -> list[Pair]:
    """The pairs of a list's items that keep their order: equal ones, and between them those that seem to be edited.

    Between two equal items, containers pair that share what no other item there has; then, where as many items went as came, the
    rest in order, else containers of one kind in order.
    """
    anchors = _equal(list(map(exact, old)), list(map(exact, new)))
    pairs: list[Pair] = []
    for (i, j), (end, stop) in pairwise([(-1, -1), *anchors, (len(old), len(new))]):
        if i >= 0:
            pairs.append((i, j))
        pairs += _edited(old, new, range(i + 1, end), range(j + 1, stop))
    return pairs


def longest_increasing(numbers: Sequence[int]) -> list[int]:
    """The places of a longest increasing subsequence of numbers that are all different (patience sorting, O(n log n)).

    Of several, one with the most numbers that equal their place: people would not say of such an item that it moved. A run of
    consecutive numbers is taken as one, of its length: no other number fits into it, so all of it is taken or nothing.
    """
    steps = map(sub, islice(numbers, 1, None), numbers)
    starts = compress(count(1), map(ne, steps, repeat(1)))
    runs = [*pairwise([0, *starts, len(numbers)])] if numbers else []
    more = len(numbers) + 1  # what one number more counts, beside all that are in their places
    # of the subsequences that end low, the longest: their last numbers, lengths and runs, all of them increasing
    lasts: list[int] = []
    lengths: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for run, (start, stop) in enumerate(runs):
        place = bisect_left(lasts, numbers[start])
        before.append(ends[place - 1] if place else -1)
        length = (stop - start) * more + (stop - start) * (numbers[start] == start) + (lengths[place - 1] if place else 0)
        beyond = place
        while beyond < len(lengths) and lengths[beyond] <= length:
            beyond += 1
        lasts[place:beyond], lengths[place:beyond], ends[place:beyond] = [numbers[stop - 1]], [length], [run]
    found: list[range] = []
    run = ends[-1] if ends else -1
    while run >= 0:
        found.append(range(*runs[run]))
        run = before[run]
    return [*chain.from_iterable(reversed(found))]


def _equal(one: list[bytes], two: list[bytes]) -> list[Pair]:
    """Pairs of equal items, both increasing: ends first, then what stands once on both sides, then the small gaps between."""
    found: list[Pair] = []
    waiting = [(0, len(one), 0, len(two), 0)]
    while waiting:
        start, end, first, last, round_ = waiting.pop()
        while start < end and first < last and one[start] == two[first]:
            found.append((start, first))
            start, first = start + 1, first + 1
        while start < end and first < last and one[end - 1] == two[last - 1]:
            end, last = end - 1, last - 1
            found.append((end, last))
        if start == end or first == last:
            continue
        if (end - start) * (last - first) <= _SMALL:
            found += _matched(one, two, start, end, first, last)
        elif round_ < len(_SHINGLES):
            anchors = _anchors(one[start:end], two[first:last], _SHINGLES[round_])
            met = [(start - 1, first - 1), *((start + i, first + j) for i, j in anchors), (end, last)]
            found += met[1:-1]
            waiting += [(i + 1, k, j + 1, m, 0 if anchors else round_ + 1) for (i, j), (k, m) in pairwise(met)]
        else:
            found += [(start + k, first + k) for k in range(min(end - start, last - first)) if one[start + k] == two[first + k]]
    return sorted(found)


def _matched(one: list[bytes], two: list[bytes], start: int, end: int, first: int, last: int) -> Iterator[Pair]:
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, one[start:end], two[first:last], autojunk=False)
    for i, j, size in matcher.get_matching_blocks():
        yield from ((start + i + k, first + j + k) for k in range(size))


def _anchors(one: list[bytes], two: list[bytes], size: int) -> list[Pair]:
    """What stands once on both sides, in the same order: patience diff, over runs of `size` items where single ones repeat."""
    mine, yours = ([tuple(side[k : k + size]) for k in range(len(side) - size + 1)] for side in (one, two))
    return _increasing(_once_on_both(mine, yours))


def _once_on_both(one: Sequence[Hashable], two: Sequence[Hashable]) -> list[Pair]:
    counts, others = Counter(one), Counter(two)
    where = {each: place for place, each in enumerate(two) if others[each] == 1}
    return [(place, where[each]) for place, each in enumerate(one) if counts[each] == 1 and each in where]


def _increasing(pairs: list[Pair]) -> list[Pair]:
    return [pairs[place] for place in longest_increasing([j for _, j in pairs])]


def _edited(old: Sequence[Any], new: Sequence[Any], mine: range, yours: range) -> Iterator[Pair]:
    """Pairs within a gap between equal items."""
    if not mine or not yours:
        return
    alike = [] if len(mine) == len(yours) == 1 else _sharing(old, new, mine, yours)
    met = [(mine.start - 1, yours.start - 1), *alike, (mine.stop, yours.stop)]
    for (i, j), (end, stop) in pairwise(met):
        if i >= mine.start:
            yield i, j
        if end - i == stop - j:
            yield from zip(range(i + 1, end), range(j + 1, stop), strict=True)
        else:
            in_order = zip(range(i + 1, end), range(j + 1, stop), strict=False)
            yield from ((k, m) for k, m in in_order if isinstance(old[k], dict | list) and type(old[k]) is type(new[m]))


def _sharing(old: Sequence[Any], new: Sequence[Any], mine: range, yours: range) -> list[Pair]:
    """Containers that share members which no other item of the gap has: at least a third of them."""
    sides = [[(k, part) for k in places for part in _parts(side[k])] for side, places in ((old, mine), (new, yours))]
    votes: Counter[Pair] = Counter()
    for i, j in _once_on_both([part for _, part in sides[0]], [part for _, part in sides[1]]):
        votes[sides[0][i][0], sides[1][j][0]] += 1
    best: dict[int, tuple[int, int]] = {}
    for (i, j), number in votes.items():
        if number * 3 >= min(len(old[i]), len(new[j])) and number > best.get(i, (0, 0))[0]:
            best[i] = number, j
    return _increasing([(i, best[i][1]) for i in sorted(best)])


def _parts(item: Any) -> list[Hashable]:
    if isinstance(item, dict):
        return [(key, exact(value)) for key, value in item.items()]
    return [exact(value) for value in item] if isinstance(item, list) else []
