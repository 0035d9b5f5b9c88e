"""How a diff is shown and classed: formats, words, tables, classes, files outside any repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import mdrepo

from mdrepo.changes import MISSING
from mdrepo.differences import compare
from mdrepo.schemas import KINDS, Schema, SchemaStore, builtin


def builtin_schema(kind: str) -> Schema:
    found = SchemaStore().find(KINDS[kind])
    assert found is not None
    return found


def own_schema(content: Any) -> Schema:
    found = SchemaStore({"schemas/own.json": json.dumps(content).encode()}).find("schemas/own.json")
    assert found is not None
    return found


# classes of changes


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("model", ("task",), "breaking"),
        ("model", ("labels", 3, "name"), "breaking"),
        ("model", ("labels", 3, "description"), "descriptive"),
        ("model", ("structure", "inputs", 0, "shape", 1), "breaking"),
        ("model", ("structure", "outputs", 0, "dtype"), "breaking"),
        ("model", ("structure", "layers", 0, "digest"), "behavioural"),
        ("model", ("structure", "framework_version"), "descriptive"),
        ("model", ("weights", "artefact", "md5"), "behavioural"),
        ("model", ("weights", "artefact", "size"), "descriptive"),
        ("model", ("weights", "digest"), "behavioural"),
        ("model", ("training", "dataset"), "behavioural"),
        ("model", ("training", "hyperparameters", "epochs"), "behavioural"),
        ("model", ("preprocessing", 0, "scale"), "behavioural"),
        ("model", ("decision", "thresholds", "3"), "behavioural"),
        ("model", ("name",), "descriptive"),
        ("model", ("owners", 0), "descriptive"),
        ("model", ("license",), "descriptive"),
        ("model", ("lineage", "base", "commit"), "descriptive"),
        ("model", ("extensions", "labels", 0), "descriptive"),
        ("model", ("no such field",), "descriptive"),
        ("dataset", ("classes", 0, "name"), "breaking"),
        ("dataset", ("classes", 0, "count"), "behavioural"),
        ("dataset", ("columns", 0, "type"), "breaking"),
        ("dataset", ("columns", 0, "mean"), "behavioural"),
        ("dataset", ("artefact", "md5"), "behavioural"),
        ("dataset", ("origin",), "descriptive"),
    ],
)
def test_the_class_of_a_field(kind: str, path: tuple[Any, ...], expected: str) -> None:
    assert builtin_schema(kind).change_class(path) == expected


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_every_field_of_a_document_has_a_class_by_its_own_or_from_around_it(kind: str) -> None:
    for name, field in builtin(kind)["properties"].items():
        assert field.get("x-mdrepo-class") in ("breaking", "behavioural", "descriptive"), name


def test_what_comes_or_goes_whole_has_the_highest_class_of_what_it_contains() -> None:
    content = builtin("model")["examples"][0]
    structure = builtin("model")["properties"]["structure"]["examples"][0]
    schema = builtin_schema("model")
    whole, bare = {**content, "structure": structure}, {"layers": structure["layers"], "format": "keras"}
    assert compare("m", whole, content, schema).highest_class == "breaking"
    assert compare("m", content, whole, schema).highest_class == "breaking"
    assert compare("m", {**content, "structure": bare}, content, schema).highest_class == "behavioural"
    assert compare("m", MISSING, content, schema).highest_class == "breaking"
    assert compare("m", content, MISSING, schema).highest_class == "breaking"
    assert compare("m", content, [], schema).highest_class == "breaking"
    noted = [{**each, "description": "d"} for each in content["labels"]]
    assert compare("m", content, {**content, "labels": noted}, schema).highest_class == "descriptive"
    assert compare("m", content, {**content, "labels": noted[::-1]}, schema).highest_class == "breaking"
    assert compare("m", {"a": 1}, {"a": 2}).highest_class is None


def test_classes_are_inherited_and_else_follow_from_what_a_field_affects() -> None:
    schema = own_schema(
        {
            "properties": {
                "plain": {"type": "string"},
                "quiet": {"x-mdrepo-affects": "nothing"},
                "metric": {"x-mdrepo-affects": "metrics", "properties": {"in": {"x-mdrepo-affects": "nothing"}, "other": {}}},
                "predicted": {"x-mdrepo-affects": "predictions"},
                "odd": {"x-mdrepo-affects": "weather"},
                "list": {
                    "x-mdrepo-class": "behavioural",
                    "prefixItems": [{"x-mdrepo-class": "breaking"}],
                    "items": {"properties": {"note": {"x-mdrepo-class": "descriptive"}, "size": {"x-mdrepo-affects": "nothing"}}},
                },
                "either": {"anyOf": [{"x-mdrepo-class": "descriptive"}, {"x-mdrepo-class": "breaking"}]},
                "tree": {"$ref": "#/$defs/node"},
            },
            "$defs": {"node": {"x-mdrepo-class": "behavioural", "properties": {"below": {"$ref": "#/$defs/node"}}}},
        }
    )
    expected = {
        ("plain",): "descriptive",
        ("quiet",): "descriptive",
        ("metric",): "behavioural",
        ("metric", "in"): "descriptive",
        ("metric", "other"): "behavioural",
        ("predicted",): "behavioural",
        ("odd",): "descriptive",
        ("list",): "behavioural",
        ("list", 0, "x"): "breaking",
        ("list", 7, "x"): "behavioural",
        ("list", 7, "note"): "descriptive",
        ("list", 7, "size"): "behavioural",
        ("either",): "breaking",
        ("tree", "below", "below", "x"): "behavioural",
        (): "descriptive",
    }
    assert {path: schema.change_class(path) for path in expected} == expected
    assert schema.change_class((), {"list": [1, {"note": "n"}]}) == "breaking"
    assert schema.change_class(("list", 3), {"note": "n"}) == "behavioural"
    deep: Any = "x"
    for _ in range(300):
        deep = {"below": deep}
    assert schema.change_class(("tree",), deep) == "behavioural"


@pytest.mark.parametrize("said", ["braking", 3, None, ["breaking"]])
def test_a_schema_that_names_no_class_is_refused_and_does_not_break_a_diff(repo: Path, said: Any) -> None:
    (repo / "schemas").mkdir()
    schema = {"$id": "urn:ours:1", "properties": {"v": {"x-mdrepo-class": said, "examples": [{"x-mdrepo-class": 1}]}}}
    (repo / "schemas/ours.json").write_text(json.dumps(schema))
    (repo / "metadata/x.json").write_text('{"$schema": "urn:ours:1", "v": 1}')
    result = mdrepo("validate", "metadata/x.json", cwd=repo, code=1)
    assert f"at /properties/v/x-mdrepo-class: {json.dumps(said)} is no class of changes" in result.out
    assert own_schema(schema).change_class(("v",)) == "descriptive"
