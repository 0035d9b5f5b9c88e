"""Files, patches and paths that are wrong, hostile or odd: a line that says so, the exit code, no traceback, nothing written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, git, load, mdrepo, state, suite

from mdrepo.cli import main
from mdrepo.documents import DocumentError, read
from mdrepo.errors import Finding, MdrepoError
from mdrepo.files import contents, inside, write
from mdrepo.patching import PatchError, apply
from mdrepo.writing import Style, dumps

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command in this process, in a folder of its own: its exit code, standard output and standard error."""
    limit = sys.getrecursionlimit()
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "a bug in mdrepo" not in err
        return code, out, err

    yield called
    sys.setrecursionlimit(limit)


def file(name: str, content: Any) -> Path:
    path = Path(name)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


PLACE = re.compile(r"^mdrepo: bad\.json:\d+:\d+: \S")


def test_what_is_no_json_is_refused_by_name_and_place(run: Run) -> None:
    """Every n_ file, through diff, apply and merge-file."""
    file("good.json", {"a": 1})
    file("mine.json", {"a": 2})
    file("patch.json", [])
    seen = 0
    for path in sorted(suite("JSONTestSuite", "test_parsing").glob("n_*.json")):
        file("bad.json", path.read_bytes())
        for arguments in (
            ["diff", "--no-index", "bad.json", "good.json"],
            ["diff", "--no-index", "--json", "good.json", "bad.json"],
            ["apply", "patch.json", "bad.json"],
            ["apply", "bad.json", "good.json"],
        ):
            code, out, err = run(*arguments)
            assert (code, out) == (1, ""), (path.name, arguments)
            assert PLACE.match(err), (path.name, err)
            assert len(err) < 400, path.name
        code, _, err = run("merge-file", "good.json", "mine.json", "bad.json", "-o", "out")
        assert code == 1, path.name
        if path.read_bytes().removeprefix(b"\xef\xbb\xbf").strip():
            assert err.startswith("not JSON, so merged as text: "), (path.name, err)
        assert b'{"a": 2}' in Path("out").read_bytes(), path.name  # nobody's side is lost
        code, _, err = run("merge-file", "good.json", "good.json", "bad.json", "-o", "out")
        assert (code, Path("out").read_bytes()) == (0, path.read_bytes()), path.name  # nothing to merge, but said
        if path.read_bytes().removeprefix(b"\xef\xbb\xbf").strip():
            assert re.match(r"^not JSON, so merged as text: theirs:\d+:\d+: \S", err), (path.name, err)
        assert Path("good.json").read_bytes() == b'{"a": 1}'
        seen += 1
    assert seen == 188


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b"", "1:1", "the text ends"),
        (b" \n ", "2:2", "the text ends"),
        (b'{"a": "\xe9"}', "1:8", "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "1:1", "not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "1:2", ""),
        ('{"a": 1}'.encode("utf-16-be"), "1:1", ""),
        ('{"a": 1}'.encode("utf-32"), "1:1", "not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "1:1", "byte-order mark"),
        (b'{"a": 1}\x00', "1:9", "more text"),
        (b"[" * 501 + b"]" * 501, "1:501", "more than 500 levels"),
        (b"9" * 1_000_000, "1:1", "more than 4,300 digits"),
        (b"1e" + b"9" * 1_000_000, "1:1", "beyond what a double can hold"),
        (b"0" * 1_000_000, "1:1", "not a JSON number"),
        (b"\\" * 100_000, "1:1", "where a value is expected"),
        (b"[" * 50 + b"\n" * 100_000, "100001:1", "the text ends"),
    ],
)
def test_odd_bytes(run: Run, content: bytes, place: str, words: str) -> None:
    file("good.json", {})
    file("bad.json", content)
    code, _, err = run("diff", "--no-index", "good.json", "bad.json")
    assert code == 1
    assert err.startswith(f"mdrepo: bad.json:{place}: ")
    assert words in err
    assert len(err) < 400


