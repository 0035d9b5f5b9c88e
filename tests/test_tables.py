"""Tables: what is read off CSV and Parquet, that it never depends on how it is cut, and bad files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdrepo.extraction import ExtractionError
from mdrepo.extraction.csv import EXTRACTOR as CSV


def derived(folder: Path, text: str | bytes, target: str | None = None, **options: Any) -> Any:
    file = folder / "x.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    values = CSV.derive(file, {"/target": target}, **options)
    json.dumps(values, allow_nan=False)
    return values


def test_columns_of_every_type(tmp_path: Path) -> None:
    rows = [
        "i,f,s,b,e,d,t,z,m",
        "1,1.5,x,True,,2024-02-29,2024-02-29T12:00:00,2024-02-29T12:00:00Z,1",
        "2,,y,False,,2023-01-01,2024-02-29 12:00:00.5,2024-02-29T12:00:00+02:00,x",
    ]
    values = derived(tmp_path, "\n".join(rows))
    assert values["columns"] == [
        {
            "name": "i",
            "type": "integer",
            "missing": 0,
            "minimum": 1,
            "maximum": 2,
            "mean": 1.5,
            "quantiles": quantiles(1, 1, 1, 2, 2),
        },
        {
            "name": "f",
            "type": "number",
            "missing": 1,
            "minimum": 1.5,
            "maximum": 1.5,
            "mean": 1.5,
            "quantiles": quantiles(*[1.5] * 5),
        },
        {"name": "s", "type": "string", "missing": 0},
        {"name": "b", "type": "boolean", "missing": 0},
        {"name": "e", "type": "any", "missing": 2},
        {"name": "d", "type": "date", "missing": 0, "minimum": "2023-01-01", "maximum": "2024-02-29"},
        {"name": "t", "type": "datetime", "missing": 0, "minimum": "2024-02-29T12:00:00", "maximum": "2024-02-29T12:00:00.5"},
        {"name": "z", "type": "datetime", "missing": 0, "minimum": "2024-02-29T10:00:00Z", "maximum": "2024-02-29T12:00:00Z"},
        {"name": "m", "type": "string", "missing": 0},
    ]
    assert values["examples"] == 2


def quantiles(*values: Any) -> dict[str, Any]:
    return dict(zip(["0.05", "0.25", "0.5", "0.75", "0.95"], values, strict=True))


CELLS = [
    "1",
    "-7",
    "0x1F",
    "1.5",
    "1e400",
    "nan",
    "inf",
    "",
    "True",
    "false",
    "tRUE",
    "2024-01-01",
    "2024-01-01T00:00:00",
    "2024-01-01T00:00:00Z",
]
CELLS += [
    "x",
    "9007199254740993",
    "18446744073709551615",
    "123456789012345678901234567890",
    " 1",
    "+2",
    "NA",
    '"a,b"',
    '"a\nb"',
    "1_000",
]


@given(st.lists(st.tuples(st.sampled_from(CELLS), st.sampled_from(CELLS)), min_size=1, max_size=12))
@settings(max_examples=150, deadline=None)
def test_batches_never_show(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("x")
    text = "a,b\n" + "".join(f"{a},{b}\n" for a, b in rows)
    whole = derived(folder, text, "a")
    assert derived(folder, text, "a", batch=1) == whole
    assert whole["examples"] == len(rows)


def test_a_long_table_in_batches_is_as_one_in_one(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    lines = [f"{number},{random.normal()!r},{'abc'[number % 3]}" for number in range(20_000)]
    lines[-1] = "x,,"
    text = "n,f,c\n" + "\n".join(lines)
    assert derived(tmp_path, text, "n", batch=1 << 16) == derived(tmp_path, text, "n")


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["2", "1", "2"], [(1, 1), (2, 2)]),
        (["b", "a", ""], [("a", 1), ("b", 1)]),
        (["True", "False", "True"], [(False, 1), (True, 2)]),
        (["1", "x"], [("1", 1), ("x", 1)]),
        (["01", "x"], [("01", 1), ("x", 1)]),
        (["1.5", "2"], []),
    ],
)
@pytest.mark.parametrize("batch", [1, 1 << 20])
def test_classes_of_the_target(tmp_path: Path, cells: list[str], classes: list[Any], batch: int) -> None:
    found = derived(tmp_path, "y,z\n" + "".join(f"{cell},1\n" for cell in cells), "y", batch=batch)
    assert [(each["value"], each["count"]) for each in found["classes"]] == classes


def test_the_schema_takes_what_is_derived(tmp_path: Path) -> None:
    values = derived(tmp_path, "a,d,y\n1,2024-01-01,u\n2,2024-01-02,v\n", "y")
    document = {"$schema": "urn:mdrepo:dataset:1", "name": "x", "artefact": {"path": "x.csv"}, "target": "y", **values}
    from jsonschema import Draft202012Validator

    schema = json.loads((Path(__file__).parent.parent / "schemas/dataset.schema.json").read_text())
    Draft202012Validator(schema).validate(document)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,b\n1,2\n1,2,3\n4,5\n", "Expected 2 fields in line 3, saw 3"),
        (b"a,b\n1,2,3\n4,5,6,7\n", "Expected 3 fields in line 3, saw 4|more values than its heading"),
        (b"a,b\n1,2,3\n4,5,6\n", "more values than its heading, which has 2"),
        (b"a,b\n1,2\n3\n4,5\n", "row 3 has 1 of 2 values"),
        (b'a,b\n1,2\n"3"\n4,5\n', "row 3 has 1 of 2 values"),
        (b"a,b\n1,2\n3,\xff\xfe\n", "line 3 is not UTF-8"),
        ("a,b\n1,ü\n".encode("latin-1"), "line 2 is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-8"),
        (b"\xff,b\n1,2\n", "line 1 is not UTF-8"),
        (b"a,b\n1,2\n\0,4\n", "line 3 has a NUL byte"),
        (b'a,b\n1,"2\n3,4\n', "EOF inside string starting at row 1|not a table"),
        (b"a,a\n1,2\n", "two columns are called 'a'"),
        (b",".join(b"c%d" % number for number in range(20_000)) + b"\n", "has more than 16,384 columns"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(ExtractionError, match=words):
        derived(tmp_path, content)


def test_only_a_heading(tmp_path: Path) -> None:
    expected = {
        "format": "csv",
        "examples": 0,
        "columns": [{"name": name, "type": "any", "missing": 0} for name in "ab"],
        "classes": [],
    }
    assert derived(tmp_path, "a,b\n", "a") == expected
    assert derived(tmp_path, "a,b", "a") == expected


def test_a_folder_in_place_of_a_table(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError):
        CSV.derive(tmp_path, {})
    with pytest.raises(ExtractionError):
        CSV.derive(tmp_path / "none.csv", {})


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A table of 160 MB takes no more than 100 MB beside what one of a megabyte takes: the texts are never held together."""
    lines = "".join(f"{number},{'text ' * 30}{number}\n" for number in range(6_000))
    (tmp_path / "small.csv").write_text("n,s\n" + lines)
    (tmp_path / "large.csv").write_text("n,s\n" + lines * 160)
    code = "import resource, sys; from pathlib import Path; from mdrepo.extraction.csv import EXTRACTOR as E; "
    code += "E.derive(Path(sys.argv[1]), {}); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    taken = [
        int(subprocess.run([sys.executable, "-c", code, tmp_path / name], capture_output=True, check=True, text=True).stdout)
        for name in ("small.csv", "large.csv")
    ]
    assert taken[1] - taken[0] < 100 << 10


