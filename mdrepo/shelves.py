"""A folder of ours in a DVC remote: files by name, through the file system that DVC has for the remote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import MdrepoError


class Folder:
    """Files in a folder of a remote; whatever its file system says of a failure is raised as MdrepoError."""

    def __init__(self, system: Any, path: str, name: str) -> None:
        self._system = system
        self._path = path
        self.name = name

    def size(self, file: str) -> int | None:
        """How many bytes a file has; None where there is none."""
        with self._told():
            try:
                return int(self._system.info(self._at(file))["size"])
            except FileNotFoundError:
                return None

    def put(self, source: Path, file: str) -> None:
        """Copy a file there."""
        with self._told():
            place = self._at(file)
            self._system.makedirs(self._system.parent(place), exist_ok=True)
            self._system.put_file(str(source), place)

    def take(self, file: str, target: Path) -> bool:
        """Copy a file from there; False where there is none."""
        with self._told():
            try:
                self._system.get_file(self._at(file), str(target))
            except FileNotFoundError:
                return False
            return True

    def _at(self, file: str) -> str:
        return str(self._system.join(self._path, *file.split("/")))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each kind of remote has errors of its own
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise MdrepoError(f"DVC's remote {self.name}: {lines[0][:200]}", "'dvc remote list' shows where it is") from None
