"""One writer at a time, and what it was about to do: waiting, kills between any two steps, and what is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mdrepo.errors import Busy, Finding, MdrepoError
from mdrepo.intents import whole
from mdrepo.journal import VERSION, Journal
from mdrepo.recovering import recover


def journal(tmp_path: Path, said: list[str] | None = None, above: int | None = None) -> Journal:
    root = tmp_path / "work"
    root.mkdir(exist_ok=True)
    return Journal(tmp_path / "git", root, above, (said if said is not None else []).append)


def nothing(_: dict[str, Any]) -> None:
    raise AssertionError("nothing was left")


def left_by(tmp_path: Path, steps: str) -> None:
    """Let a process write in its turn, and die in the middle of it without a word."""
    code = f"""
import os, sys
from pathlib import Path
from mdrepo.journal import VERSION, Journal
journal = Journal(Path({str(tmp_path / "git")!r}), Path({str(tmp_path / "work")!r}), None, print)
root = Path({str(tmp_path / "work")!r})
with journal.turn("mdrepo test", lambda _: None):
    {steps}
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()


def test_a_writer_waits_for_the_one_before_it(tmp_path: Path) -> None:
    said: list[str] = []
    order: list[str] = []
    begun = threading.Event()

    def first() -> None:
        with journal(tmp_path).turn("mdrepo commit", nothing):
            begun.set()
            time.sleep(1.5)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    begun.wait()
    with journal(tmp_path, said).turn("mdrepo set", nothing):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert said == [f"waiting for 'mdrepo commit' (process {os.getpid()}) ..."]


def test_a_writer_waits_no_longer_than_it_may(tmp_path: Path) -> None:
    second = journal(tmp_path).turn("mdrepo set", nothing, wait=1.2)
    with journal(tmp_path).turn("mdrepo commit", nothing), pytest.raises(Busy, match=r"'mdrepo commit' .* is writing"):
        second.__enter__()


def test_what_a_writer_calls_writes_in_its_turn(tmp_path: Path) -> None:
    with journal(tmp_path).turn("mdrepo commit", nothing), journal(tmp_path, above=os.getpid()).turn("mdrepo format", nothing):
        pass


def test_a_writer_at_work_is_no_one_s_to_recover(tmp_path: Path) -> None:
    with journal(tmp_path).turn("mdrepo commit", nothing):
        journal(tmp_path).settle(nothing)


