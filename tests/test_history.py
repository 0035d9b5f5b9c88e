"""The history of a field: log, its searches, and blame, over renames, merges, deletions and what is no JSON."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from changing import versions
from conftest import DOCUMENT, edit, git, load, mdrepo, track
from hypothesis import given

from mdrepo import pointers
from mdrepo.documents import same
from mdrepo.repository import Repository
from mdrepo.snapshots import Git
from mdrepo.tracing import address, below, combined, earlier, leaves, located, marked

LABELS = f"{DOCUMENT}#/labels"


def commit(root: Path, message: str, change: Any = None, path: str = DOCUMENT) -> str:
    if change is not None:
        edit(root, change, path)
    git("add", "-A", cwd=root)
    git("commit", "-qm", message, cwd=root)
    return git("rev-parse", "HEAD", cwd=root)


def subjects(root: Path, *arguments: str) -> list[str]:
    return [each["subject"] for each in mdrepo("log", "--json", *arguments, cwd=root).json["commits"]]


def name(index: int, text: str) -> Any:
    return lambda v: v["labels"][index].update(name=text)


def blamed(root: Path, *arguments: str) -> dict[str, str]:
    found = mdrepo("blame", "--json", *arguments, cwd=root).json
    return {each["pointer"]: each["subject"] for each in found["leaves"]}


# one field


def test_an_item_is_followed_by_its_key_when_it_moves_and_when_its_key_is_renamed(repo: Path) -> None:
    commit(repo, "Rename", name(0, "cat"))
    commit(repo, "Turn", lambda v: v["labels"].reverse())
    commit(repo, "Else", lambda v: v.update(description="Something else."))
    commit(repo, "Again", name(2, "kitten"))
    assert load(repo)["labels"][2]["name"] == "kitten"
    for pointer in ("/labels/2/name", "/labels/kitten/name", "/labels/kitten", "/labels/kitten/index"):
        assert subjects(repo, f"{DOCUMENT}#{pointer}") == ["Again", "Rename", "First"], pointer
    assert subjects(repo, f"{LABELS}/1/name") == ["First"]
    [again, *_] = mdrepo("log", "--json", f"{LABELS}/kitten/index", cwd=repo).json["commits"]
    assert [(c["pointer"], c["old"], c["new"]) for c in again["documents"][0]["changes"]] == [("/labels/2/name", "cat", "kitten")]
    assert '~ /labels/2/name: "cat" -> "kitten"' in mdrepo("log", f"{LABELS}/kitten", cwd=repo).out


def test_a_document_is_followed_when_it_is_renamed(repo: Path) -> None:
    commit(repo, "One", lambda v: v.update(description="One."))
    for end in ("", ".lock"):
        git("mv", DOCUMENT + end, "metadata/web.json" + end, cwd=repo)
    commit(repo, "Move")
    commit(repo, "Two", lambda v: v.update(description="Two."), "metadata/web.json")
    commit(repo, "Else", lambda v: v.update(license="MIT"), "metadata/web.json")
    assert subjects(repo, "metadata/web.json#/description") == ["Two", "One"]
    assert subjects(repo, "metadata/web.json") == ["Else", "Two", "Move", "One", "First"]
    assert subjects(repo, "-n", "1", "metadata/web.json#/description") == ["Two"]
    assert subjects(repo, "HEAD~2..HEAD", "metadata/web.json#/description") == ["Two"]
    assert subjects(repo, "HEAD~3^!", "metadata/web.json") == []
    assert subjects(repo, "HEAD~3^!", "--", DOCUMENT) == ["One"]
    assert [
        c["documents"][0]["path"] for c in mdrepo("log", "--json", "metadata/web.json#/description", cwd=repo).json["commits"]
    ] == [
        "metadata/web.json",
        DOCUMENT,
    ]
    found = blamed(repo, "metadata/web.json")
    assert (found["/description"], found["/license"], found["/labels/0/name"]) == ("Two", "Else", "First")


def test_a_field_that_went_and_came_again_has_one_history(repo: Path) -> None:
    commit(repo, "Name", name(1, "dog"))
    text = (repo / DOCUMENT).read_text()
    commit(repo, "Drop", lambda v: v["labels"].pop(1))
    (repo / DOCUMENT).unlink()
    commit(repo, "Delete")
    (repo / DOCUMENT).write_text(text)
    commit(repo, "Anew")
    assert subjects(repo, f"{LABELS}/dog") == ["Anew", "Drop", "Name", "First"]
    assert subjects(repo, f"{LABELS}/1") == ["Anew", "Drop", "Name", "First"]
    assert subjects(repo, f"{LABELS}/0/index") == ["Anew", "Delete", "First"]
    assert subjects(repo, "HEAD~1", f"{LABELS}/dog") == ["Drop", "Name", "First"]
    assert set(blamed(repo, DOCUMENT).values()) == {"Anew"}
    gone = mdrepo("blame", DOCUMENT, "--at", "HEAD~1", cwd=repo, code=1)
    assert "is not there any more" in gone.err


def test_a_version_that_is_no_json_is_passed_over(repo: Path) -> None:
    text = (repo / DOCUMENT).read_text()
    (repo / DOCUMENT).write_text(text[:-9])
    commit(repo, "Break")
    (repo / DOCUMENT).write_text(text)
    commit(repo, "Mend", lambda v: v.update(description="Mended."))
    assert subjects(repo, f"{DOCUMENT}#/description") == ["Mend"]
    assert subjects(repo, f"{DOCUMENT}#/name") == ["First"]
    assert blamed(repo, f"{DOCUMENT}#/name") == {"/name": "First"}
    assert f"{DOCUMENT}:" in mdrepo("blame", DOCUMENT, "--at", "HEAD~1", cwd=repo, code=1).err


def test_a_shallow_clone_tells_what_it_has(repo: Path) -> None:
    commit(repo, "One", lambda v: v.update(description="One."))
    commit(repo, "Two", lambda v: v.update(license="MIT"))
    git("clone", "-q", "--depth", "2", f"file://{repo}", str(repo.parent / "shallow"), cwd=repo)
    shallow = repo.parent / "shallow"
    assert subjects(shallow, f"{DOCUMENT}#/name") == ["One"]
    assert set(blamed(shallow, DOCUMENT).values()) == {"One", "Two"}
    leaves = mdrepo("blame", DOCUMENT, "--json", cwd=shallow).json["leaves"]
    assert {each["boundary"] for each in leaves} == {True, False}
    lines = mdrepo("blame", DOCUMENT, cwd=shallow).out.splitlines()
    assert [line[0] == "^" for line in lines] == [each["boundary"] for each in leaves], "as git blame marks them"
    assert "shallow" in mdrepo("log", "HEAD~5", f"{DOCUMENT}#/name", cwd=shallow, code=3).err
    boundary = git("rev-parse", "--short=7", "HEAD~1", cwd=shallow)
    for words in (["-S", "MIT"], ["-G", "licen"], [f"{DOCUMENT}#/name"], ["-S", "net", DOCUMENT]):
        [line] = mdrepo("log", *words, cwd=shallow).err.splitlines()
        assert f"its history ends at {boundary} ('git fetch --unshallow'" in line
        assert mdrepo("--quiet", "log", *words, cwd=shallow).err == ""
    for words in ([], [DOCUMENT], ["HEAD^!", "-S", "MIT"]):
        assert mdrepo("log", *words, cwd=shallow).err == ""
    assert mdrepo("log", "-S", "MIT", cwd=repo).err == ""


def test_a_merge_is_named_only_for_what_none_of_its_sides_has(repo: Path) -> None:
    git("checkout", "-qb", "topic", cwd=repo)
    commit(repo, "Theirs", lambda v: v.update(description="Theirs."))
    git("checkout", "-q", "main", cwd=repo)
    commit(repo, "There", name(0, "cat"))
    commit(repo, "And back", name(0, json.loads(git("show", f"topic:{DOCUMENT}", cwd=repo))["labels"][0]["name"]))
    commit(repo, "Ours", name(1, "dog"))
    git("merge", "-q", "--no-commit", "topic", cwd=repo)
    edit(repo, lambda v: v.update(license="MIT"))
    commit(repo, "Merge")
    assert subjects(repo, f"{DOCUMENT}#/description") == ["Theirs"]
    assert subjects(repo, f"{LABELS}/1/name") == ["Ours", "First"]
    assert subjects(repo, f"{DOCUMENT}#/license")[0] == "Merge"
    found = blamed(repo, DOCUMENT)
    assert found["/description"] == "Theirs"
    assert found["/labels/1/name"] == "Ours"
    assert found["/labels/0/name"] == "And back"
    assert found["/license"] == "Merge"
    assert found["/labels/2/name"] == "First"
    assert subjects(repo, "main...topic", f"{DOCUMENT}#/license") == ["Merge"]
    assert subjects(repo, "topic...main~1", f"{DOCUMENT}#/description") == ["Theirs"]


def test_several_documents_and_folders_are_one_log(repo: Path) -> None:
    commit(repo, "Data", lambda v: v.update(description="Data."), "metadata/net-test.json")
    commit(repo, "Net", lambda v: v.update(description="Net."))
    (repo / "README").write_text("x")
    commit(repo, "Else")
    assert subjects(repo, f"{DOCUMENT}#/description", "metadata/net-test.json#/description") == ["Net", "Data"]
    assert subjects(repo, "metadata", "README") == ["Else", "Net", "Data", "First"]
    assert subjects(repo, DOCUMENT, "README") == ["Else", "Net", "First"]
    found = mdrepo("log", "--json", f"{DOCUMENT}#/description", "metadata/net-test.json#/description", cwd=repo).json["commits"]
    assert [each["documents"][0]["path"] for each in found] == [DOCUMENT, "metadata/net-test.json"]


# ranges


def test_a_diff_of_three_dots_is_from_the_merge_base(repo: Path) -> None:
    git("checkout", "-qb", "topic", cwd=repo)
    commit(repo, "Theirs", lambda v: v.update(description="Theirs."))
    git("checkout", "-q", "main", cwd=repo)
    commit(repo, "Ours", lambda v: v.update(license="MIT"))

    def fields(*words: str) -> list[str]:
        found = mdrepo("diff", "--json", *words, "--", DOCUMENT, cwd=repo).json["documents"]
        return [change["pointer"] for each in found for change in each["changes"]]

    assert fields("main...topic") == fields("...topic") == fields("topic^!") == ["/description"]
    assert fields("topic...") == fields("main^!") == ["/license"]
    assert sorted(fields("main..topic")) == sorted(fields("..topic")) == ["/description", "/license"]
    git("checkout", "-q", "--orphan", "alone", cwd=repo)
    git("commit", "-qm", "Alone", cwd=repo)
    assert "no common ancestor" in mdrepo("diff", "main...alone", cwd=repo, code=3).err
    for bad in ("main...nope", "nope...", "alone^!", "a...b...c", "...."):
        assert "there is no revision" in mdrepo("diff", bad, cwd=repo, code=3).err
    assert sorted(subjects(repo, "main...alone")) == ["Alone", "First", "Ours"]


# searches


def test_log_finds_where_a_value_came_and_went(repo: Path) -> None:
    commit(repo, "Half", lambda v: v.update(decision={"rule": "argmax", "temperature": 0.5}))
    commit(repo, "Else", lambda v: v.update(description="0.5"))
    commit(repo, "One", lambda v: v.update(decision={"rule": "argmax", "temperature": 1}))
    assert subjects(repo, "-S", "0.5") == ["One", "Half"]
    assert subjects(repo, "-S", '"0.5"') == ["Else"]
    assert subjects(repo, "-S", "1.0", f"{DOCUMENT}#/decision") == ["One"]
    assert subjects(repo, "-S", "true", f"{DOCUMENT}#/decision") == []
    assert subjects(repo, "-S", "argmax")[-1] == "First"
    assert subjects(repo, "-S", '{"rule": "argmax", "temperature": 0.5}') == ["One", "Half"]
    assert subjects(repo, "-S", "0.5", "HEAD~1", DOCUMENT) == ["Half"]
    assert subjects(repo, "-S", "0.5", "--", "metadata") == ["One", "Half"]
    assert subjects(repo, "-S", "0.5", "--", "metadata/net-test.json") == []


def test_log_finds_fields_by_a_pattern(repo: Path) -> None:
    commit(repo, "Rename", name(0, "Katze"))
    commit(repo, "Text", lambda v: v.update(description="eine Katze"))
    assert subjects(repo, "-G", "^/labels/.*name$", "HEAD~2..") == ["Rename"]
    assert subjects(repo, "-G", "^/description$", "HEAD~2..") == ["Text"]
    assert subjects(repo, "-G", "Kat+ze") == ["Text", "Rename"]
    assert subjects(repo, "-G", "Kat+ze", f"{LABELS}") == ["Rename"]
    assert subjects(repo, "-G", "Kat", "-S", "Katze") == ["Rename"]
    assert subjects(repo, "-G", "nowhere at all") == []
    lines = mdrepo("log", "-G", "Kat+ze", cwd=repo).out.splitlines()
    assert [line.strip() for line in lines if "metadata" in line] == [DOCUMENT]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["-G", "a(b"], 2, "no regular expression"),
        (["-G", "x{99999999999999999999}"], 2, "regular expression"),
        ([f"{DOCUMENT}#/never"], 1, "never had a field /never"),
        ([f"{DOCUMENT}#never"], 2, "not a JSON pointer"),
        (["--", "metadata/none.json#/name"], 1, "there is no document"),
        (["nope..HEAD", f"{DOCUMENT}#/name"], 3, "no revision 'nope'"),
        (["HEAD...nope"], 3, "no revision 'nope'"),
        (["../x.json#/name"], 2, "outside the repository"),
        (["metadata/a\nb.json#/name"], 1, "there is a newline in its name"),
    ],
)
def test_what_cannot_be_looked_for_is_told(repo: Path, arguments: list[str], code: int, told: str) -> None:
    found = mdrepo("log", *arguments, cwd=repo, code=code)
    assert told in found.err
    assert len(found.err.splitlines()) <= 2


def test_a_pattern_that_backtracks_ends(repo: Path) -> None:
    commit(repo, "Long", lambda v: v.update(description="a" * 40 + "!"))
    assert "seconds" in mdrepo("log", "-G", "^(a+)+$", "HEAD^!", cwd=repo, code=2).err


# blame


def test_blame_tells_derived_from_written_and_what_the_evaluation_said(repo: Path) -> None:
    commit(repo, "Describe", lambda v: v.update(description="A net."))
    head = commit(repo, "Override", lambda v: v["labels"][0].update(name="zero"))
    differences = [{"metric": "accuracy", "parent": 0.9, "value": 0.8, "difference": -0.1, "interval": [-0.2, 0]}]
    note = {"verdict": "regressed", "documents": {DOCUMENT: {"verdict": "regressed", "differences": differences}}}
    git("notes", "--ref=mdrepo", "add", "-m", json.dumps(note), head, cwd=repo)
    found = mdrepo("blame", DOCUMENT, "--json", cwd=repo).json
    by = {each["pointer"]: each for each in found["leaves"]}
    assert found["revision"] == head
    assert by["/description"]["kind"] == "manual"
    assert by["/description"]["evaluation"] is None
    layer = by["/structure/layers/0/name"]
    assert (layer["kind"], layer["source"]["artefact"], layer["subject"]) == ("derived", "models/net.keras", "First")
    assert by["/labels/0/name"]["evaluation"] == {"verdict": "regressed", "differences": differences}
    assert {"author", "date", "commit", "path", "value"} <= by["/description"].keys()
    text = mdrepo("blame", f"{LABELS}/0/name", cwd=repo).out
    assert text.startswith(head[:7])
    assert text.rstrip().endswith('/labels/0/name: "zero"  (regressed, accuracy -0.1)')
    assert "Ada Tester" in text
    assert mdrepo("blame", f"HEAD~1:{DOCUMENT}#/description", cwd=repo).out.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([f"{DOCUMENT}#/never"], 1, "has no field /never"),
        (["metadata/none.json"], 1, "there is no document"),
        (["models/net.keras.dvc"], 1, "is no document"),
        (["metadata/a\nb.json"], 1, "there is a newline in its name"),
        ([DOCUMENT, "--at", "nope"], 3, "no revision 'nope'"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_blamed_is_told(repo: Path, arguments: list[str], code: int, told: str) -> None:
    found = mdrepo("blame", *arguments, cwd=repo, code=code)
    assert told in found.err


def test_a_note_that_is_broken_counts_as_none(repo: Path) -> None:
    git("notes", "--ref=mdrepo", "add", "-m", '{"verdict": "x", "documents": {"metadata/net.json": 3}}', "HEAD", cwd=repo)
    found = mdrepo("blame", f"{DOCUMENT}#/name", "--json", cwd=repo).json
    assert found["leaves"][0]["evaluation"] is None


def written(root: Path, contents: list[Any]) -> list[str]:
    """A repository with one commit for each content of a document; the ids of the commits."""
    stream: list[bytes] = []
    for number, content in enumerate(contents):
        data = (json.dumps(content, indent=2) + "\n").encode()
        head = f"commit refs/heads/main\nmark :{number + 1}\ncommitter Ada <ada@example.com> {1_700_000_000 + number * 60} +0000\n"
        stream.append(f"{head}data 1\nx\nM 100644 inline metadata/a.json\ndata {len(data)}\n".encode() + data + b"\n")
    git("init", "-q", "-b", "main", str(root), cwd=root.parent)
    subprocess.run(["git", "fast-import", "--quiet"], cwd=root, input=b"".join(stream), check=True)
    git("reset", "-q", "--hard", cwd=root)
    return git("rev-list", "--reverse", "HEAD", cwd=root).split()


def test_blame_is_what_walking_back_commit_by_commit_says(tmp_path: Path) -> None:
    some = random.Random(7)
    content: dict[str, Any] = {"items": {str(i): {"v": 0, "w": [0]} for i in range(6)}}
    contents = []
    for _ in range(60):
        item = content["items"].setdefault(str(some.randrange(8)), {"v": 0, "w": [0]})
        match some.randrange(3):
            case 0:
                item["v"] = some.randrange(3)
            case 1:
                item["w"][0] = some.randrange(3)
            case 2 if len(content["items"]) > 2:
                content["items"].pop(some.choice(list(content["items"])))
        contents.append(json.loads(json.dumps(content)))
    contents = [each for each, before in zip(contents, [None, *contents], strict=False) if each != before]
    root = tmp_path / "r"
    ids = written(root, contents)
    repository = Repository.open(root)
    for line in repository.blame("metadata/a.json").lines:
        number = len(contents) - 1
        while number and value_at(contents[number - 1], line.path) == line.value:
            number -= 1
        assert line.step.commit == ids[number], line
        logged = repository.log("HEAD", ["metadata/a.json#" + "".join(f"/{token}" for token in line.path)])
        values = [value_at(each, line.path) for each in contents]
        expected = [n for n, value in enumerate(values) if value != (values[n - 1] if n else None)]
        assert [each.commit.id for each in logged] == [ids[n] for n in reversed(expected)], line.path


def value_at(content: Any, path: tuple[Any, ...]) -> Any:
    for token in path:
        try:
            content = content[token]
        except (KeyError, IndexError):
            return None
    return content


def test_a_thousand_versions_take_less_than_a_second(tmp_path: Path) -> None:
    labels = [{"name": f"c{i}", "index": i} for i in range(100)]
    contents = []
    for number in range(1000):
        match number % 4:
            case 0:
                labels.insert(number % 97, labels.pop(number % 89))
            case 1:
                labels[number % 83]["name"] = f"n{number}"
        contents.append({"description": f"text {number}", "labels": [*map(dict, labels)]})
    written(tmp_path / "r", contents)
    for arguments in (["log", "metadata/a.json#/labels/50/name"], ["blame", "metadata/a.json"]):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        words = [sys.executable, "-m", "mdrepo", "--json", *arguments]
        out = subprocess.run(words, cwd=tmp_path / "r", capture_output=True, check=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert len(json.loads(out).get("leaves", [0] * 201)) == 201
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0, arguments


def test_the_cost_is_one_reading_of_git_and_of_each_version(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    fetched: list[str] = []
    running, fetching = Git.run, Git.blobs

    def run(self: Git, *words: str, **options: Any) -> Any:
        runs.append(words[0])
        return running(self, *words, **options)

    def blobs(self: Git, ids: Any) -> Any:
        fetched.extend(ids)
        return fetching(self, ids)

    monkeypatch.setattr(Git, "run", run)
    monkeypatch.setattr(Git, "blobs", blobs)
    counts = []
    for number in range(9):
        commit(repo, "More", lambda v, number=number: v.update(description=str(number % 3)))
        commit(repo, "Else", lambda v, number=number: v.update(description=str(number)), "metadata/net-test.json")
        runs.clear()
        fetched.clear()
        repository = Repository.open(repo)
        repository.blame(DOCUMENT)
        repository.log("HEAD", [f"{DOCUMENT}#/description"])
        counts.append((len(runs), runs.count("ls-tree")))
        assert len(fetched) == len(set(fetched)) * 2 - 1  # once for each of the two, and the lock file
    assert len(set(counts)) == 1
    assert counts[0][1] == 4  # of a file and of the folder of schemas at the revision, for each of the two


# the core


def no_keys(_: Any) -> None:
    return None


def at(marks: Any, path: tuple[Any, ...]) -> Any:
    for token in path:
        marks = below(marks, token)
    return marks


@given(versions())
def test_a_leaf_keeps_its_mark_where_it_was_the_same_before(three: tuple[Any, Any, Any]) -> None:
    for old, new in ((three[0], three[1]), (three[1], three[2]), (three[2], three[0])):
        marks = marked(old, new, 1, 2, no_keys)
        for path, value in leaves(new):
            was = earlier(new, old, path, no_keys).path
            unchanged = was is not None and same(pointers.resolve(old, was), value)
            assert at(marks, path) == (1 if unchanged else 2), path


@given(versions())
def test_an_address_leads_to_its_field(three: tuple[Any, Any, Any]) -> None:
    for path, _ in leaves(three[1]):
        assert located(three[1], address(three[1], path, no_keys), no_keys) == path


@given(versions())
def test_what_a_merge_has_of_either_side_is_not_its_own(three: tuple[Any, Any, Any]) -> None:
    base, ours, theirs = three
    mine, yours = marked(base, ours, 1, 2, no_keys), marked(base, theirs, 1, 3, no_keys)
    merged = combined(combined(9, marked(ours, ours, mine, 9, no_keys), 9), marked(theirs, ours, yours, 9, no_keys), 9)
    assert all(at(merged, path) in (1, 2) for path, _ in leaves(ours))


def test_a_renamed_item_is_followed_only_where_there_is_no_doubt() -> None:
    old = {"l": [{"name": "a", "v": 1}, {"name": "b", "v": 2}, {"name": "c", "v": 2}]}
    one = {"l": [{"name": "x", "v": 1}, {"name": "b", "v": 2}, {"name": "c", "v": 2}]}
    two = {"l": [{"name": "a", "v": 1}, {"name": "y", "v": 2}, {"name": "z", "v": 2}]}
    assert earlier(one, old, ("l", 0, "v"), no_keys).path == ("l", 0, "v")
    assert earlier(two, old, ("l", 1, "v"), no_keys).path is None
    assert earlier({"l": [{"name": "q"}]}, {"l": [{"name": "p"}]}, ("l", 0), no_keys).path is None


def test_a_renamed_member_of_some_weight_is_followed() -> None:
    weight = {"units": [1, 2, 3], "activation": "relu"}
    found = earlier({"new": weight, "b": 1}, {"old": weight, "b": 2}, ("new", "activation"), no_keys)
    assert found.path == ("old", "activation")
    assert [(c.old_path, c.new_path) for c in found.renames] == [(("old",), ("new",))]
    assert marked({"old": weight}, {"new": weight}, 1, 2, no_keys) == {"new": 1}


def test_a_key_names_an_item_where_it_is_no_index() -> None:
    content = {"l": [{"name": "b"}, {"name": "a"}], "s": ["u", "v"], "n": [5, 6]}
    assert located(content, ("l", "a"), no_keys) == ("l", 1)
    assert located(content, ("l", "1"), no_keys) == ("l", 1)
    assert located(content, ("l", "2"), no_keys) is None
    assert located(content, ("s", "v"), no_keys) == ("s", 1)
    assert located(content, ("n", "5"), no_keys) is None
    assert located(content, ("n", "0"), no_keys) == ("n", 0)


def test_what_changes_its_kind_or_is_emptied_is_new() -> None:
    assert marked({"a": {"b": 1}}, {"a": {}}, 1, 2, no_keys) == {"a": 2}
    assert marked({"a": {}}, {"a": {}, "c": 0}, 1, 2, no_keys) == {"a": 1, "c": 2}
    assert marked({"a": [1]}, {"a": {"b": [1]}}, 1, 2, no_keys) == {"a": 2}
    assert marked({"a": 1}, {"a": 1.0}, 1, 2, no_keys) == {"a": 2}


# rollback of a field


def items(root: Path) -> Path:
    """A document with a list whose key is renamed, and then another member of the same item changed; `t0` is before both."""
    schema = {"$id": "urn:x:thing:1", "type": "object", "properties": {"items": {"type": "array", "x-mdrepo-key": ["id"]}}}
    (root / "schemas").mkdir(exist_ok=True)
    (root / "schemas/thing.json").write_text(json.dumps(schema))
    both = [{"id": "a", "v": 1, "w": 1}, {"id": "b", "v": 2, "w": 2}]
    (root / THING).write_text(json.dumps({"$schema": "urn:x:thing:1", "name": "t", "items": both}, indent=2) + "\n")
    commit(root, "Things")
    git("tag", "t0", cwd=root)
    commit(root, "Rename", lambda v: v["items"][0].update(id="A"), THING)
    commit(root, "Nine", lambda v: v["items"][0].update(v=9), THING)
    return root


THING = "metadata/t.json"
THEN = {"id": "b", "v": 2, "w": 2}


@pytest.mark.parametrize(
    ("pointers", "expected"),
    [
        (["/items/A/v"], [{"id": "A", "v": 1, "w": 1}, THEN]),
        (["/items/0/v"], [{"id": "A", "v": 1, "w": 1}, THEN]),
        (["/items/A"], [{"id": "a", "v": 1, "w": 1}, THEN]),
        (["/items/A/id"], [{"id": "a", "v": 9, "w": 1}, THEN]),
        (["/items/A/id", "/items/0/v"], [{"id": "a", "v": 1, "w": 1}, THEN]),
        (["/items/A/v", "/items/A/id"], [{"id": "a", "v": 1, "w": 1}, THEN]),
    ],
)
def test_a_rollback_follows_a_field_as_the_log_does(repo: Path, pointers: list[str], expected: list[Any]) -> None:
    items(repo)
    mdrepo("rollback", "--no-eval", "t0", *(f"{THING}#{each}" for each in pointers), cwd=repo)
    assert load(repo, THING)["items"] == expected
    assert load(repo, THING)["name"] == "t"


def test_a_rollback_brings_back_and_takes_away_fields_of_an_item_that_was_renamed(repo: Path) -> None:
    items(repo)
    commit(repo, "Drop", lambda v: v["items"][0].pop("w"), THING)
    commit(repo, "New", lambda v: v["items"][0].update(n=3), THING)
    mdrepo("rollback", "--no-eval", "t0", f"{THING}#/items/A/w", cwd=repo)
    assert load(repo, THING)["items"] == [{"id": "A", "v": 9, "n": 3, "w": 1}, THEN]
    mdrepo("rollback", "--no-eval", "t0", f"{THING}#/items/A/n", cwd=repo)  # which truly was not there
    assert load(repo, THING)["items"] == [{"id": "A", "v": 9, "w": 1}, THEN]
    commit(repo, "Third", lambda v: v["items"].append({"id": "c", "v": 3}), THING)
    mdrepo("rollback", "--no-eval", "t0", f"{THING}#/items/c", cwd=repo)
    assert load(repo, THING)["items"] == [{"id": "A", "v": 9, "w": 1}, THEN]


def test_a_rollback_follows_a_field_through_a_renamed_document_and_a_merge(repo: Path) -> None:
    items(repo)
    git("checkout", "-qb", "topic", "t0", cwd=repo)
    commit(repo, "Theirs", lambda v: v.update(name="theirs"), THING)
    git("checkout", "-q", "main", cwd=repo)
    git("merge", "-q", "-m", "Merge", "topic", cwd=repo)
    git("mv", THING, "metadata/u.json", cwd=repo)
    commit(repo, "Move")
    commit(repo, "Ten", lambda v: v["items"][0].update(v=10), "metadata/u.json")
    assert subjects(repo, "metadata/u.json#/items/A/v") == ["Ten", "Nine", "Rename", "Things"]
    mdrepo("rollback", "--no-eval", "t0", "metadata/u.json#/items/A/v", cwd=repo)
    assert load(repo, "metadata/u.json")["items"] == [{"id": "A", "v": 1, "w": 1}, THEN]
    assert load(repo, "metadata/u.json")["name"] == "theirs"


def test_a_rollback_to_where_the_history_does_not_lead_takes_nothing_away(repo: Path) -> None:
    items(repo)
    git("checkout", "-qb", "other", "t0", cwd=repo)
    commit(repo, "Other", lambda v: v.update(name="other"), THING)
    git("checkout", "-q", "main", cwd=repo)
    before = (repo / THING).read_text()
    for field in ("/items/A/v", "/items/A"):
        said = mdrepo("rollback", "--no-eval", "other", f"{THING}#{field}", cwd=repo, code=1).err
        assert f"does not say where {field} was in" in said
        assert "mdrepo show" in said
    assert (repo / THING).read_text() == before
    mdrepo("rollback", "--no-eval", "other", f"{THING}#/name", cwd=repo)
    assert load(repo, THING)["name"] == "other"


# rollback of a path


def test_a_rollback_that_brought_a_document_back_is_rolled_back(repo: Path) -> None:
    git("tag", "t0", cwd=repo)
    new = "metadata/web.json"
    for end in ("", ".lock"):
        git("mv", DOCUMENT + end, new + end, cwd=repo)
    commit(repo, "Move")
    commit(repo, "One", lambda v: v.update(description="One."), new)
    before = git("rev-parse", "HEAD^{tree}", cwd=repo)
    back = mdrepo("rollback", "--no-eval", "t0", DOCUMENT, cwd=repo)
    assert f"{DOCUMENT} is called {new} now" in back.err
    assert (repo / DOCUMENT).exists()
    assert (repo / new).exists()
    gone = mdrepo("rollback", "--no-eval", "HEAD~1", DOCUMENT, cwd=repo)
    assert f"{DOCUMENT}, {DOCUMENT}.lock did not exist then: removed" in gone.err
    assert f"{DOCUMENT}, {DOCUMENT}.lock did not exist then: removed" in git("log", "-1", "--format=%b", cwd=repo)
    assert git("rev-parse", "HEAD^{tree}", cwd=repo) == before
    assert git("status", "--porcelain", cwd=repo) == ""
    assert (repo / "models/net.keras").exists()
    mdrepo("rollback", "--no-eval", "HEAD~1", DOCUMENT, cwd=repo)  # and that one, too
    assert load(repo)["name"] == "net"


def test_a_rollback_takes_a_new_document_away_with_the_data_that_are_its_own(repo: Path) -> None:
    first = git("rev-parse", "HEAD", cwd=repo)
    track(repo, "data/more.npz", (repo / "data/net-test.npz").read_bytes())
    mdrepo("new", "dataset", "more", "--artefact", "data/more.npz", cwd=repo)
    mdrepo("new", "dataset", "same", "--artefact", "data/net-test.npz", cwd=repo)
    mdrepo("commit", "--no-eval", "-am", "More", cwd=repo)
    said = mdrepo("rollback", "--no-eval", "HEAD~1", "metadata/more.json", "metadata/same.json", cwd=repo).err
    assert "data/more.npz.dvc, metadata/more.json, " in said
    assert git("diff", "--name-only", first, "HEAD", cwd=repo) == "data/.gitignore"
    assert git("status", "--porcelain", cwd=repo) == ""
    assert (repo / "data/more.npz").exists()
    mdrepo("rollback", "--no-eval", "HEAD~1", "metadata/more.json", cwd=repo)
    assert (repo / "data/more.npz.dvc").exists()
    edit(repo, lambda v: v.update(description="mine"), "metadata/more.json")
    assert "has changes that no commit has" in mdrepo("rollback", "--no-eval", "HEAD~1", "metadata/more.json", cwd=repo, code=1).err
    assert load(repo, "metadata/more.json")["description"] == "mine"
    assert "did not exist then" in mdrepo("rollback", "--no-eval", "HEAD~1", "metadata/never.json", cwd=repo, code=1).err


def test_a_point_is_everything_below_a_folder(repo: Path) -> None:
    (repo / "README").write_text("x\n")
    track(repo, "models/net.keras", b"other")
    commit(repo, "Later", lambda v: v.update(description="Later."))
    for cwd, point in ((repo, "."), (repo / "metadata", "."), (repo / "metadata", ".."), (repo / "models", "../metadata/.")):
        mdrepo("checkout", "HEAD~1", "--", point, cwd=cwd)
        assert "description" not in load(repo)
        assert (repo / "README").exists(), "as git, it takes no file away"
        assert (repo / "models/net.keras").read_bytes() != b"other"
        git("reset", "-q", "--hard", cwd=repo)
        mdrepo("checkout", "--force", "HEAD", "--", DOCUMENT, "models", cwd=repo)
        mdrepo("rollback", "--no-eval", "HEAD~1", point, cwd=cwd)
        assert "description" not in load(repo)
        assert (repo / "models/net.keras").read_bytes() != b"other"
        assert git("status", "--porcelain", cwd=repo) == ""
        git("reset", "-q", "--hard", "HEAD~1", cwd=repo)
        mdrepo("checkout", "--force", "HEAD", "--", "models", cwd=repo)
    git("reset", "-q", "--hard", "HEAD~1", cwd=repo)
    mdrepo("checkout", "--force", "HEAD", "--", "models", cwd=repo)
    edit(repo, lambda v: v.update(description="Committed."))
    mdrepo("commit", "--no-eval", "-m", "All", ".", cwd=repo)
    assert git("status", "--porcelain", DOCUMENT, cwd=repo) == ""
