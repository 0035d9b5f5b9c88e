"""The field's own suites, each whole: every case is run or named here with the reason why it is not."""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, suite

from mdrepo import pointers
from mdrepo.diffing import diff
from mdrepo.documents import DocumentError, canonical, read, same
from mdrepo.errors import Finding
from mdrepo.losses import missing_edits
from mdrepo.merging import merge
from mdrepo.patching import PatchError, apply, apply_delta, invert, merge_patch, operations, reversed_operations
from mdrepo.reconciling import reconcile
from mdrepo.schemas import SchemaStore
from mdrepo.validation import validate


def there_and_back(old: Any, new: Any) -> None:
    """The patch between two values, as JSON text, gives the new one, and the old one when it is undone; so does the Delta."""
    delta = diff(old, new)
    patch = json.loads(json.dumps(operations(delta)))
    assert bool(patch) != same(old, new)
    assert same(apply(old, patch), new)
    assert same(apply(new, reversed_operations(patch)), old)
    assert same(apply_delta(old, delta), new)
    assert same(apply_delta(new, invert(delta)), old)


# RFC 6902, 6901, 7396, 8785


def test_json_patch() -> None:
    """json-patch-tests: what applies gives the expected document, what must fail fails; of 112 cases none is left out.

    Of the four that the suite has switched off, since not all libraries can do them, two hold here, and two have 'op' twice in an
    operation, which is refused where the text is read.
    """
    counts = {"expected": 0, "error": 0, "twice": 0}
    for name in ("tests.json", "spec_tests.json"):
        path = suite("json-patch-tests", name)
        for case in json.loads(path.read_text()):
            if "patch" not in case:
                assert set(case) <= {"comment", "doc", "expected"}
            elif "two 'op' members" in case.get("error", ""):
                counts["twice"] += 1
                with pytest.raises(DocumentError, match="duplicate key 'op'"):
                    read(path.read_bytes(), name)
            elif "error" in case:
                counts["error"] += 1
                with pytest.raises(PatchError):
                    apply(case["doc"], case["patch"])
            else:
                counts["expected"] += 1
                assert same(apply(case["doc"], case["patch"]), case.get("expected", case["doc"])), case
    assert counts == {"expected": 76, "error": 34, "twice": 2}


def test_rfc_6901() -> None:
    """The RFC's own examples."""
    case = json.loads(suite("rfc6901", "section5.json").read_text())
    assert len(case["tests"]) == 12
    for test in case["tests"]:
        expected = case["doc"] if test["expected"] == "WHOLE" else test["expected"]
        assert pointers.resolve(case["doc"], pointers.parse(test["pointer"])) == expected
        assert pointers.build(pointers.parse(test["pointer"])) == test["pointer"]


def test_rfc_7396() -> None:
    """The RFC's appendix."""
    cases = json.loads(suite("rfc7396", "appendix.json").read_text())
    assert len(cases) == 15
    for case in cases:
        assert same(merge_patch(case["doc"], case["patch"]), case["expected"]), case


def test_rfc_8785() -> None:
    """The RFC's own test data, byte for byte."""
    folder = suite("json-canonicalization", "testdata")
    inputs = sorted((folder / "input").iterdir())
    assert len(inputs) == 6
    for path in inputs:
        made = canonical(read(path.read_bytes()).value).encode()
        assert made == (folder / "output" / path.name).read_bytes()
        assert made == bytes.fromhex((folder / "outhex" / path.name).with_suffix(".txt").read_text())


# JSONTestSuite


def parsed(path: Path) -> Any:
    """The value in a file, or how it is refused."""
    try:
        return read(path.read_bytes(), path.name).value
    except DocumentError as error:
        return error


def table(heading: str) -> dict[str, tuple[str, str]]:
    """The rows of a table in docs/json.md: file -> (verdict, reason)."""
    text = (ROOT / "docs/json.md").read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\S+)` \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    return {name: (verdict, reason) for name, verdict, reason in rows}


REASONS = {
    "lone surrogate": "a lone surrogate",
    "not UTF-8": "not UTF-8",
    "beyond what a double can hold": "beyond a double",
    "byte-order mark": "a byte-order mark",
    "duplicate key": "a key twice",
}


def reason(error: DocumentError) -> str:
    return next(word for message, word in REASONS.items() if message in error.problem)


TWICE = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


def test_json_parsing() -> None:
    """Every y_ file is accepted but for the two with a key twice, every n_ file refused, each with a place."""
    counts = {"y": 0, "n": 0, "i": 0}
    for path in sorted(suite("JSONTestSuite", "test_parsing").iterdir()):
        kind, found = path.name[0], parsed(path)
        counts[kind] += 1
        if isinstance(found, DocumentError):
            assert kind != "y" or (path.name in TWICE and reason(found) == "a key twice"), path.name
            assert found.message.startswith(f"{path.name}:{found.place.line}:{found.place.column}: ")
            assert min(found.place) >= 1
        else:
            assert kind != "n", path.name
            assert found == json.loads(path.read_bytes()), path.name
    assert counts == {"y": 95, "n": 188, "i": 35}


def test_what_the_standard_leaves_open_is_decided_as_the_docs_say() -> None:
    files = {path.name: path for path in suite("JSONTestSuite", "test_parsing").glob("i_*.json")}
    listed = table("What RFC 8259 leaves open")
    assert listed.keys() == files.keys()
    for name, path in files.items():
        found = parsed(path)
        if isinstance(found, DocumentError):
            assert listed[name] == ("refused", reason(found))
        else:
            assert listed[name][0] == "accepted"


def test_values_come_out_as_the_docs_say() -> None:
    files = {path.name: path for path in suite("JSONTestSuite", "test_transform").iterdir()}
    listed = table("What comes out")
    assert listed.keys() == files.keys()
    assert len(files) == 22
    for name, path in files.items():
        found = parsed(path)
        if isinstance(found, DocumentError):
            assert listed[name] == ("refused", reason(found))
        else:
            shown = listed[name][0]
            assert shown.startswith("`")
            assert same(found, json.loads(shown.strip("`"))), name


