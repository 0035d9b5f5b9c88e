"""The files of a snapshot: of a commit, of the index, or of the work tree; and safe writing into the work tree."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .errors import Finding, MdrepoError, UsageError

if TYPE_CHECKING:
    from .indexes import Entry
    from .snapshots import Git

_LINK = "120000"
ANYTHING = ""
"""Among the paths that were read: something else than a file of the snapshot."""
UNFINISHED = ".mdrepo-unfinished"
"""How the name of a file ends that is being written beside the one that it will be."""


class Files(Protocol):
    """The files of a snapshot: of a commit, of the index, or of the work tree. What is read is added to `seen`, if it is a set."""

    seen: set[str] | None

    def read(self, path: str) -> bytes | None: ...

    def paths(self) -> Iterable[str]: ...

    def below(self, folder: str) -> Iterable[str]:
        """The paths in a folder, without a list of all."""
        ...

    def prefetch(self, paths: Iterable[str], folder: str | None = None) -> None:
        """Read at once what will be read one by one, and a folder with all that is in it, where that is cheaper."""
        ...


class TreeFiles:
    """The files of a commit, a tree or the index, read from git's objects.

    `listed` gives the entries of some paths (files or folders), or with none of all. Whoever asks for all paths will read the
    files that `wanted` names: they are fetched together then.
    """

    def __init__(self, git: Git, listed: Callable[[Sequence[str]], Mapping[str, Entry]], wanted: Callable[[str], bool]) -> None:
        self._git = git
        self._listed = listed
        self._wanted = wanted
        self.seen: set[str] | None = None
        self._entries: dict[str, Entry | None] = {}
        self._read: dict[str, bytes] = {}
        self._below: dict[str, list[str]] = {}

    @cached_property
    def _all(self) -> Mapping[str, Entry]:
        found = self._listed([])
        self._entries = dict(found)
        self.prefetch(path for path in found if self._wanted(path))
        return found

    def paths(self) -> Iterable[str]:
        return self._all

    def below(self, folder: str) -> Iterable[str]:
        if folder not in self._below:
            self.prefetch([], folder)
        return self._below[folder]

    def entry(self, path: str) -> Entry | None:
        self._find([path])
        return self._entries.get(path)

    def _find(self, paths: Iterable[str], folder: str | None = None) -> None:
        unknown = [path for path in paths if path not in self._entries] if "_all" not in self.__dict__ else []
        proper = [path for path in unknown if "\0" not in path and not {"", ".", ".."} & {*path.split("/")}]
        asked = [*proper, *([folder] if folder is not None else [])]
        found = self._listed(asked) if asked else {}
        self._entries |= {path: found.get(path) for path in unknown}
        if folder is not None:
            inside = {path: entry for path, entry in found.items() if path.startswith(f"{folder}/")}
            self._entries |= inside
            self._below[folder] = [*inside]

    def prefetch(self, paths: Iterable[str], folder: str | None = None) -> None:
        """Read many files, and those of a folder, with one git process that lists and one that reads."""
        paths = [path for path in paths if path not in self._read]
        self._find(paths, folder)
        paths += self._below[folder] if folder is not None else []
        wanted = {path: entry.blob for path in paths if (entry := self._entries.get(path)) and entry.mode != _LINK}
        contents = self._git.blobs(sorted(set(wanted.values())))
        self._read |= {path: contents[blob] for path, blob in wanted.items()}

    def read(self, path: str) -> bytes | None:
        if self.seen is not None:
            self.seen.add(path)
        entry = self.entry(path)
        if entry is None:
            return None
        if entry.mode == _LINK:
            raise Finding(f"{path} is a symbolic link", "mdrepo reads no links: put the file itself there")
        self.prefetch([path])
        return self._read[path]


class WorkFiles:
    """The files of the work tree that git tracks or would track."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self.seen: set[str] | None = None

    @cached_property
    def _listed(self) -> list[str]:
        return self._git.listed()

    def paths(self) -> Iterable[str]:
        return self._listed

    def below(self, folder: str) -> Iterable[str]:
        return self._git.listed(folder)

    def prefetch(self, paths: Iterable[str], folder: str | None = None) -> None:
        pass

    def read(self, path: str) -> bytes | None:
        if self.seen is not None:
            self.seen.add(path)
        place = inside(self._git.root, path)
        try:
            return contents(place)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno in (errno.EISDIR, errno.EINVAL):
                raise Finding(f"{path} is no regular file", "put the file itself there") from None
            raise MdrepoError(f"{path}: {error.strerror}") from None


class Changed:
    """The files of a snapshot, some of them with other bytes."""

    def __init__(self, files: Files, changed: Mapping[str, bytes]) -> None:
        self._files = files
        self._changed = changed
        self.seen: set[str] | None = None

    def paths(self) -> Iterable[str]:
        return [*dict.fromkeys([*self._files.paths(), *self._changed])]

    def below(self, folder: str) -> Iterable[str]:
        return [*dict.fromkeys([*self._files.below(folder), *(path for path in self._changed if path.startswith(f"{folder}/"))])]

    def prefetch(self, paths: Iterable[str], folder: str | None = None) -> None:
        self._files.prefetch((path for path in paths if path not in self._changed), folder)

    def read(self, path: str) -> bytes | None:
        return self._changed[path] if path in self._changed else self._files.read(path)


def contents(place: Path) -> bytes:
    """The bytes of a regular file; raises OSError, also for a pipe or a device, which might be waited for without end.

    A pipe that the shell has opened for this process, as `<(command)` does, is read.
    """
    with open(place, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        mode = os.fstat(file.fileno()).st_mode
        opened = place.is_relative_to("/dev/fd") or str(place) == "/dev/stdin"
        if not stat.S_ISREG(mode) and not (stat.S_ISFIFO(mode) and opened):
            raise OSError(errno.EINVAL, "not a regular file", str(place))
        os.set_blocking(file.fileno(), True)
        return file.read()


@lru_cache(maxsize=16)
def _resolved(root: Path) -> Path:
    return root.resolve()


def inside(root: Path, path: str) -> Path:
    """The place of a path in a work tree; raises Finding where a symbolic link stands on the way, or where it leads out."""
    place = root / path
    if "\0" in path or Path(path).is_absolute() or place.resolve() != _resolved(root) / path:
        raise Finding(f"{path} is, or lies behind, a symbolic link, or leads out of the repository", "put the file itself there")
    return place


def write(root: Path, path: str, text: str | bytes) -> None:
    """Write a file of the work tree whole or not at all: beside it, to disk, and then in its place."""
    import tempfile  # reading needs it not, and it takes as long to load as a small diff

    place = inside(root, path)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        mode = place.stat().st_mode & 0o777 if place.exists() else 0o666 & ~_umask()
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.", suffix=UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8") if isinstance(text, str) else text)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            os.replace(name, place)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise MdrepoError(f"{path} cannot be written: {error.strerror}") from None


def removed(place: Path) -> None:
    """Take a file, a link or a folder away, if it is there."""
    if place.is_dir() and not place.is_symlink():
        import shutil

        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def read_file(path: Path) -> bytes:
    """The bytes of a file that a user named; raises MdrepoError."""
    try:
        return contents(path)
    except ValueError:
        raise UsageError(f"{str(path)!r} is no path") from None
    except OSError as error:
        raise MdrepoError(f"{path}: {error.strerror}") from None


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current
