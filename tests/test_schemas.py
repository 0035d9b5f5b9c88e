"""The built-in schemas, and validation against them and against a repository's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import ROOT, edit, load, mdrepo

from mdrepo.documents import read
from mdrepo.errors import Finding, MdrepoError
from mdrepo.limiting import limited
from mdrepo.schemas import KINDS, SchemaStore, builtin
from mdrepo.validation import validate

MODEL = builtin("model")["examples"][0]


def described(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every field that a schema describes."""
    if isinstance(schema, dict):
        for keyword in ("properties", "$defs"):
            for name, inner in schema.get(keyword, {}).items():
                if set(inner) - {"enum", "const", "$ref"}:
                    yield f"{path}/{name}", inner
                yield from described(inner, f"{path}/{name}")
        for keyword in ("items", "additionalProperties"):
            if isinstance(schema.get(keyword), dict):
                yield f"{path}/*", schema[keyword]
                yield from described(schema[keyword], f"{path}/*")


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_title_a_description_and_an_example_that_validates(kind: str) -> None:
    schema = builtin(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    fields = list(described(schema))
    assert len(fields) > 15
    for path, field in fields:
        assert field.get("title"), path
        assert field.get("description", "").endswith("."), path
        assert field.get("examples"), path
        for example in field["examples"]:
            jsonschema.Draft202012Validator({**field, "$defs": schema.get("$defs", {})}).validate(example)


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_is_closed_but_for_extensions(kind: str) -> None:
    schema = builtin(kind)
    free = {"extensions", "hyperparameters"}
    for path, field in [("", schema), *described(schema)]:
        if field.get("type") == "object" and path.rpartition("/")[2] not in free and "allOf" not in field:
            assert "additionalProperties" in field, path
    assert "oneOf" not in json.dumps(schema)


@pytest.mark.parametrize("kind", KINDS)
def test_the_worked_example_validates_by_our_own_validation(kind: str) -> None:
    for example in builtin(kind)["examples"]:
        document = read(json.dumps(example, indent=2).encode(), "example.json")
        schema = SchemaStore().find(KINDS[kind])
        assert schema is not None
        assert validate(document, schema) == []


def found(change: Any) -> list[tuple[int, int, str, str, str | None]]:
    value = json.loads(json.dumps(MODEL))
    change(value)
    document = read(json.dumps(value, indent=2).encode(), "m.json")
    schema = SchemaStore().find(KINDS["model"])
    assert schema is not None
    return [(p.line, p.column, p.pointer, p.message, p.hint) for p in validate(document, schema)]


@pytest.mark.parametrize(
    ("change", "pointer", "message", "hint"),
    [
        (lambda v: v.update(task="clasification"), "/task", "is not one of", 'did you mean "classification"?'),
        (lambda v: v.update(licence="MIT"), "/licence", "there is no field 'licence' here", 'did you mean "license"?'),
        (lambda v: v.update(x_1=1), "/x_1", "there is no field 'x_1' here", "own fields go under 'extensions'"),
        (lambda v: v.update(name=3), "/name", "expected string, found integer 3", None),
        (lambda v: v.update(name=None), "/name", "expected string, found null", None),
        (lambda v: v.update(name="a b"), "/name", "does not match", 'example: "digits"'),
        (lambda v: v.pop("weights"), "", "the field 'weights' is missing", "example: "),
        (lambda v: v.update(owners=["a", "a"]), "/owners/1", "stands here twice", None),
        (lambda v: v["labels"][0].update(index=-1), "/labels/0/index", "does not meet minimum 0", None),
        (lambda v: v["preprocessing"][0].update(op="rescal"), "/preprocessing/0/op", "is not one of", 'did you mean "rescale"?'),
        (lambda v: v["preprocessing"][0].pop("scale"), "/preprocessing/0", "the field 'scale' is missing", "example: 0.0625"),
        (lambda v: v["preprocessing"][0].update(scal=1), "/preprocessing/0/scal", "there is no field", 'did you mean "scale"?'),
        (lambda v: v["decision"]["thresholds"].update({"1": 2}), "/decision/thresholds/1", "does not meet maximum 1", None),
        (lambda v: v.update(decision={"rule": "argmax", "thresholds": {}}), "/decision/thresholds", "there is no field", None),
    ],
)
def test_a_problem_says_where_what_and_the_nearest_that_is_allowed(change: Any, pointer: str, message: str, hint: Any) -> None:
    problems = found(change)
    assert len(problems) == 1
    line, column, where, what, advice = problems[0]
    assert (line > 0, column > 0, where) == (True, True, pointer)
    assert message in what
    assert hint is None or (advice or "").startswith(hint)


def test_a_layer_that_is_none_of_a_policy_s_is_not_taken_for_a_slip_of_another() -> None:
    layers = [{"layer": "RandomCrop", "parameters": {"height": 8}}]
    augmentation = {"layers": layers, "seed": 1, "copies": 1}
    problems = [each for each in found(lambda v: v.update(training={"augmentation": augmentation})) if each[2].endswith("/layer")]
    [(_, _, _, what, hint)] = problems
    assert "RandomFlip" in what
    assert "RandomZoom" in what
    assert "did you mean" not in (hint or "")


def test_all_problems_of_all_documents_are_reported(repo: Path) -> None:
    edit(repo, lambda v: v.update(task="x", licence="MIT"))
    edit(repo, lambda v: v.update(target=3), "metadata/net-test.json")
    result = mdrepo("validate", cwd=repo, code=1)
    assert "metadata/net.json" in result.out
    assert "metadata/net-test.json" in result.out
    assert result.out.endswith("3 problems in 2 documents\n")
    problems = mdrepo("--json", "validate", cwd=repo, code=1).json["problems"]
    assert {(p["path"], p["pointer"], p["rule"]) for p in problems} == {
        ("metadata/net.json", "/task", "schema/enum"),
        ("metadata/net.json", "/licence", "schema/additionalProperties"),
        ("metadata/net-test.json", "/target", "schema/type"),
    }
    text = (repo / "metadata/net.json").read_text().splitlines()
    place = next(p for p in problems if p["pointer"] == "/task")
    assert text[place["line"] - 1][place["column"] - 1 :].startswith('"x"')


def test_what_refers_to_others_is_checked_too(repo: Path) -> None:
    edit(repo, lambda v: v["evaluation"].update(dataset="metadata/net-tests.json"))
    edit(repo, lambda v: v["weights"]["artefact"].update(md5="0" * 32))
    edit(repo, lambda v: v.update(decision={"rule": "threshold", "thresholds": {"7": 0.5}}))
    edit(repo, lambda v: v["labels"][2].update(index=1))
    rules = {p["rule"]: p for p in mdrepo("--json", "validate", cwd=repo, code=1).json["problems"]}
    assert set(rules) == {"reference/missing", "artefact/digest", "decision/threshold", "labels/index"}
    assert rules["reference/missing"]["hint"] == "did you mean metadata/net-test.json?"
    assert rules["artefact/digest"]["hint"] == "run 'mdrepo patch --apply'"


def test_a_repository_binds_its_own_schemas_by_pattern_and_by_name(repo: Path) -> None:
    (repo / "schemas").mkdir()
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "$id": "urn:ours:1", "type": "object", "required": ["a"]}
    (repo / "schemas/ours.schema.json").write_text(json.dumps(schema))
    (repo / "mdrepo.toml").write_text('[schemas]\n"metadata/plain-*.json" = "schemas/ours.schema.json"\n')
    (repo / "metadata/plain-1.json").write_text("{}")
    (repo / "metadata/named.json").write_text('{"$schema": "urn:ours:1", "a": 1}')
    (repo / "metadata/beside.json").write_text('{"$schema": "../schemas/ours.schema.json", "a": 1}')
    problems = mdrepo("--json", "validate", cwd=repo, code=1).json["problems"]
    assert [(p["path"], p["message"]) for p in problems] == [("metadata/plain-1.json", "the field 'a' is missing")]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "https://example.com/x.json"}, "leads nowhere"),
        ({"type": "strin"}, "not a valid schema at /type"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
    ],
)
def test_a_schema_that_is_wrong_or_points_to_the_network_is_named(repo: Path, schema: Any, words: str) -> None:
    (repo / "schemas").mkdir()
    (repo / "schemas/bad.json").write_text(json.dumps(schema))
    (repo / "metadata/x.json").write_text('{"$schema": "../schemas/bad.json"}')
    result = mdrepo("validate", "metadata/x.json", cwd=repo, code=1)
    assert words in result.out


