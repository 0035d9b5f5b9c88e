"""PyTorch checkpoints (`torch.save`, since 1.6): a zip of a pickle and the tensors' bytes, read without PyTorch.

The pickle is not run: it may speak of tensors and of plain values, and is refused where it asks for anything else.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import ExtractionError, Malformed, pickles
from .weights import PIECE, Layer, Model, ModelExtractor, Tensor, grouped

_PICKLE_LIMIT = 256 << 20
_LIMIT = 200_000
_NAME = 2_000  # characters of a tensor's name
_STORAGES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexDouble": "complex128",
    "ComplexFloat": "complex64",
}
_DTYPES = [*_STORAGES.values(), "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"]
_SIZES = {"bool": 1, "bfloat16": 2, "complex64": 8, "complex128": 16}
_MODELS = ("state_dict", "model_state_dict", "model", "module", "net", "params", "weights")  # where training scripts keep the model


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor: a part of a storage. `trained` is known of parameters only."""

    key: str
    stored: int
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    trained: bool | None = None


def _view(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _View:
    """torch._utils._rebuild_tensor, _rebuild_tensor_v2."""
    _, kind, key, _, stored = storage.key
    return _checked(_View(str(key), stored, _STORAGES[kind.name.removesuffix("Storage")], offset, tuple(shape), tuple(strides)))


def _untyped(storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any) -> _View:
    """torch._utils._rebuild_tensor_v3, whose storage counts bytes."""
    _, _, key, _, stored = storage.key
    return _checked(_View(str(key), stored // _size(dtype.name), dtype.name, offset, tuple(shape), tuple(strides)))


def _checked(view: _View) -> _View:
    numbers = (view.stored, view.offset, *view.shape, *view.strides)
    if not all(type(each) is int and each >= 0 for each in numbers) or len(view.shape) != len(view.strides):
        raise Malformed("a tensor has a shape or a place that is none")
    size = math.prod(view.shape)
    last = view.offset + sum((length - 1) * stride for length, stride in zip(view.shape, view.strides, strict=True))
    if size > view.stored or (size and last >= view.stored):
        raise Malformed("a tensor declares more numbers than its storage has")
    return view


def _parameter(view: _View, trained: Any, *_: Any) -> _View:
    """torch._utils._rebuild_parameter, _rebuild_parameter_with_state."""
    return replace(view, trained=bool(trained))


def _size(dtype: str) -> int:
    return _SIZES.get(dtype) or int("".join(each for each in dtype.partition("_")[0] if each.isdigit())) // 8


_ADMITTED: Mapping[tuple[str, str], pickles.Made | None] = {
    ("collections", "OrderedDict"): lambda items=(): dict(items),
    ("_codecs", "encode"): lambda text, *_: text,  # bytes, in protocol 2
    ("torch", "Size"): lambda items=(): tuple(items),
    ("torch", "device"): lambda *what: ":".join(map(str, what)),
    ("torch._utils", "_rebuild_tensor"): _view,
    ("torch._utils", "_rebuild_tensor_v2"): _view,
    ("torch._utils", "_rebuild_tensor_v3"): _untyped,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch.storage", "UntypedStorage"): None,
    ("torch", "UntypedStorage"): None,
    **{("torch", f"{name}Storage"): None for name in _STORAGES},
    **{("torch", name): None for name in _DTYPES},
}


def _inside(value: Any) -> list[tuple[Any, Any]]:
    """The parts of a dict, a list or a tuple, with their keys."""
    return list(value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ())


def _holders(content: Any) -> set[int]:
    """The containers that have a tensor somewhere in them, by identity; each is looked at once, however often it is there."""
    around: dict[int, list[int]] = {id(content): []}
    left, reached = [content], list[int]()
    while left:
        value = left.pop()
        for _, each in _inside(value):
            if isinstance(each, _View):
                reached.append(id(value))
            elif isinstance(each, Mapping | list | tuple):
                if id(each) not in around:
                    around[id(each)] = []
                    left.append(each)
                around[id(each)].append(id(value))
    found: set[int] = set()
    while reached:
        place = reached.pop()
        if place not in found:
            found.add(place)
            reached += around[place]
    return found


def _views(content: Any) -> dict[str, _View]:
    """The tensors of nested dicts and lists, by dotted names, in their order."""
    if isinstance(content, _View):
        return {"tensor": content}
    holders = _holders(content)
    found: dict[str, _View] = {}
    left = [("", content)]
    for _ in range(_LIMIT):  # lists that hold each other need few bytes for any number of tensors
        if not left:
            return found
        name, value = left.pop()
        if isinstance(value, _View):
            if found.setdefault(name, value) is not value:
                raise Malformed(f"two tensors are called {name}")
        elif len(name) > _NAME:
            raise Malformed("its tensors are nested too deeply")
        else:
            items = ((key, each) for key, each in _inside(value) if isinstance(each, _View) or id(each) in holders)
            left += reversed([(f"{name}.{key}" if name else str(key), each) for key, each in items])
    raise Malformed(f"it has more than {_LIMIT:,} tensors and parts that have some")


def _layer(name: str, tensors: list[Tensor], views: Mapping[str, _View]) -> Layer:
    """A layer; whether it is trained is known if it has parameters alone, which say so (a state_dict has plain tensors)."""
    trained = [(views.get(f"{name}.{each.name}") or views[each.name]).trained for each in tensors]
    if None in trained:
        return Layer(name, tensors=tuple(tensors))
    learned = sum(each.size for each, does in zip(tensors, trained, strict=True) if does)
    return Layer(name, trainable=any(trained), tensors=tuple(tensors), trained=learned)


def _model(content: Any) -> Any:
    """The part of a checkpoint that is the model: without the optimizer's state, and what else training goes on from."""
    if not isinstance(content, Mapping) or any(isinstance(value, _View) for value in content.values()):
        return content
    found = next((content[key] for key in _MODELS if isinstance(content.get(key), Mapping)), None)
    return content if found is None else found


class _Archive:
    """The zip: `NAME/data.pkl`, `NAME/byteorder`, and the bytes of each storage in `NAME/data/KEY`, all stored as they are."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self.archive = archive
        names = [name for name in archive.namelist() if name.endswith("data.pkl") and name.count("/") <= 1]
        if len(names) != 1:
            raise Malformed("it has no data.pkl")
        self.prefix = names[0].removesuffix("data.pkl")
        if any(each.compress_type != zipfile.ZIP_STORED for each in archive.infolist()):
            raise ExtractionError(path, "its parts are compressed, which PyTorch never does; they could unpack to anything")
        if "byteorder" in self.parts and archive.read(self.prefix + "byteorder") != b"little":
            raise ExtractionError(path, "its numbers are in big-endian order")

    @property
    def parts(self) -> set[str]:
        return {name.removeprefix(self.prefix) for name in self.archive.namelist()}

    def content(self) -> Any:
        info = self.archive.getinfo(self.prefix + "data.pkl")
        if info.file_size > _PICKLE_LIMIT:
            raise Malformed(f"its data.pkl is larger than {_PICKLE_LIMIT >> 20} MiB")
        return pickles.load(self.archive.read(info), _ADMITTED)

    def tensor(self, name: str, view: _View) -> Tensor:
        info = self.archive.getinfo(f"{self.prefix}data/{view.key}")
        if info.file_size < view.stored * _size(view.dtype):
            raise Malformed(f"{name} declares more bytes than there are")
        return Tensor(name, view.shape, view.dtype, lambda: self._bytes(info, view))

    def _bytes(self, info: zipfile.ZipInfo, view: _View) -> Iterator[bytes]:
        """A tensor's bytes in the order of its indices, whatever the order in its storage is."""
        size = _size(view.dtype)
        steps = [math.prod(view.shape[at + 1 :]) for at in range(len(view.shape))]
        if all(stride == step or length < 2 for stride, step, length in zip(view.strides, steps, view.shape, strict=True)):
            yield from self._part(info, view.offset * size, math.prod(view.shape) * size)
            return
        import numpy as np

        data = np.frombuffer(b"".join(self._part(info, view.offset * size, (view.stored - view.offset) * size)), f"V{size}")
        yield np.lib.stride_tricks.as_strided(data, view.shape, [each * size for each in view.strides]).tobytes()

    def _part(self, info: zipfile.ZipInfo, start: int, length: int) -> Iterator[bytes]:
        with self.archive.open(info) as file:
            file.seek(start)
            while length:
                piece = file.read(min(length, PIECE))
                if not piece:
                    raise Malformed("a tensor ends before its bytes do")
                length -= len(piece)
                yield piece


class PyTorch(ModelExtractor):
    """Tensors and what they are called; a layer is what the names have in common before the last dot."""

    name = "pytorch"
    version = "1"
    suffixes = (".pt", ".pth")
    what = "a PyTorch checkpoint"

    @contextmanager
    def opened(self, path: Path) -> Iterator[Model]:
        with path.open("rb") as file:
            if file.read(2) == b"\x80\x02":
                raise ExtractionError(path, "a bare pickle, as PyTorch before 1.6 wrote it: save it anew with a newer one")
        with zipfile.ZipFile(path) as archive:
            parts = _Archive(archive, path)
            try:
                content = parts.content()
            except pickles.Refused as error:
                raise ExtractionError(path, str(error)) from None
            views = _views(_model(content))
            if not views:
                raise Malformed("it has no tensors")
            found = grouped((name, parts.tensor(name, view)) for name, view in views.items())
            yield Model("pytorch", [_layer(name, tensors, views) for name, tensors in found], "pytorch")


EXTRACTOR = PyTorch()
