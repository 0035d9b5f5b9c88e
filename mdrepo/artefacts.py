"""What DVC tracks, and its bytes: the one module that talks to DVC.

What `.dvc` files and `dvc.lock` say is read here without DVC, so that `status` and `validate` need not load it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from . import folders
from .caching import Cache
from .errors import Finding, MdrepoError, MissingExtra
from .files import Files, inside, removed
from .shelves import Folder

_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class Artefact(NamedTuple):
    """A file or folder that DVC tracks: its path, and the MD5, size in bytes and number of `files` (None: it is a file) that
    `pointer` (a .dvc file or dvc.lock) records."""

    path: str
    md5: str
    size: int
    pointer: str
    files: int | None = None

    @property
    def is_folder(self) -> bool:
        return self.md5.endswith(folders.SUFFIX)

    @property
    def shown(self) -> str:
        """Its path, with '/' behind a folder's: what extractors are found by."""
        return f"{self.path}/" if self.is_folder else self.path

    @property
    def recording(self) -> str:
        """The command that has DVC record it as it is now: of what a stage makes, DVC refuses 'dvc add'."""
        return "dvc commit" if PurePosixPath(self.pointer).name == "dvc.lock" else f"dvc add {self.path}"


def checked_path(path: str) -> str:
    """A path from a document, made sure to stay inside the repository; raises Finding."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or not pure.parts or pure.parts[0] == ".git":
        raise Finding(f"{path!r} leads out of the repository", "paths are relative to the repository's root")
    return str(pure)


def tracked(files: Files, path: str) -> Artefact | None:
    """What DVC records of a path in a snapshot; None where it tracks no such path."""
    path = checked_path(path)
    if (data := files.read(f"{path}.dvc")) is not None:
        found = _out(_yaml(data, f"{path}.dvc").get("outs"), PurePosixPath(path).name, path, f"{path}.dvc")
        if found:
            return found
    for folder in PurePosixPath(path).parents:
        lock = str(folder / "dvc.lock")
        if (data := files.read(lock)) is not None:
            relative = str(PurePosixPath(path).relative_to(folder))
            stages = _yaml(data, lock).get("stages") or {}
            for stage in stages.values() if isinstance(stages, dict) else ():
                found = _out(stage.get("outs"), relative, path, lock)
                if found:
                    return found
    return None


@lru_cache(maxsize=1024)
def _yaml(data: bytes, path: str) -> Mapping[str, Any]:
    """What a pointer says; the same one is asked for by every field that is read off its artefact."""
    import yaml

    try:
        content = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Finding(f"{path}: not YAML: {str(error).splitlines()[0]}", "restore it from git, or let DVC write it anew") from None
    return content if isinstance(content, dict) else {}


def _out(outs: Any, relative: str, path: str, pointer: str) -> Artefact | None:
    for out in outs if isinstance(outs, list) else ():
        if isinstance(out, dict) and out.get("path") == relative and isinstance(out.get("md5"), str):
            files = out.get("nfiles")
            return Artefact(path, out["md5"], int(out.get("size") or 0), pointer, files if isinstance(files, int) else None)
    return None


def all_tracked(files: Files, among: Iterable[str] | None = None) -> Iterator[Artefact]:
    """Every single artefact that DVC tracks in a snapshot, by the pointers among some paths, or all."""
    for file in files.paths() if among is None else among:
        if file.endswith(".dvc"):
            found = tracked(files, file.removesuffix(".dvc"))
            if found is not None and found.pointer == file:  # one that is gone may have left its place to a stage
                yield found
        elif PurePosixPath(file).name == "dvc.lock" and (data := files.read(file)) is not None:
            folder = PurePosixPath(file).parent
            stages = _yaml(data, file).get("stages") or {}
            outs = [out for stage in stages.values() for out in stage.get("outs") or ()]
            for out in outs:
                path = str(folder / str(out.get("path")))
                if found := _out([out], str(out.get("path")), path, file):
                    yield found


def md5(path: Path, cache: Cache) -> str | None:
    """DVC's hash of a file or folder of the work tree, remembered by sizes and times; None where there is nothing."""
    try:
        if path.is_dir():
            return folders.md5(path, cache)
        stat = path.stat()
        if not path.is_file():
            return None
        key = hashlib.sha256(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ino}".encode()).hexdigest()
        if known := cache.get("md5", key):
            return known.decode()
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "md5").hexdigest()
    except OSError as error:
        raise MdrepoError(f"{path}: {error.strerror}") from None
    cache.put("md5", key, found.encode())
    return found


