"""What an evaluation costs after different changes, beside the plain way, in one run.

usage: python benchmarks/eval.py

The plain way is a script that imports TensorFlow, loads the model and its parent, predicts with both, and compares. The model is
a head on a frozen MobileNetV2 (96x96, 1,000 pictures), without pretrained weights, but with batch normalizations that have seen
pictures, so that its outputs differ. Whole process trees, in CPU seconds (getrusage); each `mdrepo eval` runs in a fresh copy of a
repository in which the parent was evaluated.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from measuring import cpu, table

RUNS = 5
MDREPO = str(Path(sys.executable).parent / "mdrepo")
ALIVE = 600
DOCUMENT = "metadata/net.json"

MAKE = r"""
import os
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
import keras, numpy as np
L = keras.layers
random = np.random.default_rng(0)
coarse = np.kron(random.integers(0, 180, (1000, 12, 12, 3)), np.ones((1, 8, 8, 1)))
x = (coarse + random.integers(0, 76, coarse.shape)).astype("uint8")
keras.utils.set_random_seed(1)
base = keras.applications.MobileNetV2(input_shape=(96, 96, 3), weights=None, include_top=False)
norms = [layer for layer in base.layers if isinstance(layer, L.BatchNormalization)]
for layer in norms:
    layer.momentum = 0.0
base(x[:256].astype("float32") / 127.5 - 1, training=True)
for layer in norms:
    layer.momentum = 0.99
base.trainable = False

def save(name, seed):
    keras.utils.set_random_seed(seed)
    start = keras.Input((96, 96, 3))
    y = L.GlobalAveragePooling2D()(base(L.Rescaling(1 / 127.5, offset=-1)(start), training=False))
    model = keras.Model(start, L.Dense(10, activation="softmax")(L.Dropout(0.2)(y)))
    model.save(f"{name}.keras")
    return model

outputs = save("parent", 1).predict(x.astype("float32"), batch_size=32, verbose=0)
assert outputs.std() > 0.01
y = np.where(random.random(1000) < 0.8, outputs.argmax(axis=1), random.integers(0, 10, 1000))
y[:10] = range(10)
np.savez("test.npz", x=x, y=y)
keras.models.load_model("parent.keras").save("again.keras")
save("head", 2)
last = base.get_layer("Conv_1")
last.set_weights([each * 1.1 for each in last.get_weights()])
save("block", 3)
for layer in base.layers:
    layer.set_weights([each * 1.003 for each in layer.get_weights()])
save("all", 4)
"""

PLAIN = r"""
import json, os, sys
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
import numpy as np, tensorflow as tf
data = np.load("test.npz")
right = []
for name in sys.argv[1:]:
    model = tf.keras.models.load_model(f"{name}.keras", compile=False)
    right.append(model.predict(data["x"].astype("float32"), batch_size=32, verbose=0).argmax(axis=1) == data["y"])
with open("plain.json", "w") as file:
    json.dump({"accuracy": [float(each.mean()) for each in right]}, file)
"""

FORWARD = r"""
import json, os, time
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
import numpy as np, tensorflow as tf
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()
model = tf.keras.models.load_model("all.keras", compile=False)
x = np.load("test.npz")["x"].astype("float32")
step = tf.function(lambda batch: model(batch, training=False), input_signature=[tf.TensorSpec((32, 96, 96, 3))])
step(tf.constant(x[:32]))
start = time.process_time()
for at in range(0, 992, 32):
    step(tf.constant(x[at : at + 32])).numpy()
print(json.dumps((time.process_time() - start) * len(x) / 992))
"""


def track(root: Path, path: str, content: bytes) -> None:
    """A file with its DVC pointer, as `dvc add` writes it."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    md5 = hashlib.md5(content).hexdigest()
    (root / f"{path}.dvc").write_text(f"outs:\n- md5: {md5}\n  size: {len(content)}\n  hash: md5\n  path: {file.name}\n")
    (file.parent / ".gitignore").write_text(f"/{file.name}\n")


