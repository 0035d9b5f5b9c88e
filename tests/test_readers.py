"""Pictures through Pillow and through OpenCV: nothing that is derived depends on which of them is installed."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from mdrepo.errors import MissingExtra
from mdrepo.extraction import headers, readers
from mdrepo.extraction.images import EXTRACTOR, read

WIDTH, HEIGHT = 61, 43
READERS = {"pillow": readers.by_pillow, "opencv": readers.by_opencv}
cv2.utils.logging.setLogLevel(0)


@cache
def scene() -> Any:
    """A picture of smooth colours, with all greys from black to white."""
    coarse = np.random.default_rng(7).integers(0, 256, (6, 7, 3)).astype("uint8")
    array = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).copy()
    array[0, 0], array[-1, -1] = 0, 255
    return Image.fromarray(array)


def saved(picture: Any, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def by_cv2(array: Any, suffix: str) -> bytes:
    done, data = cv2.imencode(suffix, array)
    assert done
    return data.tobytes()


def turned(orientation: int) -> Any:
    found = Image.Exif()
    found[274] = orientation
    return found


@cache
def corpus() -> dict[str, tuple[bytes, tuple[str, int]]]:
    """Pictures by name, with their format and bands."""
    rgb, grey = scene(), scene().convert("L")
    seen = rgb.copy()
    seen.putalpha(grey)
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
    few = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    wide = np.asarray(grey).astype("uint16") * 257
    colours = np.asarray(rgb)[..., ::-1].astype("uint16") * 257
    other = rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    found: dict[str, tuple[bytes, tuple[str, int]]] = {}

    def put(name: str, data: bytes, bands: int) -> None:
        assert name not in found
        form = {"jpg": "JPEG", "tif": "TIFF"}.get(name.rpartition(".")[2], name.rpartition(".")[2].upper())
        found[name] = data, (form, bands)

    for suffix, form, options in [
        ("png", "PNG", {}),
        ("bmp", "BMP", {}),
        ("tif", "TIFF", {}),
        ("gif", "GIF", {}),
        ("jpg", "JPEG", {}),
    ]:
        put(f"grey.{suffix}", saved(grey, form, **options), 1)
        put(f"rgb.{suffix}", saved(rgb, form, **options), 1 if form == "GIF" else 3)
    for suffix, form in [("png", "PNG"), ("bmp", "BMP"), ("tif", "TIFF"), ("gif", "GIF")]:
        put(f"palette.{suffix}", saved(palette, form), 1)
        put(f"bits.{suffix}", saved(grey.convert("1"), form), 1)
    put("palette4.png", saved(few, "PNG", bits=4), 1)
    put("palette-seen.png", saved(few, "PNG", transparency=3), 1)
    put("palette-seen.gif", saved(few, "GIF", transparency=3), 1)
    for options in ({}, {"transparency": 3}):  # the first frame is a part of the picture, on a background
        data = bytearray(saved(few.crop((0, 0, 40, 30)), "GIF", **options))
        struct.pack_into("<HH", data, 6, WIDTH, HEIGHT)
        data[11] = 7
        struct.pack_into("<HH", data, data.index(struct.pack("<BHHHH", 0x2C, 0, 0, 40, 30)) + 1, 3, 2)
        put(f"part{len(options)}.gif", bytes(data), 1)
    put("rgba.png", saved(seen, "PNG"), 4)
    put("rgba.bmp", by_cv2(np.dstack([np.asarray(rgb)[..., ::-1], np.asarray(grey)]), ".bmp"), 4)
    put("unused.bmp", saved(seen, "BMP"), 3)
    put("rgba.tif", saved(seen, "TIFF"), 4)
    put("grey-alpha.png", saved(seen.convert("LA"), "PNG"), 2)
    put("grey16.png", by_cv2(wide, ".png"), 1)
    put("grey16.tif", by_cv2(wide, ".tiff"), 1)
    put("rgb16.png", by_cv2(colours, ".png"), 3)
    put("rgb16.tif", by_cv2(colours, ".tiff"), 3)
    put("rgba16.png", by_cv2(np.dstack([colours, wide]), ".png"), 4)
    put("float.tif", saved(Image.fromarray(np.asarray(grey).astype("float32") / 255), "TIFF"), 1)
    put("whole.tif", saved(Image.fromarray(np.asarray(grey).astype("int32") * 1000 - 9000), "TIFF"), 1)
    for packing in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        put(f"{packing}.tif", saved(rgb, "TIFF", compression=packing), 3)
    put("group4.tif", saved(grey.convert("1"), "TIFF", compression="group4"), 1)
    put("white-is-zero.tif", saved(grey, "TIFF", tiffinfo={262: 0}), 1)
    put("cmyk.tif", saved(rgb.convert("CMYK"), "TIFF"), 4)
    put("cmyk.jpg", saved(rgb.convert("CMYK"), "JPEG"), 4)
    for quality in (50, 95):
        for sampling in (0, 2):
            put(f"{quality}-{sampling}.jpg", saved(rgb, "JPEG", quality=quality, subsampling=sampling), 3)
    put("progressive.jpg", saved(rgb, "JPEG", progressive=True), 3)
    put("rgb.webp", saved(rgb, "WEBP"), 3)
    put("rgba.webp", saved(seen, "WEBP"), 4)
    put("lossless.webp", saved(rgb, "WEBP", lossless=True), 3)
    put("lossless-rgba.webp", saved(seen, "WEBP", lossless=True, exact=True), 4)
    put("moving.webp", saved(rgb, "WEBP", save_all=True, append_images=[other]), 3)
    put("moving.gif", saved(palette, "GIF", save_all=True, append_images=[other]), 1)
    put("moving.png", saved(rgb, "PNG", save_all=True, append_images=[other]), 3)
    put("pages.tif", saved(rgb, "TIFF", save_all=True, append_images=[other]), 3)
    put("two.jpg", saved(rgb, "MPO", save_all=True, append_images=[other]), 3)
    put("flipped.png", saved(other, "PNG"), 3)
    for orientation in (3, 6):
        put(f"turned{orientation}.jpg", saved(rgb, "JPEG", exif=turned(orientation)), 3)
        put(f"turned{orientation}.tif", saved(rgb, "TIFF", exif=turned(orientation)), 3)
    return found


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(params=READERS)
def only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One reader is installed, and not the other."""
    other = {"pillow": "cv2", "opencv": "PIL"}[request.param]
    monkeypatch.setitem(sys.modules, other, None)
    corpus()
    assert readers.reader() is READERS[request.param]
    return str(request.param)


