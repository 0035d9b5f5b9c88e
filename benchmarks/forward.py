"""The forward pass of an evaluation against a bare loop over the same batches, and what a resident worker costs beyond it.

    python benchmarks/forward.py [EXAMPLES]

Processor seconds are those of all processes that take part. The bare loop is a `tf.function` over batches of 32, in a process of
its own. Without the first batch, which compiles.
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

import numpy as np

from mdrepo.evaluation import processes, residents
from mdrepo.evaluation.processes import Limits

MAKE = """
import sys, tensorflow as tf
tf.keras.utils.set_random_seed(1)
tf.keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), classes=10).save(sys.argv[1])
"""
BARE = """
import json, os, sys, time
import numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(len(os.sched_getaffinity(0)))
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()
model = tf.keras.models.load_model(sys.argv[1], compile=False)
x = np.load(sys.argv[2])["x"]
step = tf.function(lambda batch: model(batch, training=False), input_signature=[tf.TensorSpec((32, 96, 96, 3))])
step(tf.constant(x[:32]))
start, spent = time.perf_counter(), time.process_time()
for at in range(0, len(x), 32):
    step(tf.constant(x[at : at + 32])).numpy()
print(json.dumps({"wall": time.perf_counter() - start, "cpu": time.process_time() - spent}))
"""
OURS = """
import json, sys, time
from pathlib import Path
import numpy as np
from mdrepo.evaluation import loading
model = loading.load(Path(sys.argv[1]))
x = np.load(sys.argv[2])["x"]
told = []
loading.run(model, np.concatenate([x[:32], x]), lambda done, of: told.append((time.perf_counter(), time.process_time())))
print(json.dumps({"wall": told[-1][0] - told[0][0], "cpu": told[-1][1] - told[0][1]}))
"""
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow"}


def program(code: str, *arguments: Path) -> dict[str, float]:
    words = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(words, env={**os.environ, **QUIET}, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
    return found


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
        pairs = [(program(BARE, model, data), program(OURS, model, data)) for _ in range(2)]
        bare, ours = (min(pair[side]["wall"] for pair in pairs) for side in (0, 1))
        forward, its = (min(pair[side]["cpu"] for pair in pairs) for side in (0, 1))
        print(f"MobileNetV2 (96x96), {count:,} examples, batches of 32, {os.cpu_count()} processors")
        print(f"bare loop      {count / bare:8.1f} examples/s  {forward:6.2f} CPU-s")
        print(f"mdrepo's loop  {count / ours:8.1f} examples/s  {its:6.2f} CPU-s, {bare / ours:.1%} of the bare loop's rate")
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
