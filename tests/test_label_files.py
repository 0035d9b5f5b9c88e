"""Label files: text and JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mdrepo.extraction import ExtractionError, extractor_for
from mdrepo.extraction import lines as module
from mdrepo.extraction.jsonl import EXTRACTOR as JSONL
from mdrepo.extraction.lines import EXTRACTOR as LINES


def derived(folder: Path, content: str | bytes, target: str | None = None, suffix: str = ".jsonl") -> Any:
    file = folder / f"x{suffix}"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    extractor = extractor_for("data", file.name)
    assert extractor is (JSONL if suffix == ".jsonl" else LINES)
    values = extractor.derive(file, {"/target": target})
    json.dumps(values, allow_nan=False)
    return values


def test_a_label_a_line(tmp_path: Path) -> None:
    values = derived(tmp_path, "\ufeffcat\r\ndog\n\n cat \nübel", suffix=".txt")
    assert values["examples"] == 4
    assert [(each["value"], each["count"]) for each in values["classes"]] == [("cat", 2), ("dog", 1), ("übel", 1)]


def test_text_that_is_no_labels_has_no_classes(tmp_path: Path) -> None:
    values = derived(tmp_path, "".join(f"sentence {number}\n" for number in range(3000)), suffix=".txt")
    assert values == {"format": "text", "examples": 3000, "classes": []}


def test_members_of_json_lines(tmp_path: Path) -> None:
    rows = [
        '{"i": 1, "f": 1, "s": "x", "b": true, "l": [1], "o": {}, "m": 1, "n": null}',
        "",
        '{"i": 3, "f": 2.5, "s": null, "m": "1"}',
    ]
    values = derived(tmp_path, "\n".join(rows), "s")
    columns = {each["name"]: each for each in values["columns"]}
    assert [each["type"] for each in columns.values()] == [
        *("integer", "number", "string", "boolean", "array", "object", "any", "any")
    ]
    assert [each["missing"] for each in columns.values()] == [0, 0, 1, 1, 1, 1, 0, 2]
    assert (columns["i"]["mean"], columns["f"]["minimum"], columns["f"]["quantiles"]["0.95"]) == (2, 1.0, 2.5)
    assert values["examples"] == 2
    assert values["classes"] == [{"value": "x", "name": "x", "count": 1}]


def test_numbers_in_many_batches(tmp_path: Path) -> None:
    text = "".join(f'{{"n": {number}}}\n' for number in range(40_000)) + '{"n": 0.5}\n{"n": 18446744073709551615}\n'
    column = derived(tmp_path, text)["columns"][0]
    assert (column["type"], column["minimum"], column["maximum"]) == ("number", 0.0, 18446744073709551615.0)
    assert column["quantiles"]["0.5"] == 19_999.0


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["2", "1", "2"], [(1, 1), (2, 2)]),
        (["true", "false"], [(False, 1), (True, 1)]),
        (["true", "1"], []),
        (["1.5"], []),
        (["[1]", '"a"'], []),
        ([f'"{number}"' for number in range(2000)], []),
        (['"a"', f'"{"b" * 2000}"'], []),
    ],
)
def test_classes_of_the_target(tmp_path: Path, cells: list[str], classes: list[Any]) -> None:
    found = derived(tmp_path, "".join(f'{{"y": {cell}}}\n' for cell in cells), "y")["classes"]
    assert [(each["value"], each["count"]) for each in found] == classes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1}\n{"a": \n', "line 2 is not JSON"),
        (b'{"a": NaN}\n', "line 1 is not JSON"),
        (b'{"a": 1}\n\n[1]\n', "line 3 is not an object"),
        (b'{"a": 1}\n{"a": "\xff"}\n', "line 2 is not UTF-8"),
        (b'{"a":' + b"[" * 100_000, "line 1 is not JSON"),
        (b"{%s}" % b",".join(b'"%d":1' % number for number in range(20_000)), "more than 16,384 members"),
    ],
)
def test_bad_json_lines_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(ExtractionError, match=words):
        derived(tmp_path, content)


def test_bad_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExtractionError, match="line 2 is not UTF-8"):
        derived(tmp_path, b"a\n\xff\n", suffix=".txt")
    monkeypatch.setattr(module, "_LIMIT", 100)
    with pytest.raises(ExtractionError, match="line 2 is longer than"):
        derived(tmp_path, b"a\n" + b"b" * 101, suffix=".txt")
    with pytest.raises(ExtractionError, match="No such file"):
        LINES.derive(tmp_path / "none.txt", {})


def test_empty_files_have_no_examples(tmp_path: Path) -> None:
    assert derived(tmp_path, "", "y") == {"format": "jsonl", "examples": 0, "columns": []}
    assert derived(tmp_path, "\n", suffix=".txt") == {"format": "text", "examples": 0, "classes": []}


def test_integers_of_more_than_63_bits_lose_no_digit(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 9007199254740993}\n{"a": 18446744073709551615}\n')
    [column] = JSONL.derive(path, {})["columns"]
    assert (column["type"], column["minimum"], column["maximum"]) == ("integer", 9007199254740993, 18446744073709551615)