def problems_of(schema: Any, data: Any, **others: Any) -> list[str]:
    """What validation by a schema in schemas/ says, beside others there."""
    files = {f"schemas/{name}.json": json.dumps(content).encode() for name, content in {"x": schema, **others}.items()}
    found = SchemaStore(files).find("schemas/x.json")
    assert found is not None
    return [each.message for each in validate(read(json.dumps(data).encode()), found)]


def doubling(keyword: str, last: Any) -> Any:
    """A schema of 40 lines that asks 2^40 questions."""
    defs = {f"a{i}": {keyword: [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(40)}
    return {"$defs": {**defs, "a40": last}, "$ref": "#/$defs/a0"}


def test_a_limit_that_a_destructor_eats_comes_again_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    class Slow:
        def __del__(self) -> None:
            while True:
                pass

    def work() -> None:
        with limited(0.05, MdrepoError("too long")):
            Slow()
            while True:
                pass

    with pytest.raises(MdrepoError, match="too long"):
        work()
    assert told == []
    assert sys.unraisablehook == told.append


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 60 + "b"),
        ({"patternProperties": {"^(a+)+$": {}}}, {"a" * 60 + "b": 1}),
        (doubling("allOf", {"type": "string"}), "x"),
        (doubling("anyOf", {"type": "string"}), 1),
    ],
)
def test_a_schema_that_would_run_for_ever_is_named_instead(schema: Any, data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdrepo.validation._SECONDS", 0.3)
    started = time.process_time()
    with pytest.raises(Finding, match=r"schemas/x.json: validation by this schema takes more than \d seconds"):
        problems_of(schema, data)
    assert time.process_time() - started < 10  # for ever, that is 2 to the power of 60 steps
    assert signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_validation_in_another_thread_has_no_limit_but_works() -> None:
    found: list[list[str]] = []
    thread = threading.Thread(target=lambda: found.append(problems_of({"type": "string"}, 1)))
    thread.start()
    thread.join()
    assert found == [["expected string, found integer 1"]]


@pytest.mark.parametrize(
    ("schema", "data", "other"),
    [
        ({"$ref": "#"}, 1, None),
        ({"allOf": [{"$ref": "#"}]}, {}, None),
        ({"$ref": "o.json"}, 1, {"type": 3}),
        ({"$ref": "o.json"}, {"a": 1}, {"properties": 3}),
        ({"$ref": "o.json"}, {"a": 1}, {"required": 3}),
        ({"$ref": "o.json"}, "a", {"pattern": "("}),
        ({"$ref": "o.json"}, 1, 3),
        ({"$ref": "o.json"}, 1, [1]),
        ({"$ref": "#/~2"}, 1, None),
        ({"$ref": "#none"}, 1, None),
        ({"$schema": [1]}, 1, None),
        ({"multipleOf": 0.5}, 10**3999, None),
        ([1], 1, None),
        (3, 1, None),
    ],
)
def test_a_schema_that_jsonschema_cannot_use_is_named(schema: Any, data: Any, other: Any) -> None:
    if isinstance(schema, dict) and schema.get("$ref") == "o.json":
        schema = {"$id": "urn:x:x", "$ref": "urn:x:o"}
        other = {"$id": "urn:x:o", **other} if isinstance(other, dict) else other
    with pytest.raises(Finding, match=r"^schemas/x\.json: "):
        problems_of(schema, data, o=other)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": 3, "allOf": 3, "prefixItems": 3, "x-mdrepo-key": 3, "$ref": "#/~2"},
        {"properties": {"a": 3}, "anyOf": [3], "items": [3], "x-mdrepo-key": [3], "$ref": "#none"},
        {"allOf": [{"properties": {"a": {"$ref": "#"}}}] * 3},
        doubling("allOf", {"properties": {"a": {"$ref": "#/$defs/a0"}}}),
    ],
)
def test_annotations_of_any_schema_can_be_asked_for(schema: Any) -> None:
    found = SchemaStore({"schemas/x.json": json.dumps(schema).encode()}).find("schemas/x.json")
    assert found is not None
    for path in ((), (0,), ("a",) * 400):
        assert found.keys(path) is None
        assert set(found.key_order(path)) <= {"a"}