def test_500_levels_go_through_every_command_on_files(run: Run) -> None:
    deep = [b"[" * 499 + inner + b"]" * 499 for inner in (b"[1]", b"[2]", b"[3]")]
    for name, content in zip(("base", "ours", "theirs"), deep, strict=True):
        file(name, content)
    code, out, _ = run("diff", "--no-index", "base", "ours", "--format", "patch")
    assert code == 1
    file("patch.json", json.loads(out)["documents"][0]["operations"])
    assert run("apply", "patch.json", "base", "-o", "-")[:2] == (0, deep[1].decode())
    assert run("apply", "--reverse", "patch.json", "ours", "-o", "-")[:2] == (0, deep[0].decode())
    code, out, err = run("merge-file", "base", "ours", "theirs")
    assert code == 1
    assert "<<<<<<< ours\n" in out
    assert "1 conflict: /0/0/" in err
    assert run("merge-file", "base", "ours", "base")[:2] == (0, deep[1].decode())
    assert run("diff", "--no-index", "base", "theirs")[0] == 1


LIMITED = """
import resource, sys
from mdrepo.cli import main
from mdrepo.documents import read
code = main(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_SELF)
print(code, peak.ru_maxrss // 1024, round(peak.ru_utime + peak.ru_stime, 2), file=sys.stderr)
"""


