"""DVC's hash of a folder, and a folder made of what DVC's cache has, without DVC."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from .caching import Cache
from .errors import Finding

SUFFIX = ".dir"
IGNORE = ".dvcignore"
EMPTY = hashlib.md5(b"[]", usedforsecurity=False).hexdigest() + SUFFIX
"""DVC's hash of a folder of which it takes nothing."""


def md5(folder: Path, cache: Cache) -> str:
    """DVC's hash of a folder: the MD5 of the list of its files; a file is read again where its size or times have changed.

    What DVC could not record (a broken link, a pipe) makes it a hash that DVC never gives.
    """
    key = hashlib.sha256(str(folder).encode("utf-8", "surrogateescape")).hexdigest()
    known: dict[str, list[Any]] = json.loads(cache.get("folders", key) or b"{}")
    found: dict[str, list[Any]] = {}
    for name, path in taken(folder):
        is_regular = False
        stamp: list[int] = []
        with contextlib.suppress(OSError):
            entry = path.stat()
            stamp, is_regular = [entry.st_size, entry.st_mtime_ns, entry.st_ino], stat.S_ISREG(entry.st_mode)
        before = known.get(name)
        found[name] = before if before and is_regular and before[:3] == stamp else [*stamp, _hash(path) if is_regular else ""]
    if found != known:
        cache.put("folders", key, json.dumps(found).encode())
    listed = json.dumps([{"md5": found[name][-1], "relpath": name} for name in sorted(found)])
    return hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest() + SUFFIX


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()
    except OSError:
        return ""


def taken(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of a folder that DVC takes, by their paths inside it; links to folders are not followed, as DVC does not.

    What DVC leaves out is said in .dvcignore files above the folder: it refuses them inside.
    """
    root = next((each for each in folder.parents if (each / ".dvc").is_dir()), folder)
    above = [each for each in folder.parents if each.is_relative_to(root)]
    ignored = [(each, test) for each in above if (test := _ignores(each))]

    def wanted(path: Path, end: str = "") -> bool:
        return not any(test(path.relative_to(at).as_posix() + end) for at, test in ignored)

    for place, names, files in os.walk(folder):
        here = Path(place)
        names[:] = [name for name in names if name not in (".git", ".hg", ".dvc") and (not ignored or wanted(here / name, "/"))]
        for name in files:
            if name != ".git" and (not ignored or wanted(here / name)):
                yield (here / name).relative_to(folder).as_posix(), here / name


def others(folder: Path) -> bool:
    """Whether a folder has files, or links, that DVC does not take."""
    known = {path for _, path in taken(folder)}
    for place, names, files in os.walk(folder):
        links = [name for name in names if Path(place, name).is_symlink()]
        if links or any(Path(place, name) not in known for name in files):
            return True
    return False


def clear(folder: Path, names: Iterable[str]) -> None:
    """Take some files out of a folder, and the folders, itself too, that are empty then; what else is there stays."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    for place, _, _ in os.walk(folder, topdown=False):
        if not any(Path(place).iterdir()):
            Path(place).rmdir()


def _ignores(folder: Path) -> Callable[[str], bool] | None:
    """Whether a folder's .dvcignore leaves out a path below it; None without one."""
    try:
        lines = (folder / IGNORE).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(lines).match_file


def parts(listing: Path) -> dict[str, str]:
    """The files of a folder, with their MD5, as the list of them in DVC's cache says; raises Finding."""
    hint = "'dvc fetch' brings it again"
    try:
        found = {str(each["relpath"]): str(each["md5"]) for each in json.loads(listing.read_bytes())}
    except (ValueError, KeyError, TypeError):
        raise Finding(f"{listing}: DVC's list of a folder is broken", hint) from None
    for name, digest in found.items():
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or not re.fullmatch("[0-9a-f]{32}", digest):
            raise Finding(f"{listing}: DVC's list of a folder names {name!r}, which is none of its files", hint)
    return found


def assembled(listing: Path, place: Path, stored: Callable[[str], Path]) -> None:
    """Make a folder at a place, of hard links to what DVC's cache has of it (`stored`: by MD5), or of copies on another disk.

    Symbolic links would be refused in a model's folder, and left out in one of pictures, as they may lead anywhere.
    """
    place.mkdir()
    for name, digest in parts(listing).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        source = stored(digest).resolve()
        try:
            (place / name).hardlink_to(source)
        except OSError:
            shutil.copyfile(source, place / name)
