"""Questions over documents and their history: expressions, query, metrics over commits, and pandas frames."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from answers import hold
from conftest import DOCUMENT, edit, git, load, mdrepo
from hypothesis import given
from hypothesis import strategies as st

from mdrepo.errors import MdrepoError, UsageError
from mdrepo.expressions import Expression
from mdrepo.repository import Repository

SEEN: dict[str, Any] = {
    "task": "classification",
    "path": "a",
    "count": 1,
    "on": True,
    "none": None,
    "and": 5,
    "odd-name": 6,
    "labels": [{"name": "cat", "index": 0}, {"name": "dog", "index": 1}],
    "metrics": {"accuracy": {"value": 0.85}},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('task == "classification" and metrics.accuracy.value < 0.9', True),
        ('task == "classification" and metrics.accuracy.value < 0.8', False),
        ("task == 'classification' && metrics.accuracy.value < `0.9`", True),  # JMESPath as it is
        ('not task == "x"', True),
        ('not task == "x" and count == 2', False),
        ("not (count == 1 or count == 2)", False),
        ("not not count == 1", True),
        ("count == 2 or count == 1 and on", True),
        ("on == true and on", True),
        ("count == true", False),
        ("count == 1.0", True),
        ("-1 < count", True),
        ("count == 1e0", True),
        ('labels[0].name == "cat"', True),
        ('labels[-1].name == "dog"', True),
        ("labels[?index == 1].name", True),
        ('labels[?name == "cat" and index > 0]', False),
        ("length(labels) > 1", True),
        ('contains(labels[].name, "cat")', True),
        ('sort_by(labels, &index)[0].name == "cat"', True),
        ("{and: count}.and == 1", True),
        ('@."and" == 5', True),
        ('@."odd-name" == 6', True),
        (r'"a`b\u0063" == "a`bc"', True),
        ('task >= "class"', True),
        ("absent < 3", False),
        ("absent != 3", False),
        ("metrics.absent.value >= 0", False),
        ("absent == absent", False),
        ("absent == null", True),
        ("task != null", True),
        ("none == null", True),
        ("not absent == 3", True),
        ('contains(absent, "x")', False),
        ("length(count) > 0", False),
        ('count < "a"', False),
    ],
)
def test_a_condition_is_what_users_type(text: str, holds: bool) -> None:
    assert Expression(text).holds(SEEN) is holds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("count = 1", "at column 7"),
        ("count ==", "at column 9: something is missing"),
        ("(count == 1", "at column 12"),
        ("count == 1)", "at column 11: ')' cannot"),
        ('task == "abc', "at column 9: a text that does not end"),
        ('task == "\\q"', "at column 9: an escape"),
        ("01 == count", "at column 1"),
        ("1 and and 2", "at column 7: '&&' cannot"),
        ('task == "x" nope', "at column 13"),
        ("", "empty"),
        ("$", "at column 1"),
        ("not (nosuch(count))", "at column 6: there is no function nosuch()"),
        ("(" * 20_000, "too deep"),
        ("__import__('os').system('false')", "at column"),
    ],
)
def test_what_is_no_condition_is_told_with_its_column(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        Expression(text)
    assert told in caught.value.message


def test_a_function_with_too_many_arguments_is_told() -> None:
    with pytest.raises(UsageError, match="Expected 1 argument"):
        Expression("length(task, task)").holds(SEEN)


pieces = st.sampled_from(
    ['"a"', "'b'", "`1`", "not", "and", "or", "count", ".", "[", "]", "(", ")", "==", "<", "3", "-1.5", "[?", "@", "&", "\\", '"']
)


@given(st.lists(pieces, max_size=9).map(" ".join) | st.text(max_size=12))
def test_any_text_is_an_expression_or_wrong_usage(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert Expression(text).holds(SEEN) in (True, False)


def test_the_fields_that_an_expression_names_are_known() -> None:
    assert Expression('a.b == 1 and not c == "x" or length(d) > 2').fields == ["a.b", "c", "d"]
    assert Expression("labels[?index == 3].name && sort_by(x, &y)").fields == ["labels", "x"]
    assert Expression('@."a-b" == 3 and @.c.d > 1 or length(@."e f") > 2').fields == ["a-b", "c.d", "e f"]
    assert Expression("labels[?@.index == 3] && @.x[0].y && contains(keys(@), 'z')").fields == ["labels", "x"]


# over a repository


def note(root: Path, revision: str, **accuracy: Any) -> None:
    difference = {"metric": "accuracy", "parent": -0.1, "value": 0, "difference": 0.1, "interval": [0, 0.2]}
    result = {"verdict": "improved", "metrics": accuracy, "differences": [difference]}
    content = {"verdict": "improved", "documents": {DOCUMENT: result}}
    git("notes", "--ref=mdrepo", "add", "-f", "-m", json.dumps(content), revision, cwd=root)


def commit(root: Path, message: str, change: Any, path: str = DOCUMENT) -> None:
    edit(root, change, path)
    git("commit", "-qam", message, cwd=root)


@pytest.fixture
def story(repo: Path) -> Path:
    """Three commits, the last two evaluated; the last one has not changed the model's document."""
    commit(repo, "Second", lambda v: v.update(task="classification", description="=1+1, told"))
    note(repo, "HEAD", accuracy=0.8, loss=0.5)
    commit(repo, "Third", lambda v: v.update(description="Data."), "metadata/net-test.json")
    note(repo, "HEAD", accuracy=0.95)
    return repo