@pytest.mark.parametrize("content", [b"[" * 100_000_000, b'{"a":' * 20_000_000], ids=["brackets", "braces"])
def test_100_megabytes_of_depth_cost_no_more_than_reading_them(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    (tmp_path / "good.json").write_bytes(b"{}")
    words = [sys.executable, "-c", LIMITED, "diff", "--no-index", "good.json", "bad.json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "nested more than 500 levels deep" in done.stderr
    code, megabytes, seconds = map(float, done.stderr.split()[-3:])
    assert code == 1
    assert megabytes < 1000
    assert seconds < 6


def test_a_string_of_50_megabytes(tmp_path: Path) -> None:
    for name, last in (("one.json", b"x"), ("other.json", b"y")):
        (tmp_path / name).write_bytes(b'{"a": "' + b"x" * 50_000_000 + last + b'"}')
    words = [sys.executable, "-c", LIMITED, "diff", "--no-index", "--stat", "one.json", "other.json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    code, megabytes, seconds = map(float, done.stderr.split()[-3:])
    assert code == 1
    assert megabytes < 1000
    assert seconds < 10


# Patches


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ({"op": "remove", "path": "/~2"}, "'~'"),
        ({"op": "remove", "path": "/a~"}, "'~'"),
        ({"op": "remove", "path": "a"}, "does not begin with '/'"),
        ({"op": "remove", "path": "/l/-"}, "'-' is not an index"),
        ({"op": "replace", "path": "/l/-", "value": 1}, "there is no '-'"),
        ({"op": "test", "path": "/l/-", "value": 1}, "there is no '-'"),
        ({"op": "add", "path": "/l/00", "value": 1}, "'00' is not an index"),
        ({"op": "remove", "path": "/l/01"}, "'01' is not an index"),
        ({"op": "add", "path": "/l/-1", "value": 1}, "'-1' is not an index"),
        ({"op": "add", "path": "/l/+1", "value": 1}, "'+1' is not an index"),
        ({"op": "add", "path": "/l/1e0", "value": 1}, "'1e0' is not an index"),
        ({"op": "add", "path": "/l/\u0661", "value": 1}, "is not an index"),
        ({"op": "add", "path": "/l/ 1", "value": 1}, "' 1' is not an index"),
        ({"op": "add", "path": "/l/", "value": 1}, "'' is not an index"),
        ({"op": "add", "path": "/l/4", "value": 1}, "index 4 is beyond the list's 3 items"),
        ({"op": "remove", "path": "/l/3"}, "index 3 is beyond the list's 3 items"),
        ({"op": "add", "path": "/l/" + "9" * 5000, "value": 1}, "is not an index"),
        ({"op": "remove", "path": "/"}, "there is no ''"),
        ({"op": "add", "path": "//x", "value": 1}, "there is no ''"),
        ({"op": "add", "path": "/s/x", "value": 1}, "there is no 'x'"),
        ({"op": "replace", "path": "/zz", "value": 1}, "there is no 'zz'"),
        ({"op": "move", "from": "/l", "path": "/l/0"}, "cannot move into itself"),
        ({"op": "copy", "from": "/zz", "path": "/y"}, "there is no 'zz'"),
        ({"op": "copy", "path": "/y"}, "has no 'from'"),
        ({"op": "move", "from": 3, "path": "/y"}, "'from' is not a JSON pointer"),
        ({"op": "add", "path": "/y"}, "has no 'value'"),
        ({"op": "add", "path": None, "value": 1}, "'path' is not a JSON pointer"),
        ({"op": "frob", "path": "/a"}, "'frob' is not an operation"),
        ({"op": ["add"], "path": "/a"}, "is not an operation"),
        ({"path": "/a"}, "has no 'op'"),
        ({"op": "remove"}, "has no 'path'"),
        ("remove", "an operation is an object"),
        (None, "an operation is an object"),
        ({"op": "test", "path": "/a", "value": True}, "another one"),
    ],
)
def test_a_third_operation_that_fails_leaves_everything(run: Run, operation: Any, reason: str) -> None:
    document = {"a": 1, "l": [1, 2, 3], "s": "x"}
    file("d.json", document)
    good = [{"op": "add", "path": "/b", "value": 1}, {"op": "replace", "path": "/s", "value": "y"}]
    file("p.json", [*good, operation])
    before = Path("d.json").stat()
    for output in ([], ["-o", "out.json"], ["-o", "-"]):
        code, out, err = run("apply", "p.json", "d.json", *output)
        assert (code, out) == (1, "")
        assert err.startswith("mdrepo: operation 3 (")
        assert reason in err
    after = Path("d.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(os.listdir()) == ["d.json", "p.json"]


@pytest.mark.parametrize("operations", [[{"op": "add", "path": "", "value": 3}], [{"op": "replace", "path": "", "value": 3}]])
def test_the_whole_document_may_be_replaced(run: Run, operations: Any) -> None:
    file("d.json", {"a": 1})
    file("p.json", operations)
    assert run("apply", "p.json", "d.json", "-o", "-")[:2] == (0, "3")


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("copies", [1, 5])
def test_a_patch_may_not_nest_values_deeper_than_is_read(run: Run, copies: int) -> None:
    file("d.json", nested(300))
    file("p.json", [{"op": "copy", "from": "", "path": "/0" * (300 * 2**number)} for number in range(copies)])
    before = Path("d.json").read_bytes()
    code, out, err = run("apply", "p.json", "d.json")
    assert (code, out) == (1, "")
    assert err.startswith("mdrepo: d.json: the patch ")
    assert Path("d.json").read_bytes() == before


def test_odd_pointers_that_are_right(run: Run) -> None:
    document = {"": 1, "~2": 2, "-": 3, "01": 4, "a/b": {"": {"~": 5}}}
    file("d.json", document)
    pointers = ["/", "/~02", "/-", "/01", "/a~1b//~0"]
    file("p.json", [{"op": "replace", "path": each, "value": 9} for each in pointers])
    code, out, _ = run("apply", "p.json", "d.json", "-o", "-")
    assert (code, json.loads(out)) == (0, {"": 9, "~2": 9, "-": 9, "01": 9, "a/b": {"": {"~": 9}}})


def own(*documents: Any) -> dict[str, Any]:
    return {"mdrepo": 1, "command": "diff", "documents": list(documents)}


ADD = [{"op": "add", "path": "/description", "value": "x"}]


@pytest.mark.parametrize(
    ("documents", "code", "words"),
    [
        ([{"path": DOCUMENT, "operations": ADD}, {"path": "../out.json", "state": "new", "operations": ADD}], 1, "no document"),
        ([{"path": "/tmp/out.json", "state": "new", "operations": ADD}], 1, "no document"),
        ([{"path": ".git/x.json", "state": "new", "operations": ADD}], 1, "no document"),
        ([{"path": "mdrepo.toml", "state": "deleted", "operations": []}], 1, "no document"),
        ([{"path": "metadata/../../x.json", "state": "new", "operations": ADD}], 1, ""),
        ([{"path": "metadata/\x00.json", "state": "new", "operations": ADD}], 1, "leads out of the repository"),
        ([{"path": "metadata/" + "x" * 300 + ".json", "state": "new", "operations": ADD}], 3, "File name too long"),
        ([{"path": DOCUMENT, "operations": ADD}, {"path": DOCUMENT, "operations": ADD}], 1, "names it twice"),
        ([{"path": DOCUMENT, "operations": ADD, "state": ["new"]}], 2, "no state of a document"),
        ([{"path": DOCUMENT, "operations": ADD, "state": "new"}], 1, "there already"),
        ([{"path": DOCUMENT, "operations": ADD}, {"path": "metadata/none.json", "operations": ADD}], 1, "is not there"),
        ([{"path": DOCUMENT, "operations": ADD}, {"path": "metadata/net-test.json", "operations": [3]}], 1, "operation 1"),
        ([{"path": DOCUMENT, "operations": ADD}, {"path": "metadata/net-test.json"}], 2, "no 'operations'"),
        ([{"path": DOCUMENT, "operations": ADD}, 3], 2, "document 2 of the patch"),
    ],
)
def test_our_own_patches_touch_documents_only_and_all_or_none(repo: Path, documents: Any, code: int, words: str) -> None:
    before = state(repo)
    (repo.parent / "p.json").write_text(json.dumps(own(*documents)))
    result = mdrepo("apply", "../p.json", cwd=repo, code=code)
    assert words in result.err
    assert len(result.err.splitlines()) <= 2
    assert state(repo) == before
    assert not (repo.parent / "out.json").exists()
    assert not Path("/tmp/out.json").exists()


def test_a_write_that_fails_takes_the_others_back(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mdrepo import applying
    from mdrepo.repository import Repository

    before = state(repo)
    count = 0

    def fails(root: Path, path: str, text: str) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise MdrepoError(f"{path} cannot be written: No space left on device")
        write(root, path, text)

    monkeypatch.setattr(applying, "write", fails)
    patch = own({"path": DOCUMENT, "operations": ADD}, {"path": "metadata/net-test.json", "operations": ADD})
    with pytest.raises(MdrepoError, match="No space left"):
        Repository.open(repo).apply(patch)
    assert count == 2, "what was written is put back by the journal"
    assert state(repo) == before


LAYOUTS = [
    '{"name":"x",   "l": [1, 2,\r\n   3],\r\n\t"n": {"caf\\u00e9": 1.50, "e": 1E5}}',
    '{\n    "l": [\n        1,\n        2,\n        3\n    ],\n    "n": {"caf\\u00e9": -0, "e": 0.1000},\n    "name" : "x"\n}\n\n',
    '{"l":[1,2,3],"n":{"caf\u00e9":12345678901234567890,"e":1e-7},"name":"x"}',
    ' {\n"l":[\n1,2,\n3],"n":{"caf\u00e9":\n0.30000000000000000001,\n"e":1E400000}, "name":\t"x"\n\n}'.replace("1E400000", "1E-40"),
]
EDITS = [
    [('"x"', '"y"')],
    [(r"1\.50|-0|12345678901234567890|0\.3[01]+", "7.00"), (r"\b1\b(?=,\s*2)", '"one"')],
    [("1E5|0\\.1000|1e-7|1E-40", "2.50E+3"), ('"x"', "null")],
]


@pytest.mark.parametrize("text", LAYOUTS)
@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 2), (2, 1)])
def test_patches_compose_and_come_undone_byte_for_byte(run: Run, text: str, order: tuple[int, int]) -> None:
    """p1, then p2, then back: the file has every byte that it had, and so it has with the two patches in one."""
    texts = [text]
    for number, place in enumerate(order, start=1):
        changed = texts[-1]
        for old, new in EDITS[place]:
            changed, count = re.subn(old, new, changed)
            assert count == 1
        texts.append(changed)
        file("old.json", texts[-2].encode())
        file("new.json", changed.encode())
        _, out, _ = run("diff", "--no-index", "old.json", "new.json", "--format", "patch")
        Path(f"p{number}.json").write_text(dumps(read(out.encode()).value["documents"][0]["operations"], Style()))
    file("d.json", text.encode())
    for patch, words, expected in [("p1", [], 1), ("p2", [], 2), ("p2", ["--reverse"], 1), ("p1", ["--reverse"], 0)]:
        assert run("apply", *words, f"{patch}.json", "d.json")[0] == 0
        assert Path("d.json").read_bytes() == texts[expected].encode()
    both = [each for number in (1, 2) for each in read(Path(f"p{number}.json").read_bytes()).value]
    Path("both.json").write_text(dumps(both, Style()))
    for words, expected in (([], 2), (["--reverse"], 0)):
        assert run("apply", *words, "both.json", "d.json")[0] == 0
        assert Path("d.json").read_bytes() == texts[expected].encode()


