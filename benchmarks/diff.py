"""How long a diff takes, beside deepdiff, jsonpatch, nbdime and git, in one run.

usage: python benchmarks/diff.py [--quick]

First the comparing alone, of values that are parsed already, in seconds and against the floor: `orjson.loads` of both documents,
without which nobody can compare anything. Then whole commands, in CPU seconds, beside `git diff --no-index`.
Peers that take longer than the limit are stopped and marked. --quick leaves out the peers that take minutes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import corpus
import orjson
from measuring import bounded, cpu, in_turns, table, timed

from mdrepo.diffing import diff
from mdrepo.patching import operations

LIMIT = 60.0
RUNS = 9
MDREPO = str(Path(sys.executable).parent / "mdrepo")


def peers() -> dict[str, Callable[[Any, Any], int]]:
    """Other ways to compare two values; each says how many operations it needs."""
    import jsonpatch
    from deepdiff import DeepDiff
    from nbdime.diffing.generic import diff as nbdime_diff

    return {
        "jsonpatch": lambda old, new: len(jsonpatch.make_patch(old, new).patch),
        "deepdiff": lambda old, new: sum(map(len, DeepDiff(old, new).values())),
        "deepdiff, ignore_order": lambda old, new: sum(map(len, DeepDiff(old, new, ignore_order=True).values())),
        "nbdime": lambda old, new: leaves(nbdime_diff(old, new)),
    }


def leaves(found: Any) -> int:
    """The operations of nbdime's nested diff that change something."""
    return sum(leaves(each["diff"]) if each["op"] == "patch" else 1 for each in found)


def pairs() -> dict[str, tuple[Any, Any]]:
    """What is compared: an old and a new value, by name."""
    found = {}
    for name, size in corpus.SIZES.items():
        old = corpus.model(size)
        found[name] = (old, corpus.edited(old, 0.01, 2))
    old = corpus.records()
    found["10,000 records"] = (old, corpus.shuffled(old))
    return found


def comparing(name: str, old: Any, new: Any, others: dict[str, Callable[[Any, Any], int]]) -> list[list[str]]:
    texts = corpus.text(old), corpus.text(new)
    one, other = map(orjson.loads, texts)
    found = in_turns(
        {
            "orjson.loads of both": timed(lambda: [orjson.loads(each) for each in texts]),
            "mdrepo": timed(lambda: diff(one, other)),
        },
        RUNS,
    )
    floor, ours = (statistics.median(each) for each in found.values())
    number = len(operations(diff(one, other), tests=False))
    rows = [[name, "orjson.loads of both", f"{floor:.4f}", "1.00", "-"]]
    rows.append([name, "**mdrepo**", f"{ours:.4f}", f"{ours / floor:.2f}", f"{number:,}"])
    for peer, compare in others.items():
        done = bounded(partial(compare, one, other), LIMIT)
        told = (
            ["more than", f"{LIMIT / floor:.0f}", "-"]
            if done is None
            else [f"{done[0]:.3f}", f"{done[0] / floor:.1f}", f"{done[1]:,}"]
        )
        rows.append([name, peer, f"{told[0]} {LIMIT:.0f}" if done is None else told[0], *told[1:]])
    return rows


def commands(name: str, old: Any, new: Any) -> list[list[str]]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        corpus.write(folder, old=old, new=new)
        found = in_turns(
            {
                "`git diff --no-index`": partial(cpu, ["git", "diff", "--no-index", "old.json", "new.json"], folder, [1]),
                "**`mdrepo diff --no-index`**": partial(cpu, [MDREPO, "diff", "--no-index", "old.json", "new.json"], folder, [1]),
                "`mdrepo diff --no-index --stat`": partial(
                    cpu, [MDREPO, "diff", "--no-index", "--stat", "old.json", "new.json"], folder, [1]
                ),
            },
            RUNS,
        )
    middles = {command: statistics.median(seconds) for command, seconds in found.items()}
    git = middles["`git diff --no-index`"]
    return [[name, command, f"{seconds:.3f}", f"{seconds / git:.2f}"] for command, seconds in middles.items()]


def unkeyed() -> float:
    """10,000 records without an id, all of them changed."""
    old = [{key: value for key, value in each.items() if key not in ("id", "name", "sha")} for each in corpus.records()]
    new = [{**each, "score": -1.0, "checked": None} for each in old]
    return timed(lambda: diff(old, new))()


def main() -> None:
    others = {} if "--quick" in sys.argv else peers()
    compared = pairs()
    print("Comparing, seconds beyond parsing\n")
    rows = [line for name, pair in compared.items() for line in comparing(name, *pair, others)]
    print(table(["documents", "by", "seconds", "against parsing", "operations"], rows))
    print("\nWhole commands, CPU seconds\n")
    rows = [line for name, pair in compared.items() for line in commands(name, *pair)]
    print(table(["documents", "command", "CPU-s, median", "against git"], rows))
    print(f"\n10,000 records without an id, all changed: {unkeyed():.2f} s")


if __name__ == "__main__":
    main()
