"""CPU seconds of deriving tables of a million rows, beside `pandas.read_csv` and `read_parquet` of the same files in the same run.

usage: python benchmarks/extraction_tables.py [ROWS]

The rows are random, by a fixed seed: two columns of integers, two of floats (one with missing values), a category, which is the
target, a text, a date, a boolean. Each call has a process of its own; importing the libraries is not counted. Each is done once to
warm up and then 7 times, in turns; quoted is the median of user and system time (`getrusage`), and the most memory (`ru_maxrss`)
that a process took.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from measuring import in_turns, table

ROWS = 1_000_000
RUNS = 7
SEED = 20_240_229
TIMED = """
import resource, sys
from pathlib import Path
{imports}
path = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF)
{call}
after = resource.getrusage(resource.RUSAGE_SELF)
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss)
"""
PANDAS = "import pandas, pyarrow.csv, pyarrow.parquet"
OURS = PANDAS + ", pyarrow.compute; from mdrepo.extraction import {0}"
CALLS = {
    "`pandas.read_csv`": ("csv", PANDAS, "pandas.read_csv(path)"),
    "deriving the CSV": ("csv", OURS.format("csv"), "csv.EXTRACTOR.derive(path, {'/target': 'category'})"),
    "`pandas.read_parquet`": ("parquet", PANDAS, "pandas.read_parquet(path)"),
    "deriving the Parquet": ("parquet", OURS.format("parquet"), "parquet.EXTRACTOR.derive(path, {'/target': 'category'})"),
}


def made(rows: int, folder: Path) -> None:
    """The same table as CSV and as Parquet."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(SEED)
    score = random.normal(size=rows)
    score[random.random(rows) < 0.05] = np.nan
    frame = pd.DataFrame(
        {
            "id": np.arange(rows),
            "count": random.integers(0, 1000, rows),
            "price": random.gamma(2.0, 50.0, rows).round(2),
            "score": score,
            "category": random.choice(["red", "green", "blue", "black"], rows),
            "text": [f"item {number:x}" for number in random.integers(0, 1 << 40, rows)],
            "day": (np.datetime64("2020-01-01") + random.integers(0, 2000, rows)).astype(str),
            "sold": random.random(rows) < 0.3,
        }
    )
    frame.to_csv(folder / "x.csv", index=False)
    frame.to_parquet(folder / "x.parquet")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    memory: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        maker = get_context("spawn").Process(target=made, args=(rows, folder))  # its memory would count as that of its children
        maker.start()
        maker.join()

        def measured(name: str) -> float:
            suffix, imports, call = CALLS[name]
            words = [sys.executable, "-c", TIMED.format(imports=imports, call=call), str(folder / f"x.{suffix}")]
            seconds, kilobytes = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
            memory[name] = max(memory.get(name, 0), int(kilobytes))
            return float(seconds)

        found = in_turns({name: partial(measured, name) for name in CALLS}, RUNS)
        sizes = {suffix: (folder / f"x.{suffix}").stat().st_size for suffix in ("csv", "parquet")}
    print(f"{rows:,} rows: {', '.join(f'{size / 1e6:.0f} MB of {suffix}' for suffix, size in sizes.items())}\n")
    lines = []
    for name, seconds in found.items():
        against = statistics.median(found[next(other for other in CALLS if CALLS[other][0] == CALLS[name][0])])
        middle = statistics.median(seconds)
        times = [f"{number:.3f}" for number in (middle, min(seconds), max(seconds))]
        lines.append([name, *times, f"{middle / against:.2f}", f"{memory[name] / 1024:.0f}"])
    print(table(["call", "CPU-s, median", "least", "most", "against pandas", "MiB"], lines))


if __name__ == "__main__":
    main()
