"""`mdrepo resolve --web` in a real browser: by clicks, by keyboard, without JavaScript; and what nobody else can do to it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from conftest import DOCUMENT, copied, edit, git, load, mdrepo, settled

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-quic"),
]
HOSTILE = "</pre></textarea><script>document.title='owned'</script><img src=x onerror=alert(1)>\u202egnp\x1b[31m{{7*7}}"
pytest.importorskip("jinja2")


def save(root: Path, tag: str, size: int) -> None:
    def change(value: Any) -> None:
        value["labels"][0]["description"] = f"zero, {tag} {HOSTILE}"
        value["labels"][2]["description"] = f"two, {tag} " + tag[0] * size
        value["evaluation"]["tolerance"]["accuracy"] = {"ours": 0.03, "theirs": 0.02}[tag]

    edit(root, change)
    git("commit", "-qam", tag, cwd=root)


@pytest.fixture(scope="module")
def conflicting(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two branches that contradict each other in three fields, one hostile, one 1 MB long; merged, in conflict."""
    base = tmp_path_factory.getbasetemp()
    root = copied(repo_template, base / "conflicting")
    with settled(base):
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        git("checkout", "-qb", "topic", cwd=root)
        save(root, "theirs", 16)
        git("checkout", "-q", "main", cwd=root)
        save(root, "ours", 1 << 20)  # 1 MB
        assert subprocess.run(["git", "merge", "-q", "topic"], cwd=root, capture_output=True, check=False).returncode == 1
    return root


@pytest.fixture
def repo(conflicting: Path, tmp_path: Path) -> Path:
    return copied(conflicting, tmp_path / "repo")


