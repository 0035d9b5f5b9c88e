"""CPU seconds of whole commands in the demo's repository, beside `git status` and `dvc status` in the same run.

usage: python benchmarks/startup.py [REPOSITORY]   (without one, the demo is played into a temporary folder first)

Every command runs once to warm up and then 15 times, the commands in turn, so that a change of the machine's speed meets all.
Counted is what the operating system charges to a command and its children (getrusage), user and system; quoted is the median.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from measuring import cpu, in_turns, row, table

RUNS = 15
BIN = Path(sys.executable).parent
COMMANDS = {
    "`python -c pass` (the floor)": [sys.executable, "-c", "pass"],
    "`mdrepo --help`": [str(BIN / "mdrepo"), "--help"],
    "`mdrepo status`": [str(BIN / "mdrepo"), "status"],
    "`mdrepo diff HEAD~1`": [str(BIN / "mdrepo"), "diff", "HEAD~1"],
    "`mdrepo validate`": [str(BIN / "mdrepo"), "validate"],
    "`mdrepo log`": [str(BIN / "mdrepo"), "log"],
    "`git status`": ["git", "status"],
    "`dvc status`": [str(BIN / "dvc"), "status"],
}


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        if len(sys.argv) > 1:
            folder = Path(sys.argv[1])
        else:
            folder = Path(temporary) / "demo"
            subprocess.run(
                [str(BIN / "mdrepo"), "demo", str(folder)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        found = in_turns({name: partial(cpu, words, folder) for name, words in COMMANDS.items()}, RUNS)
    dvc = statistics.median(found["`dvc status`"])
    print(table(["command", "CPU-s, median", "least", "most", "against `dvc status`"], [row(*each, dvc) for each in found.items()]))


if __name__ == "__main__":
    main()
