"""What the benchmarks share: times of calls and of whole commands, taken in turns, and tables of them."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

Seconds = list[float]


def cpu(words: Sequence[str], folder: Path, codes: Sequence[int] = (0,)) -> float:
    """CPU seconds, user and system, that the operating system charges to a command and its children (getrusage)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=environment)
    if done.returncode not in codes:
        raise SystemExit(f"{' '.join(words)}: exit {done.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_turns(what: Mapping[str, Callable[[], float]], runs: int) -> dict[str, Seconds]:
    """Each thing once to warm up and then `runs` times, in turns, so that a change of the machine's speed meets all."""
    found: dict[str, Seconds] = {name: [] for name in what}
    for run in range(runs + 1):
        for name, measure in what.items():
            seconds = measure()
            if run:
                found[name].append(seconds)
    return found


def timed(call: Callable[[], Any]) -> Callable[[], float]:
    """A call as something that tells its seconds."""

    def measure() -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    return measure


def bounded(call: Callable[[], Any], limit: float) -> tuple[float, Any] | None:
    """Seconds and result of a call in a process of its own, forked from this one; None where it took longer than the limit."""
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def work() -> None:
        start = time.perf_counter()
        result = call()
        sender.send((time.perf_counter() - start, result))

    process = context.Process(target=work)
    process.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(limit) else None
    except EOFError:
        raise SystemExit(f"the call ended without an answer: exit {process.exitcode}") from None
    finally:
        process.kill()
        process.join()


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def row(name: str, seconds: Seconds, against: float) -> list[str]:
    """Name, median, least, most, and the median against another figure."""
    middle = statistics.median(seconds)
    return [name, f"{middle:.4f}", f"{min(seconds):.4f}", f"{max(seconds):.4f}", f"{middle / against:.2f}"]
