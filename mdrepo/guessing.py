"""What somebody who mistyped a name may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], alike: float = 0.6) -> str | None:
    """The known name that is most like another one; None where none is like it."""
    import difflib  # only a mistake pays for it

    if len(name) > 200:
        return None
    by_case = {each.casefold(): each for each in reversed([*known][:5000]) if len(each) <= 200}
    near = difflib.get_close_matches(name.casefold(), by_case, 1, alike)
    return by_case[near[0]] if near else None


def meant(name: str, known: Iterable[str], otherwise: str) -> str:
    """`did you mean NAME?`, or what else there is to say."""
    near = nearest(name, known)
    return f"did you mean {near}?" if near else otherwise
