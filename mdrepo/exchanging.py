"""Data of the work tree exchanged whole, with the files that speak of them: where anything fails after it, all is as it was."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .errors import MdrepoError
from .files import contents, inside, write


@contextmanager
def exchanged(root: Path, path: str, make: Callable[[Path], None], companions: Sequence[str]) -> Iterator[None]:
    """What is at a path, a file or a folder, makes way for what `make` puts at a place beside it.

    If the body fails, the old one is put back itself, and so is what `companions` said then. Raises MdrepoError.
    """
    import tempfile

    place = inside(root, path)
    before = {name: _read(root, name) for name in companions}
    try:
        beside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
    except OSError as error:
        raise MdrepoError(f"{path} cannot be written: {error.strerror}") from None
    old, new = beside / "old", beside / "new"
    try:
        _exchange(path, place, make, old, new)
        yield
    except BaseException:
        _put_back(path, place, old, new)
        for name, data in before.items():
            if data is None:
                inside(root, name).unlink(missing_ok=True)
            elif _read(root, name) != data:
                write(root, name, data)
        shutil.rmtree(beside, ignore_errors=True)
        raise
    shutil.rmtree(beside, ignore_errors=True)


def _exchange(path: str, place: Path, make: Callable[[Path], None], old: Path, new: Path) -> None:
    try:
        make(new)
        shutil.copymode(place, new)
        place.rename(old)
        new.rename(place)
    except OSError as error:
        raise MdrepoError(f"{path} cannot be written: {error.strerror}") from None


def _put_back(path: str, place: Path, old: Path, new: Path) -> None:
    """Where this fails too, the old data stay where the message says."""
    if not os.path.lexists(old):
        return
    try:
        if os.path.lexists(place):
            place.rename(new)
        old.rename(place)
    except OSError as error:
        raise MdrepoError(f"{path} cannot be put back: {error.strerror}", f"it is in {old}") from None


def _read(root: Path, path: str) -> bytes | None:
    try:
        return contents(inside(root, path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MdrepoError(f"{path}: {error.strerror}") from None
