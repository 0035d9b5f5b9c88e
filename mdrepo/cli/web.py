"""The page of `mdrepo resolve --web`: what it shows, what its forms do, and when it ends."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..changes import MISSING
from ..documents import DocumentError, read
from ..errors import Finding, MdrepoError
from ..questions import SIDES, Asked, Question, mark_of
from ..reporting.evaluations import headline
from ..reporting.lines import counted, harmless
from ..resolving import Choice
from ..serving import Reply, Server
from ..writing import Style, dumps
from . import output

if TYPE_CHECKING:
    from ..provenance import Provenance
    from ..repository import Repository

IDLE = 30 * 60.0
"""Seconds after which nobody is thought to look at the page any more."""
_SHOWN = 4000
_MOST = 100
_LONG = 400
_TITLES = {"base": "Base: what both came from", "ours": "Ours: HEAD", "theirs": "Theirs: what comes in"}


class Session:
    """One page's worth of deciding: what was typed and said since it was last shown."""

    def __init__(self, repo: Repository, paths: Sequence[str]) -> None:
        self.repo = repo
        self.paths = paths
        self.notices: list[tuple[str, str]] = []
        self.typed: dict[str, str] = {}
        self.settled = 0
        self.invalid = False
        self.more = True  # for all that is known; else it is looked at

    def asked(self) -> list[Asked]:
        return self.repo.questions(self.paths)

    def left(self) -> int:
        """How many decisions are open that can be taken here."""
        return sum(len(each.questions) + each.pending for each in self.asked())

    def answer(self, form: Mapping[str, str] | None, nonce: str) -> Reply:
        """The reply to a look at the page, or to one of its forms."""
        try:
            if form is not None:
                self._take(form)
                if self.more or self.left():
                    return Reply(status=303)
            return self._shown(nonce)
        except MdrepoError as error:  # a repository that went wrong meanwhile; the page may be looked at again
            return Reply(f"<!DOCTYPE html><title>mdrepo</title><p>{_html(_words(error))}</p>", 500)

    def _take(self, form: Mapping[str, str]) -> None:
        mark, side = form.get("mark", ""), form.get("side", "")
        for document in self.asked():
            if document.pending and mark == mark_of(document.path, "pending") and side == "ours":
                return self._settle(document.path, None, Choice("ours"))
            for question in document.questions:
                if question.mark == mark:
                    return self._decide(document.path, question, side, form.get("value", ""))
        self.notices.append(
            ("bad", "That conflict is settled already, or has changed since the page was shown: nothing was written.")
        )
        return None

    def _decide(self, path: str, question: Question, side: str, typed: str) -> None:
        if side in ("ours", "theirs", "base"):
            self._settle(path, question.pointer, Choice(side))  # type: ignore[arg-type]
        elif side == "value":
            try:
                value = read(typed.encode("utf-8"), "the value").value
            except DocumentError as error:
                self.typed[question.mark] = typed
                self.notices.append(
                    ("bad", f"The value is no JSON: {error.problem}. {error.hint or 'A text stands in double quotes.'}")
                )
                return
            self._settle(path, question.pointer, Choice(None, value))
        else:
            self.notices.append(("bad", "Nothing was chosen: nothing was written."))

    def _settle(self, path: str, pointer: str | None, choice: Choice) -> None:
        try:
            found = self.repo.resolve(path, pointer, choice, add=True)
        except MdrepoError as error:
            self.notices.append(("bad", _words(error)))
            return
        self.more = bool(found.left)
        self.settled += len(found.settled)
        self.notices.append(("good", f"Settled: {path}{'#' + pointer if pointer else ''}"))
        if found.added:
            self.notices.append(("good", f"{path} has no conflict left, is valid, and was added to the index."))
        self.invalid |= bool(found.problems)
        for each in found.problems:
            self.notices.append(
                ("bad", f"{path}:{each.line}: {each.pointer} {each.message} (not added: put it right, then git add)")
            )

    def _shown(self, nonce: str) -> Reply:
        from ..reporting import templates

        asked = self.asked()
        left = sum(len(each.questions) + each.pending for each in asked)
        numbers = iter(range(1, _MOST + 1))
        documents = [self._document(each, numbers) for each in asked]
        shown = sum(len(each["questions"]) + bool(each["pending"]) for each in documents)
        page = templates.render(
            "resolve.html", nonce=nonce, left=left, notices=self.notices, documents=documents, hidden=max(0, left - shown)
        )
        self.notices, self.typed = [], {}
        return Reply(page, last=left == 0)

    def _document(self, asked: Asked, numbers: Iterator[int]) -> dict[str, Any]:
        evaluations = [
            {"name": side, "words": f"{result.get('verdict', 'not evaluated')}{headline(result)}"}
            for side, result in asked.evaluations.items()
        ]
        missing = [{"name": side, "words": "not evaluated"} for side in ("ours", "theirs") if side not in asked.evaluations]
        return {
            "path": asked.path,
            "evaluations": [*evaluations, *missing] if asked.questions else [],
            "remark": asked.remark,
            "pending": mark_of(asked.path, "pending") if asked.pending else "",
            "questions": [self._question(each, number) for each, number in zip(asked.questions, numbers, strict=False)],
        }

    def _question(self, question: Question, number: int) -> dict[str, Any]:
        ours = question.conflict.ours
        start = "" if ours is MISSING else dumps(ours, Style(ascii=True))
        return {
            "number": number,
            "pointer": question.pointer,
            "mark": question.mark,
            "sides": [_side(question, side) for side in SIDES],
            "typed": self.typed.get(question.mark),
            "start": start if len(start) <= _SHOWN else "",
        }


