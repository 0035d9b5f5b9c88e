"""CPU seconds of a run of each hook with one changed document, by pre-commit and by prek, once their environments are there.

usage: python benchmarks/hooks.py [RUNS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import scale
from measuring import cpu, in_turns, table

DOCUMENTS = 100
RUNS = 7
HOOKS = ("mdrepo-validate", "mdrepo-format", "mdrepo-check")
TOOLS = {name: str(scale.BIN / name) for name in ("pre-commit", "prek")}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    source = Path(__file__).parent.parent
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "r"
        os.environ |= {"PRE_COMMIT_HOME": f"{temporary}/pre-commit", "PREK_HOME": f"{temporary}/prek"}
        scale.make(folder, DOCUMENTS)
        subprocess.run([scale.MDREPO, "format"], cwd=folder, check=True, capture_output=True)
        rev = subprocess.run(["git", "rev-parse", "HEAD"], cwd=source, check=True, capture_output=True, text=True).stdout.strip()
        hooks = ", ".join(f"{{id: {hook}}}" for hook in HOOKS)
        config = f"repos:\n  - repo: {source}\n    rev: {rev}\n    hooks: [{hooks}]\n"
        (folder / ".pre-commit-config.yaml").write_text(config)
        subprocess.run([*scale.GIT, "add", "-A"], cwd=folder, check=True)
        subprocess.run([*scale.GIT, "commit", "-q", "--no-verify", "-m", "Hooks"], cwd=folder, check=True)
        (folder / "metadata/d3.json").write_text(scale.document(3, 31))
        subprocess.run([scale.MDREPO, "format"], cwd=folder, check=True, capture_output=True)
        subprocess.run([*scale.GIT, "add", "-A"], cwd=folder, check=True)
        calls = {
            f"{tool} run {hook}": partial(cpu, [program, "run", hook], folder) for hook in HOOKS for tool, program in TOOLS.items()
        }
        found = in_turns(calls, runs)
    rows = []
    for name, seconds in found.items():
        rows.append([f"`{name}`", *(f"{value:.3f}" for value in (statistics.median(seconds), min(seconds), max(seconds)))])
    print(table(["run", "CPU-s, median", "least", "most"], rows))


if __name__ == "__main__":
    main()
