"""`mdrepo schema`, and the bindings that an editor gets: what is there is kept, what is wrong is named with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, git, mdrepo, state

from mdrepo.schemas import KINDS, SchemaStore, builtin, builtin_folder
from mdrepo.validation import of_schema


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository without anything else: what `schema` needs."""
    root = tmp_path_factory.mktemp("plain")
    git("init", "-q", cwd=root)
    return root


def test_the_schemas_that_ship_have_nothing_wrong() -> None:
    from mdrepo.documents import read

    for file in builtin_folder().glob("*.schema.json"):
        assert of_schema(read(file.read_bytes(), file.name), SchemaStore()) == [], file.name


def test_the_published_answers_are_closed_and_of_no_kind_of_document() -> None:
    """A member that nobody published is noticed by the tests that read answers."""
    from mdrepo.cli import COMMANDS

    published = builtin("answers")
    assert "answers" not in KINDS
    commands: set[str] = set()
    for branch in published["anyOf"]:
        form = published["$defs"][branch["$ref"].removeprefix("#/$defs/")]
        assert form["additionalProperties"] is False, form["title"]
        command = form["properties"]["command"]
        commands |= {command["const"]} if "const" in command else set(command["enum"])
    assert commands == set(COMMANDS) - {"completion", "demo"}


def test_list_and_show(repo: Path) -> None:
    (repo / "schemas").mkdir()
    (repo / "schemas/own.schema.json").write_text('{"$id": "urn:own:1", "title": "Own \\u001b[31m"}\n')
    (repo / "mdrepo.toml").write_text('[schemas]\n"metadata/own/*.json" = "schemas/own.schema.json"\n')
    found = {each["name"]: each for each in mdrepo("schema", "--json", cwd=repo).json["schemas"]}
    assert set(found) == {*KINDS.values(), "urn:own:1"}
    assert (found[KINDS["model"]]["documents"], found[KINDS["model"]]["path"]) == (1, None)
    assert found["urn:own:1"]["patterns"] == ["metadata/own/*.json"]
    assert "\\u001b[31m (schemas/own.schema.json): 0 documents, bound to metadata/own/*.json" in mdrepo("schema", cwd=repo).out
    assert json.loads(mdrepo("schema", "show", "model", cwd=repo).out) == builtin("model")
    for name in ("own", "urn:own:1", "schemas/own.schema.json"):
        assert mdrepo("schema", "show", name, cwd=repo).out == (repo / "schemas/own.schema.json").read_text()
    assert "did you mean dataset?" in mdrepo("schema", "show", "datset", cwd=repo, code=1).err
    for words in (["show"], ["show", "a", "b"], ["list", "x"], ["new"], ["nwe"], ["list", "--for", "x"]):
        assert mdrepo("schema", *words, cwd=repo, code=2).err


def test_a_new_schema_is_bound_valid_and_explains_mdrepo_s_words(repo: Path) -> None:
    before = (repo / "mdrepo.toml").read_text()
    assert "schemas/tool.schema.json, bound to metadata/tool/*.json" in mdrepo("schema", "new", "tool", cwd=repo).out
    text = (repo / "schemas/tool.schema.json").read_text()
    for word in ("source", "key", "merge", "affects", "class", "reference", "artefact"):
        assert f"x-mdrepo-{word}" in text
    assert set(before.splitlines()) < set((repo / "mdrepo.toml").read_text().splitlines())
    assert mdrepo("schema", "check", cwd=repo).out == ""
    (repo / "metadata/tool").mkdir()
    (repo / "metadata/tool/a.json").write_text('{"name": "a", "nmae": "b"}\n')
    [problem] = mdrepo("validate", "--json", "metadata/tool/a.json", cwd=repo, code=1).json["problems"]
    assert (problem["pointer"], problem["hint"]) == ("/nmae", 'did you mean "name"?')
    now = state(repo)
    assert "is there already" in mdrepo("schema", "new", "tool", cwd=repo, code=1).err
    assert "cannot be bound" in mdrepo("schema", "new", "other", "--for", "metadata/tool/*.json", cwd=repo, code=1).err
    for name in ("../x", "a b", "", "/etc/x", "a/b"):
        assert "cannot be a schema's name" in mdrepo("schema", "new", "--", name, cwd=repo, code=2).err
    assert state(repo) == now