def test_the_next_one_sees_what_was_left(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    left_by(tmp_path, "journal.note(commit={'head': 'abc'})")
    seen: list[dict[str, Any]] = []
    journal(tmp_path).settle(seen.append)
    assert [(each["what"], each["commit"]) for each in seen] == [("mdrepo test", {"head": "abc"})]
    journal(tmp_path).settle(nothing)
    assert sorted(each.name for each in (tmp_path / "git").iterdir()) == ["lock"]


@pytest.mark.parametrize("large", [False, True])
def test_files_that_change_together_are_what_they_were_after_a_kill(tmp_path: Path, large: bool) -> None:
    root = tmp_path / "work"
    (root / "folder" / "below").mkdir(parents=True)
    before = b"x" * (2 << 20) if large else b"before"
    (root / "data").write_bytes(before)
    (root / "folder" / "below" / "one").write_text("one")
    left_by(
        tmp_path,
        """
    together = journal.together(["data", "new", "folder"])
    together.__enter__()
    (root / "fresh").write_text("after"); os.replace(root / "fresh", root / "data")
    (root / "new").write_text("new")
    (root / "folder" / "below" / "one").unlink()
""".strip(),
    )
    assert (root / "data").read_bytes() == b"after"
    here = journal(tmp_path)
    changed: list[str] = []
    here.settle(lambda steps: changed.extend(here.restore(steps["files"], aside=True)))
    assert changed == ["data", "new", "folder"]
    assert (root / "data").read_bytes() == before
    assert (root / "folder/below/one").read_text() == "one"
    assert not (root / "new").exists()
    kept = {path.name: path.read_text() for path in (tmp_path / "git/kept").rglob("*") if path.is_file()}
    assert kept == {"data": "after", "new": "new"}  # somebody might still want them


def test_files_that_change_together_are_what_they_were_after_a_failure(tmp_path: Path) -> None:
    here = journal(tmp_path)
    (tmp_path / "work/a").write_text("a")

    def fails() -> None:
        with here.together(["a", "b"]):
            (tmp_path / "work/a").write_text("other")
            with here.together(["b", "c"]):
                (tmp_path / "work/b").write_text("b")
                (tmp_path / "work/c").write_text("c")
            raise MdrepoError("no")

    with here.turn("mdrepo patch", lambda _: None), pytest.raises(MdrepoError):
        fails()
    assert {path.name: path.read_text() for path in (tmp_path / "work").iterdir()} == {"a": "a"}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\x00", b'{"what": 1}', b"[" * 100_000, b'{"version":4}'])
def test_a_journal_that_cannot_be_read_stops_nobody_for_good(tmp_path: Path, data: bytes) -> None:
    here = journal(tmp_path)
    (tmp_path / "git").mkdir()
    (tmp_path / "git/journal.json").write_bytes(data)
    with pytest.raises(Finding, match="cannot be read"), here.turn("mdrepo patch", nothing):
        raise AssertionError
    with here.turn("mdrepo patch", nothing):
        pass
    assert [each.read_bytes() for each in (tmp_path / "git/kept").rglob("journal.json")] == [data]


WHOLE: dict[str, Any] = {
    "version": VERSION,
    "what": "mdrepo commit",
    "pid": 1 << 22,
    "since": 1.5,
    "root": "/nowhere",
    "files": {"a": None, "b": "0"},
    "commit": {"head": None, "tree": "q", "note": None, "index": "i"},
    "made": None,
    "rollback": {"paths": ["a"], "stash": "", "asides": {}},
    "merged": {"before": "q"},
    "checkout": {
        "head": "q",
        "at": None,
        "target": None,
        "paths": ["a"],
        "sources": ["q"],
        "stashed": [],
        "stash": "",
        "asides": {},
        "merging": False,
        "back": False,
    },
    "settled": {"path": "a", "blob": "q"},
    "notes": {"head": "q", "before": None, "after": "q"},
}
HEADS = ("version", "what", "pid", "since", "root")
WRONG: tuple[Any, ...] = (True, [1], {"x": 1}, {"x": {}}, -1, 1.5, "abc", None)


def fits(value: Any, known: Any) -> bool:
    """Whether a value could stand where a known one stands, by its type."""
    if known is None:
        return value is None or isinstance(value, str | dict)
    if isinstance(known, list):
        return isinstance(value, list) and value != [1]
    return value is None or type(value) is type(known) or (type(known) is float and type(value) is int)


def damages() -> Iterator[dict[str, Any]]:
    """A whole journal with one member less, or one of another type."""
    for name, part in WHOLE.items():
        if name in HEADS:
            yield {key: value for key, value in WHOLE.items() if key != name}
            yield {**WHOLE, name: None}
        yield from ({**WHOLE, name: value} for value in WRONG if not fits(value, part))
        for key, inner in part.items() if isinstance(part, dict) and name != "files" else ():
            yield {**WHOLE, name: {each: value for each, value in part.items() if each != key}}
            yield from ({**WHOLE, name: {**part, key: value}} for value in WRONG if not fits(value, inner))
    yield {**WHOLE, "files": {"a": 5}}
    yield {**WHOLE, "pid": -1}


def test_a_journal_that_is_whole_is_recovered(tmp_path: Path) -> None:
    here = journal(tmp_path)
    (tmp_path / "git").mkdir()
    for steps in (WHOLE, {name: WHOLE[name] for name in HEADS}, {**WHOLE, **dict.fromkeys(set(WHOLE) - set(HEADS))}):
        (tmp_path / "git/journal.json").write_text(json.dumps(steps))
        seen: list[dict[str, Any]] = []
        here.settle(seen.append)
        assert seen == [steps]
        assert whole(steps)


def test_a_journal_that_is_damaged_anywhere_is_put_aside_with_what_it_speaks_of(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    for number, steps in enumerate(damages()):
        folder = tmp_path / str(number)
        (folder / "before").mkdir(parents=True)
        (folder / "before/0").write_text("as it was")
        (folder / "journal.json").write_text(json.dumps(steps))
        said: list[str] = []
        here = Journal(folder, tmp_path / "work", None, said.append)
        workspace = SimpleNamespace(root=tmp_path / "work", journal=here, report=said.append)
        here.settle(lambda left, each=workspace: recover(each, left))  # type: ignore[arg-type,misc]
        assert len(said) == 1, steps
        assert "cannot be read" in said[0], steps
        kept = {path.name: path.read_text() for path in (folder / "kept").rglob("*") if path.is_file()}
        assert kept == {"journal.json": json.dumps(steps), "0": "as it was"}
        with here.turn("mdrepo patch", nothing):
            pass
    assert number > 150


def test_the_journal_of_another_version_is_left_alone(tmp_path: Path) -> None:
    here = journal(tmp_path)
    (tmp_path / "git").mkdir()
    (tmp_path / "git/journal.json").write_text(json.dumps({"version": 99}))
    (tmp_path / "git/before").mkdir()
    (tmp_path / "git/before/0").write_text("as it was")
    for _ in range(2):
        here.settle(nothing)  # who reads is told, and goes on
        words = r"journal.json is of version 99.*another one was interrupted"
        with pytest.raises(MdrepoError, match=words), here.turn("mdrepo patch", nothing):
            raise AssertionError
    place = here.put_aside()
    assert place and json.loads(place.read_text()) == {"version": 99}
    assert (place.parent / "before/0").read_text() == "as it was"
    assert here.put_aside() is None
    with here.turn("mdrepo patch", nothing):
        pass


def test_what_cannot_be_put_back_at_once_is_kept_for_the_next_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = journal(tmp_path)
    (tmp_path / "work/a").write_text("a")

    def fails(*_: object, **__: object) -> list[str]:
        raise MdrepoError("the disk is full")

    def writes() -> None:
        with here.turn("mdrepo patch", lambda steps: here.restore(steps["files"]) and None), here.together(["a"]):
            (tmp_path / "work/a").write_text("other")
            monkeypatch.setattr(here, "restore", fails)
            raise MdrepoError("no")

    with pytest.raises(MdrepoError, match="the disk is full"):
        writes()
    later = journal(tmp_path)
    later.settle(lambda steps: later.restore(steps["files"]) and None)  # type: ignore[arg-type,return-value]
    assert (tmp_path / "work/a").read_text() == "a"
    assert not (tmp_path / "git/journal.json").exists()
