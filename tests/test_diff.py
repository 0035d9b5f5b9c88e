"""How a diff is shown and classed: formats, words, tables, classes, files outside any repository."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, edit, git, mdrepo
from hypothesis import given, settings
from hypothesis import strategies as st

from mdrepo.changes import MISSING
from mdrepo.differences import DocumentDiff, compare
from mdrepo.reporting import diffs, words
from mdrepo.reporting.lines import plain
from mdrepo.schemas import KINDS, Schema, SchemaStore, builtin


def builtin_schema(kind: str) -> Schema:
    found = SchemaStore().find(KINDS[kind])
    assert found is not None
    return found


def own_schema(content: Any) -> Schema:
    found = SchemaStore({"schemas/own.json": json.dumps(content).encode()}).find("schemas/own.json")
    assert found is not None
    return found


def lines(found: DocumentDiff) -> list[str]:
    return [plain(line) for line in diffs.document_diff(found)]


def shown(old: Any, new: Any) -> list[str]:
    """The lines of the changes between two contents, without the heading."""
    return lines(compare("x.json", old, new))[1:]


TEXT = st.text(max_size=80) | st.text(alphabet="ab \n|`<[](){}*_~@#\\\x1b\u202e", max_size=160)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


# classes of changes


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("model", ("task",), "breaking"),
        ("model", ("labels", 3, "name"), "breaking"),
        ("model", ("labels", 3, "description"), "descriptive"),
        ("model", ("structure", "inputs", 0, "shape", 1), "breaking"),
        ("model", ("structure", "outputs", 0, "dtype"), "breaking"),
        ("model", ("structure", "layers", 0, "digest"), "behavioural"),
        ("model", ("structure", "framework_version"), "descriptive"),
        ("model", ("weights", "artefact", "md5"), "behavioural"),
        ("model", ("weights", "artefact", "size"), "descriptive"),
        ("model", ("weights", "digest"), "behavioural"),
        ("model", ("training", "dataset"), "behavioural"),
        ("model", ("training", "hyperparameters", "epochs"), "behavioural"),
        ("model", ("preprocessing", 0, "scale"), "behavioural"),
        ("model", ("decision", "thresholds", "3"), "behavioural"),
        ("model", ("name",), "descriptive"),
        ("model", ("owners", 0), "descriptive"),
        ("model", ("license",), "descriptive"),
        ("model", ("lineage", "base", "commit"), "descriptive"),
        ("model", ("extensions", "labels", 0), "descriptive"),
        ("model", ("no such field",), "descriptive"),
        ("dataset", ("classes", 0, "name"), "breaking"),
        ("dataset", ("classes", 0, "count"), "behavioural"),
        ("dataset", ("columns", 0, "type"), "breaking"),
        ("dataset", ("columns", 0, "mean"), "behavioural"),
        ("dataset", ("artefact", "md5"), "behavioural"),
        ("dataset", ("origin",), "descriptive"),
    ],
)
def test_the_class_of_a_field(kind: str, path: tuple[Any, ...], expected: str) -> None:
    assert builtin_schema(kind).change_class(path) == expected


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_every_field_of_a_document_has_a_class_by_its_own_or_from_around_it(kind: str) -> None:
    for name, field in builtin(kind)["properties"].items():
        assert field.get("x-mdrepo-class") in ("breaking", "behavioural", "descriptive"), name


def test_what_comes_or_goes_whole_has_the_highest_class_of_what_it_contains() -> None:
    content = builtin("model")["examples"][0]
    structure = builtin("model")["properties"]["structure"]["examples"][0]
    schema = builtin_schema("model")
    whole, bare = {**content, "structure": structure}, {"layers": structure["layers"], "format": "keras"}
    assert compare("m", whole, content, schema).highest_class == "breaking"
    assert compare("m", content, whole, schema).highest_class == "breaking"
    assert compare("m", {**content, "structure": bare}, content, schema).highest_class == "behavioural"
    assert compare("m", MISSING, content, schema).highest_class == "breaking"
    assert compare("m", content, MISSING, schema).highest_class == "breaking"
    assert compare("m", content, [], schema).highest_class == "breaking"
    noted = [{**each, "description": "d"} for each in content["labels"]]
    assert compare("m", content, {**content, "labels": noted}, schema).highest_class == "descriptive"
    assert compare("m", content, {**content, "labels": noted[::-1]}, schema).highest_class == "breaking"
    assert compare("m", {"a": 1}, {"a": 2}).highest_class is None


def test_classes_are_inherited_and_else_follow_from_what_a_field_affects() -> None:
    schema = own_schema(
        {
            "properties": {
                "plain": {"type": "string"},
                "quiet": {"x-mdrepo-affects": "nothing"},
                "metric": {"x-mdrepo-affects": "metrics", "properties": {"in": {"x-mdrepo-affects": "nothing"}, "other": {}}},
                "predicted": {"x-mdrepo-affects": "predictions"},
                "odd": {"x-mdrepo-affects": "weather"},
                "list": {
                    "x-mdrepo-class": "behavioural",
                    "prefixItems": [{"x-mdrepo-class": "breaking"}],
                    "items": {"properties": {"note": {"x-mdrepo-class": "descriptive"}, "size": {"x-mdrepo-affects": "nothing"}}},
                },
                "either": {"anyOf": [{"x-mdrepo-class": "descriptive"}, {"x-mdrepo-class": "breaking"}]},
                "tree": {"$ref": "#/$defs/node"},
            },
            "$defs": {"node": {"x-mdrepo-class": "behavioural", "properties": {"below": {"$ref": "#/$defs/node"}}}},
        }
    )
    expected = {
        ("plain",): "descriptive",
        ("quiet",): "descriptive",
        ("metric",): "behavioural",
        ("metric", "in"): "descriptive",
        ("metric", "other"): "behavioural",
        ("predicted",): "behavioural",
        ("odd",): "descriptive",
        ("list",): "behavioural",
        ("list", 0, "x"): "breaking",
        ("list", 7, "x"): "behavioural",
        ("list", 7, "note"): "descriptive",
        ("list", 7, "size"): "behavioural",
        ("either",): "breaking",
        ("tree", "below", "below", "x"): "behavioural",
        (): "descriptive",
    }
    assert {path: schema.change_class(path) for path in expected} == expected
    assert schema.change_class((), {"list": [1, {"note": "n"}]}) == "breaking"
    assert schema.change_class(("list", 3), {"note": "n"}) == "behavioural"
    deep: Any = "x"
    for _ in range(300):
        deep = {"below": deep}
    assert schema.change_class(("tree",), deep) == "behavioural"


@pytest.mark.parametrize("said", ["braking", 3, None, ["breaking"]])
def test_a_schema_that_names_no_class_is_refused_and_does_not_break_a_diff(repo: Path, said: Any) -> None:
    (repo / "schemas").mkdir()
    schema = {"$id": "urn:ours:1", "properties": {"v": {"x-mdrepo-class": said, "examples": [{"x-mdrepo-class": 1}]}}}
    (repo / "schemas/ours.json").write_text(json.dumps(schema))
    (repo / "metadata/x.json").write_text('{"$schema": "urn:ours:1", "v": 1}')
    result = mdrepo("validate", "metadata/x.json", cwd=repo, code=1)
    assert f"at /properties/v/x-mdrepo-class: {json.dumps(said)} is no class of changes" in result.out
    assert own_schema(schema).change_class(("v",)) == "descriptive"


# text


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (1, 2, "1 -> 2  (+1, +100.0%)"),
        (17237, 17362, "17,237 -> 17,362  (+125, +0.7%)"),
        (-10, -5, "-10 -> -5  (+5, +50.0%)"),
        (-5, 5, "-5 -> 5  (+10, +200.0%)"),
        (0, 3, "0 -> 3  (+3)"),
        (0.0, 0.5, "0.0 -> 0.5  (+0.5)"),
        (0.1, 0.3, "0.1 -> 0.3  (+0.2, +200.0%)"),
        (0.5, 0.25, "0.5 -> 0.25  (-0.25, -50.0%)"),
        (10**6, 10**6 + 1, "1,000,000 -> 1,000,001  (+1, +0.0001%)"),
        (1, 10**6, "1 -> 1,000,000  (+999,999, +1e+08%)"),
        (1, 1.0, "1 -> 1.0  (type integer -> number)"),
        (1, 1.5, "1 -> 1.5  (+0.5, +50.0%, type integer -> number)"),
        (1, "1", '1 -> "1"  (type integer -> string)'),
        (1, True, "1 -> true  (type integer -> boolean)"),
        (None, 0, "null -> 0  (type null -> integer)"),
        ([], {}, "[] -> {}  (type array -> object)"),
        ("a", "b", '"a" -> "b"'),
        (True, False, "true -> false"),
        (1e308, -1e308, "1e+308 -> -1e+308"),
        (5e-324, 1.0, "5e-324 -> 1.0  (+1)"),
        (1.0, 1e300, "1.0 -> 1e+300  (+1e+300, +1e+302%)"),
        (1e-300, 1e300, "1e-300 -> 1e+300  (+1e+300)"),
    ],
)
def test_a_changed_value_says_how_far_it_moved_and_what_type_it_is_now(old: Any, new: Any, expected: str) -> None:
    assert shown({"v": old}, {"v": new}) == [f"  ~ /v: {expected}"]


def test_numbers_beyond_any_double_are_compared_too() -> None:
    huge = 10**400
    assert shown({"v": huge}, {"v": 2 * huge})[0].endswith("…  (+1.00000e+400, +100.0%)")
    assert shown({"v": 1}, {"v": huge})[0].endswith("…  (+9.99999e+399)")
    assert shown({"v": huge}, {"v": -huge})[0].endswith("…  (-2.00000e+400, -200.0%)")
    assert shown({"v": huge}, {"v": 1.5})[0].endswith("… -> 1.5  (type integer -> number)")
    assert shown({"v": 0.0}, {"v": huge})[0].endswith("…  (type number -> integer)")
    assert len(shown({"v": huge}, {"v": huge + 1})[0]) < 250
    both = ({"structure": {"parameters": {"total": value}}} for value in (0, huge))
    assert lines(compare("x", *both))[0].startswith("x  parameters 0 -> 10,000,")


def test_huge_numbers_in_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1' + "0" * 3990 + ', "b": 1e308, "c": 5e-324, "d": -0}')
    (tmp_path / "b.json").write_text('{"a": 1.5, "b": -1e308, "c": 1' + "0" * 3990 + ', "d": 0.0}')
    for form in ("text", "json", "patch"):
        mdrepo("diff", "--no-index", "a.json", "b.json", "--format", form, cwd=tmp_path, code=1)


def test_moves_say_from_and_to_and_an_inferred_key_is_stated_once_a_list() -> None:
    old = [{"name": name, "v": [1]} for name in "abc"]
    new = [{"name": "c", "v": [1]}, {"name": "a", "v": [2]}, {"name": "b", "v": [1]}]
    assert shown({"l": old}, {"l": new}) == [
        "  (items of /l told apart by name)",
        '  > /l/0 (name "c"): moved from /l/2 to /l/0',
        "  ~ /l/1/v/0: 1 -> 2  (+1, +100.0%)",
    ]
    assert shown(old, new)[0] == "  (items of the document told apart by name)"
    declared = own_schema({"properties": {"l": {"x-mdrepo-key": ["name"]}}})
    assert "told apart" not in "".join(lines(compare("x", {"l": old}, {"l": new}, declared)))
    assert "told apart" not in "".join(shown([1, 2], [2, 1]))


def test_long_texts_are_compared_by_word() -> None:
    old = "The model reads one handwritten digit from an 8x8 picture, and it is known to be bad at sevens with a stroke."
    new = old.replace("8x8", "16x16").replace("bad", "very bad")
    assert shown({"d": old}, {"d": new}) == [
        "  ~ /d: 109 -> 116 characters",
        "      … handwritten digit from an [-8x8-]{+16x16+} picture, and it is known to be {+very+} bad at sevens with …",
    ]
    assert shown({"d": "one\ntwo"}, {"d": "one\nthree two"})[1] == "      one ⏎ {+three+} two"
    assert shown({"d": "a" * 61}, {"d": "b" + "a" * 60})[1] == f"      [-{'a' * 61}-]{{+b{'a' * 60}+}}"
    assert shown({"d": "a b\n"}, {"d": "a  b\n"})[1] == "      only white space differs"
    assert shown({"d": "same\x1b[31m\n"}, {"d": "red\x1b[31m\n"})[1] == "      [-same\\u001b[31m-]{+red\\u001b[31m+} ⏎"
    apart = " ".join(f"w{i}" for i in range(900))
    assert len(shown({"d": apart}, {"d": re.sub(r"(w\d+)9\b", r"\1x", apart)})) == 1 + 20 + 1
    assert shown({"d": "sha256:" + "a" * 64}, {"d": "sha256:" + "b" * 64}) == [
        '  ~ /d: "sha256:aaaaaaaa…" -> '.replace('"', "") + "sha256:bbbbbbbb…"
    ]


@pytest.mark.parametrize("kind", ["one word", "all", "both ends", "base64", "spaces", "two words"])
def test_a_text_of_a_megabyte_is_compared_in_no_time(kind: str) -> None:
    text = " ".join(f"word{i * 7919 % 1000}" for i in range(125_000))
    old, new = {
        "one word": (text, text[:500_000] + " other " + text[500_000:]),
        "all": (text, text[::-1]),
        "both ends": ("first " + text, text + " last"),
        "base64": ("A" * 10**6, "A" * 500_000 + "B" + "A" * 499_999),
        "spaces": (" " * 10**6, " " * 999_999 + "\n"),
        "two words": ("a b " * 2_000, "b a a " * 1_600),
    }[kind]
    began = time.process_time()
    made = [plain(line) for line in words.compared(old, new)]
    assert time.process_time() - began < 0.2
    assert made
    assert max(map(len, made)) < 4_000


@given(JSON, JSON)
@settings(max_examples=300, deadline=None)
def test_text_has_one_line_a_change_and_no_control_characters(old: Any, new: Any) -> None:
    found = compare("x.json", old, new)
    made = lines(found)
    assert sum(bool(re.match(r"  [-+~>] ", line)) for line in made) == len(found.delta)
    for line in made[1:]:
        assert re.match(r"  [-+~>(] ?|      \S", line)
    assert not re.search("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069]", "".join(made))
    assert max(map(len, made)) < 12_000


@given(TEXT, TEXT)
@settings(max_examples=300, deadline=None)
def test_a_word_diff_loses_no_word(old: str, new: str) -> None:
    if old != new:
        removed, added = set(old.split()) - set(new.split()), set(new.split()) - set(old.split())
        made = [span for line in words.compared(old, new) for span in line if not isinstance(span, str)]
        for style, missing in (("bad", removed), ("good", added)):
            told = {word for span in made if span.style == style for word in span.text[2:-2].split(" ")}
            assert {words._short(plain([word])) for word in missing} <= told | {"…"} or "…" in told


def test_text_and_stat_name_classes_and_the_highest(repo: Path) -> None:
    edit(repo, lambda v: v.update(description="one"))
    edit(repo, lambda v: v["labels"][0].update(index=7))
    edit(repo, lambda v: v.update(target="z"), "metadata/net-test.json")
    out = mdrepo("diff", cwd=repo).out.splitlines()
    assert out[0] == "metadata/net-test.json  1 change, breaking"
    assert f"{DOCUMENT}  2 changes, breaking" in out
    assert '  + /description: "one"  [descriptive]' in out
    assert '  ~ /labels/0/index (name "0"): 0 -> 7  (+7)  [breaking]' in out
    assert out[-1] == "2 documents changed, 3 changes, highest class: breaking"
    assert mdrepo("diff", "--stat", "--", DOCUMENT, cwd=repo).out.splitlines()[-1].endswith("highest class: breaking")
    git("checkout", "-q", "metadata/net-test.json", cwd=repo)
    edit(repo, lambda v: v["labels"][0].update(index=0))
    assert mdrepo("diff", cwd=repo).out.endswith("1 document changed, 1 change, highest class: descriptive\n")
    mdrepo("commit", "--no-eval", "-m", "x", DOCUMENT, cwd=repo)
    assert '  + /description: "one"  [descriptive]' in mdrepo("show", cwd=repo).out


def test_a_document_that_drops_its_schema_is_classed_by_the_one_it_had(repo: Path) -> None:
    edit(repo, lambda v: (v.pop("$schema"), v["labels"].pop()))
    found = mdrepo("diff", "--json", cwd=repo).json["documents"][0]
    assert found["class"] == "breaking"
