"""What is known of the documents of one tree: which are in order, and on which files that depends.

A cache in `.git/` (SQLite, https://sqlite.org/fileformat2.html), safe to delete: with it, a command examines the documents that
have changed since, and those that depend on what has changed, and no others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

_SCHEMA = """
create table if not exists known (tree text not null, stamp text not null);
create table if not exists documents (path text primary key, sound integer not null) without rowid;
create table if not exists needs (file text not null, document text not null, primary key (file, document)) without rowid;
create index if not exists needed_by on needs (document);
create index if not exists unsound on documents (sound) where not sound
"""
_WAIT = 0.2
_FEW = 500


class Examined(NamedTuple):
    """Whether a document is in order, and the files by which it is: while they stay, it need not be looked at again."""

    sound: bool
    needs: frozenset[str] = frozenset()


class Unknown(Exception):
    """The ledger cannot be used now: another process writes in it, or it is broken."""


class Page:
    """The ledger while it is open: nobody else changes it meanwhile."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def tree(self, stamp: str) -> str | None:
        """The tree whose documents are known, under the conditions that the stamp stands for; None where none is."""
        found = self._asked("select tree from known where stamp = ?", stamp)
        return found[0] if found else None

    def documents(self) -> list[str]:
        """The documents of the tree, in order."""
        return self._asked("select path from documents order by path")

    def unsound(self) -> set[str]:
        """The documents that are not known to be in order."""
        return {*self._asked("select path from documents where not sound")}

    def needing(self, files: Collection[str]) -> set[str]:
        """The documents that depend on some files."""
        names = [*files]
        found: set[str] = set()
        for start in range(0, len(names), _FEW):
            part = names[start : start + _FEW]
            marks = ",".join("?" * len(part))
            found |= {*self._asked(f"select document from needs where file in ({marks})", *part)}  # noqa: S608 - marks alone
        return found

    def _asked(self, question: str, *values: str) -> list[Any]:
        return [first for (first,) in self._connection.execute(question, values)]

    def write(self, tree: str, stamp: str, found: Mapping[str, Examined], gone: Iterable[str], *, anew: bool) -> None:
        """Know a tree: of the documents found and, unless `anew`, of those that were known and are not among the gone."""
        many = self._connection.executemany
        if anew:
            for table in ("documents", "needs"):
                self._connection.execute(f"drop table if exists {table}")
        for statement in _SCHEMA.split(";"):
            self._connection.execute(statement)
        if not anew:
            old = [(path,) for path in (*found, *gone)]
            many("delete from needs where document = ?", old)
            many("delete from documents where path = ?", old)
        many("insert into documents values (?, ?)", ((path, each.sound) for path, each in found.items()))
        many("insert into needs values (?, ?)", ((file, path) for path, each in found.items() for file in each.needs))
        self._connection.execute("delete from known")
        self._connection.execute("insert into known values (?, ?)", (tree, stamp))


class Ledger:
    """The ledger in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @contextlib.contextmanager
    def open(self, *, make: bool = False) -> Iterator[Page]:
        """Read, or (with `make`) write, all or nothing; raises Unknown."""
        import sqlite3

        if not make and not self._file.exists():
            raise Unknown
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self._file, timeout=_WAIT, isolation_level=None)) as connection:
                connection.execute("begin immediate" if make else "begin")
                yield Page(connection)
                connection.execute("commit")
        except (
            sqlite3.OperationalError,
            OSError,
            UnicodeEncodeError,
        ):  # locked, no room, not to be written; a name that is no text
            raise Unknown from None
        except sqlite3.DatabaseError:
            self.forget()
            raise Unknown from None

    def forget(self) -> None:
        """Know nothing."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
