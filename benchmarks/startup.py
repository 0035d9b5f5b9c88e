"""CPU seconds of whole commands in the demo's repository, beside `git status` and `dvc status` in the same run.

usage: python benchmarks/startup.py [REPOSITORY]   (without one, the demo is played into a temporary folder first)

Every command runs once to warm up and then 15 times, the commands in turn, so that a change of the machine's speed meets all.
Counted is what the operating system charges to a command and its children (getrusage), user and system; quoted is the median.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

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


def cpu(words: list[str], folder: Path) -> float:
    """CPU seconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(folder: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(RUNS + 1):
        for name, words in COMMANDS.items():
            seconds = cpu(words, folder)
            if run:
                found[name].append(seconds)
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        if len(sys.argv) > 1:
            folder = Path(sys.argv[1])
        else:
            folder = Path(temporary) / "demo"
            subprocess.run(
                [str(BIN / "mdrepo"), "demo", str(folder)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        found = measure(folder)
    dvc = statistics.median(found["`dvc status`"])
    print("| command | CPU-s, median | least | most | against `dvc status` |\n| --- | --- | --- | --- | --- |")
    for name, seconds in found.items():
        middle = statistics.median(seconds)
        print(f"| {name} | {middle:.3f} | {min(seconds):.3f} | {max(seconds):.3f} | {middle / dvc:.2f} |")


if __name__ == "__main__":
    main()
