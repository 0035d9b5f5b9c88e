"""How much memory `mdrepo eval` takes on test data of 415 MB, by process: the command's own, and the one that runs the model.

usage: python benchmarks/memory.py

15,000 pictures of 96x96 in an .npz file, which the document's preprocessing rescales to float32, and a small convolution. The peaks
are the kernel's (VmHWM, Linux), looked up each 10 ms, so that what a process takes in its last moments may be missed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from eval import MDREPO, edit, repository, run
from measuring import table

MAKE = r"""
import os
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
import keras, numpy as np
L = keras.layers
keras.utils.set_random_seed(1)
start = keras.Input((96, 96, 3))
found = L.GlobalAveragePooling2D()(L.Conv2D(4, 3, strides=4, activation="relu")(start))
keras.Model(start, L.Dense(10, activation="softmax")(found)).save("parent.keras")
random = np.random.default_rng(0)
np.savez("test.npz", x=random.integers(0, 256, (15000, 96, 96, 3), dtype=np.uint8), y=random.integers(0, 10, 15000))
"""


def rescaled(content: Any) -> None:
    content["preprocessing"] = [{"op": "rescale", "scale": 1 / 255}]


def peaks(words: list[str], folder: Path) -> list[tuple[str, int]]:
    """What each process of a command takes at most, in MiB, the command's own first."""
    found: dict[int, tuple[str, int]] = {}
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for pid in descendants(process.pid):
                try:
                    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                except OSError:
                    continue
                held = dict(line.split(":", 1) for line in lines)
                if "VmHWM" in held:
                    found[pid] = held["Name"].strip(), int(held["VmHWM"].split()[0]) >> 10
            time.sleep(0.01)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: exit {process.returncode}")
    return [found[pid] for pid in sorted(found)]


def descendants(pid: int) -> list[int]:
    """A process and all that it has started."""
    found = [pid]
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = tasks.read_text().split()
        except OSError:
            continue
        found += [each for child in children for each in descendants(int(child))]
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        files, place = Path(temporary), Path(temporary) / "repository"
        run(sys.executable, "-c", MAKE, folder=files)
        repository(place, files)
        edit(place, rescaled)
        run(MDREPO, "commit", "--no-eval", "-am", "Rescale", folder=place)
        found = [each for each in peaks([MDREPO, "eval"], place) if each[1] > 50]
        print(f"test data: {(files / 'test.npz').stat().st_size >> 20:,} MiB\n")
        print(table(["process", "MiB at most"], [[name, f"{most:,}"] for name, most in found]))


if __name__ == "__main__":
    main()
