"""CPU seconds of the first `status` and `patch --check` in a fresh clone of 100 documents, without the data.

usage: python benchmarks/clone.py [ROUNDS]

Half of the documents are models, half their test data; the models are tiny, since nothing reads them. Each round is a clone of its
own, so that nothing is known from before; beside them `git status`, and `python -c pass` as the floor.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import cpu, row, table

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
MDREPO = str(Path(sys.executable).parent / "mdrepo")
COMMANDS = {
    "`python -c pass` (the floor)": [sys.executable, "-c", "pass"],
    "`git status`": ["git", "status"],
    "`mdrepo status`": [MDREPO, "status"],
    "`mdrepo patch --check`": [MDREPO, "patch", "--check"],
}


def make(folder: Path, number: int = 50) -> None:
    """A repository of so many models, each with its test data."""
    from conftest import keras_file, npz, track

    from mdrepo.repository import Repository

    repo, _ = Repository.init(folder)
    for each in range(number):
        track(folder, f"models/net{each}.keras", keras_file(3, seed=each))
        track(folder, f"data/net{each}-test.npz", npz(x=[[float(each + n)] * 4 for n in range(12)], y=[0, 1, 2] * 4))
        repo.new("model", f"net{each}")
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@example.com"]
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-q", "--no-verify", "-m", "First"], cwd=folder, check=True)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as temporary:
        origin = Path(temporary) / "origin"
        make(origin)
        for each in range(rounds):
            clone = Path(temporary) / f"clone{each}"
            subprocess.run(["git", "clone", "-q", str(origin), str(clone)], check=True)
            for name, words in COMMANDS.items():
                found[name].append(cpu(words, clone))
    git = statistics.median(found["`git status`"])
    print(table(["command", "CPU-s, median", "least", "most", "against `git status`"], [row(*each, git) for each in found.items()]))


if __name__ == "__main__":
    main()
