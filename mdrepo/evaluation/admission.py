"""Which model files may be loaded: what they hold is read before anything of them is, and what could run code is refused by name.

Nothing here imports TensorFlow. `scan` reads all of a file, in the process that would load it; `declared` only what is cheap and
needs no library, so that most of what is refused is refused at once.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import MdrepoError
from ..extraction import ExtractionError, configurations, hdf5
from . import declarations, flatbuffer, savedmodels
from .admitted import KERAS

_CONFIG_LIMIT = 64 << 20
_MEMBERS = 10_000
_UNASKED = 1 << 20  # bytes that a member may have whatever it is packed in
_WEIGHTS = 64  # arrays of one layer of those that say what they have
_VALUES = 1 << 28  # of one example, anywhere in a model: 1 GiB in float32
_PLAIN = ("__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__", "__tuple__")
_BY_NAME = ("function", "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "TFOp")
_SHAPES = ("batch_shape", "batch_input_shape", "shape", "target_shape", "input_shape", "output_shape", "output_size")
_FACTORS = (
    "n",
    "height",
    "width",
    "size",
    "padding",
    "output_sequence_length",
    "max_tokens",
    "num_tokens",
    "num_bins",
    "sequence_length",
)
_READING = ("StringLookup", "IntegerLookup", "TextVectorization")
_ANYWHERE = frozenset().union(*KERAS.values())


class Refused(MdrepoError):
    """A model that is not loaded; a failure, as every model that does not load is one, and no finding about a document."""


@dataclass
class Admission:
    """What a model was let in with: classes of the user's own, as (module, name), and whether Python code is among it."""

    custom: set[tuple[str, str]] = field(default_factory=set)
    code: bool = False


def declared(path: Path, trusted: Collection[str] = ()) -> None:
    """Refuse a model for what its configuration says; only of `.keras` and `.tflite` files. Raises Refused."""
    if path.suffix in (".keras", ".tflite") and path.is_file():
        _scan(path, trusted, path.suffix, weights=False)


def scan(path: Path, trusted: Collection[str] = (), suffix: str | None = None) -> Admission:
    """Read a model file or folder, and refuse it for what could run code or takes far more than it is. Raises Refused.

    `suffix` says which format it has, where the path does not.
    """
    return _scan(path, trusted, path.suffix if suffix is None else suffix, weights=True)