def run(*words: str, folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def repository(root: Path, files: Path) -> None:
    """A repository whose HEAD has the parent, evaluated."""
    run("git", "init", "-q", str(root), folder=files)
    for name, value in (("user.name", "Ada"), ("user.email", "ada@example.com")):
        run("git", "config", name, value, folder=root)
    run(MDREPO, "init", folder=root)
    track(root, "models/net.keras", (files / "parent.keras").read_bytes())
    track(root, "data/net-test.npz", (files / "test.npz").read_bytes())
    run(MDREPO, "new", "model", "net", folder=root)
    run(MDREPO, "commit", "-m", "Parent", folder=root)


def edit(root: Path, change: Callable[[Any], None]) -> None:
    content = json.loads((root / DOCUMENT).read_text())
    change(content)
    (root / DOCUMENT).write_text(json.dumps(content, indent=2) + "\n")


def model(files: Path, name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        track(root, "models/net.keras", (files / f"{name}.keras").read_bytes())
        run(MDREPO, "patch", "--apply", folder=root)

    return change


def strict(content: Any) -> None:
    content["decision"] = {"rule": "threshold", "thresholds": {each["name"]: 0.3 for each in content["labels"]}}


def evaluated(
    template: Path, place: Path, change: Callable[[Path], None], before: Callable[[], None] = lambda: None
) -> tuple[float, float, str, bool]:
    """CPU seconds and seconds of `mdrepo eval` after a change, its verdict, and whether TensorFlow was run."""
    shutil.copytree(template, place, symlinks=True)
    change(place)
    run(MDREPO, "commit", "--no-eval", "-m", "Child", folder=place)
    run(MDREPO, "status", folder=place)  # what hashes of files cost after the copy is no part of it
    before()
    start = time.perf_counter()
    spent = cpu([MDREPO, "eval"], place)
    waited = time.perf_counter() - start
    note = json.loads(run("git", "notes", "--ref=mdrepo", "show", "HEAD", folder=place))
    return spent, waited, note["verdict"], _ran(template, place)


def resident(template: Path, place: Path, change: Callable[[Path], None]) -> tuple[float, float, str, bool]:
    """As `evaluated`, with a worker that has imported TensorFlow already; what it and its processes spend is counted."""
    from forward import spent_by

    from mdrepo.evaluation import processes, residents

    def prepared(root: Path) -> None:
        change(root)
        file = root / "mdrepo.toml"
        file.write_text(file.read_text().replace("keep_alive = 0", f"keep_alive = {ALIVE}"))

    folder, pid, begun = place / ".git/mdrepo", 0, 0.0

    def before() -> None:
        nonlocal pid, begun
        processes.warm(processes.Limits(600, 16, ALIVE, folder))
        while not (found := residents.look(folder, ALIVE)) or not found.ready:
            time.sleep(0.1)
        pid, begun = found.pid, spent_by(found.pid)

    try:
        own, waited, verdict, ran = evaluated(template, place, prepared, before)
        time.sleep(1)  # the worker takes leave of its process
        found = residents.look(folder, ALIVE)
        assert found is not None and found.pid == pid and found.served
        return own + spent_by(pid) - begun, waited, verdict, ran
    finally:
        residents.stop(folder)
        os.waitpid(pid, 0)  # what it spent is not the next command's


def _ran(template: Path, place: Path) -> bool:
    """Whether TensorFlow has left activations that were not there before."""
    kept = [{file.name for file in (root / ".git/mdrepo/cache/activations").glob("*")} for root in (template, place)]
    return kept[0] != kept[1]


def head_alone(files: Path) -> float:
    """CPU seconds that numpy takes for the head over 1,000 examples."""
    import numpy as np

    from mdrepo.evaluation import cuts, graphs, heads
    from mdrepo.extraction import hdf5, keras

    file = files / "head.keras"
    plan = graphs.read(file)
    split = cuts.split(plan)
    given = {split.features[0]: np.random.default_rng(0).random((1000, 1280), np.float32)}
    with keras.contents(file) as (_, _, weights):

        def of_group(group: str) -> list[Any]:
            return [each[()] for each in hdf5.tensors(hdf5.child(weights, group, file), file)]

        start = time.process_time()
        heads.run({at: plan.operations[at] for at in split.head}, given, plan.output, of_group)
        return time.process_time() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        files, template = Path(temporary), Path(temporary) / "template"
        run(sys.executable, "-c", MAKE, folder=files)
        start = time.perf_counter()
        cold = cpu([sys.executable, "-c", PLAIN, "parent", "all"], files)
        waited = time.perf_counter() - start
        forward, beyond = [], []
        repository(template, files)
        changes = {
            "(a) a description": lambda root: edit(root, lambda content: content.update(description="Other words.")),
            "(a) the model, saved again": model(files, "again"),
            "(b) two labels swapped": lambda root: edit(root, swap),
            "(b) thresholds": lambda root: edit(root, strict),
            "(c) a new head": model(files, "head"),
            "(c) the last block": model(files, "block"),
            "(d) everything": model(files, "all"),
            "(e) everything, the worker resident": model(files, "all"),
        }
        rows = [["the plain way", f"{cold:.2f}", "1.00", f"{waited:.2f}", "", "yes"]]
        for name, change in changes.items():
            measure = resident if name.startswith("(e)") else evaluated
            found = []
            for number in range(RUNS):
                found.append(measure(template, files / f"{number}-{abs(hash(name))}", change))
                if name.startswith("(e)"):  # in turns: how fast a machine is changes from minute to minute
                    forward.append(json.loads(run(sys.executable, "-c", FORWARD, folder=files)))
                    beyond.append(found[-1][0] - forward[-1])
            spent, seconds, verdict, ran = sorted(found)[RUNS // 2]
            rows.append([name, f"{spent:.2f}", f"{spent / cold:.2f}", f"{seconds:.2f}", verdict, "yes" if ran else "no"])
        print(table(["what changed", "CPU-s", "against plain", "seconds", "verdict", "TensorFlow"], rows))
        head_alone(files)  # to warm up
        alone, bare = head_alone(files), median(forward)
        told = f"{median(beyond):.2f} ({min(beyond):.2f} to {max(beyond):.2f}) CPU-s"
        print(f"\nforward pass, a bare loop: {bare:.2f} CPU-s; what the last row takes beyond it, each beside its own: {told}")
        print(f"a new head by numpy: {alone:.4f} CPU-s, {alone / bare:.2%} of the forward pass")


def swap(content: Any) -> None:
    one, other = content["labels"][:2]
    one["index"], other["index"] = other["index"], one["index"]


if __name__ == "__main__":
    main()
