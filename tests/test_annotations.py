"""Annotations for hosts: what is said at which line, in forms that the hosts' own schemas accept, whatever a document holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, edit, git, keras_file, mdrepo, swap, track
from jsonschema import Draft4Validator, Draft202012Validator
from lxml import etree

from mdrepo.reporting import annotations
from mdrepo.validation import Problem

SCHEMAS = Path(__file__).parent / "schemas"
HOSTILE = [
    "two\nlines\r\n::error file=x::injected",
    "::error file=a,line=1::%0A%25 100%",
    "]]></failure><script>alert(1)</script>&amp;\"'",
    "\x00\x07\x1b[31mred\x7f\x9b",
    "😀 \u202etxt\u200b \ud800",
    "x" * 1_000_000,
    "##[error]old form\n##vso[task.complete]",
]


def found(words: list[str]) -> list[Problem]:
    plain = [Problem("metadata/net.json", 7, 3, "/name", "schema/type", "5 is no string", "quote it")]
    nasty = [
        Problem(f"metadata/{w[:40]}.json".replace("\ud800", "\udcff"), n + 1, 1, f"/{w}", "labels/name", w, w)
        for n, w in enumerate(words)
    ]
    return [*plain, *nasty, Problem("metadata/z.json", 1, 1, "", "json/syntax", "no JSON")]


@pytest.fixture(params=["plain", "hostile", "none"])
def problems(request: pytest.FixtureRequest) -> list[Problem]:
    return {"plain": found([]), "hostile": found(HOSTILE), "none": []}[request.param]


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text())


def test_sarif_is_as_its_schema_says(problems: list[Problem]) -> None:
    log = json.loads(annotations.sarif(problems))
    assert [*Draft4Validator(schema("sarif-2.1.0.json")).iter_errors(log)] == []
    results = log["runs"][0]["results"]
    assert len(results) == len(problems)
    for each in results:
        assert log["runs"][0]["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"]
    assert Draft4Validator(schema("sarif-2.1.0.json")).is_valid({"version": "2.1.0", "runs": [{}]}) is False


def test_junit_is_as_its_schema_says(problems: list[Problem]) -> None:
    report = etree.fromstring(annotations.junit(problems).encode())
    xsd = etree.XMLSchema(etree.parse(SCHEMAS / "junit-10.xsd"))
    xsd.assertValid(report)
    assert len(report.findall(".//failure")) == len(problems)
    assert report.find("testsuite").get("failures") == str(len(problems))
    assert {each.tag for each in report.iter()} <= {"testsuites", "testsuite", "testcase", "failure"}


def closed(**members: Any) -> Any:
    """The schema of an object with these members and no others."""
    return {"type": "object", "properties": members, "required": [*members], "additionalProperties": False}


TEXT, LINE = {"type": "string"}, {"type": "integer", "minimum": 1}
GITLAB = {
    "type": "array",
    "items": closed(
        description=TEXT,
        check_name=TEXT,
        fingerprint={"type": "string", "pattern": "^[0-9a-f]{64}$"},
        severity={"enum": ["info", "minor", "major", "critical", "blocker"]},
        location=closed(path={"type": "string", "pattern": "^[^./]"}, lines=closed(begin=LINE)),
    ),
}
DIAGNOSTIC = closed(
    message=TEXT,
    location=closed(path=TEXT, range=closed(start=closed(line=LINE))),
    severity={"enum": ["ERROR", "WARNING", "INFO"]},
    code=closed(value=TEXT),
)
REVIEWDOG = closed(source=closed(name=TEXT), severity={"const": "ERROR"}, diagnostics={"type": "array", "items": DIAGNOSTIC})
"""Ours, and narrower than the hosts' own (schemas/README.md): what is valid by these is valid by those."""


def test_a_report_for_gitlab_is_narrower_than_its_schema(problems: list[Problem]) -> None:
    report = json.loads(annotations.gitlab([*problems, *problems]))
    assert [*Draft202012Validator(GITLAB).iter_errors(report)] == []
    assert len({each["fingerprint"] for each in report}) == len(report) == 2 * len(problems)