@pytest.mark.parametrize(
    ("schema", "data", "message"),
    [
        ({"required": ["a"], "properties": {"a": True}}, {}, "the field 'a' is missing"),
        ({"properties": {"a": False}}, {"a": 1}, "the schema allows nothing here, found 1"),
        (False, 1, "the schema allows nothing here, found 1"),
        ({"enum": list(range(1000))}, "x", '"x" is not one of: 0, 1, 2, 3'),
    ],
)
def test_what_a_problem_says_of_odd_schemas(schema: Any, data: Any, message: str) -> None:
    [found] = problems_of(schema, data)
    assert found.startswith(message)
    assert len(found) < 300


def test_the_schema_of_the_note_fits_what_commit_writes(demo_run: Any) -> None:
    import subprocess

    for commit in subprocess.run(
        ["git", "rev-list", "HEAD"], cwd=demo_run[0], capture_output=True, text=True, check=True
    ).stdout.split():
        note = subprocess.run(
            ["git", "notes", "--ref=mdrepo", "show", commit], cwd=demo_run[0], capture_output=True, check=True
        ).stdout
        schema = SchemaStore().find(KINDS["evaluation"])
        assert schema is not None
        assert validate(read(note), schema) == []


def test_documents_in_the_repository_follow_the_schema_s_order(repo: Path) -> None:
    order = list(builtin("model")["properties"])
    keys = list(load(repo))
    assert keys == sorted(keys, key=order.index)
    assert ROOT.joinpath("schemas").is_dir()


def test_what_jsonschema_would_load_for_formats_is_left_out(tmp_path: Path) -> None:
    """With some packages beside it, which compile grammars, importing it would take a second longer."""
    for name in ("rfc3987_syntax", "fqdn"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('it was imported')")
    code = """
from mdrepo.schemas import KINDS, SchemaStore
from mdrepo.validation import check
import sys
check(SchemaStore().find(KINDS["model"]))
assert "jsonschema" in sys.modules and "rfc3987_syntax" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(tmp_path)})