@pytest.mark.parametrize(
    ("text", "rule", "pointer", "line", "words"),
    [
        ('{\n "type": "objet"}', "schema/anyOf", "/type", 2, "objet"),
        ('{\n "properties": {"a": {"minLength": -1}}}', "schema/minimum", "/properties/a/minLength", 2, "-1"),
        ('{"a": 1,\n}', "json/syntax", "", 2, ""),
        ('{"a": 1, "a": 2}', "json/syntax", "", 1, "duplicate"),
        ("[1]", "schema/type", "", 1, "[1]"),
        ('{\n\n"$schema": "https://json-schema.org/draft/2020-21/schema"}', "schema/draft", "/$schema", 3, "no draft"),
        ('{"$schema": 5}', "schema/draft", "/$schema", 1, "no draft"),
        ('{\n"x-mdrepo-merge": "newest"}', "schema/x-mdrepo-merge", "/x-mdrepo-merge", 2, "none of: ours"),
        ('{"x-mdrepo-class": ["breaking"]}', "schema/x-mdrepo-class", "/x-mdrepo-class", 1, "none of"),
        ('{"x-mdrepo-affects": "all"}', "schema/x-mdrepo-affects", "/x-mdrepo-affects", 1, "none of"),
        ('{"x-mdrepo-key": []}', "schema/x-mdrepo-key", "/x-mdrepo-key", 1, "name of a member"),
        ('{"x-mdrepo-source": {"kind": "data"}}', "schema/x-mdrepo-source", "/x-mdrepo-source", 1, "'key' is missing"),
        ('{"x-mdrepo-source": "data"}', "schema/x-mdrepo-source", "/x-mdrepo-source", 1, "an object"),
        ('{"x-mdrepo-artefact": 1.5}', "schema/x-mdrepo-artefact", "/x-mdrepo-artefact", 1, "always true"),
        ('{"x-mdrepo-kye": "name"}', "schema/x-mdrepo", "/x-mdrepo-kye", 1, "no word"),
        ('{"$defs": {"a": {\n"$ref": "#/$defs/b"}}}', "schema/$ref", "/$defs/a/$ref", 2, "nowhere"),
        ('{"$ref": "https://example.com/x.json"}', "schema/$ref", "/$ref", 1, "nowhere"),
        ('{"$ref": "file:///etc/passwd"}', "schema/$ref", "/$ref", 1, "nowhere"),
        ('{"properties": {"a": {"pattern": "["}}}', "schema/pattern", "/properties/a/pattern", 1, ""),
    ],
)
def test_what_is_wrong_with_a_schema_is_named_with_its_place(
    plain: Path, text: str, rule: str, pointer: str, line: int, words: str
) -> None:
    file = plain / "schemas/bad.schema.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    problems = mdrepo("schema", "check", "schemas/bad.schema.json", "--json", cwd=plain, code=1).json["problems"]
    found = [each for each in problems if each["rule"] == rule]
    assert found, problems
    assert (found[0]["path"], found[0]["pointer"], found[0]["line"]) == ("schemas/bad.schema.json", pointer, line)
    assert words in found[0]["message"]
    file.unlink()


def test_what_only_looks_wrong_is_not(plain: Path) -> None:
    (plain / "schemas").mkdir(exist_ok=True)
    content: dict[str, Any] = {
        "$id": "urn:fine:1",
        "properties": {"x-mdrepo-merge": {"type": "string"}, "x-mdrepo-odd": True, "$ref": {"type": "string"}},
        "examples": [{"x-mdrepo-merge": "whatever", "$ref": "nowhere"}],
        "$defs": {"a": {"$ref": "urn:mdrepo:model:1#/$defs/cast"}, "b": {"$ref": "#/$defs/a"}, "c": {"$anchor": "c"}},
        "$ref": "#c",
    }
    file = plain / "schemas/fine.schema.json"
    file.write_text(json.dumps(content))
    assert mdrepo("schema", "check", cwd=plain).out == ""
    file.unlink()