def _scan(path: Path, trusted: Collection[str], suffix: str, weights: bool) -> Admission:
    admission = Admission()
    try:
        if path.is_dir():
            savedmodels.scan(path, trusted)
        elif suffix == ".keras":
            _keras(path, trusted, admission, weights)
        elif suffix == ".tflite":
            flatbuffer.scan(path, trusted)
        else:
            _h5(path, trusted, admission)
    except savedmodels.Named as named:
        raise refused(named.what, named.name) from None
    except ExtractionError as error:
        raise Refused(f"refused: {error.reason}") from None
    except RecursionError:
        raise Refused("refused: it is nested too deeply") from None
    except (zipfile.BadZipFile, LookupError, TypeError, ValueError, AttributeError, EOFError, OSError, RuntimeError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise Refused(
            f"it is no model of its format, or a broken one ({str(error).strip()[:200] or type(error).__name__})"
        ) from None
    return admission


def refused(what: str, name: str) -> Refused:
    """A refusal for something that the user can trust by its name."""
    return Refused(f"refused: {what}", f"if you know what it does: git config --add mdrepo.trust '{name}'")


# .keras


def _keras(path: Path, trusted: Collection[str], admission: Admission, weights: bool) -> None:
    with zipfile.ZipFile(path) as archive:
        members = _members(archive)
        config = json.loads(archive.read("config.json"))
        json.loads(archive.read("metadata.json"))
        _configuration(config, trusted, admission)
        for name in members:
            if name.endswith((".npz", ".npy")):
                _arrays(archive.read(name), name)
        if "model.weights.h5" not in members:
            raise ValueError("it has no model.weights.h5")
        if weights:
            with archive.open("model.weights.h5") as packed, hdf5.opened(_seekable(packed)) as content:
                _weights(content, path, config)


def _seekable(packed: Any) -> Any:
    import shutil
    import tempfile

    copy = tempfile.TemporaryFile()  # noqa: SIM115  # h5py holds it, and it is gone with it
    shutil.copyfileobj(packed, copy)
    return copy


def _members(archive: zipfile.ZipFile) -> list[str]:
    """The members of a zip, none of them twice, outside, or far larger than it is in the file."""
    members = archive.infolist()
    names = [each.filename for each in members]
    if len(names) > _MEMBERS:
        raise Refused(f"refused: it has {len(names):,} members")
    for each in members:
        name = each.filename
        parts = PurePosixPath(name).parts
        if names.count(name) > 1:
            raise Refused(f"refused: it has two members {name!r}")
        if not parts or parts[0] == "/" or ".." in parts or "\\" in name or each.external_attr >> 28 == 0o12:
            raise Refused(f"refused: its member {name!r} lies outside of it")
        if name not in ("config.json", "metadata.json", "model.weights.h5") and parts[0] != "assets" and not name.endswith(".npz"):
            raise Refused(f"refused: it has a member {name!r}, which no model has")
        if each.file_size > max(_UNASKED, hdf5.RATIO * each.compress_size) or each.file_size > hdf5.LIMIT:
            raise Refused(f"refused: its member {name!r} unpacks to far more than the file has")
        if name.endswith(".json") and each.file_size > _CONFIG_LIMIT:
            raise Refused(f"refused: its {name} is larger than {_CONFIG_LIMIT >> 20} MiB")
    return names


def _arrays(content: bytes, name: str) -> None:
    """Refuse arrays of objects, which are pickles."""
    import numpy as np

    parts = [content]
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(each.file_size > max(_UNASKED, hdf5.RATIO * each.compress_size) for each in archive.infolist()):
                raise Refused(f"refused: {name!r} unpacks to far more than the file has")
            parts = [archive.read(each) for each in archive.infolist()]
    for part in parts:
        file = io.BytesIO(part)
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        if read(file)[2].hasobject:
            raise Refused(f"refused: {name!r} has a pickled array, which could run code")


# what Keras' configurations name


def _configuration(config: Any, trusted: Collection[str], admission: Admission) -> None:
    """Every object of a configuration must be of a class that is admitted; what it was compiled with is not loaded."""
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict | list):
        raise ValueError("its configuration is none")
    outermost = {key: value for key, value in config.items() if key != "compile_config"}
    for each in _objects(outermost):
        _object(each, trusted, admission)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """All objects (with a `class_name`) in a configuration, from outside to inside."""
    left = [value]
    while left:
        found = left.pop()
        if isinstance(found, dict):
            if "class_name" in found:
                yield found
            left += found.values()
        elif isinstance(found, list):
            left += found


def _object(each: Mapping[str, Any], trusted: Collection[str], admission: Admission) -> None:
    name, module, config = each["class_name"], each.get("module"), each.get("config")
    if not isinstance(name, str) or not isinstance(module, str | None):
        raise ValueError("its configuration has a class without a name")
    if name in _PLAIN:
        _dimensions(name, config)
        return
    registered = each.get("registered_name")
    legacy = module in (None, "builtins")
    if name in _BY_NAME:
        called = config if isinstance(config, str) else config.get("function", name) if isinstance(config, dict) else name
        _trust(str(called), f"it calls the function {called!r} by its name ({name})", trusted, admission, module)
    elif name in ("Lambda", "__lambda__"):
        _trust("Lambda", f"it has a Lambda{_called(config)}, which runs Python code that is in the file", trusted, admission)
    elif registered not in (None, name) or not (name in _ANYWHERE if legacy else _admitted(module, name)):
        full = name if legacy else f"{module}.{name}"
        _trust(name, f"{full}{_called(config)} is not one of the classes that are admitted", trusted, admission, module)
    elif name in _READING and isinstance(config, dict) and isinstance(config.get("vocabulary"), str):
        raise Refused(f"refused: {name}{_called(config)} reads the file {config['vocabulary']!r}")
    _dimensions(name, config)


def _called(config: Any) -> str:
    found = config.get("name") if isinstance(config, dict) else None
    return f" {found!r}" if isinstance(found, str) else ""


def _admitted(module: str | None, name: str) -> bool:
    """Whether a class is one of Keras' own that are admitted, under its public or its inner module."""
    path = (module or "").replace("keras.src.", "keras.").replace("keras.engine.", "keras.models.")
    if path == "keras":
        return name in _ANYWHERE
    while path:
        if path in KERAS:
            return name in KERAS[path]
        path = path.rpartition(".")[0]
    return False


