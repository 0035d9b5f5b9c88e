"""Parquet: the same as of a CSV of the same table, every type, and bad files."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mdrepo.evaluation.data import columns
from mdrepo.extraction import ExtractionError, extractor_for
from mdrepo.extraction import parquet as module
from mdrepo.extraction.csv import EXTRACTOR as CSV
from mdrepo.extraction.parquet import EXTRACTOR as PARQUET


def derived(folder: Path, table: dict[str, Any], target: str | None = None, **options: Any) -> Any:
    pq.write_table(pa.table(table), folder / "x.parquet")
    values = PARQUET.derive(folder / "x.parquet", {"/target": target}, **options)
    json.dumps(values, allow_nan=False)
    return values


def test_a_table_is_described_as_its_csv_is(tmp_path: Path) -> None:
    assert extractor_for("data", "a/x.parquet") is PARQUET
    random = np.random.default_rng(3)
    score = random.normal(size=1000)
    score[::7] = np.nan
    frame = pd.DataFrame(
        {
            "n": random.permutation(1000),
            "f": score,
            "c": random.choice(["a", "b"], 1000),
            "d": [f"2024-01-0{i % 9 + 1}" for i in range(1000)],
        }
    )
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame["d"] = [dt.date.fromisoformat(text) for text in frame["d"]]
    frame.to_parquet(tmp_path / "x.parquet")
    one, other = CSV.derive(tmp_path / "x.csv", {"/target": "c"}), PARQUET.derive(tmp_path / "x.parquet", {"/target": "c"})
    assert {**one, "format": ""} == {**other, "format": ""}
    assert PARQUET.derive(tmp_path / "x.parquet", {"/target": "c"}, rows=7) == other


def test_columns_of_every_type(tmp_path: Path) -> None:
    moment = dt.datetime(2024, 2, 29, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    table = {
        "i8": pa.array([1, None], pa.int8()),
        "u64": pa.array([1, (1 << 64) - 1], pa.uint64()),
        "f16": pa.array(np.array([1, np.nan], np.float16)),
        "decimal": pa.array([Decimal("1.5"), Decimal("2.5")]),
        "b": pa.array([True, None]),
        "s": pa.array(["x", None]),
        "dictionary": pa.array(["x", "y"]).dictionary_encode(),
        "binary": pa.array([b"x", b"y"]),
        "t": pa.array([dt.time(1, 2, 3), dt.time(4)]),
        "z": pa.array([moment, moment], pa.timestamp("ns", "+02:00")),
        "list": pa.array([[1], [2, 3]]),
        "a.b": pa.array([{"x": 1}, None]),
        "null": pa.nulls(2),
    }
    found = {each["name"]: each for each in derived(tmp_path, table, "list")["columns"]}
    kinds = [
        "integer",
        "integer",
        "number",
        "number",
        "boolean",
        "string",
        "string",
        "any",
        "time",
        "datetime",
        "array",
        "object",
        "any",
    ]
    assert [each["type"] for each in found.values()] == kinds
    assert [each["missing"] for each in found.values()] == [1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 2]
    assert found["u64"]["maximum"] == (1 << 64) - 1
    assert found["decimal"]["mean"] == 2
    assert (found["t"]["minimum"], found["z"]["maximum"]) == ("01:02:03", "2024-02-29T10:00:00Z")


@pytest.mark.parametrize("values", [[1, 2, 2], ["b", "a", "b"], [True, False, True]])
def test_classes_of_the_target(tmp_path: Path, values: list[Any]) -> None:
    found = derived(tmp_path, {"y": pa.array(values)}, "y", rows=2)["classes"]
    assert [(each["value"], each["count"]) for each in found] == sorted((value, values.count(value)) for value in set(values))


def test_evaluation_reads_it(tmp_path: Path) -> None:
    derived(tmp_path, {"x": pa.array([1.5, 2.5]), "y": pa.array(["a", "b"])})
    found = columns(tmp_path / "x.parquet", ".parquet", ["x", "y"])
    assert (found["x"].tolist(), found["y"].tolist()) == ([1.5, 2.5], ["a", "b"])


@pytest.mark.parametrize("length", [0, 3, 8, 200, -1])
def test_truncated_files_are_named(tmp_path: Path, length: int) -> None:
    derived(tmp_path, {"x": pa.array(range(100))})
    data = (tmp_path / "x.parquet").read_bytes()
    (tmp_path / "x.parquet").write_bytes(data[:length])
    for read in (lambda path: PARQUET.derive(path, {}), module.load):
        with pytest.raises(ExtractionError, match="not a Parquet file, or a broken one"):
            read(tmp_path / "x.parquet")


def test_broken_pages_are_named(tmp_path: Path) -> None:
    derived(tmp_path, {"x": pa.array([f"text {number}" for number in range(1000)])})
    data = bytearray((tmp_path / "x.parquet").read_bytes())
    data[4:400] = b"\xff" * 396
    (tmp_path / "x.parquet").write_bytes(data)
    with pytest.raises(ExtractionError, match="not a Parquet file, or a broken one"):
        PARQUET.derive(tmp_path / "x.parquet", {})


def test_a_file_that_declares_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million equal numbers in some 2 kB, the limits as for a hundred times as many."""
    monkeypatch.setattr(module, "_VALUES_LIMIT", 1000)
    monkeypatch.setattr(module, "_RATIO_LIMIT", 10)
    with pytest.raises(ExtractionError, match="declares 1,000,000 rows"):
        derived(tmp_path, {"x": pa.array(np.zeros(1_000_000, np.int64))})


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "x.parquet")
    with pytest.raises(ExtractionError, match="two columns are called 'a'"):
        PARQUET.derive(tmp_path / "x.parquet", {})
