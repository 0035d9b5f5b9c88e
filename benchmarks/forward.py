"""The forward pass of an evaluation against a bare loop over the same batches, and what a resident worker costs beyond it.

    python benchmarks/forward.py [EXAMPLES]

The bare loop is a `tf.function` over batches of 32 in memory. It and mdrepo's loops, over the model as a whole and by its plan,
which also reads the data and writes the activations that are kept, run in turns in one process; without the first batch, which
compiles. Processor seconds of the resident worker are those of all processes that take part.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from mdrepo.evaluation import processes, residents
from mdrepo.evaluation.processes import Limits

MAKE = """
import sys, tensorflow as tf
tf.keras.utils.set_random_seed(1)
tf.keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), classes=10).save(sys.argv[1])
"""
LOOPS = """
import json, sys, tempfile, time
from pathlib import Path
import numpy as np
from mdrepo.caching import Cache
from mdrepo.evaluation import loading, predictions, processes, requests, tasks
model, data = map(Path, sys.argv[1:])
x = np.load(data)["x"]
tf = loading._settled(loading.processors())
keras = tf.keras.models.load_model(model, compile=False)
step = tf.function(lambda batch: keras(batch, training=False), input_signature=[tf.TensorSpec((32, 96, 96, 3))])
ours = loading.load(model)
loading._settled = lambda _: tf  # the threads are settled once a process

def bare():
    step(tf.constant(x[:32]))
    start = time.perf_counter(), time.process_time()
    for at in range(32, len(x), 32):
        step(tf.constant(x[at : at + 32])).numpy()
    return time.perf_counter() - start[0], time.process_time() - start[1]

def told(call):
    times = []
    call(lambda done, of: times.append((time.perf_counter(), time.process_time())))
    return times[-1][0] - times[0][0], times[-1][1] - times[0][1]

def planned(tell):
    def run(task, what, limits):
        if not tasks.activations({**task, "trusted": [], "tell": tell}):
            sys.exit("the plan was not run: " + Path(task["plan"]["failed"]).read_text())

    processes.run = run
    with tempfile.TemporaryDirectory() as folder:
        asked = requests.Request("m.keras", "m", "d.npz", "d", ("x",), [], lambda _: (model, data))
        predictions.outputs([asked], Cache(Path(folder)), processes.Limits(600, 16), lambda _: None)

loops = {"bare": bare, "whole": lambda: told(lambda tell: loading.run(ours, x, tell)), "planned": lambda: told(planned)}
rounds = [{name: loop() for name, loop in loops.items()} for _ in range(6)][1:]
print(json.dumps(rounds))
"""
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow"}


def program(code: str, *arguments: Path) -> Any:
    words = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(words, env={**os.environ, **QUIET}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None


def spent_by(pid: int) -> float:
    """Processor seconds of a process and of those of its children that have ended (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(int(each) for each in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model, data, out = folder / "model.keras", folder / "data.npz", folder / "out.npy"
        program(MAKE, model)
        np.savez(data, x=np.random.default_rng(0).random((count, 96, 96, 3), np.float32))
        rounds = program(LOOPS, model, data)
        print(f"MobileNetV2 (96x96), {count:,} examples, batches of 32, {os.cpu_count()} processors")
        for name, words in (("bare", "bare loop"), ("whole", "as a whole"), ("planned", "by its plan")):
            rate, spent = (median(each[name][at] for each in rounds) for at in (0, 1))
            print(f"{words:14} {(count - 32) / rate:8.1f} examples/s  {spent:6.2f} CPU-s", end="")
            for at, by in ((0, "the clock"), (1, "CPU-s")):
                shares = [each["bare"][at] / each[name][at] for each in rounds]
                least, middle, most = min(shares), median(shares), max(shares)
                print(f", {middle:.1%} of the bare loop's rate by {by} ({least:.1%} to {most:.1%})", end="")
            print()
        forward = median(each["bare"][1] for each in rounds) * count / (count - 32)
        limits = Limits(600, 16, 300, folder / "mdrepo")
        task = {"model": str(model), "data": str(data), "suffix": ".npz", "inputs": ["x"], "preprocessing": [], "outputs": str(out)}
        try:
            start = time.perf_counter()
            processes.run(task, "model", limits)
            print(f"cold           {time.perf_counter() - start:8.2f} s")
            found = residents.look(folder / "mdrepo", 300)
            assert found is not None
            for _ in range(3):
                before = resource.getrusage(resource.RUSAGE_SELF)
                spent, start = spent_by(found.pid), time.perf_counter()
                processes.run(task, "model", limits)
                wall = time.perf_counter() - start
                after = resource.getrusage(resource.RUSAGE_SELF)
                own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                total = spent_by(found.pid) - spent + own
                print(f"resident       {wall:8.2f} s  {total:6.2f} CPU-s, {total - forward:.2f} beyond the forward pass")
        finally:
            residents.stop(folder / "mdrepo")


if __name__ == "__main__":
    main(int(sys.argv[1]) // 32 * 32 if len(sys.argv) > 1 else 1024)
