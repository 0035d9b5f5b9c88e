"""Reviews: what is said of changes, where values come from, how they were evaluated; as text, markdown and JSON."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import nasty
import pytest
from conftest import DATA, DOCUMENT, copied, edit, git, mdrepo, note, swap, track
from markdown_it import MarkdownIt
from nasty import MODEL, commit, difference, evaluation, model, write

from mdrepo.differences import compare
from mdrepo.repository import Repository
from mdrepo.semantics import Around, flags, reordered, said

LIMIT = 65_536
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty repository."""
    place = tmp_path / "repository"
    git("init", "-q", str(place), cwd=tmp_path)
    return place


def sentences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [each.text for each in said(model(**old), model(**new))]


def labels(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "index": place} for place, name in enumerate(names)]


def layers(*names: str, **more: Any) -> dict[str, Any]:
    return {"structure": {"layers": [{"name": name, "class_name": "Dense", **more} for name in names]}}


# what it means


def test_two_labels_swapped_are_named() -> None:
    assert sentences({"labels": labels("a", "b", "c")}, {"labels": labels("c", "b", "a")}) == [
        'labels "a" and "c" swapped: outputs 0 and 2 change their meaning'
    ]


def test_labels_moved_renamed_added_and_removed_are_told_apart() -> None:
    assert sentences({"labels": labels("a", "b", "c")}, {"labels": labels("b", "c", "a")}) == [
        '3 labels stand for other outputs: "a", "b", "c"'
    ]
    assert sentences({"labels": labels("a", "b")}, {"labels": labels("a", "x")}) == ['label "b" is called "x" now (output 1)']
    assert sentences({"labels": labels("a")}, {"labels": labels("a", "b")}) == ['label "b" added']
    assert sentences({"labels": labels("a", "b")}, {"labels": labels("a")}) == ['label "b" removed']


def test_a_layer_that_is_inserted_is_named_with_its_place() -> None:
    assert sentences(layers("a", "c"), layers("a", "b", "c")) == ['layer "b" (Dense) inserted after "a"']
    assert sentences(layers("a"), layers("a", "b")) == ['layer "b" (Dense) appended after "a"']
    assert sentences(layers("a", "b"), layers("b")) == ['layer "a" removed']
    assert sentences(layers("a", "b"), layers("b", "a")) == ["the layers stand in another order"]
    assert sentences(layers("a", trainable=True), layers("a", trainable=False)) == ['layer "a" frozen']
    assert sentences(layers("a", digest="1"), layers("a", digest="2")) == ['the weights of 1 of 1 layers changed: "a"']


def test_classes_and_thresholds_are_told() -> None:
    classes = [{"value": 1, "name": "cat"}]
    assert sentences({"classes": []}, {"classes": classes}) == ['class "cat" added']
    old, new = ({"decision": {"rule": "threshold", "thresholds": {"a": value}}} for value in (0.4, 0.6))
    assert sentences(old, new) == ['threshold of "a" 0.4 → 0.6: raised, so it is answered less often, and crosses one half']
    assert sentences({}, old) == ['answers are decided by "threshold", no more by "argmax"']


def test_mean_and_deviation_that_changed_places_are_seen() -> None:
    steps = [[{"op": "normalize", "mean": one, "std": other}] for one, other in ((0.5, 0.2), (0.2, 0.5))]
    assert sentences({"preprocessing": steps[0]}, {"preprocessing": steps[1]}) == ["mean and standard deviation swapped"]
    assert sentences({"preprocessing": []}, {"preprocessing": steps[0]}) == ["the preprocessing was nothing and is normalize"]


def test_the_order_of_items_that_have_names_is_no_change() -> None:
    old, new = model(), model(labels=[*reversed(model()["labels"])])
    diff = compare(MODEL, old, new)
    assert diff.delta
    assert {place for place, _ in reordered(diff.delta).items()} == {("labels",)}
    assert said(old, new) == []
    layered = compare(MODEL, layers("a", "b"), layers("b", "a"))
    assert reordered(layered.delta) == {}  # the order of layers is what the model computes