def test_a_diagnostic_for_reviewdog_is_narrower_than_its_schema(problems: list[Problem]) -> None:
    result = json.loads(annotations.rdjson(problems))
    assert [*Draft202012Validator(REVIEWDOG).iter_errors(result)] == []
    assert len(result["diagnostics"]) == len(problems)


def test_a_document_s_strings_give_github_no_command(problems: list[Problem]) -> None:
    text = annotations.github(problems)
    lines = text.split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(problems)
    for line in lines:
        properties, data = re.fullmatch(r"::error ([^\r]*?)::([^\r]*)", line).groups()  # type: ignore[union-attr]
        names = [each.split("=")[0] for each in properties.split(",")]
        assert names == ["file", "line", "col", "title"]
        assert re.fullmatch("(?:[^%]|%25|%0A|%0D|%3A|%2C)*", properties + data)


def test_github_s_escapes_are_its_own() -> None:
    problem = Problem("a,b:c%d.json", 2, 4, "", "labels/name", "50% of\r\nthem: a, b")
    said = "50%25 of\\u000d\\u000athem: a, b"
    assert annotations.github([problem]) == f"::error file=a%2Cb%3Ac%25d.json,line=2,col=4,title=mdrepo labels/name::{said}\n"


def test_the_worst_comes_first_and_nothing_is_too_long() -> None:
    hostile = found(HOSTILE)
    assert json.loads(annotations.sarif(hostile))["runs"][0]["results"][0]["ruleId"] == "json/syntax"
    for form, render in annotations.RENDERERS.items():
        assert len(render(hostile)) < 120_000, form


@pytest.mark.parametrize("form", ["text", "json", *annotations.RENDERERS])
def test_validate_says_it_in_each_form(repo: Path, form: str) -> None:
    edit(repo, lambda v: v.update(name=5))
    line = next(n for n, text in enumerate((repo / DOCUMENT).read_text().split("\n"), 1) if '"name": 5' in text)
    said = mdrepo("validate", "--format", form, cwd=repo, code=1).out
    assert DOCUMENT in said
    if form == "github":
        assert f"::error file={DOCUMENT},line={line}," in said
    if form == "json":
        assert said == mdrepo("validate", "--json", cwd=repo, code=1).out
    git("checkout", "-q", ".", cwd=repo)
    mdrepo("validate", "--format", form, cwd=repo)


def test_a_review_points_to_what_is_wrong_at_its_line(judged: Path) -> None:
    swap(judged)
    mdrepo("commit", "--allow-regression", "to see", "-am", "Swap", cwd=judged)
    track(judged, "models/net.keras", keras_file(3, saved="another day"))
    git("commit", "-qam", "Saved again, and not looked at", cwd=judged)
    edit(judged, lambda v: v.update(name=5))
    git("commit", "-qam", "No name", cwd=judged)
    said = mdrepo("review", "HEAD~3..HEAD", "--format", "github", cwd=judged).out.splitlines()
    rules = [re.findall(r"title=mdrepo ([a-z/]+)::", line)[0] for line in said]
    assert rules == ["schema/type", "derived/stale"]
    assert "derived fields" in said[-1]
    said = mdrepo("review", "HEAD~2", "--format", "github", cwd=judged).out.splitlines()
    line = (judged / DOCUMENT).read_text().splitlines().index('  "evaluation": {') + 1
    [told] = [each for each in said if "evaluation/worse" in each]
    assert f"file={DOCUMENT},line={line}," in told
    assert re.search(r"regressed against [0-9a-f]{7}: accuracy 0.9 -> 0\.\d+", told)
    for form, read in (("gitlab", json.loads), ("rdjson", json.loads), ("sarif", json.loads), ("junit", etree.fromstring)):
        out = mdrepo("review", "HEAD~2", "--format", form, cwd=judged).out
        assert "evaluation/worse" in out
        read(out.encode())