def _trust(name: str, what: str, trusted: Collection[str], admission: Admission, module: str | None = None) -> None:
    if name not in trusted and f"{module}.{name}" not in trusted:
        raise refused(what, name)
    if name == "Lambda":
        admission.code = True
    else:
        admission.custom.add((module or "", name))
        admission.code |= name in ("TFSMLayer", "TorchModuleWrapper")


def _dimensions(name: str, config: Any) -> None:
    """Refuse shapes that no example has."""
    if not isinstance(config, dict):
        return
    for key in _SHAPES:
        if _product(config.get(key)) > _VALUES:
            raise Refused(f"refused: {name}{_called(config)} has the {key} {str(config[key])[:80]}, far larger than any example")
    for key in _FACTORS:
        if any(size > _VALUES >> 4 for size in _sizes(config.get(key))):
            raise Refused(f"refused: {name}{_called(config)} has the {key} {str(config[key])[:80]}, far larger than any example")


def _sizes(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield abs(value)
    elif isinstance(value, list):
        for each in value:
            yield from _sizes(each)


def _product(value: Any) -> int:
    return math.prod(size for size in _sizes(value) if size) if isinstance(value, list) else 0


# weights


def _h5(path: Path, trusted: Collection[str], admission: Admission) -> None:
    with path.open("rb") as file, hdf5.opened(file) as content:
        text = content.attrs.get("model_config")
        if text is None:
            raise Refused("it has weights alone, and no configuration to run them by", "save the whole model")
        if len(text) > _CONFIG_LIMIT:
            raise Refused(f"refused: its configuration is larger than {_CONFIG_LIMIT >> 20} MiB")
        config = json.loads(text)
        _configuration(config, trusted, admission)
        _weights(content, path, config, legacy=True)


def _weights(content: Any, path: Path, config: Mapping[str, Any], legacy: bool = False) -> None:
    """Refuse weights that lie elsewhere or unpack to far more than they are, and layers that declare more than there is."""
    arrays = dict(_arrays_in(content, path))
    stored = sum(math.prod(shape) for shape, _ in arrays.values())
    inner = config["config"] if isinstance(config["config"], dict) else {"layers": config["config"]}
    for each in _objects(inner):
        least = declarations.least(each)
        if least > stored:
            what = f"{each['class_name']}{_called(each.get('config'))} declares {least:,} parameters or more"
            raise Refused(f"refused: {what}, and the file has {stored:,}")
    if legacy:
        return
    for layer in configurations.layers(inner):
        _declared(layer, arrays)


def _declared(layer: configurations.Configured, arrays: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
    """Refuse a layer's own weights that are not what its configuration declares, in their number, shapes or type."""
    found = [arrays[name] for number in range(_WEIGHTS) if (name := f"{layer.group}/vars/{number}") in arrays]
    wanted = declarations.shapes(layer)
    if not found or wanted is None:
        return
    if [shape for shape, _ in found] != wanted:
        differing = next((each for each in zip(wanted, found, strict=False) if each[0] != each[1][0]), None)
        told = f"weights of shape {differing[0]}" if differing else f"{len(wanted)} arrays of weights"
        there = f"{differing[1][0]}" if differing else f"{len(found)}"
        raise Refused(f"refused: {layer.class_name} {layer.name!r} declares {told}, and the file has {there}")
    if (dtype := declarations.dtype(layer)) is not None and (other := next((each for _, each in found if each != dtype), None)):
        raise Refused(f"refused: {layer.class_name} {layer.name!r} declares weights of type {dtype}, and the file has {other}")


def _arrays_in(content: Any, path: Path) -> Iterator[tuple[str, tuple[tuple[int, ...], str]]]:
    """All arrays of an HDF5 file, with their shapes and types; refuses links, arrays in other files, and what is there twice."""
    seen: set[Any] = set()
    left = [("", content)]
    while left:
        around, group = left.pop()
        for name in hdf5.names(group):
            found = hdf5.child(group, name, path)
            if found.id in seen:
                raise Refused(f"refused: its {found.name} is there twice")
            seen.add(found.id)
            if hasattr(found, "keys"):
                left.append((f"{around}{name}/", found))
            elif hasattr(found, "shape"):
                shape, dtype = hdf5.check(found, path)
                yield f"{around}{name}", (shape, str(dtype))