def column_of(path: Path, *values: str, batch: int = 5 << 20) -> dict[str, Any]:
    path.write_text("\n".join(["a,b", *(f"{value},x" for value in values)]) + "\n")
    return dict(CSV.derive(path, {}, batch=batch)["columns"][0])


@pytest.mark.parametrize(
    "values",
    [
        ["9007199254740993", "9223372036854775808", "18446744073709551616"],
        ["9007199254740993", "9223372036854775808"],
        ["-1", "18446744073709551615"],
        ["1", "", "9223372036854775808"],
        ["1", *("2" for _ in range(100)), str(10**37 + 1)],
        ["-" + "9" * 300, "+5"],
    ],
)
def test_integers_of_more_than_64_bits_lose_no_digit(tmp_path: Path, values: list[str]) -> None:
    numbers = [int(value) for value in values if value]
    found = column_of(tmp_path / "t.csv", *values)
    assert (found["type"], found["minimum"], found["maximum"]) == ("integer", min(numbers), max(numbers))
    assert found["mean"] == sum(numbers) / len(numbers)
    assert "quantiles" not in found
    assert column_of(tmp_path / "t.csv", *values, batch=8) == found, "how the rows are cut into batches never shows"
    floats = column_of(tmp_path / "t.csv", *values, "0.5")
    assert floats["type"] == "number"
    assert column_of(tmp_path / "t.csv", *values, "0.5", batch=8) == floats


def test_what_is_not_finite_is_counted(tmp_path: Path) -> None:
    found = column_of(tmp_path / "t.csv", "1.5", "inf", "-inf", "", "2.5")
    assert (found["missing"], found["not_finite"], found["minimum"], found["maximum"], found["mean"]) == (1, 2, 1.5, 2.5, 2.0)
    assert column_of(tmp_path / "t.csv", "inf")["not_finite"] == 1
    assert "not_finite" not in column_of(tmp_path / "t.csv", "1.5")


@pytest.mark.parametrize(("mark", "shown"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_columns_that_no_comma_separates_are_named(tmp_path: Path, mark: str, shown: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"a{mark}t\n1{mark}2\n")
    with pytest.raises(ExtractionError, match=f"separated by {shown}.*by commas"):
        CSV.derive(path, {})
    path.write_text(f"what is{mark} said\nyes\n")
    assert CSV.derive(path, {})["columns"][0]["name"] == f"what is{mark} said"
