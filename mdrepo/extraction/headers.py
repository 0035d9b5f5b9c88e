"""What picture files declare: format, size and bands, and whether they are whole, without a library, before anything is decoded.

Formats: PNG (ISO/IEC 15948), JPEG (ITU-T T.81), GIF89a, BMP (Windows' BITMAPINFOHEADER and its kin), TIFF 6.0 and BigTIFF, WebP
(RFC 9649). Readers differ in what they make of a file that is cut off; here it is the same for all of them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

CUT, EMPTY, DAMAGED = "it is cut off", "it has no pixels", "its pixels are damaged"
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # JPEG's markers of a frame
_PNG_BANDS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_TIFF_COLOURS = (0, 1, 2, 3, 5, 6)  # grey, RGB, palette, CMYK, YCbCr
_DEFLATED = (8, 32946)
_TIFF_PACKINGS = (1, 2, 3, 4, 5, 7, *_DEFLATED, 32773)  # none, CCITT, LZW, JPEG, deflate, PackBits
_PIECE = 1 << 20  # bytes that are unpacked at a time
_TIFF_LISTED = 1 << 20  # strips or tiles


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture declares: its format, its size in pixels, and how many bands a pixel has in the file (a palette's is one)."""

    format: str
    width: int
    height: int
    bands: int


def read(data: bytes) -> Header:
    """The header of a picture that is whole; raises ValueError with the reason."""
    for name, (magic, parse) in _FORMATS.items():
        if data.startswith(magic) and (name != "WEBP" or data[8:12] == b"WEBP"):
            try:
                return parse(data)
            except (struct.error, IndexError):
                raise ValueError(CUT) from None
    raise ValueError(f"it is none of {', '.join(_FORMATS)}")


def _png(data: bytes) -> Header:
    place, kinds = 8, list[bytes]()
    while not kinds or kinds[-1] != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, place)
        (check,) = struct.unpack_from(">I", data, place + 8 + length)
        if zlib.crc32(memoryview(data)[place + 4 : place + 8 + length]) != check:
            raise ValueError(f"its part {kind.decode('ascii', 'replace')!r} is damaged")
        kinds.append(kind)
        place += 12 + length
    if kinds[0] != b"IHDR" or b"IDAT" not in kinds:
        raise ValueError(EMPTY)
    width, height, _, colour = struct.unpack_from(">IIBB", data, 16)
    if colour not in _PNG_BANDS:
        raise ValueError(f"it has the unknown colour type {colour}")
    return Header("PNG", width, height, _PNG_BANDS[colour])


def _jpeg(data: bytes) -> Header:
    place, found = 2, None
    while True:
        start, marker = struct.unpack_from(">BB", data, place)
        if start != 0xFF:
            raise ValueError("its markers are damaged")
        if marker == 0xFF:  # it may be filled up with these
            place += 1
            continue
        if marker in (0x01, *range(0xD0, 0xD8)):  # these stand alone
            place += 2
            continue
        if marker == 0xD9:
            raise ValueError(EMPTY)
        (length,) = struct.unpack_from(">H", data, place + 2)
        if marker in _FRAMES and found is None:
            bits, height, width, bands = struct.unpack_from(">BHHB", data, place + 4)
            if bits != 8:
                raise ValueError(f"its pixels have {bits} bits a band, which is not read")
            found = Header("JPEG", width, height, bands)
        place += 2 + length
        if marker == 0xDA:
            break
    if found is None:
        raise ValueError(EMPTY)
    if data.find(b"\xff\xd9", place) < 0:
        raise ValueError(CUT)
    return found


def _gif(data: bytes) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    place, pictures = 13 + _gif_colours(flags), 0
    while (kind := data[place]) != 0x3B:
        if kind == 0x2C:
            pictures += 1
            place = _gif_blocks(data, place + 11 + _gif_colours(data[place + 9]))
        elif kind == 0x21:
            place = _gif_blocks(data, place + 2)
        else:
            raise ValueError("its blocks are damaged")
    if not pictures:
        raise ValueError(EMPTY)
    return Header("GIF", width, height, 1)


