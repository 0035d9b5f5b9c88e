"""CPU seconds of `mdrepo review` over a range with 200 changed documents, in a repository of 1,000; and how long its forms are.

usage: python benchmarks/review.py [ROUNDS]

Twice: of small data documents without an evaluation, and of 200 model documents whose metrics a note compares, of which a page
draws the history, the slices and the classes. What is valid is known from the warm-up, as in any repository at work.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import scale
from measuring import cpu, table

SIZE, CHANGED = 1000, 200
FORMS = {
    "text": [],
    "markdown": ["--format", "markdown"],
    "json": ["--json"],
    "html without plots": ["--format", "html", "--no-plots"],
    "html": ["--format", "html"],
}


def commit(folder: Path, message: str) -> str:
    subprocess.run([*scale.GIT, "add", "-A"], cwd=folder, check=True)
    subprocess.run([*scale.GIT, "commit", "-q", "--no-verify", "-m", message], cwd=folder, check=True)
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def note(folder: Path, commit_id: str, content: Any) -> None:
    words = [*scale.GIT, "notes", "--ref=mdrepo", "add", "-f", "-F", "-", commit_id]
    subprocess.run(words, cwd=folder, input=json.dumps(content), text=True, check=True)


def model(number: int, turn: int) -> str:
    content = {
        "$schema": "urn:mdrepo:model:1",
        "name": f"m{number}",
        "task": "classification",
        "weights": {"artefact": {"path": f"models/m{number}.keras", "size": 10, "md5": "ab" * 16}},
        "labels": [{"name": f"class {place}", "index": (place + turn) % 10} for place in range(10)],
        "decision": {"rule": "threshold", "thresholds": {"class 1": 0.4 + turn / 5}},
        "training": {"hyperparameters": {"epochs": 10 + turn, "rate": 0.1 / (1 + turn)}},
        "extensions": {"note": "x" * 50 * (1 + turn)},
    }
    return json.dumps(content, indent=2) + "\n"


def evaluation(parent: str | None) -> dict[str, Any]:
    row = {"parent": 0.9, "value": 0.91, "difference": 0.01, "interval": [-0.01, 0.03]}
    result = {
        "verdict": "unchanged",
        "key": "ab" * 32,
        "examples": 1000,
        "metrics": {"accuracy": 0.91, "loss": 0.3},
        "differences": [{"metric": name, "direction": "higher", **row, "tolerance": 0.01} for name in ("accuracy", "loss")],
        "negative_flips": 10,
        "positive_flips": 20,
        "flips": {"negative": [*range(10)], "positive": [*range(20)]},
        "recall": [{"label": f"class {place}", "support": 100, **row} for place in range(10)],
    }
    return {
        "$schema": "urn:mdrepo:evaluation:1",
        "parent": parent,
        "verdict": "unchanged",
        "documents": {f"metadata/m{number}.json": result for number in range(CHANGED)},
    }


def evaluated(folder: Path) -> None:
    """Three commits, each of which changes 200 of 1,000 model documents and has its note."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    for name in ("metadata", "models"):
        (folder / name).mkdir()
    for number in range(SIZE):
        pointer = f"outs:\n- md5: {'ab' * 16}\n  size: 10\n  hash: md5\n  path: m{number}.keras\n"
        (folder / f"models/m{number}.keras.dvc").write_text(pointer)
        (folder / f"metadata/m{number}.json").write_text(model(number, 0))
    last = None
    for turn in range(3):
        for number in range(CHANGED):
            (folder / f"metadata/m{number}.json").write_text(model(number, turn))
        parent, last = last, commit(folder, f"Turn {turn}")
        note(folder, last, evaluation(parent))


def measured(folder: Path, what: str, revisions: Sequence[str], rounds: int) -> list[list[str]]:
    found: dict[str, list[float]] = {}
    for turn in range(rounds + 1):  # the first to warm up
        for name, options in FORMS.items():
            seconds = cpu([scale.MDREPO, "review", *revisions, *options], folder)
            if turn:
                found.setdefault(name, []).append(seconds)
    rows = []
    for name, options in FORMS.items():
        words = [scale.MDREPO, "review", *revisions, *options]
        size = len(subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout)
        rows.append([what, name, f"{statistics.median(found[name]):.2f}", f"{size:,}"])
    return rows


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "data"
        scale.make(data, SIZE)
        for number in range(CHANGED):
            (data / f"metadata/d{number}.json").write_text(scale.document(number, 50_000 + number))
        commit(data, "Two hundred")
        rows += measured(data, "data documents", ["HEAD~1..HEAD"], rounds)
        models = Path(temporary) / "models"
        evaluated(models)
        rows += measured(models, "model documents, evaluated", ["HEAD~1..HEAD"], rounds)
    print(table(["200 of 1,000 changed", "form", "CPU-s, median", "characters"], rows))


if __name__ == "__main__":
    main()
