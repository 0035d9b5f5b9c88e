"""Temporary folders that do not outlive those who use them by much: what a killed command left, the next one takes away."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_NAME = re.compile(r"mdrepo-[a-z]+-[a-z0-9_]{8}\.tmp")
_NEW = 60
"""Seconds in which a folder may not have been locked yet by whoever has just made it."""


@contextmanager
def temporary(what: str) -> Iterator[Path]:
    """A folder for some work (a word for it), gone afterwards; first, those go that nobody uses any more.

    Its lock (flock(2), of the folder itself) is that of the process and of those that it forks; it ends with the last of them.
    """
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"mdrepo-{what}-", suffix=".tmp", ignore_cleanup_errors=True) as made:
        lock = os.open(made, os.O_RDONLY)
        try:
            with suppress(OSError):  # a file system without locks, where nothing is swept either
                fcntl.flock(lock, fcntl.LOCK_SH)
            yield Path(made)
        finally:
            os.close(lock)


@cache
def _sweep(place: Path) -> None:
    """Take away the folders of this user there that have no lock; once in a process."""
    with suppress(OSError):  # a place that may be written to need not be one that may be listed
        for folder in [each for each in place.iterdir() if _NAME.fullmatch(each.name)]:
            with suppress(OSError):  # somebody else was faster, or still needs it
                _take_away(folder)


def _take_away(folder: Path) -> None:
    """Raises OSError (BlockingIOError) for a folder that is in use."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        there = os.fstat(opened)
        if there.st_uid == os.getuid() and time.time() - there.st_mtime > _NEW:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
    finally:
        os.close(opened)