def test_a_binding_that_leads_nowhere_and_files_that_are_not_there(repo: Path) -> None:
    (repo / "mdrepo.toml").write_text('# x\n[schemas]\n"metadata/own/*.json" = "schemas/own.schema.json"\n')
    [problem] = mdrepo("schema", "check", "--json", cwd=repo, code=1).json["problems"]
    assert (problem["path"], problem["line"]) == ("mdrepo.toml", 3)
    assert "no file schemas/nope.json" in mdrepo("schema", "check", "schemas/nope.json", cwd=repo, code=3).err
    assert "outside the repository" in mdrepo("schema", "check", "/etc/hostname", cwd=repo, code=2).err
    (repo / "schemas").mkdir()
    (repo / "schemas/deep.json").write_text("[" * 100_000)
    (repo / "schemas/bytes.json").write_bytes(b"\xff\xfe")
    assert len(mdrepo("schema", "check", "--json", cwd=repo, code=1).json["problems"]) == 3


def test_vscode_is_bound_once_and_nothing_is_lost(repo: Path) -> None:
    mdrepo("schema", "new", "tool", cwd=repo)
    settings = repo / ".vscode/settings.json"
    assert "+ .vscode/settings.json" in mdrepo("init", "--vscode", cwd=repo).out
    made = json.loads(settings.read_text())["json.schemas"]
    by_url = {each["url"]: each for each in made}
    assert by_url["urn:mdrepo:model:1"]["schema"] == builtin("model")
    assert by_url["./schemas/tool.schema.json"]["fileMatch"] == ["metadata/tool/*.json"]
    assert by_url["urn:tool:1"]["schema"]["title"] == "tool"
    before = settings.read_bytes()
    assert "= .vscode/settings.json" in mdrepo("init", "--vscode", cwd=repo).out
    assert settings.read_bytes() == before
    own = {"fileMatch": ["mine.json"], "url": "./mine.schema.json"}
    also = {"fileMatch": ["extra.json"], "url": "urn:mdrepo:model:1", "more": 1}
    settings.write_text(json.dumps({"editor.tabSize": 3, "json.schemas": [own, also], "z": None}, indent=3))
    mdrepo("init", "--vscode", cwd=repo)
    now = json.loads(settings.read_text())
    assert (now["editor.tabSize"], now["z"], now["json.schemas"][0]) == (3, None, own)
    assert now["json.schemas"][1] == {**also, "schema": builtin("model")}
    assert settings.read_text().startswith('{\n   "editor.tabSize": 3,')
    once = settings.read_bytes()
    mdrepo("init", "--vscode", cwd=repo)
    assert settings.read_bytes() == once


@pytest.mark.parametrize(
    "text", ['{\n  // mine\n  "a": 1\n}\n', '{"a": 1,}', "", "[]", '{"json.schemas": {}}', '{"json.schemas": [1]}', "\ufeff{}"]
)
def test_settings_that_mdrepo_cannot_keep_stay_and_what_to_paste_is_printed(plain: Path, text: str) -> None:
    settings = plain / ".vscode/settings.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(text)
    result = mdrepo("init", "--vscode", cwd=plain, code=1)
    assert settings.read_text() == text
    said, _, pasted = result.out.partition("\n{")
    assert "paste what follows" in said
    assert json.loads("{" + pasted)["json.schemas"][0]["url"] == "urn:mdrepo:model:1"


def test_every_field_that_an_editor_completes_has_a_text_for_hover() -> None:
    from mdrepo.schemas import subschemas

    for kind in ("model", "dataset"):
        schema = builtin(kind)
        for path, each in subschemas(schema):
            if len(path) >= 2 and path[-2] == "properties" and set(each) - {"enum", "const", "$ref"}:
                assert each.get("description"), (kind, path)
    assert DOCUMENT.startswith("metadata/")
