"""One page for one person: HTTP on 127.0.0.1, at an address that nobody can guess and no other site can post to."""

from __future__ import annotations

import queue
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

_LARGEST = 64 << 20
_FORM = "application/x-www-form-urlencoded"
_WAIT = 120


@dataclass(frozen=True)
class Reply:
    """What a browser is given: a page, or (303) the word to look at the page again; with `last` the server ends."""

    page: str = ""
    status: int = 200
    last: bool = False


Answer = Callable[[Mapping[str, str] | None, str], Reply]
"""The reply to a look at the page (None) or to a form's fields; the second is the nonce that the page's style has."""


@dataclass
class _Job:
    form: Mapping[str, str] | None
    nonce: str
    done: threading.Event = field(default_factory=threading.Event)
    reply: Reply = field(default_factory=lambda: Reply(status=503))


class Server:
    """Serves one page; requests are answered one after the other by the thread that calls `serve`."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[_Job] = queue.Queue()
        self._token = secrets.token_urlsafe(24)
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self.port = int(self._http.server_address[1])
        self.hosts = (f"127.0.0.1:{self.port}", f"localhost:{self.port}")
        self.path = f"/{self._token}/"

    @property
    def url(self) -> str:
        """The page's address, with the token."""
        return f"http://{self.hosts[0]}{self.path}"

    def knows(self, path: str) -> bool:
        """Whether a request has the token."""
        return secrets.compare_digest(path.encode("utf-8", "replace"), self.path.encode())

    def ask(self, form: Mapping[str, str] | None, nonce: str) -> Reply:
        """Have a request answered."""
        job = _Job(form, nonce)
        self._jobs.put(job)
        job.done.wait(_WAIT)
        return job.reply

    def serve(self, answer: Answer, idle: float, over: Callable[[], bool], every: float = 10) -> bool:
        """Answer requests until a last reply, or until `over`, asked now and then; False: nobody asked for `idle` seconds."""
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        asked = time.monotonic()
        try:
            while time.monotonic() - asked < idle:
                try:
                    job = self._jobs.get(timeout=min(every, idle))
                except queue.Empty:
                    if over():
                        return True
                    continue
                try:
                    job.reply = answer(job.form, job.nonce)
                finally:
                    job.done.set()
                asked = time.monotonic()
                if job.reply.last:
                    time.sleep(0.3)  # until it is sent
                    return True
            return False
        finally:
            self._http.shutdown()
            self._http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    owner: Server

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away is no mistake, and the library would print a traceback."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One request: refused where it is not the page's own, else handed to the server."""

    timeout = 30
    server_version = "mdrepo"
    sys_version = ""

    @property
    def _owner(self) -> Server:
        assert isinstance(self.server, _Http)
        return self.server.owner

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name is the library's
        pass

    def do_GET(self) -> None:
        if self._known():
            self._give(None)

    def do_POST(self) -> None:
        if not self._known():
            return
        if self.headers.get("Origin") not in [f"http://{host}" for host in self._owner.hosts]:
            self._refuse(403, "only the page itself may post here")
            return
        if self.headers.get("Content-Type", "").partition(";")[0].strip() != _FORM:
            self._refuse(415, "only a form may be posted here")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > 12:
            self._refuse(411, "the form has no length")
        elif int(length) > _LARGEST:
            self._refuse(413, "the form is too large")
        else:
            self._give(self._form(int(length)))

    def _form(self, length: int) -> dict[str, str]:
        text = self.rfile.read(length).decode("utf-8", "replace")
        try:
            return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True, max_num_fields=20).items()}
        except ValueError:
            return {}

    def _known(self) -> bool:
        """Whether this is asked for by this address, as a site whose name leads here (DNS rebinding) cannot, with the token."""
        if self.headers.get("Host") not in self._owner.hosts:
            self._refuse(421, "this is another host")
            return False
        if not self._owner.knows(self.path):
            self._refuse(404, "there is nothing here")
            return False
        return True

    def _refuse(self, status: int, words: str) -> None:
        self.close_connection = True
        self._send(status, words, "text/plain", "")

    def _give(self, form: Mapping[str, str] | None) -> None:
        nonce = secrets.token_urlsafe(16)
        reply = self._owner.ask(form, nonce)
        self._send(reply.status, reply.page, "text/html", nonce)

    def _send(self, status: int, text: str, kind: str, nonce: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        policy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        headers = {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(data)),
            "Content-Security-Policy": policy + (f"; style-src 'nonce-{nonce}'" if nonce else ""),
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            **({"Location": self._owner.path} if status == 303 else {}),
        }
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
