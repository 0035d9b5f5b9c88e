"""CPU seconds of commands in repositories of 1,000, 10,000 and 100,000 documents with 1,000 commits, 10 documents changed.

usage: python benchmarks/scale.py [ROUNDS [SIZE...]]

Beside each command what git takes for the same (`git blame` for `blame`, `git log -p PATH` for a field's history), in turns; at
1,000 documents also `dvc params diff`, with every document as a parameter file. Each commit changes one document, which has
thereby 1,000 versions, and one other; between two rounds there are two more commits. The first round warms up; what it takes is
shown of a field's history alone, where git has to look for the versions of the document, which mdrepo then remembers.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measuring import cpu, table

BIN = Path(sys.executable).parent
MDREPO, DVC = str(BIN / "mdrepo"), str(BIN / "dvc")
COMMITS = 1000
FIRST = "metadata/d0.json"
GIT = ["git", "-c", "user.name=b", "-c", "user.email=b@example.com", "-c", "gc.auto=0"]
COMMIT = ["-am", "Ten"]
HISTORY = "log PATH#POINTER"
COMMANDS: dict[str, tuple[list[str], list[str]]] = {
    "status": ([MDREPO, "status"], [*GIT, "status"]),
    "diff": ([MDREPO, "diff"], [*GIT, "diff"]),
    "validate": ([MDREPO, "validate"], [*GIT, "status"]),
    "commit --no-eval": ([MDREPO, "commit", "--no-eval", *COMMIT], [*GIT, "commit", "-q", *COMMIT]),
    "log -n 10": ([MDREPO, "log", "-n", "10"], [*GIT, "log", "-n", "10"]),
    HISTORY: ([MDREPO, "log", f"{FIRST}#/examples"], [*GIT, "log", "-p", "--", FIRST]),
    "blame": ([MDREPO, "blame", FIRST], [*GIT, "blame", FIRST]),
    "query": ([MDREPO, "query", "examples > 5000"], [*GIT, "grep", "-l", "examples"]),
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["name", "examples"],
    "properties": {
        "name": {"type": "string"},
        "examples": {"type": "integer"},
        "classes": {"type": "array", "items": {"type": "string"}},
    },
}


def document(number: int, examples: int) -> str:
    content = {"$schema": "schemas/data.json", "name": f"d{number}", "examples": examples, "classes": ["cat", "dog", "horse"]}
    return json.dumps(content, indent=2) + "\n"


def stream(size: int) -> Iterator[str]:
    """What `git fast-import` makes the commits of."""

    def file(path: str, text: str) -> str:
        return f"M 100644 inline {path}\ndata {len(text)}\n{text}\n"

    for commit in range(COMMITS):
        message = f"Commit {commit}"
        committer = f"committer b <b@example.com> {1_700_000_000 + commit} +0000"
        yield f"commit refs/heads/main\n{committer}\ndata {len(message)}\n{message}\n"
        if commit == 0:
            yield file("schemas/data.json", json.dumps(SCHEMA, indent=2) + "\n")
            yield from (file(f"metadata/d{number}.json", document(number, number)) for number in range(size))
        else:
            yield file(FIRST, document(0, commit))
            other = 1 + commit % (size - 1)
            yield file(f"metadata/d{other}.json", document(other, 10_000 + commit))
    yield "done\n"


def make(folder: Path, size: int) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    text = "".join(stream(size))
    subprocess.run(["git", "fast-import", "--quiet", "--done"], cwd=folder, input=text.encode(), check=True)
    subprocess.run(["git", "config", "gc.auto", "0"], cwd=folder, check=True)
    for name, value in (("user.name", "b"), ("user.email", "b@example.com")):
        subprocess.run(["git", "config", name, value], cwd=folder, check=True)
    subprocess.run(["git", "checkout", "-q", "main"], cwd=folder, check=True)
    subprocess.run([MDREPO, "init"], cwd=folder, check=True, capture_output=True)
    subprocess.run([*GIT, "add", "-A"], cwd=folder, check=True)
    subprocess.run([*GIT, "commit", "-q", "--no-verify", "-m", "Set up"], cwd=folder, check=True)


def change(folder: Path, size: int, examples: int) -> None:
    """Edit ten documents."""
    for number in range(0, size, size // 10):
        (folder / f"metadata/d{number}.json").write_text(document(number, examples))


def measured(folder: Path, size: int, rounds: int) -> list[list[str]]:
    found: dict[str, list[float]] = {}
    for turn in range(rounds + 1):  # the first to warm up
        for name, sides in COMMANDS.items():
            for side, words in zip(("mdrepo", "git"), sides, strict=True):
                change(folder, size, 20_000 + turn * 2 + (side == "git"))
                seconds = cpu(words, folder)
                found.setdefault(f"{name} {side}" if turn else f"{name}, the first time {side}", []).append(seconds)
    rows = []
    for name in [*COMMANDS, f"{HISTORY}, the first time"]:
        ours, theirs = (statistics.median(found[f"{name} {side}"]) for side in ("mdrepo", "git"))
        rows.append([f"{size:,}", f"`{name}`", f"{ours:.3f}", f"{theirs:.3f}", f"{2 * theirs + 0.15:.3f}"])
    return rows


def params(folder: Path, size: int, rounds: int) -> list[str]:
    """`dvc params diff` with every document as a parameter file."""
    names = "".join(f"    - metadata/d{number}.json:\n" for number in range(size))
    (folder / "dvc.yaml").write_text(f"stages:\n  all:\n    cmd: 'true'\n    params:\n{names}")
    subprocess.run([*GIT, "add", "dvc.yaml"], cwd=folder, check=True)
    subprocess.run([*GIT, "commit", "-q", "--no-verify", "-m", "Parameters"], cwd=folder, check=True)
    change(folder, size, 99)
    seconds = [cpu([DVC, "params", "diff"], folder) for _ in range(rounds)]
    return [f"{size:,}", "`dvc params diff`", "", f"{statistics.median(seconds):.3f}", ""]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    sizes = [int(each) for each in sys.argv[2:]] or [1000, 10_000, 100_000]
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for size in sizes:
            folder = Path(temporary) / str(size)
            make(folder, size)
            rows += measured(folder, size, rounds)
            if size == 1000:
                rows.append(params(folder, size, rounds))
            shutil.rmtree(folder)
    print(table(["documents", "command", "CPU-s, median", "git", "2x git + 0.15 s"], rows))


if __name__ == "__main__":
    main()
