"""Automatic patches and manual edits: the whole table of cases, and the law that no manual value is lost without a conflict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from conftest import DOCUMENT, edit, git, keras_file, load, mdrepo, track
from hypothesis import given, settings
from hypothesis import strategies as st

from mdrepo import origins, pointers
from mdrepo.artefacts import Store
from mdrepo.caching import Cache
from mdrepo.changes import MISSING
from mdrepo.deriving import Deriver, Proposal, propose
from mdrepo.extraction import Extractor
from mdrepo.locks import Lock, parse
from mdrepo.patching import replaced
from mdrepo.schemas import Schema, SchemaStore
from mdrepo.staleness import stale


@dataclass
class Reader:
    """An extractor of JSON files: each member is a derived value; what version 2 reads differs where the file says so."""

    version: str = "1"
    name: str = "reader"
    kind: str = "model"
    suffixes: tuple[str, ...] = (".bin",)

    def derive(self, path: Path, _: Mapping[str, Any]) -> Mapping[str, Any]:
        values: dict[str, Any] = json.loads(path.read_bytes())
        return values.get(f"version {self.version}", values)


def directly(extractor: Extractor, path: Path, options: Mapping[str, Any], files: Mapping[str, Path]) -> Mapping[str, Any]:
    """Without a process of its own, which would not know this module's extractor."""
    return extractor.derive(path, {**options, **files})


def schema() -> Schema:
    source = {"kind": "model", "key": "value", "artefact": "/artefact"}
    content = {"properties": {"value": {"x-mdrepo-source": source, "properties": {"list": {"x-mdrepo-key": "id"}}}}}
    found = SchemaStore({"schemas/s.json": json.dumps(content).encode()}).find("schemas/s.json")
    assert found is not None
    return found


SCHEMA = schema()


@dataclass
class World:
    """A document with one derived field `value`, its lock, and the artefacts in a folder."""

    root: Path
    content: Any = field(default_factory=lambda: {"artefact": {"path": "m.bin"}})
    lock: Lock = field(default_factory=Lock)
    reader: Reader = field(default_factory=Reader)
    tracked: dict[str, bytes] = field(default_factory=dict)

    def paths(self) -> Iterable[str]:
        return [f"{name}.dvc" for name in self.tracked]

    def read(self, path: str) -> bytes | None:
        data = self.tracked.get(path.removesuffix(".dvc"))
        if data is None or not path.endswith(".dvc"):
            return None
        digest = hashlib.md5(data).hexdigest()
        return f"outs:\n- md5: {digest}\n  size: {len(data)}\n  path: {path.removesuffix('.dvc')}\n".encode()

    def put(self, name: str, values: Any) -> None:
        self.tracked[name] = (self.root / name).read_bytes() if values is None else json.dumps(values).encode()
        (self.root / name).write_bytes(self.tracked[name])

    def propose(self, *, take: bool = False, keep: bool = False) -> Proposal:
        cache = Cache(self.root / "cache")
        deriver = Deriver(Store(self.root, self.root / "private", cache), cache, directly)
        settled = {"take": [("value",)] if take else [], "keep": [("value",)] if keep else []}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(origins, "extractor_for", lambda kind, path: self.reader if path.endswith(".bin") else None)
            return propose(self.content, SCHEMA, self, lambda _: None, self.lock, deriver, **settled)  # type: ignore[arg-type]

    def apply(self, **how: bool) -> Proposal:
        found = self.propose(**how)
        self.content, self.lock = found.new, found.lock
        return found


FIRST, SECOND, BY_HAND = {"n": 1}, {"n": 2}, {"n": 3}

# what the field is in the end, and what is said: a value, or MISSING; "conflict", "kept", "problem" or nothing
HANDS = ("untouched", "overridden", "deleted", "added")
SOURCES = ("unchanged", "changed", "gone", "renamed", "silent")
EXTRACTORS = ("same", "upgraded", "upgraded, reads the same")


