"""One field read and changed, and a document in an editor: validated before anything is written, nothing lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import DOCUMENT, git, load, mdrepo, state

NAME = f"{DOCUMENT}#/labels/0/name"


def editor(folder: Path, code: str) -> dict[str, str]:
    """An editor that runs some Python on the `text` of its file."""
    script = folder / "editor.py"
    lines = ["import sys", "from pathlib import Path", "file = Path(sys.argv[1])", "text = file.read_text()", code]
    script.write_text("\n".join([*lines, "file.write_text(text)"]))
    return {"GIT_EDITOR": f"'{sys.executable}' '{script}'"}


def kept(told: str) -> str:
    """What a draft that was kept has in it."""
    found = re.search(r"kept in (\S+\.json)", told)
    assert found, told
    text = Path(found[1]).read_text()
    Path(found[1]).unlink()
    return text


def test_a_field_is_printed_as_it_stands(repo: Path) -> None:
    assert mdrepo("get", NAME, cwd=repo).out == '"0"\n'
    assert mdrepo("get", "--raw", NAME, cwd=repo).out == "0\n"
    assert mdrepo("get", f"{DOCUMENT}#/labels/1", cwd=repo).out == '{\n  "name": "1",\n  "index": 1\n}\n'
    path = repo / DOCUMENT
    path.write_text(path.read_text().replace('"accuracy": 0.01', '"accuracy": 0.0100'))
    assert mdrepo("get", f"{DOCUMENT}#/evaluation/tolerance/accuracy", cwd=repo).out == "0.0100\n"
    assert mdrepo("get", f"HEAD:{DOCUMENT}#/evaluation/tolerance/accuracy", cwd=repo).out == "0.01\n"
    found = mdrepo("get", NAME, "--json", cwd=repo).json
    assert (found["command"], found["path"], found["pointer"], found["value"]) == ("get", DOCUMENT, "/labels/0/name", "0")
    assert "did you mean" in mdrepo("get", DOCUMENT, cwd=repo / "metadata", code=1).err
    assert json.loads(mdrepo("get", "net.json", cwd=repo / "metadata").out) == load(repo)


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        (f"{DOCUMENT}#/label/0", 1, "did you mean 'labels'?"),
        (f"{DOCUMENT}#/labels/9", 1, "it is a list of 3"),
        (f"{DOCUMENT}#/labels/00", 1, "there is no '00' in /labels"),
        (f"{DOCUMENT}#/name/x", 1, "it holds a single value"),
        (f"{DOCUMENT}#labels", 2, "does not begin with '/'"),
        (f"{DOCUMENT}#/a~2", 2, "has a '~' that is not"),
        ("metadata/ne.json#/name", 1, f"did you mean {DOCUMENT}?"),
        (f"nowhere:{DOCUMENT}#/name", 3, "nowhere"),
        ("../x.json#/name", 2, "is outside the repository"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(repo: Path, name: str, code: int, words: str) -> None:
    told = mdrepo("get", name, cwd=repo, code=code)
    assert words in told.err
    assert told.out == ""


def test_setting_a_field_changes_its_line_alone(repo: Path) -> None:
    before = (repo / DOCUMENT).read_text()
    told = mdrepo("set", f"{DOCUMENT}#/evaluation/tolerance/accuracy", "0.0250", cwd=repo)
    assert "/evaluation/tolerance/accuracy: 0.01 -> 0.0250" in told.out.replace("-> 0.025 ", "-> 0.0250 ")
    assert (repo / DOCUMENT).read_text() == before.replace('"accuracy": 0.01', '"accuracy": 0.0250')
    mdrepo("set", f"{DOCUMENT}#/evaluation/tolerance/accuracy", "0.01", cwd=repo)
    assert (repo / DOCUMENT).read_text() == before
    mdrepo("set", f"{DOCUMENT}#/license", "--text", "MIT", cwd=repo)
    assert load(repo)["license"] == "MIT"
    mdrepo("set", f"{DOCUMENT}#/license", "--remove", cwd=repo)
    assert (repo / DOCUMENT).read_text() == before
    mdrepo("set", f"{DOCUMENT}#/owners", "[]", cwd=repo, code=None)
    mdrepo("set", f"{DOCUMENT}#/description", '"a net"', "--json", cwd=repo)
    assert load(repo)["description"] == "a net"


def test_what_is_not_valid_is_not_written(repo: Path) -> None:
    before = state(repo)
    told = mdrepo("set", f"{DOCUMENT}#/evaluation/tolerance/accuracy", '"low"', cwd=repo, code=1)
    assert "/evaluation/tolerance/accuracy" in told.out
    assert "nothing written: it would not be valid" in told.err
    found = mdrepo("set", NAME, '"1"', "--json", cwd=repo, code=1).json
    assert {each["rule"] for each in found["problems"]} == {"labels/name", "labels/classes"}
    assert found["written"] is False
    assert state(repo) == before


def test_a_document_that_was_not_valid_can_be_put_right_field_by_field(repo: Path) -> None:
    content = load(repo)
    content["labels"][0]["name"] = "1"
    content["evaluation"]["tolerance"]["accuracy"] = "low"
    (repo / DOCUMENT).write_text(json.dumps(content, indent=2) + "\n")
    mdrepo("set", f"{DOCUMENT}#/evaluation/tolerance/accuracy", "0.01", cwd=repo)
    assert "labels/name" in mdrepo("validate", cwd=repo, code=1).out
    mdrepo("set", NAME, '"0"', cwd=repo)
    mdrepo("validate", cwd=repo)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([NAME], 2, "Give a VALUE, or --remove"),
        ([NAME, "1", "--remove"], 2, "Give a VALUE, or --remove"),
        ([NAME, "zero"], 2, "--text"),
        ([NAME, '{"a": 1, "a": 2}'], 2, "duplicate key 'a'"),
        ([DOCUMENT, "1"], 2, "name a field"),
        ([f"HEAD:{NAME}", "1"], 2, "a commit cannot be changed"),
        ([f"{DOCUMENT}#/nothing/x", "1"], 1, "there is no 'nothing' in the document"),
        ([f"{DOCUMENT}#/nothing", "--remove"], 1, "there is no 'nothing' in the document"),
        ([f"{DOCUMENT}#/labels/7", "1"], 1, "it is a list of 3"),
        (["metadata/ne.json#/name", "1"], 1, f"did you mean {DOCUMENT}?"),
        (["mdrepo.toml#/x", "1"], 1, "is no document by mdrepo.toml"),
        ([f"{DOCUMENT}#/description", "[" * 600 + "]" * 600], 2, "nested"),
    ],
)
def test_wrong_usage_writes_nothing(repo: Path, arguments: list[str], code: int, words: str) -> None:
    before = state(repo)
    assert words in mdrepo("set", *arguments, cwd=repo, code=code).err
    assert state(repo) == before


def test_setting_a_derived_field_says_where_it_comes_from(repo: Path) -> None:
    told = mdrepo("set", f"{DOCUMENT}#/labels/0/description", '"a round one"', cwd=repo)
    assert "/labels is derived (" in told.err
    found = mdrepo("patch", "--json", cwd=repo).json["documents"]
    assert [each["kept"] for each in found if each["path"] == DOCUMENT] == [["/labels/0/description"]]


def test_a_document_in_an_editor(repo: Path, tmp_path: Path) -> None:
    told = mdrepo("edit", DOCUMENT, cwd=repo, env=editor(tmp_path, """text = text.replace('0.01', '0.02')"""))
    assert "/evaluation/tolerance/accuracy: 0.01 -> 0.02" in told.out
    assert load(repo)["evaluation"]["tolerance"]["accuracy"] == 0.02
    replaced = '{"name": "0", "index": 0, "description": "round"}'
    mdrepo("edit", f"{DOCUMENT}#/labels/0", cwd=repo, env=editor(tmp_path, f"text = {replaced!r}"))
    assert load(repo)["labels"][0] == json.loads(replaced)
    before = state(repo)
    assert "nothing changed" in mdrepo("edit", DOCUMENT, cwd=repo, env=editor(tmp_path, "pass")).err
    assert state(repo) == before


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("text = text[:-3]", "the text ends"),
        ("""text = text.replace('"0"', '"1"', 1)""", "the name '1' stands at label"),
        ("text = '\\udcff'.encode('utf-8', 'surrogateescape'); file.write_bytes(text); sys.exit(0)", "not UTF-8"),
    ],
)
def test_an_edit_that_is_not_valid_is_kept_aside(repo: Path, tmp_path: Path, code: str, words: str) -> None:
    before = state(repo)
    told = mdrepo("edit", DOCUMENT, cwd=repo, env=editor(tmp_path, code), code=1)
    assert words in told.out + told.err
    assert state(repo) == before
    found = re.search(r"kept in (\S+\.json)", told.err)
    assert found
    assert Path(found[1]).read_bytes()
    Path(found[1]).unlink()


def test_an_editor_that_fails_loses_nothing(repo: Path, tmp_path: Path) -> None:
    before = state(repo)
    told = mdrepo("edit", DOCUMENT, cwd=repo, env=editor(tmp_path, "file.write_text('half'); sys.exit(3)"), code=3)
    assert kept(told.err) == "half"
    told = mdrepo("edit", DOCUMENT, cwd=repo, env={"GIT_EDITOR": "no-such-editor"}, code=3)
    assert "core.editor" in told.err
    assert state(repo) == before


def test_somebody_else_s_change_is_not_overwritten(repo: Path, tmp_path: Path) -> None:
    other = (repo / DOCUMENT).as_posix()
    code = f"""other = Path({other!r}); other.write_text(other.read_text().replace('0.01', '0.03'))