def test_our_own_patches_compose_on_documents(repo: Path) -> None:
    """Two patches of two documents each, applied and taken back in turn: the files are what they were, byte for byte."""
    other = "metadata/net-test.json"
    for path, indent in ((DOCUMENT, 4), (other, None)):
        (repo / path).write_text(json.dumps(load(repo, path), indent=indent))
    git("add", ".", cwd=repo)
    states = [(repo / DOCUMENT).read_bytes() + (repo / other).read_bytes()]
    for number in (1, 2):
        rename(repo / DOCUMENT, f"name{number}")
        rename(repo / other, f"name{number}")
        (repo.parent / f"p{number}.json").write_text(mdrepo("diff", "--format", "patch", cwd=repo).out)
        states.append((repo / DOCUMENT).read_bytes() + (repo / other).read_bytes())
        git("add", ".", cwd=repo)
    for number in (2, 1):
        mdrepo("apply", "--reverse", f"../p{number}.json", cwd=repo)
        assert (repo / DOCUMENT).read_bytes() + (repo / other).read_bytes() == states[number - 1]
    for number in (1, 2):
        mdrepo("apply", f"../p{number}.json", cwd=repo)
        assert (repo / DOCUMENT).read_bytes() + (repo / other).read_bytes() == states[number]


def rename(path: Path, name: str) -> None:
    """Change a value where it stands, in the layout that is there."""
    text, count = re.subn(r'("name": )"[^"]*"', rf'\1"{name}"', path.read_text(), count=1)
    assert count == 1
    path.write_text(text)