def expected(hand: str, source: str, extractor: str) -> tuple[Any, set[str]]:
    """The rule, as a table: what people did stays; what nobody touched follows; both at once is a conflict."""
    manual = {"untouched": FIRST, "overridden": BY_HAND, "deleted": MISSING, "added": BY_HAND}[hand]
    if source == "gone":
        return manual, {"problem"}
    derived = SECOND if source == "changed" else MISSING if source == "silent" else FIRST
    if extractor == "upgraded" and source != "silent":
        derived = {"n": 20} if source == "changed" else {"n": 10}
    base = MISSING if hand == "added" else FIRST
    known = base is not MISSING or source == "silent"  # that there is nothing to be read is news, once
    said = {"reason"} if known and (source != "unchanged" or extractor != "same") else set()
    if derived == base:
        return manual, said | ({"kept"} if MISSING not in (derived, manual) and manual != base else set())
    if manual == base:
        return derived, said
    return manual, said | ({"conflict"} if manual != derived else set())


def hand_of(world: World, hand: str) -> None:
    if hand in ("overridden", "added"):
        world.content = {**world.content, "value": BY_HAND}
    elif hand == "deleted":
        world.content = {key: value for key, value in world.content.items() if key != "value"}


@pytest.mark.parametrize(("hand", "source", "extractor"), [*product(HANDS, SOURCES, EXTRACTORS)])
def test_the_table_of_cases(tmp_path: Path, hand: str, source: str, extractor: str) -> None:
    world = World(tmp_path)
    world.put("m.bin", {"value": FIRST, "version 2": {"value": FIRST if extractor.endswith("same") else {"n": 10}}})
    if hand != "added":
        world.apply()
        assert world.content["value"] == FIRST
    hand_of(world, hand)
    if extractor != "same":
        world.reader = Reader(version="2")
    match source:
        case "changed":
            read_now = SECOND if extractor.endswith("same") else {"n": 20}
            world.put("m.bin", {"value": SECOND, "version 2": {"value": read_now}})
        case "gone":
            world.tracked.clear()
        case "renamed":
            world.put("moved.bin", json.loads(world.tracked.pop("m.bin")))
            world.content = {**world.content, "artefact": {"path": "moved.bin"}}
        case "silent":
            world.put("m.bin", {"other": 1})
    found = world.apply()
    value, said = expected(hand, source, extractor)
    assert world.content.get("value", MISSING) == value
    told = {"conflict": found.conflicts, "kept": found.kept, "problem": found.problems, "reason": found.reasons}
    assert {name for name, each in told.items() if each} == said
    if found.conflicts:
        [conflict] = found.conflicts
        base = MISSING if hand == "added" else FIRST
        assert (conflict.conflict.path[:1], conflict.source.artefact) == (
            ("value",),
            "moved.bin" if source == "renamed" else "m.bin",
        )
        sides = (pointers.get({"value": each}, conflict.conflict.path, MISSING) for each in (base, value))
        assert (conflict.conflict.base, conflict.conflict.ours) == tuple(sides)
        settled = replace(world, content=world.content)
        settled.apply(keep=True)
        assert settled.content.get("value", MISSING) == value
        assert not settled.propose().stale, "it is settled for good"
        world.apply(take=True)
        assert not world.propose().conflicts
    assert not world.propose().stale or source == "gone"