def rows(root: Path, *arguments: str) -> list[tuple[str, str]]:
    found = mdrepo("query", "--json", *arguments, cwd=root).json["documents"]
    names = dict(line.split(maxsplit=1) for line in git("log", "--format=%H %s", cwd=root).splitlines())
    return [(each["path"], names[each["commit"]]) for each in found]


def test_query_finds_documents_at_a_revision_and_over_history(story: Path) -> None:
    asked = 'task == "classification" and metrics.accuracy.value < 0.9'
    assert rows(story, asked) == []
    assert rows(story, asked, "HEAD~1") == [(DOCUMENT, "Second")]
    assert rows(story, asked, "--all") == [(DOCUMENT, "Second")]
    assert rows(story, "metrics.accuracy", "--all") == [(DOCUMENT, "Third"), (DOCUMENT, "Second")]
    assert rows(story, "metrics.accuracy.difference > 0", "--all", "HEAD~1..") == [(DOCUMENT, "Third")]
    assert rows(story, f'path == "{DOCUMENT}"', "--all") == [(DOCUMENT, each) for each in ("Third", "Second", "First")]
    assert rows(story, 'path == "metadata/net-test.json"') == [("metadata/net-test.json", "Third")]
    assert rows(story, f'commit == "{git("rev-parse", "HEAD", cwd=story)}"', "HEAD^0")[0][1] == "Third"