@pytest.mark.parametrize("odd", [None, 1, "x", [], [1], [None], {"x": []}, [{"name": 1}], [{"name": "a"}], [[]], {"name": "a"}])
def test_documents_of_any_shape_are_no_reason_to_fail(odd: Any) -> None:
    places = ("labels", "classes", "structure", "decision", "preprocessing", "evaluation", "training", "weights")
    for each in [{place: odd} for place in places] + [{"structure": {"layers": odd}}, {"decision": {"thresholds": odd}}]:
        for one, other in ((each, model()), (model(), each), (each, each)):
            said(one, other)
            list(flags(Around(one, None, None, {}), Around(other, None, None, {})))


def test_flags_ask_what_a_reviewer_should() -> None:
    weights = {"weights": {"digest": "sha256:1"}}
    old = Around(model(**weights), "1", "1", {"accuracy": 0.9})

    def asked(test: str = "1", training: str = "1", metrics: Any = None, **more: Any) -> list[str]:
        new = Around(model(**{**weights, **more}), test, training, {"accuracy": 0.8} if metrics is None else metrics)
        return [each.text for each in flags(old, new)]

    assert asked() == []
    assert asked(labels=labels("b", "a", "c", "d")) == ["the label map changed, the model did not"]
    assert asked(labels=labels("b", "a", "c", "d"), weights={"digest": "sha256:2"}) == []
    assert asked(preprocessing=[{"op": "cast"}]) == ["the preprocessing changed, the model did not"]
    assert asked(training="2") == ["the training data changed, the model did not"]
    assert asked(test="2", metrics={"accuracy": 0.9}) == ["the test data changed, the metrics did not"]
    assert asked(test="2", metrics={}) == ["the test data changed, and nothing was evaluated since"]
    assert asked(test="2") == []
    loose = [{"gate": "block", "tolerance": {"accuracy": 0.01, "loss": 1}}, {"gate": "warn", "tolerance": {"accuracy": 0.05}}]
    before, after = (Around(model(**weights, evaluation=each), "1", "1", {}) for each in loose)
    assert [each.text for each in flags(before, after)] == [
        "the gate lets more through: block → warn",
        'the tolerance of "accuracy" was raised: 0.01 → 0.05',
        '"loss" has no tolerance any more, so it decides nothing',
    ]


# where values come from, and in what state they are


def test_values_are_of_people_or_of_an_artefact(repo: Path) -> None:
    edit(repo, lambda v: v.update({"description": "A net", "structure": {**v["structure"], "framework": "tf"}}))
    git("commit", "-qam", "By hand", "--author", "Grace <g@example.com>", cwd=repo)
    found = mdrepo("review", "--json", cwd=repo).json
    [document] = found["documents"]
    changes = {each["pointer"]: each for section in document["sections"] for each in section["changes"]}
    assert changes["/description"]["origin"] == "manual"
    assert changes["/structure/framework"]["origin"] == "overridden"
    assert changes["/structure/framework"]["source"]["artefact"] == "models/net.keras"
    assert document["authors"] == ["Grace"]
    assert "  Grace, against models/net.keras by keras" in mdrepo("review", cwd=repo).out
    first = mdrepo("review", "HEAD~1", "--json", cwd=repo).json
    changes = {each["pointer"]: each for each in _changes(first, DOCUMENT)}
    assert (changes["/structure"]["origin"], changes["/weights"]["origin"], changes["/name"]["origin"]) == (
        "derived",
        "mixed",
        "manual",
    )
    assert first["base"] is None
    assert {each["path"] for each in first["data"]} == {"models/net.keras", "data/net-test.npz"}


def _changes(found: Any, path: str) -> list[dict[str, Any]]:
    document = next(each for each in found["documents"] if each["path"] == path)
    return [each for section in document["sections"] for each in section["changes"]]


def test_a_document_that_is_stale_is_named_though_it_did_not_change(repo: Path) -> None:
    track(repo, "data/net-test.npz", b"other bytes")
    git("commit", "-qam", "Data", cwd=repo)
    found = mdrepo("review", "--json", cwd=repo).json
    assert not found["in_step"]
    assert [(each["path"], each["state"]) for each in found["documents"]] == [(DATA, "unchanged")]
    assert found["data"][0]["new"]["size"] == 11
    text = mdrepo("review", cwd=repo).out
    assert "stale: data/net-test.npz has changed since the last patch" in text
    assert "in step with artefacts  no: " in text