# Files that are none


@pytest.mark.parametrize(
    "arguments", [["diff", "--no-index", "odd", "d.json"], ["apply", "odd", "d.json"], ["apply", "p.json", "odd"]]
)
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "none", "dangling", "loop"])
def test_what_is_no_regular_file_is_named_at_once(run: Run, arguments: list[str], kind: str) -> None:
    file("d.json", {})
    file("p.json", [])
    make: dict[str, Callable[[], Any]] = {
        "folder": lambda: os.mkdir("odd"),
        "pipe": lambda: os.mkfifo("odd"),
        "device": lambda: os.symlink("/dev/zero", "odd"),
        "none": lambda: None,
        "dangling": lambda: os.symlink("nowhere", "odd"),
        "loop": lambda: os.symlink("odd", "odd"),
    }
    make[kind]()
    for words in (arguments, ["merge-file", "d.json", "odd", "d.json"]):
        started = time.monotonic()
        code, out, err = run(*words)
        assert (code, out) == (3, "")
        assert err.startswith("mdrepo: odd: ")
        assert len(err.splitlines()) == 1
        assert time.monotonic() - started < 5


def test_a_pipe_that_the_shell_opened_is_read(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"a": 1}')
    command = f"{sys.executable} -m mdrepo diff --no-index d.json <(sleep 0.2; echo '{{\"a\": 2}}')"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "~ /a: 1 -> 2" in done.stdout) == (1, True), done.stderr


def test_a_patch_from_standard_input(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"a": 1}')
    words = [sys.executable, "-m", "mdrepo", "apply", "-", "d.json"]
    for patch, code, words_said in (
        (b'[{"op": "remove", "path": "/a"}]', 0, ""),
        (b"[", 1, "mdrepo: -:1:2: "),
        (b"", 1, "mdrepo: -:1:1: "),
    ):
        done = subprocess.run(words, cwd=tmp_path, input=patch, capture_output=True, check=False)
        assert (done.returncode, done.stderr.decode().startswith(words_said)) == (code, True)
    assert (tmp_path / "d.json").read_text() == "{}"


def test_links_are_not_written_through(run: Run) -> None:
    target = file("target.json", {"a": 1})
    file("p.json", [{"op": "remove", "path": "/a"}])
    os.symlink("target.json", "link.json")
    file("d.json", {"a": 1})
    for arguments in (
        ["apply", "p.json", "link.json"],
        ["apply", "p.json", "d.json", "-o", "link.json"],
        ["merge-file", "d.json", "d.json", "d.json", "-o", "link.json"],
    ):
        code, _, err = run(*arguments)
        assert code == 1
        assert err.startswith("mdrepo: link.json is, or lies behind, a symbolic link")
    assert target.read_bytes() == b'{"a": 1}'
    assert os.path.islink("link.json")
    assert run("apply", "p.json", "link.json", "-o", "-")[:2] == (0, "{}")
    assert run("diff", "--no-index", "link.json", "d.json")[:2] == (0, "")


