"""CPU seconds for the interval of one metric: 10,000 examples, the fastest of three.

usage: python benchmarks/intervals.py
"""

from __future__ import annotations

import time

import numpy as np

from mdrepo.evaluation.metrics import named
from mdrepo.evaluation.scoring import Scored
from mdrepo.evaluation.spreads import spread

COUNT = 10_000
CASES = {10: ("accuracy", "loss", "f1_macro", "calibration_error", "roc_auc:3", "roc_auc"), 1000: ("loss", "f1_macro")}


def main() -> None:
    print("| classes | metric | CPU seconds |\n| ---: | --- | ---: |")
    for classes, names in CASES.items():
        parent, child = (model(classes, noise, seed) for seed, noise in enumerate((1.0, 1.02)))
        for name in names:
            took = min(once(name, parent, child) for _ in range(3))
            print(f"| {classes:,} | {name} | {took:.2f} |", flush=True)


def once(name: str, parent: Scored, child: Scored) -> float:
    start = time.process_time()
    spread(named(name, "classification"), parent, child)
    return time.process_time() - start


def model(classes: int, noise: float, seed: int) -> Scored:
    """Answers that are mostly right, with probabilities; the truth is the same for every seed."""
    truth = np.random.default_rng(99).integers(0, classes, COUNT)
    logits = 3.0 * (truth[:, None] == np.arange(classes)) + np.random.default_rng(seed).normal(0, noise, (COUNT, classes))
    powers = np.exp(logits)
    outputs = powers / powers.sum(axis=1, keepdims=True)
    return Scored("classification", tuple(map(str, range(classes))), outputs, outputs.argmax(axis=1), truth)


if __name__ == "__main__":
    main()