def test_what_is_staged_is_reviewed_and_nothing_else(repo: Path) -> None:
    edit(repo, lambda v: v.update({"description": "staged"}))
    git("add", "-A", cwd=repo)
    edit(repo, lambda v: v.update({"description": "not staged"}))
    found = mdrepo("review", "--staged", "--json", cwd=repo).json
    assert [each["new"] for each in _changes(found, DOCUMENT)] == ["staged"]
    assert (found["head"], found["reproduce"], found["evaluated"]) == (
        None,
        "mdrepo review --staged",
        "not evaluated: a commit evaluates what is staged",
    )
    assert mdrepo("review", "--staged", "HEAD", cwd=repo, code=2).err.startswith("mdrepo: --staged reviews the index")


def test_a_label_map_that_changed_alone_is_flagged_and_its_evaluation_shown(judged: Path) -> None:
    swap(judged)
    mdrepo("commit", "-am", "Swap", "--allow-regression", "to see it", cwd=judged)
    found = mdrepo("review", "--json", cwd=judged).json
    assert found["verdict"] == "regressed"
    assert found["allowed"] == "to see it"
    assert found["class"] == "breaking"
    [document] = found["documents"]
    assert [each["text"] for each in document["flags"]] == ["the label map changed, the model did not"]
    assert "swapped" in document["said"][0]["text"]
    [judgement] = found["evaluations"]
    assert (judgement["basis"], judgement["result"]) == ("note", note(judged))
    text = mdrepo("review", cwd=judged).out
    assert "accuracy is worse by" in text
    assert "Look at" in text
    markdown = mdrepo("review", "--format", "markdown", cwd=judged).out
    assert "🔴 regressed" in markdown
    assert "img-00" in markdown  # examples that went wrong, by their names


def test_a_range_is_compared_by_the_outputs_that_are_kept(judged: Path) -> None:
    swap(judged)
    mdrepo("commit", "-am", "Swap", "--allow-regression", "to see it", cwd=judged)
    expected = note(judged)
    edit(judged, lambda v: v["evaluation"].update({"tolerance": {"accuracy": 0.02}}))
    mdrepo("commit", "-am", "Loosen", cwd=judged)
    found = mdrepo("review", "HEAD~2..HEAD", "--json", cwd=judged).json
    [judgement] = found["evaluations"]
    assert judgement["basis"] == "outputs"
    assert found["verdict"] == "regressed"
    assert [each["difference"] for each in judgement["result"]["differences"]] == [
        each["difference"] for each in expected["differences"]
    ]
    assert "raised: 0.01 → 0.02" in mdrepo("review", "HEAD~2..HEAD", cwd=judged).out
    mdrepo("cache", "--clear", cwd=judged)
    found = mdrepo("review", "HEAD~2..HEAD", "--json", cwd=judged).json
    assert found["evaluations"][0]["basis"] == "notes"  # the outputs are gone, and no model is run for a review
    assert f"--against {found['base'][:7]}' compares them" in found["evaluated"]


def test_better_is_what_the_metric_says_and_not_the_sign(root: Path) -> None:
    write(root, MODEL, model(extensions={"metrics": {"loss": 0.5, "accuracy": 0.5, "other": 1}}))
    base = commit(root)
    write(root, MODEL, model(extensions={"metrics": {"loss": 0.4, "accuracy": 0.4, "other": 2}}))
    head = commit(root)
    rows = [difference("accuracy", 0.5, 0.4), {**difference("loss", 0.5, 0.4), "direction": "lower"}]
    nasty.note(root, head, evaluation(base, MODEL, metrics={"accuracy": 0.4, "loss": 0.4}, differences=rows))
    better = {
        each["pointer"].rpartition("/")[2]: each["better"] for each in _changes(mdrepo("review", "--json", cwd=root).json, MODEL)
    }
    assert better == {"loss": True, "accuracy": False, "other": None}