def test_query_answers_as_a_table_json_and_csv(story: Path) -> None:
    asked = 'description == "=1+1, told" and length(labels) == 3 and metrics.loss.value == 0.5 and absent == null'
    table = mdrepo("query", asked, "HEAD~1", cwd=story).out.splitlines()
    assert table[0].split() == ["path", "commit", "description", "labels", "metrics.loss.value", "absent"]
    assert len(table) == 3
    found = mdrepo("query", asked, "HEAD~1", "--format", "json", cwd=story).json
    assert found["fields"] == ["description", "labels", "metrics.loss.value", "absent"]
    assert found["documents"][0]["values"] == {
        "description": "=1+1, told",
        "labels": load(story)["labels"],
        "metrics.loss.value": 0.5,
        "absent": None,
    }
    [head, row] = csv.reader(io.StringIO(mdrepo("query", asked, "HEAD~1", "--format", "csv", cwd=story).out))
    assert head == ["path", "commit", *found["fields"]]
    assert (row[2], json.loads(row[3]), row[4], row[5]) == ("=1+1, told", load(story)["labels"], "0.5", "")
    none = mdrepo("query", "absent", cwd=story)
    assert (none.out, none.err) == ("", "no document meets the condition\n")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["name = 1"], 2, "at column 6"),
        (["name", "nope"], 3, "no revision 'nope'"),
        (["name", "HEAD~1..HEAD"], 2, "--all"),
        (["name", "--format", "xml"], 2, "xml"),
        (["name", "--format", "csv", "--json"], 2, "different forms"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_asked_is_told(story: Path, arguments: list[str], code: int, told: str) -> None:
    found = mdrepo("query", *arguments, cwd=story, code=code)
    assert told in found.err


def test_documents_and_notes_that_are_broken_answer_nothing(story: Path) -> None:
    (story / DOCUMENT).write_text("{")
    git("commit", "-qam", "Broken", cwd=story)
    content = {"verdict": 1, "documents": {DOCUMENT: {"metrics": 3, "differences": 4}, "metadata/net-test.json": 5, "a\nb": {}}}
    git("notes", "--ref=mdrepo", "add", "-f", "-m", json.dumps(content), "HEAD", cwd=story)
    assert rows(story, "name", "--all")[0] != (DOCUMENT, "Broken")
    assert rows(story, "metrics.accuracy") == []
    assert "Broken" in mdrepo("log", "--metrics", cwd=story).out


def test_before_the_first_commit_there_is_nothing_to_ask(tmp_path: Path) -> None:
    git("init", "-q", str(tmp_path), cwd=tmp_path)
    for words in (
        ["query", "name"],
        ["query", "name", "--all"],
        ["log", "--metrics"],
        ["log", "-S", "1"],
        ["blame", "metadata/a.json"],
    ):
        assert len(mdrepo(*words, cwd=tmp_path, code=None).err.splitlines()) in (1, 2)


# metrics over commits


def test_the_log_shows_metrics_over_commits(story: Path) -> None:
    found = mdrepo("log", "--metrics", "--json", cwd=story).json["metrics"]
    known = [(each["subject"], each["path"].rpartition("/")[2], each["verdict"], each["metrics"]) for each in found]
    assert known[:3] == [
        ("Third", "net-test.json", None, {}),
        ("Third", "net.json", "improved", {"accuracy": 0.95}),
        ("Second", "net.json", "improved", {"accuracy": 0.8, "loss": 0.5}),
    ]
    assert {each["author"]["name"] for each in found} == {"Ada Tester"}
    table = mdrepo("log", "--metrics", "-n", "2", DOCUMENT, cwd=story).out.splitlines()
    assert table[0].split() == ["commit", "date", "document", "verdict", "accuracy", "loss", "subject"]
    assert [line.split()[-1] for line in table[2:]] == ["Third", "Second"]
    assert len(mdrepo("log", "--metrics", "--json", "HEAD~1..", "metadata", cwd=story).json["metrics"]) == 2
    assert "not of fields" in mdrepo("log", "--metrics", f"{DOCUMENT}#/name", cwd=story, code=2).err
    assert "not of fields" in mdrepo("log", "--metrics", "-S", "1", cwd=story, code=2).err


def test_frames_have_a_row_for_each_document_and_for_each_commit(story: Path) -> None:
    repository = Repository.open(story)
    frame = repository.documents()
    assert list(frame["path"]) == ["metadata/net-test.json", DOCUMENT]
    mine = frame[frame["path"] == DOCUMENT].iloc[0]
    assert (mine["task"], mine["decision.rule"]) == ("classification", "argmax")
    assert "labels" not in frame
    assert list(repository.documents([DOCUMENT], "HEAD~2")["path"]) == [DOCUMENT]
    with pytest.raises(MdrepoError):
        repository.documents(["metadata/none.json"])
    with pytest.raises(MdrepoError):
        repository.documents(["metadata/none.json"], "HEAD~1")
    assert len(repository.documents(["metadata"], "HEAD~1")) == 2
    history = repository.history(DOCUMENT)
    assert list(history["subject"]) == ["Third", "Second", "First"]
    assert list(history["accuracy"].fillna(0)) == [0.95, 0.8, 0]
    assert list(history["verdict"].fillna("")) == ["improved", "improved", ""]
    assert str(history["date"].dtype).startswith("datetime64")
    assert len(repository.history()) == 5
    assert repository.history("metadata/none.json").empty
    assert list(repository.history().columns) == ["commit", "date", "author", "subject", "path", "verdict", "accuracy", "loss"]


@pytest.mark.parametrize("words", [["blame", DOCUMENT], ["query", "labels[0].name && absent == null", "--all"]])
def test_answers_are_as_their_schemas_say(story: Path, words: list[str]) -> None:
    found = mdrepo("--json", *words, cwd=story).json
    assert found.get("leaves") or found.get("documents")
    with pytest.raises(AssertionError, match="more"):
        hold({**found, "more": 1})