# Round trips


def test_diff_pairs() -> None:
    """5,000 seeded pairs."""
    lines = suite("diff-pairs", "pairs.jsonl").read_text().splitlines()
    assert len(lines) == 5000
    for line in lines:
        there_and_back(*json.loads(line))


NO_JSON = {
    "empty_to_value": "jd's empty document",
    "value_to_empty": "jd's empty document",
    "invalid_json_input": "not JSON, and must be an error",
    "invalid_json_second_input": "not JSON, and must be an error",
    "malformed_diff_syntax": "a patch in jd's own form, and must be an error",
    "invalid_path_element": "a patch in jd's own form, and must be an error",
    "patch_context_mismatch": "a patch in jd's own form, and must be an error",
}


def test_jd_s_cases() -> None:
    """jd's 70 cases: where both sides are JSON, there and back; the other 7 are refused."""
    trips, refused = 0, set()
    for name, count in (("core", 42), ("options", 19), ("errors", 9)):
        cases = json.loads(suite("jd-spec-cases", "spec", "cases", f"{name}.json").read_text())
        assert len(cases) == count
        for case in cases:
            try:
                old, new = (read(case[side].encode()).value for side in ("content_a", "content_b"))
            except DocumentError:
                refused.add(case["name"])
                continue
            there_and_back(old, new)
            trips += 1
    assert refused == set(NO_JSON)
    assert trips == 70 - len(NO_JSON)


def test_jsondiffpatch_s_examples() -> None:
    """Its 51 examples that JSON can say; what it holds equal is equal."""
    cases = json.loads(suite("jsondiffpatch", "examples.json").read_text())
    assert len(cases) == 51
    for case in cases:
        there_and_back(case["left"], case["right"])
        assert case["delta"] is not None or same(case["left"], case["right"]), case


# nbdime's notebooks


