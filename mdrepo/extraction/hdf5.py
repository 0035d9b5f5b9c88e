"""Weights in HDF5 files, as Keras writes them; nothing that may lead out of the file is followed."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from ..errors import MissingExtra
from . import ExtractionError
from .weights import Tensor

LIMIT = 64 << 30  # bytes of one weight
RATIO = 200  # how many times its bytes in the file a weight may unpack to


@contextmanager
def opened(file: IO[bytes] | Path) -> Iterator[Any]:
    """An HDF5 file; raises MissingExtra, OSError."""
    try:
        import h5py
    except ImportError:
        raise MissingExtra("h5py", "data") from None
    with h5py.File(file, "r") as content:
        yield content


def child(group: Any, name: str, path: Path) -> Any:
    """What is at a name below a group, None without; raises ExtractionError for links, which may lead to other files.

    By h5py's low-level interface, as all here: for hundreds of small weights the other takes as long as their bytes.
    """
    import h5py

    for part in name.split("/"):
        known = part.encode("utf-8", "surrogateescape")
        if not part or not isinstance(group, h5py.Group) or not (links := group.id.links).exists(known):
            return None
        if links.get_info(known).type != h5py.h5l.TYPE_HARD:
            raise ExtractionError(
                path, f"its weights have a link at {group.name.rstrip('/')}/{part}, which may lead to another file"
            )
        found = h5py.h5o.open(group.id, known)
        kinds = {h5py.h5g.GroupID: h5py.Group, h5py.h5d.DatasetID: h5py.Dataset}
        group = kinds.get(type(found), h5py.Datatype)(found)
    return group


def children(root: Any, path: Path) -> Callable[[str], Any]:
    """`child` of one group for many names: what is on the way to several of them is opened once."""
    found: dict[str, Any] = {}

    def find(name: str) -> Any:
        if name not in found:
            before, _, last = name.rpartition("/")
            found[name] = child(find(before) if before else root, last, path)
        return found[name]

    return find


def names(group: Any) -> list[str]:
    """What a group has in it."""
    return [each.decode("utf-8", "surrogateescape") for each in group.id]


def tensors(group: Any, path: Path, prefix: str = "", seen: set[int] | None = None) -> Iterator[Tensor]:
    """The weights below a group, in the order of their names, without the states of optimizers and of random generators."""
    import h5py

    seen = set() if seen is None else seen
    place = h5py.h5o.get_info(group.id).addr
    if place in seen:  # one in itself, or one of so many that only look like many
        raise ExtractionError(path, f"the group {group.name} of its weights is there more than once")
    seen.add(place)
    for name in sorted(names(group), key=lambda key: (not key.isdigit(), int(key) if key.isdigit() else 0, key)):
        if name.endswith("optimizer"):
            continue
        found = child(group, name, path)
        if isinstance(found, h5py.Group):
            yield from tensors(found, path, f"{prefix}{name}/", seen)
        elif isinstance(found, h5py.Dataset):
            shape, dtype = check(found, path)
            if "seed_generator" not in prefix + name:
                yield Tensor(prefix + name, shape, str(dtype), lambda data=found: [data[()].tobytes()])  # type: ignore[misc]


def divided(found: Iterable[Tensor], owners: Container[str]) -> tuple[dict[str, list[Tensor]], dict[str, list[Tensor]]]:
    """Weights of a Keras 3 file by the groups that own them, and the others by the groups that they are in, under short names.

    Keras writes a layer's own weights into `vars`; the group of a model has the groups of its `layers` in it.
    """
    owned: dict[str, list[Tensor]] = {}
    others: dict[str, list[Tensor]] = {}
    for tensor in found:
        at = tensor.name.rfind("/")
        while at > 0 and tensor.name[:at] not in owners:
            at = tensor.name.rfind("/", 0, at)
        if at > 0:
            owned.setdefault(tensor.name[:at], []).append(replace(tensor, name=tensor.name[at + 1 :]))
            continue
        group, mark, own = f"/{tensor.name}".rpartition("/vars/")
        if not mark:
            group, _, own = f"/{tensor.name}".rpartition("/")
        name = "/".join(each for each in group.split("/") if each not in ("", "layers"))
        others.setdefault(name or "vars", []).append(replace(tensor, name=f"vars/{own}" if mark else own))
    return owned, others


def check(data: Any, path: Path) -> tuple[tuple[int, ...], Any]:
    """An array's shape and type; raises ExtractionError for one in another file, without numbers, or far larger than its bytes."""
    import h5py

    plan = data.id.get_create_plist()
    if plan.get_external_count() or plan.get_layout() == h5py.h5d.VIRTUAL:
        raise ExtractionError(path, f"its weights at {data.name} lie in another file")
    shape, dtype = tuple(data.id.shape), data.id.dtype
    if dtype.hasobject:
        raise ExtractionError(path, f"its weights at {data.name} are no numbers")
    size = math.prod(shape) * dtype.itemsize
    if size > LIMIT or size > RATIO * max(data.id.get_storage_size(), 1):
        raise ExtractionError(path, f"its weights at {data.name} declare far more bytes than the file has")
    return shape, dtype
