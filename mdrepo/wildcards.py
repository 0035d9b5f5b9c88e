"""Names of many fields at once: a JSON pointer with `*` for any key or index, which RFC 6901 leaves an ordinary key.

Where a merge meets one contradiction in every item of a list or object, it is one question, and is named and answered once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from .pointers import Path, Token

ANY = "*"
_MANY = 3
"""Fields from which on they are named together: two are as soon read one by one."""


class Group(NamedTuple):
    """Fields by the name that they have in common, and their places among all; one alone has its path."""

    path: Path
    numbers: tuple[int, ...]
    wildcard: int | None = None

    def token(self, path: Path) -> Token:
        """What the wildcard stands for in one of these paths."""
        assert self.wildcard is not None
        return path[self.wildcard]


def grouped(paths: Sequence[Path]) -> list[Group]:
    """The paths in their order, those together that differ in one token alone; of several ways, the largest groups.

    Beside a key that is itself called `*` all are named one by one.
    """
    if any(ANY in path for path in paths):
        return [Group(path, (number,)) for number, path in enumerate(paths)]
    alike: defaultdict[tuple[Path, int], list[int]] = defaultdict(list)
    for number, path in enumerate(paths):
        for place in range(len(path)):
            alike[(*path[:place], ANY, *path[place + 1 :]), place].append(number)
    left = set(range(len(paths)))
    groups: list[Group] = []
    # while others are made a group only gets smaller: one of the size that it is filed under is the largest that is left
    sizes: defaultdict[int, list[tuple[Path, int]]] = defaultdict(list)
    for name, numbers in alike.items():
        sizes[len(numbers)].append(name)
    for size in range(max(sizes, default=0), _MANY - 1, -1):
        for name in sizes[size]:
            numbers = [number for number in alike[name] if number in left]
            if len(numbers) == size:
                groups.append(Group(name[0], tuple(numbers), name[1]))
                left.difference_update(numbers)
            else:
                sizes[len(numbers)].append(name)
    groups += [Group(paths[number], (number,)) for number in left]
    return sorted(groups, key=lambda group: group.numbers)


def matching(name: Sequence[str], paths: Sequence[Sequence[str]]) -> list[int]:
    """The places of the paths that a name means, or that lie below it; a key that is called `*` itself comes before any other."""
    found = [number for number, path in enumerate(paths) if tuple(path[: len(name)]) == tuple(name)]
    return found or [number for number, path in enumerate(paths) if len(name) <= len(path) and all(map(_stands_for, name, path))]


def _stands_for(token: str, other: str) -> bool:
    return token in (ANY, other)