def _side(question: Question, side: str) -> dict[str, Any]:
    value = getattr(question.conflict, side)
    whole = "(not there)" if value is MISSING else dumps(value, Style())
    text = whole[:_SHOWN]
    return {
        "name": side,
        "title": _TITLES[side],
        "text": text,
        "long": len(text) > _LONG,
        "more": f"… {len(whole):,} characters in all" if len(whole) > _SHOWN else "",
        "origin": _origin(question.origins.get(side)),
        "take": f"Leave it out ({side})" if value is MISSING else f"Take {side}",
    }


def _origin(found: Provenance | None) -> str:
    if found is None:
        return ""
    source = found.source.shown() if found.source else ""
    words = {"derived": f"derived from {source}", "overridden": f"written by a person, against {source}"}
    return words.get(found.kind, "written by a person")


def _words(error: MdrepoError) -> str:
    return f"{error.message}. {error.hint or ''}".strip()


def _html(words: str) -> str:
    from html import escape

    return escape(harmless(words))


def settle(repo: Repository, paths: Sequence[str]) -> int:
    """Serve the page until every conflict is settled, or nobody looks at it; the exit code."""
    from ..reporting import templates

    session = Session(repo, paths)
    asked = session.asked()
    if not asked:
        where = f" at {', '.join(paths)}" if paths else ""
        raise Finding(f"nothing is in conflict here{where}", "'mdrepo status' shows the documents")
    left = session.left()
    if not left:
        for each in asked:
            _complain(each)
        return 1
    # what is missing is said before anything is served
    templates.render("resolve.html", nonce="", left=0, notices=[], documents=[], hidden=0)
    server = Server()
    output.show([[f"{counted(left, 'conflict')} to settle at {server.url}"]])
    try:
        _invite(server)
        ended = server.serve(session.answer, IDLE, lambda: session.left() == 0)
    except KeyboardInterrupt:
        output.complain(f"the page was ended: {counted(session.left(), 'conflict')} left", "what was settled is written")
        return 130
    return _told(session, ended=ended)


def _told(session: Session, *, ended: bool) -> int:
    left = [each for each in session.asked() if each.questions or each.pending or each.remark[:1] != ("every conflict is settled",)]
    if not ended:
        words = f"nobody has asked for the page for {IDLE / 60:.0f} minutes, so it was ended"
        output.complain(f"{words}: {counted(session.left(), 'conflict')} left", "mdrepo resolve --web")
        return 1
    output.show([[f"{counted(session.settled, 'conflict')} settled on the page"]])
    for each in left:
        _complain(each)
    unadded = [each.path for each in session.asked() if each not in left]
    for path in unadded:
        output.hint(f"{path}: every conflict is settled: git add {path}, when 'mdrepo validate {path}' finds nothing")
    return 1 if left or session.invalid else 0


def _complain(asked: Asked) -> None:
    output.complain(f"{asked.path}: {asked.remark[0] if asked.remark else 'in conflict'}", "; ".join(asked.remark[1:]) or None)


def _invite(server: Server) -> None:
    """Open the page where there is a display; else say how it is reached from where there is one."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        import webbrowser

        if webbrowser.open(server.url):
            return
    output.hint("no display here: on the machine with the browser, run the next line, then open the address there")
    output.hint(f"  ssh -N -L {server.port}:127.0.0.1:{server.port} {socket.gethostname()}")
