"""Rules that no schema can state, each with an example of its own, and its explanation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, ROOT, edit, git, load, mdrepo, npz, track

from mdrepo import consistency
from mdrepo.consistency import Measured
from mdrepo.documents import read
from mdrepo.rules import RULES

DATA = {
    "inputs": ["x"],
    "target": "y",
    "arrays": [{"name": "x", "shape": [100, 8, 8, 3], "dtype": "uint8", "minimum": 0, "maximum": 255}],
    "classes": [{"value": 0, "name": "cat", "count": 50}, {"value": 1, "name": "dog", "count": 50}],
    "artefact": {"path": "data/x.npz", "md5": "b" * 32},
}
RESCALE = {"op": "rescale", "scale": 1 / 255}
NORMALIZE = {"op": "normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def model(**changes: Any) -> dict[str, Any]:
    return {
        "structure": {"inputs": [{"name": "i", "shape": [None, 8, 8, 3]}], "outputs": [{"name": "o", "shape": [None, 2]}]},
        "labels": [{"name": "cat", "index": 0}, {"name": "dog", "index": 1}],
        "decision": {"rule": "argmax"},
        "evaluation": {"dataset": "d.json"},
        "weights": {"artefact": {"path": "m.keras", "md5": "a" * 32}},
        **changes,
    }


def rules(content: Any, data: Any = DATA, measured: Measured | None = None) -> list[tuple[str, str]]:
    document = read(json.dumps(content, indent=2).encode(), "m.json")
    found = consistency.check(document, lambda path: data if path == "d.json" else None, lambda: measured)
    return [(each.rule, each.pointer) for each in found]


def test_what_fits_together_has_no_problem() -> None:
    assert rules(model()) == []
    assert rules(model(preprocessing=[RESCALE, NORMALIZE])) == []
    assert rules(model(preprocessing=[{"op": "normalize", "mean": [127.5], "std": [127.5]}])) == []
    assert rules(model(preprocessing=[{"op": "cast", "dtype": "float32"}, {"op": "reshape", "shape": [8, 8, 3]}])) == []
    assert rules(model(preprocessing=[NORMALIZE]), None) == [], "of data that are not known nothing is said"
    assert rules(model(preprocessing=[NORMALIZE]), {**DATA, "arrays": []}) == []
    assert rules(model(preprocessing=[NORMALIZE]), {**DATA, "inputs": ["x", "z"]}) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"labels": [{"name": "cat", "index": 0}]}, [("labels/outputs", "/labels"), ("labels/classes", "/labels")]),
        ({"labels": [{"name": "cat", "index": 0}, {"name": "dog", "index": 2}]}, [("labels/outputs", "/labels/1/index")]),
        ({"decision": {"thresholds": {"dgo": 0.5}}}, [("decision/threshold", "/decision/thresholds/dgo")]),
        ({"preprocessing": [NORMALIZE]}, [("preprocessing/scale", "/preprocessing/0/std")]),
        (
            {"preprocessing": [RESCALE, {**NORMALIZE, "mean": [123.7, 116.3, 103.5]}]},
            [("preprocessing/scale", "/preprocessing/1/mean")],
        ),
        ({"preprocessing": [RESCALE, {**NORMALIZE, "std": [58.4]}]}, [("preprocessing/scale", "/preprocessing/1/std")]),
        (
            {"preprocessing": [RESCALE, {**NORMALIZE, "mean": [0.5, 0.5], "std": [0.2, 0.2, 0.2, 0.2]}]},
            [("preprocessing/channels", "/preprocessing/1/mean"), ("preprocessing/channels", "/preprocessing/1/std")],
        ),
        ({"preprocessing": [{"op": "reshape", "shape": [8, 8, 1]}]}, [("preprocessing/shape", "/preprocessing/0/shape")]),
        ({"preprocessing": [{"op": "reshape", "shape": [3, 8, 8]}]}, [("preprocessing/input", "/preprocessing")]),
        (
            {"structure": {"inputs": [{"name": "i", "shape": [None, 224, 224, 3]}], "outputs": []}},
            [("preprocessing/input", "/structure/inputs")],
        ),
    ],
)
def test_a_contradiction_is_named_at_its_place(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert rules(model(**changes)) == expected


MEASURED = Measured("c" * 40, {"accuracy": 0.93456, "loss": 0.2}, {"m.keras": "a" * 32, "data/x.npz": "b" * 32})


@pytest.mark.parametrize(
    ("extensions", "changes", "expected"),
    [
        ({"accuracy": 0.93}, {}, []),
        ({"accuracy": 0.9346, "team": "vision", "year": 2026}, {}, []),
        ({"accuracy": 0.97}, {}, [("metrics/copied", "/extensions/accuracy")]),
        ({"results": [{"loss": 0.2}, {"loss": 0.31}]}, {}, [("metrics/copied", "/extensions/results/1/loss")]),
        (
            {"accuracy": 0.93},
            {"weights": {"artefact": {"path": "m.keras", "md5": "f" * 32}}},
            [("metrics/stale", "/extensions/accuracy")],
        ),
    ],
)
def test_metrics_that_were_copied(extensions: Any, changes: Any, expected: Any) -> None:
    assert rules(model(extensions=extensions, **changes), measured=MEASURED) == expected
    assert rules(model(extensions=extensions, **changes), measured=None) == []


def test_data_that_changed_since_the_metrics_were_measured() -> None:
    changed = {**DATA, "artefact": {"path": "data/x.npz", "md5": "0" * 32}}
    assert rules(model(extensions={"accuracy": 0.93}), changed, MEASURED) == [("metrics/stale", "/extensions/accuracy")]


def test_metrics_are_compared_with_what_head_s_evaluation_says(repo: Path) -> None:
    document = {"verdict": "baseline", "key": "ab" * 32, "examples": 12, "metrics": {"accuracy": 0.5}, "differences": []}
    note = {"$schema": "urn:mdrepo:evaluation:1", "parent": None, "verdict": "baseline", "documents": {DOCUMENT: document}}
    git("notes", "--ref=mdrepo", "add", "-f", "-m", json.dumps(note), cwd=repo)
    edit(repo, lambda v: v.update(extensions={"accuracy": 0.5}))
    mdrepo("validate", cwd=repo)
    edit(repo, lambda v: v.update(extensions={"accuracy": 0.75}))
    [problem] = mdrepo("validate", "--json", cwd=repo, code=1).json["problems"]
    assert (problem["rule"], problem["pointer"]) == ("metrics/copied", "/extensions/accuracy")
    assert "was measured as 0.5" in problem["message"]
    assert "metrics/copied" in mdrepo("commit", "--no-eval", "-am", "x", cwd=repo, code=1).out
    edit(repo, lambda v: v.update(extensions={"accuracy": 0.5}))
    track(repo, "data/net-test.npz", npz(x=[[2.0] * 4] * 12, y=[0, 1, 2] * 4))
    mdrepo("patch", "--apply", cwd=repo)
    [problem] = mdrepo("validate", "--json", cwd=repo, code=1).json["problems"]
    assert problem["rule"] == "metrics/stale"
    assert "data/net-test.npz" in problem["message"]


def test_a_mean_on_the_wrong_scale_is_found_in_a_repository(repo: Path) -> None:
    mdrepo("set", f"{DOCUMENT}#/preprocessing", '[{"op": "normalize", "mean": [5], "std": [3]}]', cwd=repo)
    refused = mdrepo("set", f"{DOCUMENT}#/preprocessing/0/mean", "[127]", cwd=repo, code=1)
    assert "[preprocessing/scale]" in refused.out
    assert load(repo)["preprocessing"][0]["mean"] == [5]


def test_every_rule_is_explained_and_every_explanation_has_a_rule() -> None:
    """The ids in the code are those that are explained."""
    used: set[str] = set()
    for file in (ROOT / "mdrepo").rglob("*.py"):
        if file.name != "rules.py":
            used |= set(
                re.findall(
                    r'f?"((?:json|document|lock|reference|artefact|merge|labels|decision|preprocessing|metrics|data|derived|evaluation)/[a-z{}-]+)"',
                    file.read_text(),
                )
            )
    used.discard("labels/{member}")
    assert used <= set(RULES)
    assert set(RULES) - used == {"schema/*", "labels/name", "labels/index"}


def test_explain(repo: Path) -> None:
    told = mdrepo("explain", "preprocessing/scale", cwd=repo).out
    assert told.startswith("preprocessing/scale\nA mean lies outside")
    assert "Why: " in told
    assert "What to do: " in told
    assert "JSON Schema's own" in mdrepo("explain", "schema/type", cwd=repo).out
    assert [each["id"] for each in mdrepo("explain", "--json", cwd=repo).json["rules"]] == list(RULES)
    assert len(mdrepo("explain", cwd=repo).out.splitlines()) == len(RULES)
    assert "did you mean labels/name?" in mdrepo("explain", "label/name", cwd=repo, code=2).err


ARRAYS_DATA = {
    "inputs": ["x"],
    "target": "y",
    "arrays": [{"name": "x", "shape": [3, 4], "dtype": "uint8"}, {"name": "y", "shape": [3], "dtype": "uint8"}],
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"target": "z"}, [("data/target", "/target", "the data have no array 'z'")]),
        ({"inputs": ["x", "q"]}, [("data/inputs", "/inputs/1", "the data have no array 'q'")]),
        (
            {"arrays": [{"name": "x", "shape": [3, 4], "dtype": "uint8"}, {"name": "y", "shape": [2], "dtype": "uint8"}]},
            [("data/examples", "/target", "'y' has 2 examples, and 'x' has 3")],
        ),
        (
            {"arrays": [], "columns": [{"name": "x", "type": "any"}, {"name": "why", "type": "any"}]},
            [("data/target", "/target", "the data have no column 'y'")],
        ),
        ({"arrays": []}, []),  # of data that nobody read nothing is said
    ],
)
def test_what_a_data_set_s_document_names_is_there_and_as_long_as_the_rest(changes: Any, expected: Any) -> None:
    document = read(json.dumps({**ARRAYS_DATA, **changes}, indent=2).encode(), "d.json")
    found = consistency.check_data(document)
    assert [(each.rule, each.pointer, each.message) for each in found] == expected
    assert all(each.rule in RULES for each in found)


def test_arrays_of_different_lengths_and_wrong_names_are_found_by_validate(repo: Path) -> None:
    track(repo, "data/net-test.npz", npz(x=[[0.0] * 4] * 3, y=[0, 1]))
    mdrepo("patch", "--apply", "metadata/net-test.json", cwd=repo, code=None)
    edit(repo, lambda v: v.update(inputs=["xx"]), "metadata/net-test.json")
    told = mdrepo("validate", "metadata/net-test.json", cwd=repo, code=1).out
    assert "the data have no array 'xx'" in told
    edit(repo, lambda v: v.update(inputs=["x"]), "metadata/net-test.json")
    assert "data/examples" in mdrepo("validate", "metadata/net-test.json", cwd=repo, code=1).out


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([{"op": "normalize", "mean": [0.3], "std": [0.3]}], [("preprocessing/scale", "/preprocessing/0/mean")]),
        ([{"op": "rescale", "scale": 1 / 16}, {"op": "normalize", "mean": [0.3], "std": [0.3]}], []),
        ([{"op": "normalize", "mean": [4.88], "std": [6.0]}], []),
        ([{"op": "normalize", "mean": [0.3, 0.5, 13.8], "std": [0.1, 0.1, 2.0]}], []),  # each channel has a scale of its own
    ],
)
def test_a_mean_far_from_the_data_s_is_of_another_scale(steps: Any, expected: Any) -> None:
    array = {"name": "x", "shape": [100, 8, 8, 3], "dtype": "uint8", "minimum": 0, "maximum": 16, "mean": 4.88}
    assert rules(model(preprocessing=steps), {**DATA, "arrays": [array]}) == expected


def test_an_artefact_that_was_renamed_is_named(repo: Path) -> None:
    for name in ("net-test.npz", "net-test.npz.dvc"):
        (repo / "data" / name).rename(repo / "data" / name.replace("net-test", "other"))
    pointer = repo / "data/other.npz.dvc"
    pointer.write_text(pointer.read_text().replace("net-test", "other"))
    told = mdrepo("validate", "metadata/net-test.json", cwd=repo, code=1)
    assert "data/other.npz has its bytes: name that, if it was renamed" in told.out + told.err