def test_versions_are_suggested_from_releases(root: Path) -> None:
    write(root, MODEL, model(description="one"))
    commit(root)
    git("tag", "-a", "-m", "x", "net@v1.2.0", cwd=root)
    write(root, MODEL, model(description="two"))
    commit(root)
    [document] = mdrepo("review", "--json", cwd=root).json["documents"]
    assert document["version"] == {"suggested": "1.2.1", "last": "1.2.0"}
    write(root, MODEL, model(description="two", labels=labels("x")))
    git("add", "-A", cwd=root)
    [document] = mdrepo("review", "--staged", "--json", cwd=root).json["documents"]
    assert document["version"] == {"suggested": "2.0.0", "last": "1.2.0"}


def test_a_merge_is_reviewed_against_each_parent(tmp_path: Path) -> None:
    root = tmp_path / "merge"
    root.mkdir()
    nasty.forked(root)
    found = mdrepo("review", "--json", cwd=root).json
    [other] = found["against"]
    assert [each["pointer"] for each in _changes(found, MODEL)] == ["/license"]
    assert [each["pointer"] for each in _changes(other, MODEL)] == ["/description"]
    assert (found["base"], other["base"]) == (git("rev-parse", "HEAD^1", cwd=root), git("rev-parse", "HEAD^2", cwd=root))
    both = mdrepo("review", "HEAD^1..HEAD^2", cwd=root)
    assert "has 1 commit that" in both.out
    three = mdrepo("review", "HEAD^1...HEAD^2", "--json", cwd=root).json
    assert [each["pointer"] for each in _changes(three, MODEL)] == ["/license"]
    assert three["documents"][0]["authors"] == ["Grace Tester"]


def test_the_python_api_gives_the_same(repo: Path) -> None:
    found = Repository.open(repo).review("HEAD")
    assert found.meaning == "breaking"
    assert found.changes > 10
    assert found.command == f"mdrepo review {git('rev-parse', 'HEAD', cwd=repo)}"


# one comment


