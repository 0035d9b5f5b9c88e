"""The terminal: colour, pager, width and progress at a real one (a pty), and what a document cannot do to it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from conftest import DOCUMENT, copied, edit, git, mdrepo, settled

from mdrepo.guessing import nearest
from mdrepo.reporting.porcelains import quote

HOSTILE = "\x1b[31mred\x07\x1b]0;title\x07\u202egnp.\u2066exe\x9b2J\u200b\r\x7f"
RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]|\r(?!\n)")
COLOUR = re.compile("\x1b\\[[0-9;]*m")


def at_terminal(*arguments: str, cwd: Path, columns: int = 80, **env: str) -> tuple[int, str, str]:
    """Run a command whose outputs are two real terminals; its exit code, and what each of them shows."""
    ends = [pty.openpty(), pty.openpty()]
    for _, end in ends:
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "PAGER", "LESS", "COLUMNS")}
    environ |= {"TERM": "xterm", "PAGER": "cat", **env}
    words = [sys.executable, "-m", "mdrepo", *arguments]
    process = subprocess.Popen(words, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=ends[0][1], stderr=ends[1][1])
    shown = []
    for _, end in ends:
        os.close(end)
    for master, _ in ends:
        data = b""
        while True:
            try:
                part = os.read(master, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            data += part
        os.close(master)
        shown.append(data.decode("utf-8", "surrogateescape"))
    return process.wait(), shown[0], shown[1]


@pytest.fixture(scope="module")
def hostile(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose values, keys, messages, branches and file names are hostile; nobody changes it."""
    base = tmp_path_factory.getbasetemp()
    root = copied(repo_template, base / "hostile")
    with settled(base):
        edit(root, lambda v: v.update(description=HOSTILE, extensions={HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]}))
        git("commit", "-qam", f"Message {HOSTILE}", cwd=root)
        git("checkout", "-qb", "bidi\u202ebranch\u200b", cwd=root)
        name = "metadata/\x1b[31m\u202e\x07\n.json"
        (root / name).write_text((root / DOCUMENT).read_text())
        edit(root, lambda v: v.update(unknown=HOSTILE))
    return root


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["validate"],
        ["diff"],
        ["diff", "HEAD~1", "--stat"],
        ["log"],
        ["log", f"{DOCUMENT}#/description"],
        ["show", "HEAD"],
        ["show", f"HEAD:{DOCUMENT}"],
        ["blame", DOCUMENT],
        ["query", "description"],
        ["get", f"{DOCUMENT}#/extensions"],
        ["get", "-r", f"{DOCUMENT}#/description"],
        ["status", "--provenance"],
        ["changelog", DOCUMENT],
        # errors
        ["get", f"{DOCUMENT}#/{HOSTILE}"],
        ["get", HOSTILE.replace("/", "")],
        ["show", HOSTILE],
        ["blame", DOCUMENT, f"--{HOSTILE}"],
        [HOSTILE],
        ["-C", HOSTILE, "status"],
    ],
    ids=repr,
)
def test_nothing_in_a_repository_writes_to_the_terminal(hostile: Path, arguments: list[str]) -> None:
    words = [each.replace("\x00", "") for each in arguments]
    _, out, err = at_terminal("--color=never", *words, cwd=hostile)
    assert out + err
    assert "Traceback" not in err
    assert not RAW.findall(out + err), repr(out + err)


def test_piped_text_is_escaped_too_but_for_a_document_s_own(hostile: Path) -> None:
    for words in (["status"], ["log"], ["blame", DOCUMENT], ["diff"], ["show"]):
        found = mdrepo(*words, cwd=hostile)
        assert not RAW.findall(found.out + found.err), words
    assert json.loads(mdrepo("show", f"HEAD:{DOCUMENT}", cwd=hostile).out)["description"] == HOSTILE


