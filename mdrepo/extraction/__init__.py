"""Artefact to derived values: the extractors, found through the entry-point group `mdrepo.extractors`.

An extractor is an object with the attributes of `Extractor` below. It reads; it never runs code from the artefact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ..errors import Finding

GROUP = "mdrepo.extractors"


@runtime_checkable
class Extractor(Protocol):
    """What derives values of one `kind` (`model`, `data`, ...) from files with some suffixes, or from folders (suffix `/`).

    `version` changes when the same file would give other values. `derive` takes the file, and the options that the schema names
    (pointer -> value in the document), and returns values by key; raises ExtractionError.
    """

    name: str
    kind: str
    version: str
    suffixes: tuple[str, ...]

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]: ...


def files_in(extractor: Extractor) -> tuple[str, ...]:
    """The options of an extractor that name an artefact ({path, md5}) of which it is given the file (`files`)."""
    return tuple(getattr(extractor, "files", ()))


class LayerWeights(NamedTuple):
    """One layer's weights: whether training changes them, if the format says so, and by name what becomes an array with `[()]`."""

    trainable: bool | None
    tensors: Mapping[str, Any]


@runtime_checkable
class Layered(Protocol):
    """An extractor of models that can also give their weights, layer by layer."""

    def layers(self, path: Path) -> AbstractContextManager[Mapping[str, LayerWeights]]: ...


@runtime_checkable
class Ended(Protocol):
    """An extractor of models that can give their outputs without reading the weights."""

    def outputs(self, path: Path) -> Sequence[Mapping[str, Any]]: ...


class ExtractionError(Finding):
    """A file that is not what it should be: its path and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name}: {reason}")
        self.reason = reason


class Malformed(ValueError):
    """Something in a file that is not what its format asks for, in words for whoever reads the message."""


def extractors() -> tuple[Extractor, ...]:
    """All that are installed and can be loaded, by name."""
    return _loaded()[0]


def named(name: str, kind: str) -> Extractor | None:
    """The extractor of a name and a kind; most often without that any other is loaded."""
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP, name=name):
        with suppress(Exception):  # a plugin's own mistake: it is not the one that is looked for
            if isinstance(made := point.load(), Extractor) and (made.name, made.kind) == (name, kind):
                return made
    return next((each for each in extractors() if (each.name, each.kind) == (name, kind)), None)


def broken() -> dict[str, str]:
    """The extractors that are installed and cannot be loaded, by name, with the reason."""
    return _loaded()[1]


@cache
def _loaded() -> tuple[tuple[Extractor, ...], dict[str, str]]:
    from importlib.metadata import entry_points

    found: list[Extractor] = []
    failed: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            made = point.load()
        except Exception as error:  # a plugin's own mistake, of any kind, is no reason to do without the others
            failed[point.name] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            continue
        if isinstance(made, Extractor):
            found.append(made)
        else:
            failed[point.name] = "it lacks an attribute of mdrepo.extraction.Extractor"
    return tuple(found), failed


def extractor_for(kind: str, path: str) -> Extractor | None:
    """The extractor of a kind that reads a file, by its suffix; a folder's path ends with '/'."""
    return next((each for each in extractors() if each.kind == kind and path.endswith(each.suffixes)), None)


def reader_of(kind: str, path: Path) -> Extractor | None:
    """The extractor of a kind that reads a file or folder that is here."""
    return extractor_for(kind, f"{path.name}/" if path.is_dir() else path.name)
