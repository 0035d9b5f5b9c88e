"""All formats of models together: what reading them loads, and broken ones among good ones in a repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from random import Random

import pytest
from conftest import DOCUMENT, keras_file, load, mdrepo, track
from test_extraction_h5 import legacy
from test_extraction_onnx import model, written
from test_extraction_pytorch import Evil, _torch, state
from test_extraction_pytorch import saved as checkpoint
from test_extraction_safetensors import raw
from test_extraction_safetensors import saved as tensors

from mdrepo.extraction import Ended, ExtractionError, Layered, extractor_for, extractors

__all__ = ["_torch"]  # the fixture

READ = """
import json, sys
from pathlib import Path
from mdrepo.extraction import reader_of
path = Path(sys.argv[1])
values = reader_of("model", path).derive(path, {})
print(json.dumps([sorted({name.partition(".")[0] for name in sys.modules}), values], sort_keys=True))
"""
FOREIGN = {"tensorflow", "keras", "tf_keras", "torch", "onnx", "safetensors", "google", "pandas", "sklearn", "dvc"}


def every(folder: Path) -> list[Path]:
    """A good file of each format."""
    (folder / "m.keras").write_bytes(keras_file(3))
    legacy(folder / "m.h5")
    tensors(folder / "m.safetensors")
    checkpoint(folder / "m.pt", state())
    written(folder / "m.onnx", model())
    return sorted(folder.iterdir())


def test_reading_a_model_loads_no_framework_and_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    for path in every(tmp_path):
        answers = []
        for seed in ("0", "1"):
            done = subprocess.run(
                [sys.executable, "-c", READ, str(path)],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "PYTHONHASHSEED": seed},
            )
            loaded, values = json.loads(done.stdout)
            assert not FOREIGN & set(loaded), path.name
            answers.append(json.dumps(values))
        assert answers[0] == answers[1]


def test_every_extractor_of_models_gives_layers_and_outputs() -> None:
    found = [each for each in extractors() if each.kind == "model"]
    assert {each.name for each in found} >= {"keras", "h5", "safetensors", "pytorch", "onnx", "savedmodel"}
    assert all(isinstance(each, Layered) and isinstance(each, Ended) for each in found)
    assert extractor_for("model", "m.unknown") is None


def document(root: Path, name: str, content: bytes) -> None:
    track(root, f"models/{name}", content)
    content_ = {
        "$schema": "urn:mdrepo:model:1",
        "name": name,
        "task": "classification",
        "weights": {"artefact": {"path": f"models/{name}"}},
    }
    (root / f"metadata/{name}.json").write_text(json.dumps(content_, indent=2) + "\n")


def test_the_documents_of_good_models_are_valid(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    made = every(tmp_path / "made")
    for path in made:
        document(repo, path.name, path.read_bytes())
    mdrepo("patch", "--apply", cwd=repo)
    for path in made:
        found = load(repo, f"metadata/{path.name}.json")
        assert found["structure"]["parameters"]["total"] > 0
        assert found["weights"]["digest"].startswith("sha256:")
    mdrepo("validate", *(f"metadata/{path.name}.json" for path in made), cwd=repo)
    mdrepo("patch", "--check", cwd=repo)


def test_bad_models_are_named_and_the_rest_is_done(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    mark = tmp_path / "executed"
    for path in every(tmp_path / "made"):
        data = path.read_bytes()
        document(repo, f"cut{path.suffix}", data[: len(data) // 2])
    evil = checkpoint(tmp_path / "evil.pt", {"w": Evil(os.system, f"touch {mark}")})
    document(repo, "evil.pt", evil.read_bytes())
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("config.json", "metadata.json"):
            archive.writestr(name, '{"config": {}}')
        archive.writestr("model.weights.h5", bytes(100 << 20))
    document(repo, "bomb.keras", (tmp_path / "bomb.keras").read_bytes())
    billion = {"x": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}
    document(repo, "billion.safetensors", raw(tmp_path / "x", billion, bytes(8)).read_bytes())
    track(repo, "models/net.keras", keras_file(4))
    problems = mdrepo("patch", "--apply", "--json", cwd=repo, code=1).json["problems"]
    reasons = {
        "models/cut.keras": "not a .keras file",
        "models/cut.h5": "not an HDF5 file of Keras",
        "models/cut.safetensors": "not a safetensors file",
        "models/cut.pt": "not a PyTorch checkpoint",
        "models/cut.onnx": "not an ONNX model",
        "models/evil.pt": "its pickle asks for posix.system",
        "models/bomb.keras": "unpack to far more than the file has",
        "models/billion.safetensors": "not a safetensors file",
    }
    for name, reason in reasons.items():
        assert any(name in json.dumps(each) and reason in json.dumps(each) for each in problems), (name, problems)
        assert "structure" not in load(repo, f"metadata/{name.removeprefix('models/')}.json")
    assert load(repo, DOCUMENT)["structure"]["outputs"] == [{"name": "head", "shape": [None, 4]}]
    assert not mark.exists()


@pytest.mark.parametrize("name", ["m.safetensors", "m.pt", "m.onnx", "m.h5"])
def test_lineage_reads_every_format(tmp_path: Path, name: str) -> None:
    (tmp_path / "made").mkdir()
    path = next(each for each in every(tmp_path / "made") if each.name == name)
    [lineage] = [each for each in extractors() if each.name == "lineage"]
    values = lineage.derive(path, {"/lineage/base#/weights/artefact": path})
    assert values["layers"]
    assert {each["change"] for each in values["layers"]} == {"identical"}
    assert all(("frozen" in each) == (name == "m.h5") for each in values["layers"])


def spoiled(data: bytes, random: Random) -> bytes:
    """Bytes with some of them changed, overwritten or taken away."""
    found = bytearray(data)
    for _ in range(random.choice([1, 2, 8])):
        at = random.randrange(len(found))
        what = random.choice(["change", "change", "fill", "cut"])
        length = 1 if what == "change" else random.randrange(1, 16)
        filling = bytes([random.randrange(256)]) if what == "change" else bytes([random.choice([0, 127, 128, 255])]) * length
        found[at : at + length] = b"" if what == "cut" else filling
    return bytes(found)


def test_spoiled_files_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    random, refused = Random(7), 0
    for path in every(tmp_path):
        reader, data = extractor_for("model", path.name), path.read_bytes()
        assert reader is not None
        for _ in range(200):
            path.write_bytes(spoiled(data, random))
            try:
                reader.derive(path, {})
            except ExtractionError:
                refused += 1
    assert 500 < refused < 1000