def test_a_folder_that_is_not_there_or_may_not_be_written(run: Run) -> None:
    file("d.json", {"a": 1})
    file("p.json", [{"op": "remove", "path": "/a"}])
    code, _, err = run("apply", "p.json", "d.json", "-o", "d.json/x.json")
    assert (code, err.startswith("mdrepo: x.json cannot be written: ")) == (3, True)
    os.mkdir("folder")
    code, _, err = run("apply", "p.json", "d.json", "-o", "folder")
    assert (code, err) == (3, "mdrepo: folder cannot be written: Is a directory\n")
    assert os.listdir("folder") == []
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere: the rest needs another user")
    os.chmod("folder", 0o500)
    code, _, err = run("apply", "p.json", "d.json", "-o", "folder/out.json")
    assert (code, err) == (3, "mdrepo: out.json cannot be written: Permission denied\n")


@pytest.mark.parametrize(
    "name", ["a b.json", 'it\'s "q".json', "a\nb.json", "-a.json", "--json", "ä\u202e.json", "$(touch x).json"]
)
def test_odd_names(run: Run, name: str) -> None:
    file(name, {"a": 1})
    file("p.json", [{"op": "replace", "path": "/a", "value": 2}])
    file("d.json", {"a": 3})
    assert run("apply", "--", "p.json", name)[0] == 0
    assert load(Path(), name) == {"a": 2}
    code, out, _ = run("diff", "--no-index", "--", "d.json", name)
    assert code == 1
    assert len(out.splitlines()) == 2
    assert run("merge-file", "-o", "out.json", "--", "d.json", "d.json", name)[0] == 0
    assert load(Path(), "out.json") == {"a": 2}
    file(name, b"[")
    code, _, err = run("diff", "--no-index", "--", "d.json", name)
    assert code == 1
    assert len(err.splitlines()) == 2
    assert not os.path.exists("x")


def test_a_document_that_is_no_regular_file(repo: Path) -> None:
    """validate names it, the others refuse it; nobody waits."""
    path = repo / DOCUMENT
    for make in (os.mkfifo, os.mkdir):
        path.unlink()
        make(path)
        result = mdrepo("validate", cwd=repo, code=1)
        assert f"{DOCUMENT}:1:1: {DOCUMENT} is no regular file" in result.out or "there is no document" in result.out
        mdrepo("status", cwd=repo)
        for arguments in (["format"], ["format", DOCUMENT], ["diff"], ["patch"], ["commit", "-m", "x"]):
            assert mdrepo(*arguments, cwd=repo, code=None).code in (0, 1, 3)
        path.rmdir() if path.is_dir() else path.unlink()
        git("checkout", "-q", "--", ".", cwd=repo)


@pytest.mark.parametrize(
    "content", [b"\xff", b"", b"[" * 100_000, b"\x00" * 1000, '{"a": 1}'.encode("utf-16"), b"[1, 2", b"3", b"[]"]
)
def test_a_document_of_odd_bytes(repo: Path, content: bytes) -> None:
    (repo / DOCUMENT).write_bytes(content)
    before = state(repo)
    assert f"{DOCUMENT}:1:" in mdrepo("validate", cwd=repo, code=1).out
    mdrepo("status", cwd=repo)
    for arguments in (["diff"], ["patch"], ["commit", "-m", "x"], ["diff", "HEAD"], ["log", f"{DOCUMENT}#/name"]):
        assert mdrepo(*arguments, cwd=repo, code=None).code in (0, 1, 3)
    if content not in (b"3", b"[]"):
        mdrepo("format", cwd=repo, code=1)
    assert state(repo) == before


@pytest.mark.parametrize("content", [b"\xff", b"\x00", b"= 1", b"[documents]\ninclude = [1]\n"])
def test_a_configuration_of_odd_bytes(repo: Path, content: bytes) -> None:
    (repo / "mdrepo.toml").write_bytes(content)
    result = mdrepo("validate", cwd=repo, code=1)
    assert result.err.startswith("mdrepo: mdrepo.toml: ")