@pytest.mark.parametrize(
    ("options", "env", "setting", "coloured"),
    [
        ([], {}, None, True),
        ([], {"NO_COLOR": "1"}, None, False),
        ([], {"NO_COLOR": ""}, None, True),
        ([], {"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, None, False),
        ([], {"TERM": "dumb"}, None, False),
        ([], {}, "never", False),
        ([], {"CLICOLOR_FORCE": "1"}, "false", True),
        (["--color=always"], {"NO_COLOR": "1"}, "never", True),
        (["--color=never"], {"CLICOLOR_FORCE": "1"}, "always", False),
    ],
)
def test_colour_at_a_terminal(repo: Path, options: list[str], env: dict[str, str], setting: str | None, coloured: bool) -> None:
    if setting:
        git("config", "color.ui", setting, cwd=repo)
    code, out, _ = at_terminal(*options, "log", cwd=repo, **env)
    assert code == 0
    assert bool(COLOUR.search(out)) == coloured, repr(out)
    assert "First" in out


def test_colour_without_a_terminal(repo: Path) -> None:
    assert not COLOUR.search(mdrepo("log", cwd=repo, env={"NO_COLOR": ""}).out)
    assert COLOUR.search(mdrepo("log", cwd=repo, env={"NO_COLOR": "", "CLICOLOR_FORCE": "1"}).out)
    assert COLOUR.search(mdrepo("--color=always", "log", cwd=repo).out)
    assert not COLOUR.search(mdrepo("log", "--json", cwd=repo, env={"NO_COLOR": "", "CLICOLOR_FORCE": "1"}).out)
    refused = mdrepo("--color=pink", "log", cwd=repo, code=2)
    assert "'pink' is not one of" in refused.err


@pytest.mark.parametrize(
    ("options", "env", "setting", "paged"),
    [
        ([], {"PAGER": "sed s/^/P:/"}, None, "P:"),
        ([], {"PAGER": "sed s/^/P:/"}, "sed s/^/C:/", "C:"),
        ([], {"PAGER": "sed s/^/P:/", "GIT_PAGER": "sed 's/^/G:/'"}, "sed s/^/C:/", "G:"),
        ([], {"PAGER": "sed s/^/P:/", "GIT_PAGER": ""}, "sed s/^/C:/", ""),
        (["--no-pager"], {"GIT_PAGER": "sed s/^/G:/"}, None, ""),
        ([], {"GIT_PAGER": "there-is-none"}, None, ""),
        ([], {"GIT_PAGER": "echo $LESS; cat"}, None, "FRX"),
        ([], {"GIT_PAGER": "true"}, None, None),
    ],
)
def test_the_pager_is_git_s(repo: Path, options: list[str], env: dict[str, str], setting: str | None, paged: str | None) -> None:
    if setting:
        git("config", "core.pager", setting, cwd=repo)
    code, out, err = at_terminal("--color=never", *options, "log", cwd=repo, **env)
    assert code == 0
    if paged is None:
        assert out + err == ""
        return
    assert "First" in out
    assert out.startswith(paged)
    assert out[: len(paged) + 7] == paged + git("rev-parse", "HEAD", cwd=repo)[:7] or paged == "FRX"
    assert ("there-is-none" in err) == (env.get("GIT_PAGER") == "there-is-none")


def test_only_what_is_to_be_read_is_paged_and_only_at_a_terminal(repo: Path) -> None:
    _, out, _ = at_terminal("status", cwd=repo, GIT_PAGER="sed s/^/G:/")
    assert out.startswith("On branch")
    assert not mdrepo("log", cwd=repo, env={"GIT_PAGER": "sed s/^/G:/"}).out.startswith("G:")
    edit(repo, lambda v: v.update(description="x"))
    assert at_terminal("diff", "--exit-code", cwd=repo, GIT_PAGER="sed s/^/G:/")[0] == 1


def test_tables_are_as_wide_as_the_terminal(repo: Path) -> None:
    edit(repo, lambda v: v.update(description="long words " * 20))
    git("commit", "-qam", "A subject that is longer than a narrow terminal is wide, so that it has to be folded", cwd=repo)
    for columns in (50, 160):
        _, out, _ = at_terminal("--color=never", "log", "--metrics", cwd=repo, columns=columns)
        widest = max(len(line) for line in out.splitlines())
        assert widest <= columns
    assert widest > 100
    piped = mdrepo("log", "--metrics", cwd=repo).out
    assert "so that it has to be folded" in piped


def test_progress_is_for_people_who_watch(repo: Path) -> None:
    from mdrepo.cli import output

    (repo / "report.py").write_text(
        "from mdrepo.cli import output\n"
        "for words in ('reading x ...', 'done: 1 s left', 'it was interrupted'):\n"
        "    output.reporter(False)(words)\n"
    )
    done = subprocess.run([sys.executable, "report.py"], cwd=repo, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "it was interrupted\n")
    master, end = pty.openpty()
    subprocess.run([sys.executable, "report.py"], cwd=repo, stdout=subprocess.DEVNULL, stderr=end, check=True)
    os.close(end)
    assert os.read(master, 1000).decode().split("\r\n")[:3] == ["reading x ...", "done: 1 s left", "it was interrupted"]
    os.close(master)
    assert output.reporter(True)("anything ...") is None


def test_porcelain_stays_the_same(hostile: Path) -> None:
    head, branch = git("rev-parse", "HEAD", cwd=hostile), "bidi\u202ebranch\u200b"
    result = mdrepo("--color=always", "status", "--porcelain", cwd=hostile)
    lines = result.out.split("\n")
    assert lines[:4] == ["# version 1", f"# branch.oid {head}", f"# branch.head {branch}", "# verdict (none)"]
    assert 'D new 0 5 0 "metadata/\\033[31m\\342\\200\\256\\a\\n.json"' in lines
    assert f"D changed 1 0 0 {DOCUMENT}" in lines
    nul = mdrepo("status", "-z", cwd=hostile).out.split("\0")
    assert nul[:4] == lines[:4]
    assert any(each.endswith(" metadata/\x1b[31m\u202e\x07\n.json") for each in nul)
    for words in (["--porcelain=2"], ["--porcelain", "--json"], ["--porcelain", "--provenance"]):
        assert mdrepo("status", *words, cwd=hostile, code=2).err


def test_paths_are_quoted_as_git_quotes_them(tmp_path: Path) -> None:
    git("init", "-q", cwd=tmp_path)
    for name in ('a"b\\c', "tab\t", "new\nline", "\x1b", "plain name", "é"):
        (tmp_path / name).write_text("")
    listed = git("-c", "core.quotePath=false", "ls-files", "--others", cwd=tmp_path).split("\n")
    raw = git("ls-files", "--others", "-z", cwd=tmp_path).split("\0")[:-1]
    assert [quote(each) for each in raw] == listed


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["staus"], "Did you mean 'status'?"),
        (["validate", "metadata/nett.json"], f"did you mean {DOCUMENT}?"),
        (["get", "metadata/nett.json"], f"did you mean {DOCUMENT}?"),
        (["get", f"{DOCUMENT}#/taks"], "did you mean 'task'?"),
        (["get", f"{DOCUMENT}#/decision/Rule"], "did you mean 'rule'?"),
        (["blame", f"{DOCUMENT}#/nmae"], "did you mean /name?"),
        (["show", "topci"], "did you mean topic?"),
        (["log", "v1.O~1", "--"], "did you mean v1.0?"),
        (["log", "haed", "--"], "did you mean HEAD?"),
        (["diff", "topci..main"], "did you mean topic?"),
        (["log", "--metric"], "--metrics"),
    ],
    ids=repr,
)
def test_a_typo_gets_what_is_nearest(hostile: Path, tmp_path: Path, words: list[str], meant: str) -> None:
    if not git("branch", "--list", "topic", cwd=hostile):
        git("branch", "topic", "main", cwd=hostile)
        git("tag", "v1.0", "main", cwd=hostile)
    result = mdrepo(*words, cwd=hostile, code=None)
    assert result.code in (1, 2, 3)
    assert meant in result.err


def test_nothing_is_guessed_where_nothing_is_near() -> None:
    assert nearest("zzz", ["status"]) is None
    assert nearest("x" * 1_000_000, ["x" * 1_000_000]) is None
    assert nearest("STATUS", ["status", "state"]) == "status"
