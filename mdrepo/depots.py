"""DVC's remote: what it lacks of some artefacts, brought there by content, and looked at again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import folders
from .artefacts import Artefact, Store, md5, words_of
from .errors import Finding, MdrepoError


@dataclass(frozen=True, slots=True)
class Sent:
    """What was brought to DVC's remote: its name, the artefacts with anything new, the number of files and of bytes."""

    remote: str
    artefacts: tuple[str, ...]
    files: int
    bytes: int


def publish(store: Store, artefacts: Iterable[Artefact], report: Callable[[str], None]) -> Sent:
    """Bring to DVC's default remote what it lacks of some artefacts; all of them are there when this returns.

    Raises Finding where there is no such remote, MdrepoError where bytes are missing, wrong or not taken.
    """
    wanted = list(artefacts)
    with store.opened() as repo:
        name = repo.config["core"].get("remote")
        if not name:
            first = f"{wanted[0].path} and {len(wanted) - 1} more" if len(wanted) > 1 else wanted[0].path
            raise Finding(
                f"DVC has no remote that {first} could be pushed to, so nobody could fetch it",
                "'dvc remote add -d storage URL' names one; 'git push' pushes without data",
            )
        depot = repo.cloud.get_remote_odb(command="push")
        parts = _parts(store, repo, wanted)
        with _reached(name):
            there = _sizes(depot, parts)
        lacking = {oid: _source(store, repo, oid, owner, there[oid]) for oid, owner in parts.items()}
        sources = {oid: path for oid, path in lacking.items() if path is not None}
        if sources:
            total = sum(path.stat().st_size for path in sources.values())
            report(f"pushing {len(sources)} files of data, {total:,} bytes, to the DVC remote {name} ...")
            lists = [oid for oid in sources if oid.endswith(folders.SUFFIX)]
            with _reached(name):
                for oids in ([oid for oid in sources if oid not in lists], lists):  # a list is there when all its files are
                    if oids:
                        depot.add([str(sources[oid]) for oid in oids], repo.cache.local.fs, oids, check_exists=False)
                now = _sizes(depot, sources)
            for oid, path in sources.items():
                if now[oid] != path.stat().st_size:
                    raise MdrepoError(f"the DVC remote {name} has not taken {parts[oid].path} (md5 {oid}) whole", "push again")
        else:
            total = 0
        return Sent(name, tuple(dict.fromkeys(parts[oid].path for oid in sources)), len(sources), total)


def _parts(store: Store, repo: Any, artefacts: Iterable[Artefact]) -> dict[str, Artefact]:
    """The hashes of files and of lists of folders that artefacts consist of.

    Of a folder whose list is not here, the list stands for its files: they are pushed before it.
    """
    found: dict[str, Artefact] = {}
    for artefact in artefacts:
        listing = store.stored(repo, artefact.md5)
        if artefact.is_folder and listing.is_file():
            found.update(dict.fromkeys(folders.parts(listing).values(), artefact))
        found[artefact.md5] = artefact
    return found


def _sizes(depot: Any, oids: Iterable[str]) -> dict[str, int | None]:
    """The sizes of what the remote has, in bytes; None for what it lacks."""
    asked = list(oids)
    infos = depot.fs.info([depot.oid_to_path(oid) for oid in asked], return_exceptions=True) if asked else []
    sizes: dict[str, int | None] = {}
    for oid, info in zip(asked, infos, strict=True):
        if isinstance(info, FileNotFoundError):
            sizes[oid] = None
        elif isinstance(info, BaseException):
            raise info
        else:
            sizes[oid] = info.get("size")
    return sizes


def _source(store: Store, repo: Any, oid: str, owner: Artefact, there: int | None) -> Path | None:
    """Where the bytes are that the remote lacks, or has not whole; None where it has them. Raises MdrepoError."""
    place = store.stored(repo, oid)
    if not place.is_file() and oid == owner.md5 and not owner.is_folder:
        place = store.in_work_tree(owner) or place
    if there is not None and (not place.is_file() or place.stat().st_size == there):
        return None
    if not place.is_file():
        raise MdrepoError(
            f"the bytes of {owner.path} (md5 {oid}), which {owner.pointer} names, are neither here nor in DVC's remote",
            "push them from where they are, or put them back; 'git push' pushes without data",
        )
    if md5(place, store.cache) != oid.removesuffix(folders.SUFFIX):
        raise MdrepoError(
            f"DVC's cache has other bytes of {owner.path} than md5 {oid}", f"remove {place}, and fetch or add it again"
        )
    return place


@contextmanager
def _reached(name: str) -> Iterator[None]:
    """Whatever the libraries of storages raise, in one line."""
    try:
        yield
    except MdrepoError:
        raise
    except Exception as error:
        raise MdrepoError(
            f"the DVC remote {name} cannot be used: {words_of(error)}", "'dvc remote list' shows where it is"
        ) from None
