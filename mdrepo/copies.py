"""Files and folders as they were: second names for them, or copies, and putting those back."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from .files import UNFINISHED, removed

_SMALL = 1 << 20


def keep(place: Path, copy: Path) -> None:
    """A second name for the data at a place, or a copy where there can be none; whoever changes data writes new files."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        shutil.copytree(place, copy, symlinks=True, copy_function=_linked)
    elif place.lstat().st_size <= _SMALL:  # DVC writes its pointers in place, which a second name would follow
        shutil.copy2(place, copy, follow_symlinks=False)
    else:
        _linked(str(place), str(copy))


def give_back(copy: Path, place: Path) -> None:
    """Put a copy in its place by a rename, which needs no room on the disk."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if copy.is_dir() and not copy.is_symlink():
        removed(place)
    try:
        os.replace(copy, place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        near = place.with_name(f".{place.name}{UNFINISHED}")  # a work tree elsewhere: beside it, and then in its place
        removed(near)
        keep(copy, near)
        os.replace(near, place)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def same(one: Path, other: Path) -> bool:
    """Whether two files or folders have the same contents."""
    if one.is_dir() and not one.is_symlink():
        import filecmp

        found = filecmp.dircmp(one, other, ignore=[])
        return (
            other.is_dir()
            and not (found.left_only or found.right_only or found.diff_files or found.funny_files)
            and all(same(one / name, other / name) for name in found.common_dirs)
        )
    try:
        return one.samefile(other) or one.read_bytes() == other.read_bytes()
    except OSError:
        return False
