"""Folders of pictures whose classes are their subfolders, and the same folders with other classes."""

from __future__ import annotations

import os
import re
import shutil
import stat
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import Finding, MdrepoError
from .extraction.images import SUFFIXES

_FORBIDDEN = re.compile(r'[/\\<>:"|?*]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_LONGEST = 255  # bytes of a name


class Subfolders:
    """The pictures of a folder, with their classes; whatever else lies in a class's folder goes where the class goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files, self.empty = _listed(folder)
        self.pictures = [name for name in self.files if PurePosixPath(name).suffix.lower() in SUFFIXES]
        outside = [name for name in self.pictures if "/" not in name]
        if outside or not self.pictures:
            lies = f": {outside[0]} lies in none" if outside else ""
            raise Finding(f"{folder.name} has no classes{lies}", "a picture's class is the subfolder that it lies in")
        self.values: Sequence[Any] = [_class(name) for name in self.pictures]
        self.items = f"a picture is named by its path in the folder, as {self.pictures[0]}"
        self._places = {name: place for place, name in enumerate(self.pictures)}

    def example(self, item: str) -> int | None:
        return self._places.get(item)

    def meant(self, text: str) -> Any:
        return text

    def change(self, values: Sequence[Any], renamed: Mapping[Any, Any]) -> Moved:
        """Where each file goes; raises Finding for classes that can be no folders, or not these."""
        classes = dict(zip(self.pictures, values, strict=True))

        def moved(name: str) -> str:
            before, slash, rest = name.partition("/")
            return f"{classes.get(name, renamed.get(before, before))}/{rest}" if slash else name

        folders = {_class(name) for name in self.files if "/" in name} | {_class(name) for name in self.empty}
        new = sorted({*values, *renamed.values()} - folders)
        for name in new:
            _check(name)
        wanted = {name: moved(name) for name in self.files}
        empty = {moved(f"{name}/").rstrip("/") for name in self.empty}
        loose = {name for name in self.files if "/" not in name}
        _check_apart(new, {_class(name) for name in (*wanted.values(), *empty)} - loose, loose)
        places, others = _settled(wanted)
        return Moved(self.folder, places, tuple(others), tuple(sorted(empty)))


@dataclass(frozen=True)
class Moved:
    """A folder with other classes: where its files go, and those that need another name there."""

    folder: Path
    places: Mapping[str, str]
    renamed: tuple[tuple[str, str], ...]
    empty: tuple[str, ...]
    retyped: tuple[str, str] | None = None

    def write(self, place: Path) -> None:
        """Make the folder, of links to the files where the disk has such links, else of copies."""
        for name, now in self.places.items():
            (place / now).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(self.folder / name, place / now, follow_symlinks=False)
            except FileExistsError:
                raise MdrepoError(f"{now} would be written twice: this disk takes its name for another's") from None
            except OSError:
                shutil.copy2(self.folder / name, place / now, follow_symlinks=False)
        for name in self.empty:
            (place / name).mkdir(parents=True, exist_ok=True)


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """The files of a folder, and its folders that are empty, by their paths in it; raises Finding for what is neither."""
    files: list[str] = []
    empty: list[str] = []

    def refused(error: OSError) -> None:
        raise MdrepoError(f"{error.filename}: {error.strerror}")

    for place, names, found in os.walk(folder, onerror=refused):
        for path in (Path(place, name) for name in (*names, *found)):
            mode = path.lstat().st_mode
            name = path.relative_to(folder).as_posix()
            if stat.S_ISLNK(mode):
                hint = "put the file itself there; 'dvc unprotect' does, where the link is DVC's"
                raise Finding(f"{folder.name}/{name} is a symbolic link", hint)
            if stat.S_ISREG(mode):
                files.append(name)
            elif not stat.S_ISDIR(mode):
                raise Finding(f"{folder.name}/{name} is no regular file", "move it away")
        if not names and not found and Path(place) != folder:
            empty.append(Path(place).relative_to(folder).as_posix())
    return sorted(files), sorted(empty)


def _class(name: str) -> str:
    return name.partition("/")[0]


def _check(name: str) -> None:
    """Raises Finding for a class whose folder could not be made on every disk, or that would be hidden."""
    if not name or name.startswith("."):
        why = "it is empty" if not name else "it begins with a dot"
    elif found := _FORBIDDEN.search(name):
        why = f"it has a {found.group()}"
    elif any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in name):
        why = "it has a control character"
    elif name != name.strip() or name.endswith("."):
        why = "it begins or ends with a space, or ends with a dot"
    elif _DEVICES.fullmatch(name):
        why = "Windows keeps it for a device"
    elif len(name.encode("utf-8")) > _LONGEST:
        why = f"it is longer than {_LONGEST} bytes"
    else:
        return
    raise Finding(f"{name!r} can be no class of this folder: {why}", "a class is a subfolder here; nothing was written")


def _check_apart(new: Sequence[str], folders: set[str], files: set[str]) -> None:
    """Raises Finding for a new class that some disks could not tell from what lies beside it."""
    beside = (folders - set(new)) | files
    for name in new:
        for other in sorted(beside):
            if _folded(other) == _folded(name):
                what = "a file" if other in files else "a class"
                raise Finding(f"{name!r} can be no class of this folder: {other!r} is {what} beside it", "nothing was written")
        beside.add(name)


def _folded(name: str) -> str:
    """What a disk that knows no case takes a name for."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _settled(wanted: Mapping[str, str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Where files go so that each has a place of its own, and (was, is) of those that need another name for it.

    What stays keeps its name; what comes to it gets that of its old class behind its own: `1.png` becomes `1-dog.png`.
    """
    places: dict[str, str] = {}
    renamed: list[tuple[str, str]] = []
    taken: set[str] = set()
    by: dict[str, str] = {}
    for name in sorted(wanted, key=lambda name: (wanted[name] != name, name)):
        for place in _names(wanted[name], _class(name)):
            # what is told apart by case alone in one folder stays so
            if place == name or (place not in taken and by.get(_folded(place), _class(name)) == _class(name)):
                break
        if place != wanted[name]:
            renamed.append((name, place))
        places[name] = place
        taken.add(place)
        by[_folded(place)] = _class(name)
    for place in taken:
        for above in PurePosixPath(place).parents:
            if str(above) in taken:
                raise Finding(f"{above} would be a file and a folder", "give one of them another name first; nothing was written")
    return places, renamed


def _names(place: str, before: str) -> Iterator[str]:
    yield place
    pure = PurePosixPath(place)
    number = 1
    while True:
        more = f"-{number}" if number > 1 else ""
        yield str(pure.with_name(f"{pure.stem}-{before}{more}{pure.suffix}"))
        number += 1