def test_what_a_picture_declares_is_read_without_a_library() -> None:
    for name, (data, (form, bands)) in corpus().items():
        size = (HEIGHT, WIDTH) if name == "turned6.tif" else (WIDTH, HEIGHT)
        assert headers.read(data) == headers.Header(form, *size, bands), name
        with Image.open(io.BytesIO(data)) as image:
            assert (image.size, len(image.getbands())) == (size, bands), name


def test_a_picture_looks_the_same_to_both_readers(tmp_path: Path) -> None:
    for name, (data, _) in corpus().items():
        put(tmp_path, {name: data})
        found = [read(tmp_path / name, reader) for reader in READERS.values()]
        assert found[0] == found[1], name


def test_a_folder_has_the_same_values_with_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(tmp_path / "all", {f"a/{name}": data for name, (data, _) in corpus().items()})
    found = []
    for missing in ("cv2", "PIL"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, missing, None)
            found.append(EXTRACTOR.derive(folder, {}))
    assert found[0] == found[1]
    assert found[0]["examples"] == len(corpus())
    assert "broken" not in found[0]["images"]


def test_the_same_scene_looks_alike_however_it_is_saved(tmp_path: Path, only: str) -> None:
    same = ["rgb.png", "rgb.bmp", "rgb.tif", "rgba.png", "rgba.bmp", "rgb16.png", "rgb16.tif", "rgba16.png", "lossless.webp"]
    same += ["lossless-rgba.webp", "moving.png", "pages.tif", "tiff_lzw.tif", "tiff_deflate.tif", "packbits.tif"]
    greys = ["grey.png", "grey.bmp", "grey.tif", "grey.gif", "grey16.png", "grey16.tif", "float.tif", "whole.tif", "grey-alpha.png"]
    for names in (same, greys):
        folder = put(tmp_path / names[0], {name: corpus()[name][0] for name in names})
        assert EXTRACTOR.derive(folder, {})["images"]["look_alike"] == len(names) - 1
    flipped = corpus()["flipped.png"][0]
    folder = put(tmp_path / "two", {"1.png": corpus()["rgb.png"][0], "2.png": flipped})
    assert EXTRACTOR.derive(folder, {})["images"]["look_alike"] == 0


