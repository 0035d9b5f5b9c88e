"""How long a three-way merge takes, beside git's text merge, in one run; and how many conflicts each finds.

usage: python benchmarks/merge.py

Base is a seeded model document; on each side 1 % of the leaves has changed. Where both sides changed the same leaf, the conflict is
true; all others are false. Whole commands, in CPU seconds and in seconds on the clock.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import corpus
from measuring import cpu, in_turns, table

from mdrepo.merging import merge

RUNS = 9
GIT = ["git", "merge-file", "-p", "--diff3", "ours.json", "base.json", "theirs.json"]
MDREPO = [str(Path(sys.executable).parent / "mdrepo"), "merge-file", "base.json", "ours.json", "theirs.json"]
CODES = range(128)


def clock(words: list[str], folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def conflicts(words: list[str], folder: Path) -> int:
    done = subprocess.run(words, cwd=folder, capture_output=True, check=False)
    return done.stdout.count(b"<<<<<<< ")


def main() -> None:
    rows = []
    for name, size in corpus.SIZES.items():
        base = corpus.model(size)
        ours, theirs = corpus.edited(base, 0.01, 2), corpus.edited(base, 0.01, 3)
        true = len(merge(base, ours, theirs).conflicts)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            corpus.write(folder, base=base, ours=ours, theirs=theirs)
            commands = {"`git merge-file`": GIT, "**`mdrepo merge-file`**": MDREPO}
            spent = in_turns({each: partial(cpu, words, folder, CODES) for each, words in commands.items()}, RUNS)
            waited = in_turns({each: partial(clock, words, folder) for each, words in commands.items()}, RUNS)
            marked = {each: conflicts(words, folder) for each, words in commands.items()}
        git = [statistics.median(found["`git merge-file`"]) for found in (spent, waited)]
        for each in commands:
            middle = [statistics.median(found[each]) for found in (spent, waited)]
            told = [f"{middle[0]:.3f}", f"{middle[0] / git[0]:.2f}", f"{middle[1]:.3f}", f"{middle[1] / git[1]:.2f}"]
            rows.append([name, each, *told, str(marked[each]), str(true)])
    print(
        table(
            ["documents", "command", "CPU-s", "against git", "seconds", "against git", "marked", "fields that both changed"], rows
        )
    )


if __name__ == "__main__":
    main()