def _gif_colours(flags: int) -> int:
    """How many bytes a table of colours has."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_blocks(data: bytes, place: int) -> int:
    """The end of a chain of blocks."""
    while size := data[place]:
        place += 1 + size
    return place + 1


def _bmp(data: bytes) -> Header:
    (start, size) = struct.unpack_from("<II", data, 10)
    if size not in _BMP_HEADERS:
        raise ValueError(f"it has an unknown header of {size} bytes")
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        packing = 0
    else:
        width, height, _, bits, packing = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)
    alpha = bits == 32 and packing in (3, 6) and (size >= 56 or packing == 6) and struct.unpack_from("<I", data, 66) != (0,)
    if packing in (0, 3, 6) and start + (width * bits + 31) // 32 * 4 * height > len(data):
        raise ValueError(CUT)
    return Header("BMP", width, height, 1 if bits <= 8 else 4 if alpha else 3)


def _tiff(data: bytes) -> Header:
    """The first of its pictures."""
    tags = _tiff_tags(data)

    def one(tag: int, default: int) -> int:
        return tags.get(tag, (default,))[0]

    width, height, bands, bits, colour = one(256, 0), one(257, 0), one(277, 1), one(258, 1), one(262, 1)
    if bits not in (1, 8, 16, 32) or (bits in (1, 32) and bands > 1) or len(set(tags.get(258, ()))) > 1 or bands > 4:
        raise ValueError(f"its pixels have {bits} bits in {bands} bands, which is not read")
    if colour not in _TIFF_COLOURS:
        raise ValueError(f"it has colours of the kind {colour}, which is not read")
    packing = one(259, 1)
    if packing not in _TIFF_PACKINGS:
        raise ValueError(f"it is packed in the way {packing}, which is not read")
    if packing == 1 and 273 in tags and sum(tags.get(279, ())) < (width * bands * bits + 7) // 8 * height:
        raise ValueError(CUT)
    for places, sizes in ((273, 279), (324, 325)):
        if any(start + size > len(data) for start, size in zip(tags.get(places, ()), tags.get(sizes, ()), strict=False)):
            raise ValueError(CUT)
        if packing in _DEFLATED:
            for start, size in zip(tags.get(places, ()), tags.get(sizes, ()), strict=False):
                _inflate(data[start : start + size])
    if not (tags.get(273) or tags.get(324)):
        raise ValueError(EMPTY)
    turned = one(274, 1) in (5, 6, 7, 8)  # readers turn these
    return Header("TIFF", height if turned else width, width if turned else height, bands)


def _inflate(packed: bytes) -> None:
    """Raises ValueError where packed pixels are not those that were packed; not all readers look."""
    unpacking = zlib.decompressobj()
    try:
        while packed and not unpacking.eof:
            unpacking.decompress(packed, _PIECE)
            packed = unpacking.unconsumed_tail
    except zlib.error:
        raise ValueError(DAMAGED) from None
    if not unpacking.eof:
        raise ValueError(DAMAGED)


def _tiff_tags(data: bytes) -> dict[int, tuple[int, ...]]:
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", data, 2) == (43,)
    (place,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, 8 if big else 4)
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, place)
    place += 8 if big else 2
    entry, room = (f"{order}HHQ", 8) if big else (f"{order}HHI", 4)
    tags: dict[int, tuple[int, ...]] = {}
    for at in range(place, place + min(count, 1 << 12) * (struct.calcsize(entry) + room), struct.calcsize(entry) + room):
        tag, kind, length = struct.unpack_from(entry, data, at)
        letter = _TIFF_TYPES.get(kind)
        if letter is None or length > _TIFF_LISTED:
            continue
        values = f"{order}{length}{letter}"
        inner = at + struct.calcsize(entry)
        if struct.calcsize(values) > room:
            (inner,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, inner)
        tags[tag] = struct.unpack_from(values, data, inner) or (0,)
    return tags


def _webp(data: bytes) -> Header:
    (length,) = struct.unpack_from("<I", data, 4)
    if length + 8 > len(data):
        raise ValueError(CUT)
    kind = data[12:16]
    if kind == b"VP8X":
        sizes = int.from_bytes(data[24:30], "little")
        return Header("WEBP", (sizes & 0xFFFFFF) + 1, (sizes >> 24) + 1, 4 if data[20] & 0x10 else 3)
    if kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, 21)
        return Header("WEBP", (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, 4 if packed >> 28 & 1 else 3)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF, 3)
    raise ValueError(EMPTY)


_FORMATS: Mapping[str, tuple[bytes | tuple[bytes, ...], Callable[[bytes], Header]]] = {
    "JPEG": (b"\xff\xd8\xff", _jpeg),
    "PNG": (b"\x89PNG\r\n\x1a\n", _png),
    "BMP": (b"BM", _bmp),
    "GIF": ((b"GIF87a", b"GIF89a"), _gif),
    "TIFF": ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _tiff),
    "WEBP": (b"RIFF", _webp),
}