def test_a_picture_twice_as_large_looks_the_same() -> None:
    array = np.asarray(scene())
    assert readers.looks(array) == readers.looks(array.repeat(2, axis=0).repeat(3, axis=1))
    assert readers.looks(np.full((5, 4, 3), 77, "uint8")) == 0
    assert readers.looks(np.zeros((1, 1), "uint16")) == 0
    assert readers.looks(np.full((3, 3), np.nan, "float32")) == 0


def test_rounding_makes_no_other_hash() -> None:
    """A grey level more or less in each pixel, as decoders differ by, changes no place by more than the step."""
    flat = np.full((64, 72, 3), 128, "uint8")
    noise = np.random.default_rng(1).integers(-1, 2, flat.shape)
    assert readers.looks((flat + noise).astype("uint8")) == readers.looks(flat) == 0
    steps = np.repeat(np.array([10, 60, 20, 90, 80, 200, 100, 101, 102], "uint8"), 8)
    picture = np.broadcast_to(steps[None, :, None], (64, 72, 3))
    assert readers.looks((picture + noise).astype("uint8")) == readers.looks(picture) != 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 9), (17, 23), (100, 31)])
def test_places_are_exact_shares_of_the_pixels(shape: tuple[int, int]) -> None:
    """Against the plain way: each pixel as 8 x 9 smaller ones."""
    pixels = np.random.default_rng(3).integers(0, 256, shape).astype("uint8")
    fine = np.kron(pixels.astype("int64"), np.ones((8, 9), "int64"))
    plain = fine.reshape(8, shape[0], 9, shape[1]).sum(axis=(1, 3))
    assert (readers._places(pixels) == plain).all()


CUTS = ["rgb.png", "rgb.jpg", "progressive.jpg", "rgb.bmp", "palette.bmp", "rgb.gif", "moving.gif", "rgb.tif", "tiff_deflate.tif",
        "tiff_lzw.tif", "rgb.webp", "lossless.webp", "rgba.webp"]  # fmt: skip