def families() -> dict[str, list[Path]]:
    """The versions of each notebook."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(suite("nbdime", "nbdime", "tests", "files").glob("*.ipynb")):
        name = "multilevel-test" if path.name.startswith("multilevel") else path.stem.partition("--")[0]
        found[name].append(path)
    assert sum(map(len, found.values())) == 53
    return found


def test_notebooks_there_and_back() -> None:
    pairs = 0
    for versions in families().values():
        for old, new in itertools.permutations([read(path.read_bytes(), path.name).value for path in versions], 2):
            there_and_back(old, new)
            pairs += 1
    assert pairs > 150


def test_notebooks_merge_without_a_crash_or_a_lost_edit() -> None:
    """All triples of versions of one notebook."""
    merges = clean = 0
    for versions in families().values():
        for sides in itertools.permutations([read(path.read_bytes(), path.name).value for path in versions], 3):
            merged = merge(*sides)
            merges += 1
            if not merged.conflicts:
                clean += 1
                assert missing_edits(*sides, merged.content) == []
    assert merges > 600
    assert 0 < clean < merges


TRIPLES = [
    *([f"{name}--{number}" for number in (1, 2, 3)] for name in ("inline-conflict", "mixed-conflicts", "output-conflict")),
    [f"source-conflict--{number}" for number in (1, 2, 3)],
    [f"cellids--{side}" for side in ("base", "local", "remote")],
    ["multi_cell_nb", "multi_cell_nb--local", "multi_cell_nb--remote"],
    [f"multilevel-test-{side}" for side in ("base", "local", "remote")],
    ["apap--1", "apap--2", "apap--3"],
]


@pytest.mark.parametrize("names", TRIPLES, ids=lambda names: names[0])
def test_notebook_files_merge_to_strict_json_or_to_conflicts(names: list[str]) -> None:
    folder = suite("nbdime", "nbdime", "tests", "files")
    sides = [(folder / f"{name}.ipynb").read_bytes() for name in names]
    merged = reconcile(*sides)
    if merged.clean:
        values = [read(side).value for side in sides]
        assert missing_edits(*values, read(merged.data).value) == []
    else:
        assert merged.conflicts
        assert b"<<<<<<< ours\n" in merged.data


# JSON Schema

DRAFTS = {
    "draft2020-12": ("https://json-schema.org/draft/2020-12/schema", 2225),
    "draft7": ("http://json-schema.org/draft-07/schema#", 1721),
}

FORMAT = "format is an annotation, as 2020-12 has it by default: nothing is invalid by it"
ANNOTATION = "content keywords are annotations"
DEPENDENCIES = "2020-12 has dependentRequired and dependentSchemas instead"
METASCHEMA = "a metaschema of one's own changes no keyword: jsonschema has no vocabularies"

DIFFERENT: dict[tuple[str, str], dict[str, list[str]]] = {
    ("vocabulary.json", METASCHEMA): {
        "schema that uses custom metaschema with with no validation vocabulary": [
            "no validation: invalid number, but it still validates"
        ],
    },
    ("optional/format-assertion.json", METASCHEMA): {
        "schema that uses custom metaschema with format-assertion: false": ["format-assertion: false: invalid string"],
        "schema that uses custom metaschema with format-assertion: true": ["format-assertion: true: invalid string"],
    },
    ("optional/content.json", ANNOTATION): {
        "validation of string-encoded content based on media type": ["an invalid JSON document"],
        "validation of binary string-encoding": ["an invalid base64 string (% is not a valid character)"],
        "validation of binary-encoded media type documents": [
            "a validly-encoded invalid JSON document",
            "an invalid base64 string that is valid JSON",
        ],
    },
    ("optional/dependencies-compatibility.json", DEPENDENCIES): {
        "single dependency": ["missing dependency"],
        "multiple dependents required": ["missing dependency", "missing other dependency", "missing both dependencies"],
        "dependencies with escaped characters": ["CRLF missing dependent", "quoted quotes missing dependent"],
        "single schema dependency": ["wrong type", "wrong type other", "wrong type both"],
        "boolean subschemas": ["object with property having schema false is invalid", "object with both properties is invalid"],
        "schema dependencies with escaped characters": [
            "quoted quote",
            "quoted tab invalid under dependent schema",
            "quoted quote invalid under dependent schema",
        ],
    },
}
"""(file, reason) -> group -> the tests whose verdict is another one here."""

FORMATS = {"draft2020-12": 388, "draft7": 348}
"""How many of the tests in optional/format say 'invalid', which no format makes here."""


def remotes() -> dict[str, bytes]:
    """The suite's own server, as schemas of a store under the addresses that it serves them at."""
    folder = suite("JSON-Schema-Test-Suite", "remotes")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.json"))}
    assert len(files) > 70
    return {f"http://localhost:1234/{name}": data for name, data in files.items()}


def schema_tests(draft: str) -> Iterator[tuple[str, str, str, bool, bool | str]]:
    """(file, group, test, expected, found) for every test of a draft; found is the message where the schema is refused."""
    folder, served = suite("JSON-Schema-Test-Suite", "tests", draft), remotes()
    for file in sorted(folder.rglob("*.json")):
        for group in json.loads(file.read_text()):
            schema = group["schema"]
            if isinstance(schema, dict):
                schema = {"$schema": DRAFTS[draft][0], **schema}
            text = json.dumps(schema)
            store = SchemaStore({**(served if "localhost" in text else {}), "schemas/x.json": text.encode()})
            ours = store.find("schemas/x.json")
            assert ours is not None
            for test in group["tests"]:
                found: bool | str
                try:
                    found = not validate(read(json.dumps(test["data"]).encode()), ours)
                except Finding as error:
                    found = error.message
                yield file.relative_to(folder).as_posix(), group["description"], test["description"], test["valid"], found


@pytest.mark.parametrize("draft", DRAFTS)
def test_json_schema_offline(draft: str) -> None:
    """The official suite through our store, with its optional parts: no verdict differs but those that are listed."""
    count, formats, different = 0, 0, []
    for file, group, test, expected, found in schema_tests(draft):
        count += 1
        if file.startswith("optional/format/") and not expected and found is True:
            formats += 1  # FORMAT
        elif found is not expected:
            different.append((file, group, test))
    listed = [(file, group, test) for (file, _), groups in DIFFERENT.items() for group, tests in groups.items() for test in tests]
    files = {
        path.relative_to(folder).as_posix()
        for folder in [suite("JSON-Schema-Test-Suite", "tests", draft)]
        for path in folder.rglob("*.json")
    }
    assert sorted(different) == sorted(each for each in listed if each[0] in files)
    assert (count, formats) == (DRAFTS[draft][1], FORMATS[draft])