def test_an_artefact_that_was_renamed_is_found_by_its_bytes(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put("m.bin", {"value": FIRST})
    world.apply()
    world.put("moved.bin", json.loads(world.tracked.pop("m.bin")))
    [problem] = world.propose().problems
    assert "moved.bin has its bytes" in problem


def test_beside_an_open_conflict_what_is_derived_goes_on(tmp_path: Path) -> None:
    """What a patch brought while a conflict was open is the base of the next one, and nobody's edit."""
    world = World(tmp_path)
    items = [{"id": 1, "v": 1}, {"id": 2, "v": 1}]
    world.put("m.bin", {"value": {"n": 1, "other": 1, "items": items}})
    world.apply()
    edited = {"n": 3, "other": 1, "items": [{"id": 9, "v": 9}, {"id": 1, "v": 5}, {"id": 2, "v": 1}]}
    world.content = {**world.content, "value": edited}
    for turn in (2, 3, 4):
        world.put("m.bin", {"value": {"n": turn + 10, "other": turn, "items": [{"id": turn, "v": 1}, {"id": 1, "v": turn}]}})
        found = world.apply()
        assert [each.conflict.path for each in found.conflicts] == [
            ("value", "n"),
            ("value", "items", found.new["value"]["items"].index({"id": 1, "v": 5}), "v"),
        ]
        assert found.conflicts[0].conflict.base == 1
        items = sorted(world.content["value"]["items"], key=lambda each: int(each["id"]))
        assert items == [{"id": 1, "v": 5}, {"id": turn, "v": 1}, {"id": 9, "v": 9}]
        assert world.content["value"]["other"] == turn
        assert world.propose().stale
        again = world.apply()
        assert (again.new, again.lock) == (found.new, found.lock)
    world.apply(take=True)
    assert world.content["value"]["n"] == 14
    assert not world.propose().stale


def test_that_there_is_nothing_to_be_read_is_remembered(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put("m.bin", {"other": 1})
    found = world.apply()
    assert found.reasons == ("m.bin was never read",)
    lock = parse(world.lock.text().encode(), "lock")
    assert lock == world.lock
    assert not world.propose().stale
    assert not stale(world.content, SCHEMA, world, lambda _: None, world.lock)  # type: ignore[arg-type]


KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.dictionaries(KEYS, st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=3), max_size=3)
ITEMS = st.lists(
    st.fixed_dictionaries({"id": st.integers(0, 3), "v": st.integers(0, 2)}), max_size=3, unique_by=lambda each: each["id"]
)
DERIVED = st.fixed_dictionaries({}, optional={"a": st.integers(0, 3), "b": st.integers(0, 3), "c": VALUES, "list": ITEMS})
STEPS = st.lists(
    st.tuples(st.just("artefact"), DERIVED)
    | st.tuples(
        st.just("edit"), st.sampled_from([("a",), ("b",), ("c",), ("c", "a"), ("new",)]), st.integers(0, 3) | st.just(MISSING)
    )
    | st.tuples(st.just("patch"))
    | st.tuples(st.just("upgrade")),
    max_size=8,
)


@settings(max_examples=1000, deadline=None)
@given(DERIVED, STEPS)
def test_no_manual_value_is_ever_lost_without_a_conflict(tmp_path_factory: Any, first: Any, steps: list[Any]) -> None:
    world = World(tmp_path_factory.getbasetemp())
    world.put("m.bin", {"value": first})
    world.apply()
    by_hand: dict[tuple[str, ...], Any] = {}
    edited: set[tuple[str, ...]] = set()
    for step in [*steps, ("patch",)]:
        match step:
            case ("artefact", values):
                world.put("m.bin", {"value": values})
            case ("upgrade",):
                world.reader = Reader(version=str(int(world.reader.version) + 1))
            case ("edit", place, value):
                if not isinstance(pointers.get(world.content, ("value", *place[:-1])), dict):
                    continue
                world.content = replaced(world.content, ("value", *place), value)
                by_hand = {each: old for each, old in by_hand.items() if each[: len(place)] != place and place[: len(each)] != each}
                by_hand[place] = value
                edited.add(place)
            case _:
                base = {path: _at(world.lock, path) for path in by_hand}
                found = world.apply()
                shown = [tuple(map(str, each.conflict.path[1:])) for each in found.conflicts]
                for each in shown:
                    assert any(each[: len(own)] == own or own[: len(each)] == each for own in edited), "nobody wrote there"
                for place, value in [*by_hand.items()]:
                    now = pointers.get(world.content, ("value", *place), MISSING)
                    if value == base[place]:  # as it was derived: nobody can tell it from what nobody touched
                        del by_hand[place]
                        continue
                    met = any(each[: len(place)] == place or place[: len(each)] == each for each in shown)
                    assert now == value, (place, value, now, met)
                    if met:
                        continue
                    if value == _at(world.lock, place):
                        del by_hand[place]  # both came to the same


def _at(lock: Lock, place: tuple[str, ...]) -> Any:
    locked = lock.fields.get("/value")
    return MISSING if locked is None else pointers.get(locked.value, place, MISSING)


def test_where_every_field_comes_from(repo: Path) -> None:
    edit(repo, lambda v: v["structure"].update(framework="mine"))
    edit(repo, lambda v: v["weights"].pop("digest"))
    found = mdrepo("status", "--provenance", DOCUMENT, "--json", cwd=repo).json["documents"]
    [fields] = [each["fields"] for each in found]
    kinds = {each["pointer"]: each["kind"] for each in fields}
    assert kinds["/name"] == "manual"
    assert kinds["/structure"] == "derived"
    assert kinds["/structure/framework"] == "overridden"
    assert kinds["/weights/digest"] == "removed"
    assert kinds["/weights/artefact/path"] == "manual"
    [source] = [each["source"] for each in fields if each["pointer"] == "/structure"]
    assert (source["artefact"], source["extractor"]) == ("models/net.keras", "keras")
    shown = mdrepo("status", "--provenance", cwd=repo).out
    assert "overridden /structure/framework  (written by hand, against models/net.keras by keras" in shown
    assert "Paths go with --provenance" in mdrepo("status", DOCUMENT, cwd=repo, code=2).err
    assert "there is no document" in mdrepo("status", "--provenance", "metadata/ne.json", cwd=repo, code=3).err


def test_what_was_applied_is_not_stale_any_more(repo: Path) -> None:
    track(repo, "models/net.keras", keras_file(3, seed=8))
    assert "merges this" in mdrepo("patch", cwd=repo).err
    mdrepo("patch", "--apply", "--check", cwd=repo)
    mdrepo("set", f"{DOCUMENT}#/structure/parameters/total", "7", cwd=repo)
    track(repo, "models/net.keras", keras_file(4))
    edit(repo, lambda v: v.update(labels=[]))
    mdrepo("patch", "--apply", cwd=repo, code=1)
    told = mdrepo("patch", cwd=repo, code=1)
    assert "conflict" in told.out
    assert "merges this" not in told.err, "nothing is left but what people must settle"


def test_a_renamed_artefact_is_recorded_though_no_value_changes(repo: Path) -> None:
    git("mv", "models/net.keras.dvc", "models/net2.keras.dvc", cwd=repo)
    (repo / "models/net2.keras.dvc").write_text((repo / "models/net2.keras.dvc").read_text().replace("net.keras", "net2.keras"))
    (repo / "models/net.keras").rename(repo / "models/net2.keras")
    told = mdrepo("patch", cwd=repo, code=1).out
    assert "models/net2.keras has its bytes" in told
    mdrepo("set", f"{DOCUMENT}#/weights/artefact/path", '"models/net2.keras"', cwd=repo)
    mdrepo("patch", "--check", cwd=repo, code=1)
    mdrepo("patch", "--apply", cwd=repo)
    mdrepo("patch", "--check", cwd=repo)
    assert "models/net.keras" not in (repo / f"{DOCUMENT}.lock").read_text()


def test_a_field_set_by_hand_outlives_a_patch(repo: Path) -> None:
    mdrepo("set", f"{DOCUMENT}#/structure/parameters/trainable", "7", cwd=repo)
    track(repo, "models/net.keras", keras_file(3, seed=5))
    mdrepo("patch", "--apply", cwd=repo, code=None)
    assert load(repo)["structure"]["parameters"]["trainable"] == 7