def test_what_is_cut_off_is_found_with_both(tmp_path: Path, only: str) -> None:
    """The picture is cut in many places; no reader makes anything of the rest, and the reasons do not depend on it."""
    files: dict[str, bytes] = {}
    for name in CUTS:
        data = corpus()[name][0]
        last = len(data) - (3 if name.endswith("tif") else 1)
        files |= {f"{at:06}-{name}": data[:at] for at in {*range(0, 64, 7), *range(64, last, max(1, last // 12)), last}}
    with pytest.raises(Exception, match="no pictures that can be read"):
        EXTRACTOR.derive(put(tmp_path / "cut", files), {})
    for name in files:
        with pytest.raises(ValueError, match=r"^(it is cut off|it is none of JPEG, PNG, BMP, GIF, TIFF, WEBP)$"):
            read(tmp_path / "cut" / name, READERS[only])


def changed(name: str, change: Callable[[bytearray], None]) -> bytes:
    data = bytearray(corpus()[name][0])
    change(data)
    return bytes(data)


def at(place: int, kind: str, *values: int) -> Callable[[bytearray], None]:
    return lambda data: struct.pack_into(kind, data, place, *values)


def larger(data: bytearray) -> None:
    """A JPEG that declares 60,000 x 60,000."""
    place = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, place + 5, 60_000, 60_000)


def tag(number: int, value: int) -> Callable[[bytearray], None]:
    """Another value of a TIFF's tag."""

    def change(data: bytearray) -> None:
        (place,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, place)
        [entry] = [
            each for each in range(place + 2, place + 2 + 12 * count, 12) if data[each : each + 2] == struct.pack("<H", number)
        ]
        struct.pack_into("<HII", data, entry + 2, 4, 1, value)

    return change


def huge(data: bytearray) -> None:
    tag(256, 60_000)(data)
    tag(257, 60_000)(data)


BROKEN = {
    "bomb.jpg": (changed, "rgb.jpg", larger, "it declares 60,000 x 60,000 pixels"),
    "bomb.gif": (changed, "rgb.gif", at(6, "<HH", 60_000, 60_000), "it declares 60,000 x 60,000 pixels"),
    "bomb.webp": (changed, "rgba.webp", at(24, "<HBHB", 0xFFFF, 0, 0xFFFF, 0), "it declares 65,536 x 65,536 pixels"),
    "bomb.tif": (changed, "tiff_lzw.tif", huge, "it declares 60,000 x 60,000 pixels"),
    "none.gif": (changed, "rgb.gif", at(6, "<HH", 0, 5), "it declares 0 x 5 pixels"),
    "damaged.png": (changed, "rgb.png", at(60, "<I", 0), "its part 'IDAT' is damaged"),
    "damaged.tif": (changed, "tiff_deflate.tif", at(40, "<QQQ", 0, 0, 0), "its pixels are damaged"),
    "12.jpg": (changed, "rgb.jpg", lambda data: at(data.index(b"\xff\xc0") + 4, "B", 12)(data), "have 12 bits a band"),
    "lab.tif": (changed, "rgb.tif", tag(262, 8), "colours of the kind 8"),
    "packed.tif": (changed, "rgb.tif", tag(259, 99), "packed in the way 99"),
    "size.bmp": (changed, "rgb.bmp", at(14, "<I", 41), "unknown header of 41 bytes"),
    "colour.png": (None, "", lambda _: None, "the unknown colour type 5"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_picture_has_the_same_reason_with_both(tmp_path: Path, only: str, name: str) -> None:
    make, source, change, reason = BROKEN[name]
    data = make(source, change) if make else _png_of_colour_type(5)
    folder = put(tmp_path / "pets", {name: data, "whole.png": corpus()["rgb.png"][0]})
    found = EXTRACTOR.derive(folder, {})["images"]
    [told] = found["broken_files"]
    assert reason in told["reason"]


def _png_of_colour_type(colour: int) -> bytes:
    import zlib

    parts = [(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, colour, 0, 0, 0)), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_random_damage_ends_in_a_reason(tmp_path: Path, only: str) -> None:
    random = np.random.default_rng(5)
    names = sorted(corpus())
    reasons = []
    for _ in range(150):
        data = bytearray(corpus()[names[random.integers(len(names))]][0])
        for _ in range(random.integers(1, 5)):
            data[random.integers(min(len(data), 200))] = random.integers(256)
        put(tmp_path, {"x.png": bytes(data)})
        try:
            read(tmp_path / "x.png", READERS[only])
        except ValueError as error:
            reasons.append(str(error))
    assert len(reasons) > 50
    assert all(reason.startswith("it") for reason in reasons)


def test_without_a_reader_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra) as found:
        EXTRACTOR.derive(put(tmp_path / "pets", {"1.png": corpus()["rgb.png"][0]}), {})
    assert (found.value.package, found.value.extra) == ("PIL", "images")
