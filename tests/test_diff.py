"""How a diff is shown and classed: formats, words, tables, classes, files outside any repository."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from answers import hold
from conftest import DOCUMENT, edit, git, mdrepo
from hypothesis import given, settings
from hypothesis import strategies as st

from mdrepo.changes import MISSING
from mdrepo.differences import DocumentDiff, Tolerance, compare, compare_bytes
from mdrepo.reporting import data, diffs, markdown, words
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
    for form in ("text", "json", "patch", "markdown"):
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


# markdown


def rows(text: str) -> list[list[str]]:
    """The text of each cell below the headings of all tables, read by a parser; nothing but text, code and our own emphasis."""
    from markdown_it import MarkdownIt

    found: list[list[str]] = []
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    inside = False
    for place, token in enumerate(tokens):
        allowed = ("heading", "paragraph", "inline", "table", "thead", "tbody", "tr", "th", "td")
        assert token.type.removesuffix("_open").removesuffix("_close") in allowed, token
        inside = (inside or token.type == "tbody_open") and token.type != "tbody_close"
        for each in token.children or ():
            assert each.type in ("text", "html_inline", "strong_open", "strong_close", "code_inline"), each
            assert each.type != "html_inline" or each.content in ("<code>", "</code>")
        if token.type == "tr_open" and inside:
            found.append([])
        if token.type == "inline" and tokens[place - 1].type == "td_open":
            found[-1].append("".join(each.content for each in token.children or () if each.type == "text"))
    return found


@given(JSON, JSON, TEXT.filter(str.strip))
@settings(max_examples=300, deadline=None)
def test_no_content_breaks_a_table_or_is_more_than_text(old: Any, new: Any, path: str) -> None:
    found = compare(path, old, new, own_schema({"x-mdrepo-class": "breaking"}))
    text = markdown.document_diffs([found] if found.delta else [])
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 5 for line in table)
    made = rows(text)
    assert len(made) == len(found.delta)
    assert len(table) == (len(made) + 2 if made else 0)
    for cells, change in zip(made, found.delta, strict=True):
        assert len(cells) == 4
        assert cells[3].startswith("breaking")
        assert change.kind != "added" or cells[1] == ""
        assert change.kind != "removed" or cells[2] == ""
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069]", text)
    assert not re.search(r"@\w|(?<!&)#\d|https?://|www\.", text)


def test_markdown_shows_every_kind_of_change() -> None:
    old = {"a": 1, "b": [{"name": "x"}, {"name": "y"}, {"name": "z"}], "c": None, "t": "same " * 30 + "old", "r": [1]}
    new = {"a": "1", "b": [{"name": "z"}, {"name": "x"}, {"name": "y", "k": 2}], "t": "same " * 30 + "new", "r": [1], "n": None}
    text = markdown.document_diffs([compare("m.json", old, new)])
    assert text.startswith("### 1 document changed, 6 changes\n\n<code>m.json</code> 6 changes\n\n| field | old | new | note |\n")
    assert rows(text) == [
        ["/a", "1", '"1"', "type integer -> string"],
        ["/b/0", "", '{"name": "z"}', 'moved from /b/2 to /b/0, name "z" (items told apart by name)'],
        ["/b/2/k", "", "2", 'added, name "y"'],
        ["/c", "null", "", "removed"],
        ["/t", '"… same same same same same old"', '"… same same same same same new"', ""],
        ["/n", "", "null", "added"],
    ]
    assert markdown.document_diffs([]) == "### No changes\n"
    whole = markdown.document_diffs([compare("m.json", [], 1)])
    assert rows(whole) == [["(the whole document)", "[]", "1", "type array -> integer"]]


@pytest.mark.parametrize("size", [1, 400, 3_000])
def test_markdown_fits_a_comment_and_says_what_it_leaves_out(size: int) -> None:
    found = [compare(f"{n}.json", {f"<{i}>" * 40: 0 for i in range(size)}, {}) for n in range(3)]
    text = markdown.document_diffs(found)
    assert len(text) <= 60_000
    shown_rows = len(rows(text))
    if size == 1:
        assert shown_rows == 3
        assert "left out" not in text
    else:
        left = int(re.search(r"… and (\d+) more changes left out", text.splitlines()[-1])[1])  # type: ignore[index]
        assert shown_rows > 20
        assert shown_rows + left == 3 * size


# JSON


def valid(answer: Any) -> Any:
    hold(answer)
    return answer


def test_of_two_items_that_change_places_no_third_is_said_to_have_moved() -> None:
    old = [{"name": str(number)} for number in range(10)]
    new = [*old[:3], old[5], old[4], old[3], *old[6:]]
    for before, after in ((old, new), ([{"name": "gone"}, *old], new)):
        moves = [each for each in compare("m.json", before, after, None).delta if each.kind == "moved"]
        assert [(each.old, each.old_path[-1], each.shown_path[-1]) for each in moves if each.old_path] == [
            ({"name": "5"}, before.index({"name": "5"}), 3),
            ({"name": "3"}, before.index({"name": "3"}), 5),
        ]


@given(JSON, JSON)
@settings(max_examples=200, deadline=None)
def test_answers_fit_their_schema(old: Any, new: Any) -> None:
    for schema in (None, own_schema({"x-mdrepo-class": "behavioural"})):
        for one, other in ((old, new), (MISSING, {"a": new}), ({"a": old}, MISSING)):
            found = compare("m.json", one, other, schema)
            if found.delta:
                for made in (data.document_diff(found), data.document_patch(found)):
                    valid(json.loads(json.dumps(data.answer("diff", documents=[made]))))


def test_missing_and_null_differ_in_json() -> None:
    found = data.document_diff(compare("m", {"a": None, "c": None, "/~": 1}, {"b": None, "c": 1, "/~": 2}))
    assert found == {
        "path": "m",
        "state": "changed",
        "class": None,
        "changes": [
            {"kind": "removed", "pointer": "/a", "old_pointer": "/a", "old": None, "class": None},
            {"kind": "changed", "pointer": "/c", "old_pointer": "/c", "old": None, "new": 1, "class": None},
            {"kind": "changed", "pointer": "/~1~0", "old_pointer": "/~1~0", "old": 1, "new": 2, "class": None},
            {"kind": "added", "pointer": "/b", "new": None, "class": None},
        ],
    }
    for change, side in ((found["changes"][0], "new"), (found["changes"][3], "old")):
        wrong = {**found, "changes": [{**change, side: None}]}
        with pytest.raises(AssertionError):
            valid({"mdrepo": 1, "command": "diff", "documents": [wrong]})


def test_the_formats_of_a_repository_s_diff(repo: Path) -> None:
    assert valid(mdrepo("diff", "--json", cwd=repo).json)["documents"] == []
    assert mdrepo("diff", "--name-only", cwd=repo).out == ""
    mistyped = mdrepo("diff", "HEAD", f"{DOCUMENT}#/label", cwd=repo, code=2).err
    assert f"{DOCUMENT} has no field /label on either side" in mistyped
    assert "did you mean /labels" in mistyped
    edit(repo, lambda v: v.update(description="a|b `c` @team <b>"))
    edit(repo, lambda v: v["labels"].reverse())
    edit(repo, lambda v: v["classes"][0].update(name="zero"), "metadata/net-test.json")
    found = valid(mdrepo("diff", "--json", cwd=repo).json)["documents"]
    assert [(each["path"], each["class"]) for each in found] == [("metadata/net-test.json", "breaking"), (DOCUMENT, "breaking")]
    assert {each["kind"] for each in found[1]["changes"]} == {"moved", "added"}
    assert mdrepo("diff", "--format", "json", cwd=repo).out == mdrepo("--json", "diff", cwd=repo).out
    patch = valid(mdrepo("diff", "--format", "patch", cwd=repo).json)
    assert patch == mdrepo("diff", "--json", "--format", "patch", cwd=repo).json
    assert [operation["op"] for operation in patch["documents"][0]["operations"]] == ["test", "replace"]
    assert mdrepo("diff", "--name-only", "--exit-code", cwd=repo, code=1).out == f"metadata/net-test.json\n{DOCUMENT}\n"
    text = mdrepo("diff", "--format", "markdown", cwd=repo).out
    assert text.startswith("### 2 documents changed, 4 changes: **breaking**\n")
    assert ["/description", "", '"a|b `c` @team <b>"', "descriptive, added"] in rows(text)
    git("rm", "-q", "--cached", "metadata/net-test.json", cwd=repo)
    git("commit", "-qm", "x", cwd=repo)
    assert {each["state"] for each in valid(mdrepo("diff", "HEAD~1", "HEAD", "--json", cwd=repo).json)["documents"]} == {"deleted"}
    assert {each["state"] for each in valid(mdrepo("diff", "HEAD..HEAD~1", "--json", cwd=repo).json)["documents"]} == {"new"}


@pytest.mark.parametrize(
    ("arguments", "words_in_error"),
    [
        (["--stat", "--name-only"], "--stat and --name-only"),
        (["--stat", "--json"], "--stat and --json"),
        (["--name-only", "--format", "patch"], "--name-only and --format patch"),
        (["--stat", "--format", "text"], "--stat and --format text"),
        (["--json", "--format", "markdown"], "--format markdown and --json"),
        (["--format", "patch", "--ignore-order"], "--format patch is exact"),
        (["--format", "patch", "--significant-digits", "0"], "--format patch is exact"),
        (["--format", "html"], "'html' is not one of"),
        (["--staged", "--no-index", "a", "b"], "choose one"),
        (["--significant-digits", "-1"], "-1"),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path: Path, arguments: list[str], words_in_error: str) -> None:
    result = mdrepo("diff", *arguments, cwd=tmp_path, code=2)
    assert words_in_error in result.err
    assert result.out == ""


# files outside any repository


A, B = '{"v": 1, "l": [{"id": 1, "x": 0.5}]}', '{"v": 2, "l": [{"id": 1, "x": 0.75}]}'


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.json").write_text(A)
    (tmp_path / "b.json").write_text(B)
    return tmp_path


def piped(*arguments: str, given: bytes, cwd: Path) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, "-m", "mdrepo", *arguments], cwd=cwd, input=given, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("form", ["text", "json", "patch", "markdown", "--stat", "--name-only"])
def test_two_files_in_every_format(files: Path, form: str) -> None:
    options = [form] if form.startswith("--") else ["--format", form]
    out = mdrepo("diff", "--no-index", "a.json", "b.json", *options, cwd=files, code=1).out
    expected = {
        "text": "b.json  2 changes\n  ~ /v: 1 -> 2  (+1, +100.0%)\n  (items of /l told apart by id)\n"
        "  ~ /l/0/x (id 1): 0.5 -> 0.75  (+0.25, +50.0%)\n",
        "--stat": "b.json | 2 changes\n1 document changed, 2 changes\n",
        "--name-only": "b.json\n",
    }
    if form in expected:
        assert out == expected[form]
    elif form == "markdown":
        assert [row[0] for row in rows(out)] == ["/v", "/l/0/x"]
    else:
        document = valid(json.loads(out))["documents"][0]
        assert len(document["changes" if form == "json" else "operations"]) == (2 if form == "json" else 4)
        if form == "patch":
            (files / "p.json").write_text(json.dumps(document["operations"]))
            applied = mdrepo("apply", "p.json", "a.json", "-o", "-", cwd=files).out
            assert json.loads(applied) == json.loads(B)
    equal = mdrepo("diff", "--no-index", "a.json", "a.json", *options, cwd=files)
    nothing = {"markdown": "### No changes\n", "--stat": "0 documents changed, 0 changes\n"}
    assert equal.json["documents"] == [] if form in ("json", "patch") else equal.out == nothing.get(form, "")


def test_one_of_two_files_may_be_standard_input(files: Path) -> None:
    assert piped("diff", "--no-index", "-", "b.json", given=A.encode(), cwd=files)[:2] == (
        1,
        mdrepo("diff", "--no-index", "a.json", "b.json", cwd=files, code=1).out,
    )
    code, out, _ = piped("diff", "--no-index", "--json", "a.json", "-", given=B.encode(), cwd=files)
    assert (code, valid(json.loads(out))["documents"][0]["path"]) == (1, "-")
    assert piped("diff", "--no-index", "a.json", "-", given=A.encode(), cwd=files) == (0, "", "")
    code, _, err = piped("diff", "--no-index", "a.json", "-", given=b'{"v": 1,\n  }', cwd=files)
    assert (code, err.startswith("mdrepo: -:2:3: ")) == (1, True)
    assert piped("diff", "--no-index", "-", "-", given=b"", cwd=files)[0] == 2


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("none.json", 3, "none.json: No such file or directory"),
        ("folder", 3, "folder: Is a directory"),
        ("broken.json", 1, "broken.json:1:6: "),
        ("twice.json", 1, "twice.json:1:10: "),
        ("empty.json", 1, "empty.json:1:1: "),
        ("latin.json", 1, "latin.json:1:2: byte 0xe4 is not UTF-8"),
        ("b.json/c", 3, "b.json/c: Not a directory"),
    ],
)
def test_a_file_that_cannot_be_compared_is_named(files: Path, name: str, code: int, message: str) -> None:
    (files / "folder").mkdir()
    (files / "broken.json").write_text('{"v":')
    (files / "twice.json").write_text('{"v": 1, "v": 1}')
    (files / "empty.json").write_text("")
    (files / "latin.json").write_bytes(b'"\xe4"')
    for names in ((name, "a.json"), ("a.json", name)):
        result = mdrepo("diff", "--no-index", *names, cwd=files, code=code)
        assert result.err.startswith(f"mdrepo: {message}")
        assert result.out == ""


def test_the_built_in_schema_that_a_file_names_counts(files: Path) -> None:
    label = {"name": "a", "index": 0}
    for name, labels in (("a.json", [label]), ("b.json", [{**label, "index": 1}])):
        (files / name).write_text(json.dumps({"$schema": "urn:mdrepo:model:1", "labels": labels}))
    assert mdrepo("diff", "--no-index", "a.json", "b.json", cwd=files, code=1).out == (
        "b.json  1 change, breaking\n"
        '  ~ /labels/0/index (name "a"): 0 -> 1  (+1)  [breaking]\n'
        "1 document changed, 1 change, highest class: breaking\n"
    )
    (files / "b.json").write_text('{"$schema": "urn:mdrepo:nothing:1"}')
    (files / "a.json").write_text('{"$schema": 3}')
    assert mdrepo("diff", "--no-index", "--json", "a.json", "b.json", cwd=files, code=1).json["documents"][0]["class"] is None


def test_a_small_diff_starts_about_as_fast_as_the_help(files: Path) -> None:
    def seconds(*arguments: str) -> float:
        def once() -> float:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-m", "mdrepo", *arguments], cwd=files, capture_output=True, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        return min(once() for _ in range(5))

    content = {"layers": [{"name": f"l{i}", "units": i, "digest": "sha256:" + f"{i:064x}"} for i in range(80)]}
    (files / "a.json").write_text(json.dumps(content, indent=2))
    content["layers"][3]["units"] = 99
    (files / "b.json").write_text(json.dumps(content, indent=2))
    assert (files / "a.json").stat().st_size > 10_000
    assert seconds("diff", "--no-index", "a.json", "b.json") < max(0.15, 2 * seconds("--help"))


# tolerant comparison


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "expected"),
    [
        ({"v": 0.12341}, {"v": 0.12342}, Tolerance(False, 4), []),
        ({"v": 0.12341}, {"v": 0.12342}, Tolerance(False, 5), ["/v"]),
        ({"v": 1.2}, {"v": 1.4}, Tolerance(False, 0), []),
        ({"v": 1.2}, {"v": 2.4}, Tolerance(False, 0), ["/v"]),
        ({"v": 1}, {"v": 2}, Tolerance(False, 0), ["/v"]),
        ({"v": "1.2"}, {"v": "1.4"}, Tolerance(False, 0), ["/v"]),
        ({"v": 1.2}, {"v": "1.2"}, Tolerance(False, 0), ["/v"]),
        ({"v": [[1.01, 2], [3]]}, {"v": [[1.02, 2], [3]]}, Tolerance(False, 1), []),
        ({"v": [[1.01, 2], [3]]}, {"v": [[1.02, 2], [4]]}, Tolerance(False, 1), ["/v/1/0"]),
        (
            {"l": [{"name": "a", "v": 1.001}, {"name": "b", "v": 2.5}]},
            {"l": [{"name": "b", "v": 2.75}, {"name": "a", "v": 1.002}]},
            Tolerance(False, 2),
            ["/l/0", "/l/0/v"],
        ),
        (
            {"l": [{"name": "a", "v": 1.001}, {"name": "b", "v": 2.5}]},
            {"l": [{"name": "b", "v": 2.501}, {"name": "a", "v": 1.002}]},
            Tolerance(True, 2),
            [],
        ),
        ({"v": [1, 2, 3]}, {"v": [3, 1, 2]}, Tolerance(True), []),
        ({"v": [[1, 2], [3, 4]]}, {"v": [[4, 3], [2, 1]]}, Tolerance(True), []),
        ({"v": [1, 2], "w": 1}, {"v": [2, 1], "w": 2}, Tolerance(True), ["/w"]),
        ({"v": {"w": [{"x": [1, 2]}]}}, {"v": {"w": [{"x": [2, 1]}]}}, Tolerance(True), []),
        ([1, 2], [2, 1], Tolerance(True), []),
        ({"v": 1}, {"v": None}, Tolerance(True, 3), ["/v"]),
        ({"v": 1}, {}, Tolerance(False, 3), ["/v"]),
    ],
)
def test_what_is_tolerated(old: Any, new: Any, tolerance: Tolerance, expected: list[str]) -> None:
    one, other = (("x.json", json.dumps(content).encode()) for content in (old, new))
    found = [data.document_diff(each) for each in compare_bytes(one, other, tolerance)]
    assert [change["pointer"] for each in found for change in each["changes"]] == expected


def test_a_tolerant_diff_in_a_repository_has_every_form_but_a_patch(repo: Path) -> None:
    edit(repo, lambda v: v.update(extensions={"rates": [0.1, 0.2], "x": 0.50001}))
    mdrepo("commit", "--no-eval", "-m", "x", cwd=repo)
    edit(repo, lambda v: v.update(extensions={"rates": [0.2, 0.1], "x": 0.50002}))
    both = ["--ignore-order", "--significant-digits", "3"]
    assert mdrepo("diff", *both, "--exit-code", cwd=repo).out == ""
    assert mdrepo("diff", *both, "--json", cwd=repo).json["documents"] == []
    assert mdrepo("diff", *both, "--format", "markdown", cwd=repo).out == "### No changes\n"
    remaining = valid(mdrepo("diff", "--ignore-order", "--format", "json", cwd=repo).json)["documents"][0]
    assert [(each["pointer"], each["class"]) for each in remaining["changes"]] == [("/extensions/x", "descriptive")]
    assert "0.1, 0.2" not in mdrepo("diff", "--ignore-order", cwd=repo).out
    mdrepo("diff", "--format", "patch", *both, cwd=repo, code=2)
    (repo / "a.json").write_text('{"v": 1.2}')
    (repo / "b.json").write_text('{"v": 1.4}')
    assert mdrepo("diff", "--no-index", "a.json", "b.json", "--significant-digits", "0", cwd=repo).out == ""
    assert mdrepo("diff", "--no-index", "a.json", "b.json", "--significant-digits", "1", cwd=repo, code=1).out