def available() -> bool:
    """Whether DVC is installed."""
    from importlib.util import find_spec

    return find_spec("dvc") is not None


def words_of(error: Exception) -> str:
    """The first line of what DVC, or a library of its storages, says, without the colours of a terminal (ECMA-48)."""
    lines = _COLOURS.sub("", str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextmanager
def _dvc(root: Path, private: Path) -> Iterator[Any]:
    """DVC's repository object, with a site cache of our own, and its errors in our words."""
    import logging

    try:
        import sqlite3

        from dvc.exceptions import DvcException
        from dvc.repo import Repo
    except ImportError:
        raise MissingExtra("dvc", "dvc") from None
    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    try:
        with Repo(str(root), config={"core": {"site_cache_dir": str(private), "analytics": False}}) as repo:
            yield repo
    except DvcException as error:
        raise MdrepoError(f"DVC: {words_of(error)}", "'dvc doctor' and 'dvc status' say more") from None
    except (OSError, sqlite3.Error) as error:  # of a full disk, say, in its databases too
        raise MdrepoError(f"DVC: {words_of(error)}", "'dvc doctor' and 'dvc status' say more") from None


def initialise(root: Path) -> None:
    """Make a repository's root a DVC repository; raises MissingExtra, MdrepoError."""
    import logging

    try:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
    except ImportError:
        raise MissingExtra("dvc", "dvc") from None
    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    try:
        Repo.init(str(root)).close()
    except DvcException as error:
        raise MdrepoError(f"DVC: {words_of(error)}") from None


class Store:
    """The bytes of artefacts: in the work tree, in DVC's cache, or (if it `fetches`) to be fetched into it."""

    def __init__(self, root: Path, private: Path, cache: Cache, *, fetches: bool = True) -> None:
        self.fetches = fetches
        self.root = root
        self.private = private
        self.cache = cache

    def in_work_tree(self, artefact: Artefact) -> Path | None:
        """The artefact's file in the work tree, if it has the bytes that are recorded."""
        path = self.root / artefact.path
        return path if path.exists() and md5(path, self.cache) == artefact.md5 else None

    def locate(self, artefacts: Iterable[Artefact]) -> dict[Artefact, Path]:
        """What has the recorded bytes, for each artefact that is here: a path in the work tree or in DVC's cache.

        A folder that only DVC's cache has is the list of its files there; `named` makes a folder of it.
        """
        found: dict[Artefact, Path] = {}
        left: list[Artefact] = []
        for artefact in artefacts:
            path = self.in_work_tree(artefact) or self._plainly_stored(artefact)
            if path:
                found[artefact] = path
            else:
                left.append(artefact)
        if left:
            with _dvc(self.root, self.private) as repo:
                for artefact in left:
                    path = self.stored(repo, artefact.md5)
                    if self._whole(repo, artefact) and (artefact.is_folder or md5(path, self.cache) == artefact.md5):
                        found[artefact] = path
        return found

    def _plainly_stored(self, artefact: Artefact) -> Path | None:
        """A file where DVC's cache has it if nobody has said otherwise, for which DVC, a second of imports, need not be asked."""
        path = self.root / ".dvc/cache/files/md5" / artefact.md5[:2] / artefact.md5[2:]
        return path if path.is_file() and not artefact.is_folder and md5(path, self.cache) == artefact.md5 else None

    @staticmethod
    def stored(repo: Any, md5: str) -> Path:
        """Where DVC's cache has the bytes with a hash, if it has them."""
        return Path(repo.cache.local.oid_to_path(md5))

    def _whole(self, repo: Any, artefact: Artefact) -> bool:
        """Whether DVC's cache has a file, or all files of a folder."""
        path = self.stored(repo, artefact.md5)
        if not path.is_file():
            return False
        return not artefact.is_folder or all(self.stored(repo, part).is_file() for part in folders.parts(path).values())

    def opened(self) -> AbstractContextManager[Any]:
        """DVC's own repository object."""
        return _dvc(self.root, self.private)

    def cached(self, artefact: Artefact) -> bool:
        """Whether DVC's cache has the artefact's bytes."""
        with _dvc(self.root, self.private) as repo:
            return self._whole(repo, artefact)

    def take_away(self, artefact: Artefact) -> None:
        """Take an artefact out of the work tree, if it is as recorded and DVC's cache has it; of a folder, what is recorded."""
        path = self.in_work_tree(artefact)
        if path is None or not self.cached(artefact):
            return
        if artefact.is_folder and not path.is_symlink():  # what DVC ignores in it, nobody else has
            with _dvc(self.root, self.private) as repo:
                names = folders.parts(self.stored(repo, artefact.md5))
            folders.clear(path, names)
        else:
            removed(path)

    def named(self, artefact: Artefact, place: Path) -> Path | None:
        """The artefact under its own name, as links in the folder `place` where only DVC's cache has it; None if it is not here."""
        path = self.locate([artefact]).get(artefact)
        if path is None or path == self.root / artefact.path:
            return path
        link = place / PurePosixPath(artefact.path).name
        if artefact.is_folder:
            with _dvc(self.root, self.private) as repo:
                folders.assembled(path, link, lambda each: self.stored(repo, each))
        else:
            link.symlink_to(path)
        return link

    def require(self, artefacts: Iterable[Artefact]) -> dict[Artefact, Path]:
        """As locate, after fetching what is not here from DVC's remote; raises MdrepoError that names what is missing."""
        wanted = list(dict.fromkeys(artefacts))
        found = self.locate(wanted)
        missing = [artefact for artefact in wanted if artefact not in found]
        if missing and self.fetches and self._has_remote():
            self._fetch(missing)
            found |= self.locate(missing)
            missing = [artefact for artefact in wanted if artefact not in found]
        if missing:
            first = missing[0]
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            raise MdrepoError(
                f"the bytes of {first.path} (md5 {first.md5}){more} are neither in the work tree nor in DVC's cache",
                f"run 'dvc pull {first.path}' where they were pushed, or put the file back",
            )
        return found

    def _has_remote(self) -> bool:
        with _dvc(self.root, self.private) as repo:
            return bool(repo.config["core"].get("remote"))

    @contextmanager
    def remote(self, name: str | None, folder: str) -> Iterator[Folder]:
        """A folder of ours in a DVC remote, the default one without a name; raises MdrepoError."""
        with _dvc(self.root, self.private) as repo:
            name = name or repo.config["core"].get("remote")
            if name is None or name not in repo.config["remote"]:
                words = "no DVC remote is the default one" if name is None else f"DVC has no remote {name!r}"
                raise MdrepoError(words, "'dvc remote list' shows those that there are, 'dvc remote add -d' makes one the default")
            found = repo.cloud.get_remote(name)
            yield Folder(found.fs, found.fs.join(found.path, folder), found.name)

    def _fetch(self, artefacts: list[Artefact]) -> None:
        """Fetch by content, so that artefacts of another revision than the checked-out one come too."""
        with _dvc(self.root, self.private) as repo:
            from dvc.exceptions import DvcException
            from dvc_data.hashfile.hash_info import HashInfo

            try:
                repo.cloud.pull([HashInfo("md5", artefact.md5) for artefact in artefacts])
            except DvcException:
                raise
            except Exception as error:  # the libraries of storages have each their own
                raise MdrepoError(
                    f"DVC's remote cannot be read: {words_of(error)}", "'dvc remote list' shows where it is"
                ) from None

    def add(self, path: str) -> None:
        """Let DVC record what is at a path of the work tree, and keep it in its cache; raises MdrepoError."""
        inside(self.root, path)
        with _dvc(self.root, self.private) as repo:
            repo.add([str(self.root / path)])

    def checkout(self, artefacts: list[Artefact]) -> None:
        """Put the recorded bytes of artefacts into the work tree, as the DVC pointers there say; raises MdrepoError."""
        if not artefacts:
            return
        for artefact in artefacts:
            inside(self.root, str(PurePosixPath(artefact.path).parent))  # DVC would follow a link to wherever it leads
        wrong = self._delivered(artefacts)
        if wrong:  # DVC goes by what it remembers, of which a command that was killed may have written a half: it must forget it
            shutil.rmtree(self.private, ignore_errors=True)
            for artefact in wrong:
                path = self.root / artefact.path
                if path.exists():
                    kept = self.private.parent / "kept" / f"{artefact.md5[:8]}-{path.name}"
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    removed(kept)
                    shutil.move(path, kept)
            wrong = self._delivered(wrong)
        if wrong:
            name = wrong[0].path
            raise MdrepoError(f"DVC left other bytes in {name} than its pointer says", f"run 'dvc checkout {name}'")

    def _delivered(self, artefacts: list[Artefact]) -> list[Artefact]:
        """Let DVC deliver artefacts; those that have other bytes then."""
        with _dvc(self.root, self.private) as repo:
            repo.checkout(targets=[str(self.root / artefact.path) for artefact in artefacts])  # else from where the user is
        return [each for each in artefacts if self.in_work_tree(each) is None]