class Served:
    """The command at work: its address, and what becomes of it."""

    def __init__(self, root: Path, *words: str) -> None:
        command = [sys.executable, "-m", "mdrepo", *words, "resolve", "--web"]
        environ = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        self.process = subprocess.Popen(
            command,
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
            # a shell that runs the tests in the background lets ctrl-c be ignored
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        assert self.process.stdout is not None
        self.first = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\S+", self.first)
        assert found, self.first + self.process.communicate()[1]
        self.url, self.port = found.group(), int(found.group(1))

    def ask(self, method: str = "GET", path: str | None = None, form: dict[str, str] | None = None, **headers: str) -> Any:
        """(status, headers, body) of one request, as any program could make it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = urlencode(form) if form is not None else None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if form is not None:
            named = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{self.port}", **named}
        connection.request(method, urlsplit(self.url).path if path is None else path, body, {k: v for k, v in named.items() if v})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()

    def ended(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=30)
        assert "Traceback" not in err
        return self.process.returncode, out, err


@pytest.fixture
def served(repo: Path) -> Iterator[Served]:
    found = Served(repo)
    yield found
    if found.process.poll() is None:
        found.process.kill()
        found.process.communicate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip("there is no /usr/bin/chromium here")
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield made
        made.close()


def opened(browser: Any, url: str, **options: Any) -> Any:
    """A page, with what it asked other hosts for and what went wrong in it."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(20_000)
    page.said = []
    page.on("console", lambda message: page.said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.said.append(request.url) if not request.url.startswith(url) else None)
    page.goto(url)
    return page


def check_settled(repo: Path, served: Served) -> None:
    code, out, _ = served.ended()
    assert (code, "3 conflicts settled on the page" in out) == (0, True)
    assert git("status", "--porcelain", cwd=repo).splitlines() == [f"M  {DOCUMENT}"]
    assert git("ls-files", "-u", cwd=repo) == ""
    assert mdrepo("validate", cwd=repo).code == 0


def test_three_conflicts_are_settled_by_clicks_without_javascript(repo: Path, served: Served, browser: Any) -> None:
    page = opened(browser, served.url, java_script_enabled=False)
    assert page.title().startswith("3 open")
    assert page.locator("section.question").count() == 3
    first = page.locator("section.question", has_text="/labels/0/description")
    assert "</pre></textarea><script>" in first.locator("pre").nth(1).inner_text()
    assert "\\u202egnp\\u001b[31m{{7*7}}" in first.locator("pre").nth(1).inner_text()
    assert "written by a person" in first.inner_text()
    assert "ours: not evaluated" in page.inner_text("main")
    assert "1,048," in page.locator("section.question", has_text="/labels/2/description").inner_text()
    assert len(page.content()) < 60_000
    first.get_by_role("button", name="Take theirs").click()
    page.locator("section.question", has_text="/labels/2/description").get_by_role("button", name="Take ours").click()
    last = page.locator("section.question", has_text="accuracy")
    last.locator("summary").click()
    last.get_by_label("Value as JSON").fill("0.0,25")
    last.get_by_role("button", name="Take this value").click()
    assert "no JSON" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Value as JSON").input_value() == "0.0,25"
    page.get_by_label("Value as JSON").fill("0.0250")
    page.get_by_role("button", name="Take this value").click()
    assert "is settled" in page.inner_text("h1")
    assert "was added to the index" in page.inner_text("main")
    assert page.said == []
    check_settled(repo, served)
    content = load(repo)
    assert content["labels"][0]["description"] == f"zero, theirs {HOSTILE}"
    assert content["labels"][2]["description"] == "two, ours " + "o" * (1 << 20)
    assert '"accuracy": 0.0250' in (repo / DOCUMENT).read_text()


def test_three_conflicts_are_settled_by_keyboard_in_the_dark(repo: Path, served: Served, browser: Any) -> None:
    page = opened(browser, served.url, color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    for button, presses in (("base", 1), ("ours", 2), ("theirs", 3)):
        assert page.evaluate("document.activeElement.tagName") == "H3", "what is next has the focus"
        seen = []
        while len(seen) < 12:
            page.keyboard.press("Tab")
            name = page.evaluate("document.activeElement.tagName === 'BUTTON' ? document.activeElement.value : ''")
            seen += [name] if name else []
            if name == button:
                break
        assert len(seen) == presses, seen
        with page.expect_navigation():
            page.keyboard.press("Enter")
    assert "is settled" in page.inner_text("h1")
    assert page.title() != "owned"
    assert page.said == []
    check_settled(repo, served)
    assert "description" not in load(repo)["labels"][0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(served: Served, browser: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = opened(browser, served.url, bypass_csp=True, color_scheme=scheme, viewport={"width": 390, "height": 800})
    page.locator("summary").first.click()
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert {page.locator(f"[accesskey={key}]").count() for key in "otb"} == {1}


def test_nobody_else_can_look_or_post(repo: Path, served: Served) -> None:
    before = (repo / DOCUMENT).read_bytes()
    status, headers, page = served.ask()
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; style-src 'nonce-")
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert served.ask()[1]["Content-Security-Policy"] != policy
    mark = re.findall(r'name="mark" value="([0-9a-f]+)"', page)[0]
    form = {"mark": mark, "side": "ours"}
    local = f"http://127.0.0.1:{served.port}"
    token = urlsplit(served.url).path
    for path in ("/", "/x/", token[:-2] + "/", token + "x", token.upper(), f"/..{token}", "/favicon.ico"):
        assert served.ask(path=path)[0] == 404, path
        assert served.ask("POST", path, form)[0] == 404, path
    for host in ("evil.example", f"evil.example:{served.port}", "127.0.0.1", f"127.0.0.1:{served.port}.evil.example"):
        assert served.ask(Host=host)[0] == 421, host
        assert served.ask("POST", None, form, Host=host, Origin=f"http://{host}")[0] == 421
    for origin in ("http://evil.example", "null", "", f"https://127.0.0.1:{served.port}", local + "/", "http://127.0.0.1:1"):
        assert served.ask("POST", None, form, Origin=origin)[0] == 403, origin
    assert served.ask("POST", None, form, Content_Type="text/plain")[0] == 415
    assert served.ask("POST", None, form, Content_Length="x")[0] == 411
    assert served.ask("POST", None, form, Content_Length=str(1 << 36))[0] == 413
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        assert served.ask(method)[0] in (405, 501)
    for odd in ({}, {"mark": mark}, {"mark": mark, "side": "everything"}, {"mark": "x", "side": "ours"}):
        assert served.ask("POST", None, odd)[0] == 303
        assert 'role="alert"' in served.ask()[2]
    assert (repo / DOCUMENT).read_bytes() == before
    assert served.ask(Host=f"localhost:{served.port}")[0] == 200


def test_two_clicks_and_a_terminal_beside_it(repo: Path, served: Served) -> None:
    page = served.ask()[2]
    marks = list(dict.fromkeys(re.findall(r'name="mark" value="([0-9a-f]+)"', page)))
    assert len(marks) == 3
    assert served.ask("POST", None, {"mark": marks[0], "side": "ours"})[0] == 303
    once = (repo / DOCUMENT).read_bytes()
    assert served.ask("POST", None, {"mark": marks[0], "side": "theirs"})[0] == 303
    assert "settled already" in served.ask()[2]
    assert (repo / DOCUMENT).read_bytes() == once
    mdrepo("resolve", f"{DOCUMENT}#/labels/2/description", "--base", cwd=repo)
    assert served.ask("POST", None, {"mark": marks[1], "side": "theirs"})[0] == 303
    page = served.ask()[2]
    assert "settled already" in page
    assert "description" not in load_open(repo)["labels"][2]
    status, _, page = served.ask("POST", None, {"mark": marks[2], "side": "value", "value": '"no number"'})
    assert status == 200
    assert "not added: put it right" in page
    code, out, err = served.ended()
    assert (code, "git add" in out + err) == (1, True)
    assert git("ls-files", "-u", cwd=repo), "what is not valid is not added"


def load_open(repo: Path) -> Any:
    """The document with ours in the conflicts that are open."""
    text = re.sub(r"<<<<<<<[^\n]*\n(.*?)\|\|\|\|\|\|\|.*?>>>>>>>[^\n]*\n", r"\1", (repo / DOCUMENT).read_text(), flags=re.S)
    return json.loads(text)


def test_how_it_ends(repo: Path, served: Served) -> None:
    assert "ssh -N -L" not in served.first
    assert served.ask()[0] == 200
    served.process.send_signal(signal.SIGINT)
    code, _, err = served.ended()
    assert code == 130
    assert f"ssh -N -L {served.port}:127.0.0.1:{served.port} " in err
    assert "the page was ended: 3 conflicts left" in err
    git("merge", "--abort", cwd=repo)
    assert "nothing is in conflict" in mdrepo("resolve", "--web", cwd=repo, code=1).err
    for words in (["--web", "--ours"], ["--web", f"{DOCUMENT}#/name"], [], ["--web", "--json"]):
        assert mdrepo("resolve", *words, cwd=repo, code=2).err


def test_the_server_ends_when_nobody_looks_and_when_all_is_done_elsewhere() -> None:
    from mdrepo.serving import Reply, Server

    start = time.monotonic()
    assert Server().serve(lambda form, nonce: Reply(), 0.3, lambda: False) is False
    assert Server().serve(lambda form, nonce: Reply(), 30, lambda: True, every=0.1) is True
    assert time.monotonic() - start < 10


def test_a_browser_that_goes_away_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """A connection that is reset in the middle of a request is nobody's mistake, and no traceback."""
    from mdrepo.serving import Reply, Server

    server = Server()

    def gone() -> bool:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close(2) resets
            connection.sendall(b"GET")
            time.sleep(0.3)
        time.sleep(0.3)
        return True

    assert server.serve(lambda form, nonce: Reply(), 5, gone, 0.1)
    assert capfd.readouterr().err == ""


def test_a_deleted_document_is_said_to_be_for_git(repo_template: Path, tmp_path: Path) -> None:
    root = copied(repo_template, tmp_path / "deleted")
    git("checkout", "-qb", "topic", cwd=root)
    edit(root, lambda v: v.update(license="MIT"))
    git("commit", "-qam", "x", cwd=root)
    git("checkout", "-q", "main", cwd=root)
    git("rm", "-q", DOCUMENT, cwd=root)
    git("commit", "-qm", "gone", cwd=root)
    subprocess.run(["git", "merge", "-q", "topic"], cwd=root, capture_output=True, check=False)
    found = mdrepo("resolve", "--web", cwd=root, code=1)
    assert "ours deleted the document" in found.err
    assert "git rm" in found.err


def test_each_side_s_evaluation_and_origin_are_shown(repo: Path) -> None:
    from mdrepo.cli.web import Session
    from mdrepo.notes import write_note
    from mdrepo.repository import Repository
    from mdrepo.snapshots import Git

    found = Git.find(repo)
    for revision, verdict, accuracy in (("HEAD", "regressed", 0.8), ("MERGE_HEAD", "improved", 0.93)):
        result = {"verdict": verdict, "dataset": "metadata/net-test.json", "examples": 12, "metrics": {"accuracy": accuracy}}
        write_note(found, found.commit_id(revision), {"verdict": verdict, "documents": {DOCUMENT: result}})
    session = Session(Repository.open(repo), [])
    page = session.answer(None, "n").page
    assert "ours: regressed: accuracy 80.0%" in page
    assert "theirs: improved: accuracy 93.0%" in page
    origins = [each.origins["ours"].kind for each in session.asked()[0].questions]
    assert origins == ["overridden", "overridden", "manual"]
    git("update-ref", "-d", "refs/notes/mdrepo", cwd=repo)
    assert session.answer(None, "n").page.count("not evaluated") == 2