text = text.replace('0.01', '0.02')"""
    told = mdrepo("edit", DOCUMENT, cwd=repo, env=editor(tmp_path, code), code=None)
    assert load(repo)["evaluation"]["tolerance"]["accuracy"] == 0.03
    assert told.code == 3
    assert "was changed by somebody else meanwhile" in told.err
    assert "0.02" in kept(told.err)


def test_a_broken_document_is_repaired_in_an_editor(repo: Path, tmp_path: Path) -> None:
    text = (repo / DOCUMENT).read_text()
    (repo / DOCUMENT).write_text(text.replace(",", "", 1))
    assert "expected" in mdrepo("set", NAME, '"x"', cwd=repo, code=1).err
    mdrepo("edit", DOCUMENT, cwd=repo, env=editor(tmp_path, f"text = {text!r}"))
    assert (repo / DOCUMENT).read_text() == text


def test_the_editor_is_the_one_that_git_would_open(repo: Path, tmp_path: Path) -> None:
    words = editor(tmp_path, "text = text.replace('0.01', '0.02')")["GIT_EDITOR"]
    git("config", "core.editor", words, cwd=repo)
    env = {name: value for name, value in os.environ.items() if name not in ("GIT_EDITOR", "VISUAL", "EDITOR")}
    done = subprocess.run([sys.executable, "-m", "mdrepo", "edit", DOCUMENT], cwd=repo, env=env, capture_output=True, check=False)
    assert done.returncode == 0
    assert load(repo)["evaluation"]["tolerance"]["accuracy"] == 0.02
