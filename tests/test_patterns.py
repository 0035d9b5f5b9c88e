r"""Regular expressions of JSON Schema: ECMA-262's matches, in Python."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdrepo.patterns import python, translated


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (r"^\d+$", ["123"], ["१२", "12\n", "a"]),
        (r"^\w\W$", ["a-", "aé"], ["ab", "é-"]),
        (r"^[\d\W]$", ["1", "é"], ["a"]),
        (r"\bcafé", ["café"], ["xcafé"]),
        (r"^\s\S$", ["\ufeffa", "\u2003a", "\x0ba"], ["aa", " \ufeff", "\x1ca"]),
        (r"^[^\s]$", ["a", "\x1c"], ["\ufeff"]),
        (r"^[\S]$", ["a", "😀"], [" ", "\ufeff"]),
        (r"^\p{L}\P{L}[\p{Lu}_][^\p{Nd}]$", ["é1Éx", "a-_é"], ["11_x", "aa_x", "a1éx", "a1É1"]),
        (r"^\p{Cased_Letter}\p{gc=Nd}\p{ASCII}\p{Any}$", ["a1a😀"], ["ª1aa", "aaaa"]),
        (r"^[\P{L}]$", ["1"], ["a"]),
        (r"^\cJ$", ["\n"], ["J"]),
        (r"^\u{1F600}$", ["😀"], ["u"]),
        (r"^[\ud83d\ude00-\ud83d\ude02]$", ["😀", "😁"], ["😃", "\ud83d"]),
        (r"^.$", ["a", "\x85", "😀"], ["\n", "\r", "\u2028"]),
        (r"^(?<x>a|b)\k<x>$", ["aa", "bb"], ["ab"]),
        (r"(?<=a)b(?<!c)", ["ab"], ["b"]),
        (r"^[[&|~.$]$", ["[", "&", "|", "~", ".", "$"], ["a"]),
        (r"^[^]$", ["\n", "a"], [""]),
        (r"[]", [], ["", "a"]),
        (r"^\$\.\[\]\\$", ["$.[]\\"], ["a"]),
        (r"^[\]$]$", ["]", "$"], ["\\"]),
        (r"^[a(?<]$", ["(", "?", "<"], ["b"]),
    ],
)
def test_matches(pattern: str, yes: list[str], no: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = re.compile(python(pattern))
    for text in yes:
        assert ours.search(text), text
    for text in no:
        assert not ours.search(text), text


@pytest.mark.parametrize("pattern", [r"\p{Script=Greek}", r"\p{}", r"\p{Nope}", r"\u{110000}"])
def test_what_has_no_python_form(pattern: str) -> None:
    with pytest.raises(ValueError, match="there is no"):
        python(pattern)
    assert translated({"pattern": pattern})["pattern"] == pattern


@given(st.text(alphabet="ab^[]-.*", max_size=8))
def test_plain_patterns_match_the_same(pattern: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = re.compile(pattern)
        except re.error:
            return
        if "[]" in pattern or "[^]" in pattern:
            return  # where the two languages differ
        ours = re.compile(python(pattern))
    for text in ("", "a", "ab", "b-a", "[]"):
        assert bool(ours.search(text)) == bool(theirs.search(text))


def test_only_patterns_of_schemas_are_translated() -> None:
    schema = {
        "pattern": "a$",
        "properties": {"pattern": {"pattern": "b$"}, "const": {"items": [{"pattern": "c$"}]}},
        "patternProperties": {"d$": {"enum": [{"pattern": "e$"}]}},
        "default": {"pattern": "f$"},
    }
    made = translated(schema)
    assert made["pattern"] == r"a\Z"
    assert made["properties"]["pattern"]["pattern"] == r"b\Z"
    assert made["properties"]["const"]["items"][0]["pattern"] == r"c\Z"
    assert made["patternProperties"] == {r"d\Z": {"enum": [{"pattern": "e$"}]}}
    assert made["default"] == {"pattern": "f$"}
    assert schema["pattern"] == "a$"
