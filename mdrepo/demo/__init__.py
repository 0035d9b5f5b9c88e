"""The demo: the story of a model that is transferred from five digits to ten, on scikit-learn's bundled digits."""

from __future__ import annotations

from pathlib import Path

from ..errors import MissingExtra, UsageError

_NEEDED = ("sklearn", "tensorflow", "dvc", "h5py")


def folder(start: Path, given: str | None) -> Path:
    """The new folder to play in: the given one, else the first free `mdrepo-demo`, `mdrepo-demo-2`, ...; raises UsageError."""
    from importlib.util import find_spec

    for package in _NEEDED:
        if find_spec(package) is None:
            raise MissingExtra(package, "demo")
    if given is not None:
        chosen = start / given
        if chosen.exists() and (not chosen.is_dir() or any(chosen.iterdir())):
            raise UsageError(f"{given} is there already, and the demo begins in a new folder", "mdrepo demo ANOTHER-FOLDER")
        return chosen
    number = 1
    while (chosen := start / ("mdrepo-demo" if number == 1 else f"mdrepo-demo-{number}")).exists():
        number += 1
    return chosen
