"""Folders of pictures: what is read off them, and what is in them that is none."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from conftest import dvc, git, load, mdrepo

from mdrepo.extraction import ExtractionError, extractor_for
from mdrepo.extraction.images import EXTRACTOR

Image = pytest.importorskip("PIL.Image")


def picture(seed: int, size: tuple[int, int] = (16, 12), mode: str = "RGB", form: str = "PNG") -> bytes:
    import numpy as np

    bands = len(Image.new(mode, (1, 1)).getbands())
    array = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], bands)).astype("uint8")
    out = io.BytesIO()
    Image.fromarray(array if bands > 1 else array[..., 0], mode).save(out, form)
    return out.getvalue()


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder


def bomb() -> bytes:
    """A small PNG that declares 60,000 x 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_sizes_channels_classes_and_what_looks_alike(tmp_path: Path) -> None:
    scene = Image.open(io.BytesIO(picture(2, (4, 3))))
    once, again = io.BytesIO(), io.BytesIO()
    scene.resize((36, 24), Image.Resampling.NEAREST).save(once, "PNG")
    scene.resize((72, 48), Image.Resampling.NEAREST).save(again, "BMP")
    files = {
        "cat/1.png": once.getvalue(),
        "cat/again.bmp": again.getvalue(),  # the same picture, twice as large
        "cat/2.jpg": picture(2, form="JPEG"),
        "dog/deep/3.png": picture(3, mode="L"),
        "dog/notes.txt": b"no picture",
    }
    found = EXTRACTOR.derive(put(tmp_path / "pets", files), {})
    assert (found["format"], found["examples"]) == ("images", 4)
    assert found["classes"] == [{"value": "cat", "name": "cat", "count": 3}, {"value": "dog", "name": "dog", "count": 1}]
    assert found["images"] == {
        "width": {"minimum": 16, "maximum": 72},
        "height": {"minimum": 12, "maximum": 48},
        "channels": [{"channels": 1, "count": 1}, {"channels": 3, "count": 3}],
        "formats": [{"format": "BMP", "count": 1}, {"format": "JPEG", "count": 1}, {"format": "PNG", "count": 2}],
        "look_alike": 1,
    }
    assert EXTRACTOR.derive(tmp_path / "pets", {}) == found


def test_broken_pictures_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    files = {"1.png": picture(1), "2.png": picture(2)[:60], "3.jpg": b"GIF89a", "bomb.png": bomb(), "empty.png": b""}
    found = EXTRACTOR.derive(put(tmp_path / "pets", files), {})
    assert found["examples"] == 1
    assert "classes" not in found, "not all of them lie in subfolders"
    assert found["images"]["broken"] == 4
    reasons = {each["path"]: each["reason"] for each in found["images"]["broken_files"]}
    assert set(reasons) == {"2.png", "3.jpg", "bomb.png", "empty.png"}
    assert "pixels" in reasons["bomb.png"]
    assert not any(str(tmp_path) in each for each in reasons.values())


def test_a_folder_of_pictures_of_which_none_can_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExtractionError, match="it has no pictures that can be read"):
        EXTRACTOR.derive(put(tmp_path / "pets", {"a.png": b"x"}), {})


@pytest.mark.parametrize("files", [{}, {"a.txt": b"x"}])
def test_of_a_folder_without_pictures_nothing_is_said(tmp_path: Path, files: dict[str, bytes]) -> None:
    (tmp_path / "pets").mkdir()
    assert EXTRACTOR.derive(put(tmp_path / "pets", files), {}) == {}


def test_links_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path, {"outside.png": picture(1), "pets/1.png": picture(2)})
    (tmp_path / "pets/link.png").symlink_to(tmp_path / "outside.png")
    assert EXTRACTOR.derive(tmp_path / "pets", {})["examples"] == 1


def test_a_folder_of_pictures_has_a_document(repo: Path) -> None:
    put(repo / "data/pets", {"cat/1.png": picture(1), "dog/2.png": picture(2), "dog/3.png": picture(3)})
    dvc("add", "-q", "data/pets", cwd=repo)
    mdrepo("new", "dataset", "pets", cwd=repo)
    document = load(repo, "metadata/pets.json")
    assert (document["format"], document["examples"], document["artefact"]["files"]) == ("images", 3, 3)
    assert [each["name"] for each in document["classes"]] == ["cat", "dog"]
    mdrepo("validate", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Pets", cwd=repo)
    before = hashlib.md5((repo / "metadata/pets.json").read_bytes()).hexdigest()
    (repo / "data/pets/cat/4.png").write_bytes(picture(4))
    assert "modified data/pets is not what DVC recorded" in mdrepo("status", cwd=repo).out
    dvc("add", "-q", "data/pets", cwd=repo)
    mdrepo("patch", "--apply", cwd=repo)
    found: Any = load(repo, "metadata/pets.json")
    assert [each["count"] for each in found["classes"]] == [2, 2]
    mdrepo("checkout", "--force", "HEAD", cwd=repo)
    assert hashlib.md5((repo / "metadata/pets.json").read_bytes()).hexdigest() == before
    assert not (repo / "data/pets/cat/4.png").exists()


def test_folders_are_read_by_it() -> None:
    found = extractor_for("data", "data/pets/")
    assert found is not None
    assert found.name == "images"


def test_a_folder_without_pictures_has_what_dvc_records(repo: Path) -> None:
    put(repo / "data/texts", {"a.txt": b"one", "b/c.txt": b"two"})
    dvc("add", "-q", "data/texts", cwd=repo)
    told = mdrepo("new", "dataset", "texts", cwd=repo).out
    assert " ! " not in told
    artefact = load(repo, "metadata/texts.json")["artefact"]
    assert (artefact["path"], artefact["size"], artefact["files"]) == ("data/texts", 6, 2)
    assert artefact["md5"].endswith(".dir")
    mdrepo("patch", "--check", "metadata/texts.json", cwd=repo)
    mdrepo("validate", "metadata/texts.json", cwd=repo)


@pytest.mark.parametrize(
    ("there", "ok", "words"),
    [
        ({"PIL"}, True, "Pillow reads pictures"),
        ({"PIL", "cv2"}, True, "Pillow and OpenCV read pictures"),
        (set(), False, "neither Pillow nor OpenCV is installed"),
    ],
)
def test_doctor_says_what_reads_pictures(
    repo: Path, monkeypatch: pytest.MonkeyPatch, there: set[str], ok: bool, words: str
) -> None:
    from mdrepo import setting_up

    monkeypatch.setattr(setting_up, "find_spec", lambda name: name if name in there else None)
    [check] = [each for each in setting_up.diagnose(repo) if each.name == "extra images"]
    assert (check.ok, check.hint) == (ok, None if ok else "pip install 'mdrepo-ml[images]'")
    assert words in check.message
