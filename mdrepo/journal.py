"""One writer at a time in a repository, and what it is about to do, so that the next command can finish or undo it.

All of it lies in `.git/mdrepo/` (of all work trees together): `lock`, which the system lets go of when its owner dies, however it
dies; `journal.json`, what the owner is about to do, there from its first to its last step; `before/`, files as they were;
`scratch/`, what nobody needs later; `kept/`, what somebody might still want.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from .copies import give_back, keep, same
from .errors import Busy, Finding, MdrepoError
from .files import removed
from .intents import legible

VERSION = 4
WAIT = 600
"""How many seconds a writer waits for the one before it: as long as an evaluation may take."""
_PATIENCE = 1.0
_ROOM = 1 << 20

Steps = dict[str, Any]


def runs(pid: object) -> bool:
    """Whether there is such a process, or may be."""
    try:
        os.kill(int(str(pid)), 0)
    except (ProcessLookupError, OverflowError, ValueError):
        return False
    except OSError:  # somebody else's
        return True
    return True


def _read(data: bytes) -> Steps:
    """What a journal says; nothing where it is no JSON object."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class Journal:
    """The journal of a repository: `folder` is its own, `root` the work tree that it is used in."""

    def __init__(self, folder: Path, root: Path, above: int | None, report: Callable[[str], None]) -> None:
        self._folder = folder
        self._file = folder / "journal.json"
        self._reserved = folder / "reserved"
        self._root = root
        self._above = above
        self._report = report
        self._steps: Steps | None = None
        self._together: dict[str, str | None] = {}
        self.kept: list[str] = []
        """What was put aside, by its path in the work tree."""

    @property
    def scratch(self) -> Path:
        """A folder for what nobody needs when this turn is over, however it ends."""
        path = self._folder / "scratch"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def left(self) -> Steps | None:
        """What the last writer wrote and did not take away; raises Finding for what cannot be read."""
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return None
        steps = _read(data)
        version = steps.get("version", VERSION)
        if isinstance(version, bool) or not isinstance(version, int) or (version == VERSION and not legible(steps)):
            raise self.damaged()
        if version != VERSION:
            words = f"{self._file} is of version {version}, and this mdrepo writes {VERSION}: another one was interrupted here"
            raise MdrepoError(words, "run its 'mdrepo status'; or, if all is as you want it, 'mdrepo doctor --fix' puts it aside")
        return steps

    def damaged(self) -> Finding:
        """Put a journal aside that nobody can follow, with the files that it speaks of; what is to be said of it."""
        words = f"the journal of an interrupted command cannot be read; it is {self._away()} now"
        return Finding(words, "see 'git status'")

    def _away(self) -> Path:
        place = self.aside(self._file.name)
        shutil.move(self._file, place)
        if (self._folder / "before").exists():
            shutil.move(self._folder / "before", self.aside("before"))
        return place

    def put_aside(self) -> Path | None:
        """Where there is a journal that only another mdrepo can read, keep it with the files that it speaks of; the place."""
        with self._locked(WAIT):
            return self._away() if self._file.exists() and self._owner().get("version") != VERSION else None

    @contextmanager
    def turn(self, what: str, recover: Callable[[Steps], None], wait: float = WAIT) -> Iterator[None]:
        """Wait for the turn to write, let `recover` see to what another writer left, and write; raises Busy.

        A command that this writer itself has called, as a hook of a commit does, writes in its caller's turn.
        """
        if self._steps is not None or (self._above is not None and self._above == self._owner().get("pid")):
            yield
            return
        with self._locked(wait):
            if left := self.left():
                recover(left)
                self._over()
            self._steps = {"version": VERSION, "what": what, "pid": os.getpid(), "since": time.time(), "root": str(self._root)}
            try:
                self._reserve()
                self._write()
                yield
            except BaseException:
                self._reserved.unlink(missing_ok=True)
                steps, self._steps = self._steps, None
                if self._recovered(recover, steps):
                    self._over()
                raise
            self._over()

    def settle(self, recover: Callable[[Steps], None]) -> None:
        """Let `recover` see to what a writer left that has died; one that is still at work is left alone.

        A process that a dead writer had started may be about to end, and hold the lock with it until then. What no mdrepo, or
        only another one, can read, and what cannot be finished or undone now, is reported, and stops nobody who reads.
        """
        if self._above is not None or not self._file.exists():
            return
        with contextlib.suppress(Busy), self._locked(0 if runs(self._owner().get("pid")) else _PATIENCE):
            try:
                left = self.left()
            except MdrepoError as error:
                self._report(f"{error.message} ({error.hint})")
                return
            if left and self._recovered(recover, left):
                self._over()

    def _recovered(self, recover: Callable[[Steps], None], steps: Steps) -> bool:
        """Whether what was begun is finished or undone; where not, that is reported, and journal and copies stay for the next."""
        try:
            recover(steps)
        except MdrepoError as error:
            hint = f" ({error.hint})" if error.hint else ""
            self._report(f"what '{steps['what']}' began waits for the next command: {error.message}{hint}")
            return False
        return True

    def note(self, **steps: Any) -> None:
        """Write down what is about to be done, in the writer's turn."""
        if self._steps is None:
            return  # in the turn of the command that called this one, whose journal says what it does
        self._steps.update(steps)
        self._write()

    @contextmanager
    def together(self, paths: Iterable[str]) -> Iterator[None]:
        """Change some files or folders of the work tree all together: on a failure, or after a kill, they are what they were.

        Inside of another such block they are a part of what changes together there.
        """
        outermost = not self._together
        try:
            for path in dict.fromkeys(paths):
                if path not in self._together:
                    kept = str(len(self._together)) if os.path.lexists(self._root / path) else None
                    if kept is not None:
                        keep(self._root / path, self._folder / "before" / kept)
                    self._together[path] = kept  # a copy that is not whole would be brought back
            self.note(files=self._together)
            yield
        except BaseException as error:
            if outermost:
                files, self._together = self._together, {}
                self.restore(files)  # where this fails too, the copies stay
                self._let_go()
            if isinstance(error, OSError):
                raise MdrepoError(f"{error.filename or self._folder}: {error.strerror}", "nothing was changed") from None
            raise
        if outermost:
            self._together = {}
            self._let_go()

    def _let_go(self) -> None:
        """Forget how files were that changed together."""
        self.note(files=None)
        shutil.rmtree(self._folder / "before", ignore_errors=True)

    def restore(self, files: Mapping[str, str | None], root: Path | None = None, *, aside: bool = False) -> list[str]:
        """Give files back what they were, with `aside` keeping what they are; the paths of those that had changed."""
        changed: list[str] = []
        for path, kept in files.items():
            place, before = (root or self._root) / path, self._folder / "before" / str(kept)
            if kept is not None and not os.path.lexists(before):
                continue
            if (kept is None and not os.path.lexists(place)) or (kept is not None and same(place, before)):
                continue
            changed.append(path)
            if aside and os.path.lexists(place):
                shutil.move(place, self.aside(path))
            if kept is None:
                removed(place)
            else:
                give_back(before, place)
        return changed

    @cached_property
    def keeping(self) -> Path:
        """The folder in which this process puts aside what somebody might still want."""
        now = time.time_ns()
        return self._folder / "kept" / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now / 1e9))}.{now % 10**9:09d}Z"

    def aside(self, path: str) -> Path:
        """Where to keep what somebody might still want."""
        place = self.keeping / path
        while os.path.lexists(place):
            place = place.with_name(f"{place.name}~")
        self.kept.append(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    @contextmanager
    def _locked(self, wait: float) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / "lock").open("ab")
        except OSError as error:
            raise MdrepoError(f"{error.filename or self._folder}: {error.strerror}") from None
        with lock:  # whose end, or that of the process, lets go of it (flock(2))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                with self._waited(wait):
                    yield
            else:  # nobody to wait for, as nearly always: filelock, which takes flock too, need not be loaded
                yield

    @contextmanager
    def _waited(self, wait: float) -> Iterator[None]:
        """The lock, when somebody else holds it."""
        from filelock import FileLock, Timeout

        lock = FileLock(self._folder / "lock", mode=0o644)
        try:
            try:
                lock.acquire(timeout=min(wait, _PATIENCE))
            except Timeout:
                if wait <= _PATIENCE:
                    raise
                self._report(f"waiting for {self._named()} ...")
                lock.acquire(timeout=wait - _PATIENCE)
        except Timeout:
            raise Busy(f"{self._named()} is writing in this repository", "wait for it to end, and try again") from None
        except OSError as error:
            raise MdrepoError(f"{error.filename or self._folder}: {error.strerror}") from None
        try:
            yield
        finally:
            lock.release()

    def _owner(self) -> Steps:
        try:
            return _read(self._file.read_bytes())
        except OSError:
            return {}

    def _named(self) -> str:
        owner = self._owner()
        return f"'{owner.get('what')}' (process {owner.get('pid')})" if owner else "another command"

    def _reserve(self) -> None:
        """Keep some room of the disk, so that what was begun can be ended or undone on one that got full."""
        try:
            with self._reserved.open("wb") as file:
                file.write(bytes(_ROOM))  # posix_fallocate(3) is not everywhere
        except OSError as error:
            raise MdrepoError(f"{self._folder}: {error.strerror}", "nothing was changed") from None

    def _write(self) -> None:
        """The journal, to disk before anything that it speaks of is done."""
        try:
            try:
                self._written()
            except OSError as error:
                if error.errno != errno.ENOSPC or not self._reserved.exists():
                    raise
                self._reserved.unlink()
                self._written()
        except OSError as error:
            raise MdrepoError(f"{self._folder}: {error.strerror}") from None

    def _written(self) -> None:
        new = self._folder / "journal.new"
        with new.open("w", encoding="utf-8") as file:
            json.dump(self._steps, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._file)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _over(self) -> None:
        self._steps = None
        shutil.rmtree(self._folder / "before", ignore_errors=True)
        shutil.rmtree(self._folder / "scratch", ignore_errors=True)
        self._reserved.unlink(missing_ok=True)
        self._file.unlink(missing_ok=True)
