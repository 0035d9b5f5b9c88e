"""CPU seconds to derive a model document's values from MobileNetV2 (`weights=None`), in each format, beside loading it.

usage: python benchmarks/extraction_models.py   (makes the files with TensorFlow first, in a temporary folder)

Every reading is a process of its own, from its start: once to warm up and then 5 times, the formats in turn. Counted is what the
operating system charges to it (getrusage), user and system; quoted is the median. `.safetensors` and `.onnx` hold the same weights.
Exits 1 where reading the `.keras` takes 3 CPU seconds or more, or anything loads TensorFlow, Keras or pandas.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from measuring import cpu, in_turns, row, table

RUNS = 5
LIMIT = 3.0
MAKE = """
import keras, onnx.helper, onnx.numpy_helper
from safetensors.numpy import save_file

model = keras.applications.MobileNetV2(weights=None)
model.save("m.keras")
model.save("m.h5")
model.export("m", verbose=False)
weights = {weight.path.replace("/", "."): weight.numpy() for weight in model.weights}
save_file(weights, "m.safetensors")
tensors = [onnx.numpy_helper.from_array(weight, name) for name, weight in weights.items()]
onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "m", [], [], tensors)), "m.onnx")
"""
READ = """
import sys
from pathlib import Path
from mdrepo.extraction import reader_of

path = Path(sys.argv[1])
reader_of("model", path).derive(path, {})
loaded = {"tensorflow", "keras", "tf_keras", "pandas", "onnx", "safetensors", "google.protobuf"} & set(sys.modules)
sys.exit(f"it loaded {loaded}" if loaded else 0)
"""
LOAD = "import sys, keras; keras.models.load_model(sys.argv[1], compile=False)"
FORMATS = ["m.keras", "m.h5", "m", "m.safetensors", "m.onnx"]
LOADING = "`keras.models.load_model` of the `.keras`"


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run([sys.executable, "-c", MAKE], cwd=folder, check=True, capture_output=True)
        what = {f"`{name}`": partial(cpu, [sys.executable, "-c", READ, name], folder) for name in FORMATS}
        what[LOADING] = partial(cpu, [sys.executable, "-c", LOAD, "m.keras"], folder)
        found = in_turns(what, RUNS)
    against = statistics.median(found[LOADING])
    print(table(["read", "CPU-s, median", "least", "most", "against loading"], [row(*each, against) for each in found.items()]))
    took = statistics.median(found["`m.keras`"])
    print(f"\n`.keras`: {took:.2f} CPU-s, the limit is {LIMIT:.0f}")
    return int(took >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
