"""mdrepo's own words in a schema (`x-mdrepo-*`), and whether they say something that there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .guessing import meant
from .pointers import Path
from .schemas import STRATEGIES

Told = tuple[Path, str, str, str | None]
"""The place, the rule, what is wrong, and a hint."""
_ONE_OF = {
    "x-mdrepo-merge": STRATEGIES,
    "x-mdrepo-affects": ("predictions", "metrics", "nothing"),
    "x-mdrepo-class": ("breaking", "behavioural", "descriptive"),
}
_EXACTLY = {"x-mdrepo-reference": "document", "x-mdrepo-artefact": True}
_WORDS = (*_ONE_OF, *_EXACTLY, "x-mdrepo-key", "x-mdrepo-source")
_SOURCE = {"kind": str, "key": str, "artefact": str, "options": list}


def annotation_problems(schema: dict[str, Any]) -> Iterator[Told]:
    """What is wrong with the words of one schema, not of those inside."""
    for word, said in schema.items():
        if not word.startswith("x-mdrepo"):
            continue
        rule = f"schema/{word}"
        if word not in _WORDS:
            yield (word,), "schema/x-mdrepo", f"mdrepo has no word {word!r}", meant(word, _WORDS, f"there are {', '.join(_WORDS)}")
        elif word in _ONE_OF:
            if not isinstance(said, str) or said not in _ONE_OF[word]:
                allowed = ", ".join(_ONE_OF[word])
                yield (word,), rule, f"{said!r:.60} is none of: {allowed}", meant(str(said), _ONE_OF[word], "choose one")
        elif word in _EXACTLY:
            if said != _EXACTLY[word]:
                wanted = {True: "true", "document": '"document"'}[_EXACTLY[word]]
                yield (word,), rule, f"it is always {wanted}", None
        elif word == "x-mdrepo-key":
            yield from _key(said, rule)
        else:
            yield from _source(said, rule)


def _key(said: Any, rule: str) -> Iterator[Told]:
    names = [said] if isinstance(said, str) else said
    if not isinstance(names, list) or not names or not all(isinstance(each, str) for each in names):
        yield ("x-mdrepo-key",), rule, "expected the name of a member, or a list of names", 'as "name"'


def _source(said: Any, rule: str) -> Iterator[Told]:
    if not isinstance(said, dict):
        yield ("x-mdrepo-source",), rule, "expected an object with kind and key", 'as {"kind": "data", "key": "examples"}'
        return
    for name in ("kind", "key"):
        if name not in said:
            yield ("x-mdrepo-source",), rule, f"the member {name!r} is missing", None
    for name, value in said.items():
        if name not in _SOURCE:
            hint = meant(name, _SOURCE, f"there are {', '.join(_SOURCE)}")
            yield ("x-mdrepo-source", name), rule, f"there is no member {name!r}", hint
        elif not isinstance(value, _SOURCE[name]):
            yield ("x-mdrepo-source", name), rule, f"expected {'a list of pointers' if name == 'options' else 'a text'}", None