def test_the_comment_has_a_marker_and_goes_into_the_summary_of_a_job(repo: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    env = {"GITHUB_STEP_SUMMARY": str(summary)}
    made = mdrepo("review", "--format", "markdown", cwd=repo, env={**os.environ, **env}).out
    assert made.startswith("<!-- mdrepo-review -->\n### Review of ")
    assert summary.read_text() == "before\n" + made
    mdrepo("review", cwd=repo, env={**os.environ, **env})
    assert summary.read_text() == "before\n" + made  # only markdown goes there
    missing = {**os.environ, "GITHUB_STEP_SUMMARY": str(tmp_path / "none" / "x")}
    assert "summary" in mdrepo("review", "--format", "markdown", cwd=repo, env=missing, code=3).err


def test_a_file_has_the_format_of_its_suffix(repo: Path, tmp_path: Path) -> None:
    for name, start in (
        ("a.md", "<!-- mdrepo-review -->"),
        ("a.json", "{"),
        ("a.txt", "Review of "),
        ("a.html", "<!doctype html>"),
    ):
        done = mdrepo("review", "-o", str(tmp_path / name), *(["--no-plots"] if name == "a.html" else []), cwd=repo)
        assert (tmp_path / name).read_text().startswith(start)
        assert done.out == ""
    assert mdrepo("review", "--json", "--format", "html", cwd=repo, code=2).err
    assert "No review is a .pdf: .html, .htm," in mdrepo("review", "-o", str(tmp_path / "a.pdf"), cwd=repo, code=2).err
    assert not (tmp_path / "a.pdf").exists()
    assert "'mdrepo review HEAD~1..HEAD'" in mdrepo("review", "HEAD~1", "HEAD", cwd=repo, code=2).err
    assert mdrepo("review", "nowhere", cwd=repo, code=3).err.startswith("mdrepo: there is no revision 'nowhere' here")


def tables(text: str) -> tuple[list[list[int]], list[Any]]:
    """The number of cells of each row of each table, and all tokens, by a parser that is not ours."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    found: list[list[int]] = []
    for each in tokens:
        if each.type == "table_open":
            found.append([])
        elif each.type == "tr_open":
            found[-1].append(0)
        elif each.type in ("td_open", "th_open"):
            found[-1][-1] += 1
    return found, [inner for each in tokens for inner in (each, *(each.children or ()))]


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("poisoned")
    nasty.poisoned(root)
    return root


def test_there_are_payloads_enough() -> None:
    assert len(set(nasty.PAYLOADS)) >= 60
    assert len(nasty.file_names()) >= 60


def test_no_payload_breaks_a_table_or_the_comment(poisoned: Path) -> None:
    text = mdrepo("review", "--format", "markdown", cwd=poisoned).out
    assert 10_000 < len(text) < LIMIT
    found, tokens = tables(text)
    assert len(found) > 5
    assert all(len(set(rows)) == 1 for rows in found)
    rows = [line for line in text.splitlines() if line.startswith("| ") and " | " in line]
    assert sum(map(len, found)) == len([line for line in rows if not re.fullmatch(r"[| :-]+", line)]) + text.count("\n| | |\n")
    kinds = {each.type for each in tokens}
    assert not kinds & {"link_open", "image", "strong_open", "s_open", "fence", "code_block", "hr", "bullet_list"} - {"strong_open"}
    markup = {each.content.strip() for each in tokens if each.type == "html_inline"}
    assert markup <= {"<code>", "</code>"}
    blocks = [each.content.strip() for each in tokens if each.type == "html_block"]
    assert blocks[0] == "<!-- mdrepo-review -->"
    assert all(re.fullmatch(r"<details><summary>\d+ changes, field by field</summary>|</details>", each) for each in blocks[1:])
    assert text.count("<!-- mdrepo-review -->") == 1
    assert not re.search(r"https?://|www\.|@\w|(?<!&)#\d", text)  # what GitHub makes links and mentions of
    assert "left out**, as a comment may not be longer" in text


@pytest.mark.parametrize("arguments", [[], ["--format", "markdown"], ["--json"], ["--format", "html", "--no-plots"]])
def test_no_control_character_reaches_the_terminal(poisoned: Path, arguments: list[str]) -> None:
    done = mdrepo("review", *arguments, cwd=poisoned)
    assert not CONTROLS.search(done.out)
    assert not CONTROLS.search(done.err)


def test_branches_of_any_name_can_be_reviewed(poisoned: Path) -> None:
    names = nasty.branch_names(poisoned)
    assert len(names) > 10
    for name in names[::6]:
        done = mdrepo("review", "--format", "markdown", "--", f"{name}~1..{name}", cwd=poisoned)
        assert "window.__canary" not in done.out.split("### ", 1)[1].split("\n", 1)[0]
        assert done.out.endswith("`.\n")


# bad input


def test_ten_thousand_changed_fields_stay_small(root: Path) -> None:
    for value in (1, 2):
        write(root, MODEL, model(extensions={f"field {number}": value for number in range(10_000)}))
        write(root, "metadata/free.json", {f"member {number}": value for number in range(3_000)})
        commit(root)
    text = mdrepo("review", "--format", "markdown", cwd=root).out
    assert len(text) < LIMIT
    assert "… and 9900 more" in text
    assert "left out" in text
    page = mdrepo("review", "--format", "html", cwd=root).out
    assert len(page) < 2_000_000
    assert "more: <code>mdrepo diff</code> shows them all" in page
    assert len(mdrepo("review", "--json", cwd=root).json["documents"][1]["sections"][0]["changes"]) == 10_000


def test_long_texts_are_cut_and_that_is_said(root: Path) -> None:
    long = "<i>&|" * 200_000
    for value in ("", long):
        write(root, MODEL, model(description="x" + value, owners=[value + "y"], extensions={value[:100_000] + "k": value}))
        commit(root, "subject " + value[:100_000])
    for arguments in ([], ["--format", "markdown"], ["--format", "html"]):
        out = mdrepo("review", *arguments, cwd=root).out
        assert len(out) < LIMIT, arguments
        assert "…" in out


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\xff\xfe rubbish \x1b[31m",
        b"",
        b"[]",
        b'{"$schema": "urn:mdrepo:evaluation:1", "verdict": "improved", "documents": {"metadata/net.json": 1}}',
        b'{"$schema": "urn:mdrepo:evaluation:1", "verdict": "improved", "documents": {"metadata/net.json": {"verdict": "improved",'
        b' "metrics": {"a": 1e999, "b": NaN}}}}',
        b'{"$schema": "urn:mdrepo:evaluation:1", "verdict": "improved", "parent": 3, "documents": {}}',
        b'{"$schema": "urn:mdrepo:evaluation:1", "parent": null, "verdict": "improved", "documents":'
        b' {"metadata/net.json": {"verdict": "improved", "metrics": {"a": ' + b"9" * 400 + b"}}}}",
        b'{"$schema": "urn:mdrepo:evaluation:1", "verdict": "improved", "documents": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    ],
)
def test_rubbish_in_a_note_is_no_evaluation_and_no_failure(root: Path, content: bytes) -> None:
    for text in ("one", "two"):
        write(root, MODEL, model(description=text))
        head = commit(root)
    nasty.note(root, head, content)
    for form in ("text", "markdown", "html", "json"):
        out = mdrepo("review", "--format", form, cwd=root).out
        assert "two" in out
        assert "nan" not in out.lower().replace("finance", "")


def test_documents_that_are_no_json_or_went_are_named(root: Path) -> None:
    write(root, MODEL, model())
    write(root, "metadata/gone.json", {"name": "gone"})
    commit(root)
    (root / MODEL).write_text('{"name": 1,,}')
    (root / "metadata/gone.json").unlink()
    (root / "metadata/link.json").symlink_to("/etc/passwd")
    commit(root)
    for form in ("text", "markdown", "html"):
        out = mdrepo("review", "--format", form, cwd=root).out
        assert "cannot be read on a side" in out
        assert "gone.json" in out
        assert "root:" not in out
    found = mdrepo("review", "--json", cwd=root).json
    assert not found["valid"]
    assert {each["path"]: each["state"] for each in found["documents"]} == {
        MODEL: "changed",
        "metadata/gone.json": "deleted",
        "metadata/link.json": "new",
    }
    back = mdrepo("review", "HEAD..HEAD~1", "--json", cwd=root).json  # from what is no JSON to what is
    assert {each["path"]: each["state"] for each in back["documents"]}["metadata/gone.json"] == "new"


def test_a_repository_without_commits_or_documents_says_so(root: Path) -> None:
    assert mdrepo("review", cwd=root, code=1).err.startswith("mdrepo: there is no commit yet")
    write(root, MODEL, model())
    git("add", "-A", cwd=root)
    assert mdrepo("review", "--staged", "--json", cwd=root).json["base"] is None
    git("rm", "-qf", MODEL, cwd=root)
    (root / "README").write_text("x")
    commit(root)
    for form in ("text", "markdown", "html"):
        assert "nothing that changed is evaluated" in mdrepo("review", "--format", form, cwd=root).out


def test_a_shallow_clone_says_what_is_missing(repo: Path, tmp_path: Path) -> None:
    edit(repo, lambda v: v.update({"description": "x"}))
    git("commit", "-qam", "More", cwd=repo)
    git("clone", "-q", "--depth", "1", repo.as_uri(), str(tmp_path / "shallow"), cwd=tmp_path)
    assert "shallow" in mdrepo("review", cwd=tmp_path / "shallow", code=3).err


def test_a_review_changes_nothing(judged_template: Path, tmp_path: Path) -> None:
    root = copied(judged_template, tmp_path / "repo")
    before = git("for-each-ref", cwd=root), git("status", "--porcelain", cwd=root), git("ls-files", "-s", cwd=root)
    mdrepo("review", "-o", str(tmp_path / "x.html"), cwd=root)
    mdrepo("review", "--staged", cwd=root)
    assert before == (git("for-each-ref", cwd=root), git("status", "--porcelain", cwd=root), git("ls-files", "-s", cwd=root))


def test_the_json_says_what_is_not_there(root: Path) -> None:
    write(root, MODEL, model(description=None))
    commit(root)
    write(root, MODEL, model())
    commit(root)
    [change] = _changes(json.loads(mdrepo("review", "--json", cwd=root).out), MODEL)
    assert change["old"] is None
    assert "new" not in change