@pytest.mark.parametrize("content", [b"\xff", b"[", b"3", b'{"$id": 3}', b'{"$id": "urn:mdrepo:model:1"}'])
def test_a_schema_of_odd_bytes(repo: Path, content: bytes) -> None:
    (repo / "schemas").mkdir()
    (repo / "schemas/odd.json").write_bytes(content)
    for arguments in (["validate"], ["status"], ["format", "--check"], ["diff"], ["patch"]):
        assert mdrepo(*arguments, cwd=repo, code=None).code in (0, 1)


# Writing


def test_a_write_that_is_broken_off_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "x.json", "old")

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for name in ("replace", "fsync"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, fails)
            with pytest.raises(MdrepoError, match=r"x\.json cannot be written: No space left on device"):
                write(tmp_path, "x.json", "new")
        assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
        assert (tmp_path / "x.json").read_text() == "old"


KILLED = """
import sys
from pathlib import Path
from mdrepo.files import write
texts = [char * 3_000_000 for char in "abcdef"]
print("ready", flush=True)
while True:
    for text in texts:
        write(Path(sys.argv[1]), "x.json", text)
"""


def test_a_process_that_is_killed_while_it_writes_leaves_a_whole_file(tmp_path: Path) -> None:
    write(tmp_path, "x.json", "a" * 3_000_000)
    for wait in (0.01, 0.03, 0.05, 0.08, 0.12):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        content = (tmp_path / "x.json").read_bytes()
        assert (len(content), len(set(content))) == (3_000_000, 1)


def test_modes_are_kept(tmp_path: Path) -> None:
    write(tmp_path, "x.json", "a")
    (tmp_path / "x.json").chmod(0o640)
    write(tmp_path, "x.json", "b")
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "link/x", "link", "a\0b"])
def test_paths_that_lead_out(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(Finding, match="leads out of the repository"):
        inside(root, path)
    with pytest.raises(Finding, match="leads out of the repository"):
        write(root, path, "x")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["root"]


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * 100_000)
    assert contents(tmp_path / "x") == b"x" * 100_000
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        contents(tmp_path / "pipe")


# Long strings


def cost(folder: Path, *words: str) -> tuple[float, float, float]:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *words], cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    code, megabytes, seconds = map(float, done.stderr.split()[-3:])
    return code, megabytes, seconds


@pytest.mark.parametrize("content", [b'["' + b"a" * 50_000_000, b'"' + b"\\u0041" * 8_000_000, b'"' + b"\\\\" * 10_000_000 + b"\\"])
def test_a_long_string_that_does_not_end(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "good.json").write_bytes(b"{}")
    (tmp_path / "bad.json").write_bytes(content)
    code, megabytes, seconds = cost(tmp_path, "diff", "--no-index", "good.json", "bad.json")
    assert code == 1
    assert megabytes < 1000, f"{megabytes} MB"
    assert seconds < 10, f"{seconds} s"


def test_a_long_string_in_a_merge(tmp_path: Path) -> None:
    for name, last in (("base", b"x"), ("ours", b"y"), ("theirs", b"z")):
        (tmp_path / name).write_bytes(b'{"a": "' + b"x" * 50_000_000 + last + b'"}')
    _, megabytes, seconds = cost(tmp_path, "merge-file", "base", "ours", "theirs", "-o", "out")
    assert megabytes < 1500, f"{megabytes} MB"
    assert seconds < 20, f"{seconds} s"


def test_a_message_does_not_hold_a_key_of_5_megabytes() -> None:
    key = b'"' + b"k" * 5_000_000 + b'"'
    with pytest.raises(DocumentError) as caught:
        read(b"{" + key + b":1," + key + b":2}")
    assert len(caught.value.message) < 400


def test_copies_of_copies_are_bounded() -> None:
    patch: list[Any] = [{"op": "add", "path": "", "value": {"a": 1}}]
    for _ in range(40):
        patch += [{"op": "copy", "from": "/a", "path": "/b"}, {"op": "add", "path": "/c", "value": {}}]
        patch += [{"op": "move", "from": f"/{name}", "path": f"/c/{name}"} for name in "ab"]
        patch += [{"op": "move", "from": "/c", "path": "/a"}]
    with pytest.raises(PatchError, match="copies far more than there is"):
        apply({}, patch)
