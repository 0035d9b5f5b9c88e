"""Evaluations on a Ray cluster of two workers: the same bytes as on this machine, and clear words where it does not work."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import copied, edit, git, keras_file, mdrepo, npz, settled, track

from mdrepo import configuration
from mdrepo.errors import Finding, MdrepoError, MissingExtra
from mdrepo.evaluation import engines, sharding, shards
from mdrepo.evaluation.processes import Limits

needs_ray = pytest.mark.skipif(not engines.find_spec("ray"), reason="ray is not installed: pip install 'mdrepo-ml[ray]'")
ROWS = 150  # five batches, the last one not full: two shards


@pytest.fixture(scope="module")
def template(repo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A commit and its parent, of one model, whose labels the commit swaps, over test data of several batches; not evaluated."""
    base = tmp_path_factory.getbasetemp()
    with settled(base):
        root = copied(repo_template, tmp_path_factory.mktemp("ray") / "repo")
        random = np.random.default_rng(0)
        track(root, "data/net-test.npz", npz(x=random.normal(size=(ROWS, 4)), y=random.integers(0, 3, ROWS)))
        mdrepo("patch", "--apply", cwd=root)
        mdrepo("commit", "-m", "Parent", "--no-eval", cwd=root)
        edit(root, swapped)
        mdrepo("commit", "-m", "Child", "--no-eval", cwd=root)
    return root


def swapped(content: Any) -> None:
    one, other = content["labels"][:2]
    one["index"], other["index"] = other["index"], one["index"]


def on_ray(root: Path, address: str = "local", *, trusted: bool = True) -> Path:
    file = root / "mdrepo.toml"
    text = file.read_text().replace('engine = "local"', 'engine = "ray"')
    file.write_text(text.replace('ray_address = "local"', f'ray_address = "{address}"'))
    if trusted and address != "local":
        git("config", "--add", "mdrepo.trust", address, cwd=root)
    return root


def note(root: Path) -> bytes:
    return git("notes", "--ref=mdrepo", "show", "HEAD", cwd=root).encode()


@needs_ray
def test_the_note_is_the_same_byte_for_byte(template: Path, tmp_path: Path) -> None:
    here, there = copied(template, tmp_path / "here"), on_ray(copied(template, tmp_path / "there"))
    mdrepo("eval", cwd=here)
    said = mdrepo("eval", cwd=there).err
    assert "in shards, on 2 workers of a Ray cluster (local)" in said
    assert "96 of 150 examples" in said
    assert note(here) == note(there)
    assert json.loads(note(there))["parent"] == git("rev-parse", "HEAD~1", cwd=there).strip()
    kept = [{path.name: path.read_bytes() for path in (root / ".git/mdrepo/cache/outputs").iterdir()} for root in (here, there)]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 1


def task(folder: Path, **arrays: Any) -> dict[str, Any]:
    (folder / "model.keras").write_bytes(keras_file(3))
    (folder / "data.npz").write_bytes(npz(**(arrays or {"x": np.arange(ROWS * 4.0).reshape(ROWS, 4)})))
    named = {"model": folder / "model.keras", "data": folder / "data.npz", "outputs": folder / "out.npy"}
    return {**{key: str(path) for key, path in named.items()}, "suffix": ".npz", "inputs": ["x"], "preprocessing": []}


DIES = """
import os
from mdrepo.errors import MdrepoError
from mdrepo.evaluation import clusters
def fails(*_):
    raise OSError("No space left on device")
def dies(*_):
    os.kill(os.getpid(), 9)
with clusters.Cluster("local") as cluster:
    for clusters.shards.run in (fails, dies):
        try:
            print(list(cluster.answers({"what": "net", "limits": [60]}, {}, iter([{}, {}]))))
        except MdrepoError as error:
            print(error.message)
"""


@needs_ray
def test_a_worker_that_fails_or_dies_is_a_failure() -> None:
    said = subprocess.run([sys.executable, "-c", DIES], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert said[0] == "net: a worker of the Ray cluster local failed: OSError: No space left on device"
    assert any(line.startswith("net: a worker of the Ray cluster local was lost, 2 times: ") for line in said), said


@needs_ray
def test_a_cluster_that_cannot_be_reached(template: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    root = on_ray(copied(template, tmp_path / "repo"), address)
    start = time.monotonic()
    result = mdrepo("eval", cwd=root, code=3)
    assert f"the Ray cluster {address} cannot be reached: ConnectionRefusedError" in result.err
    assert "Traceback" not in result.err
    assert time.monotonic() - start < 20
    edit(root, lambda content: content.update(description="x"))
    edit(root, swapped)
    head = git("rev-parse", "HEAD", cwd=root)
    assert "cannot be reached" in mdrepo("commit", "-a", "-m", "x", cwd=root, code=3).err
    assert git("rev-parse", "HEAD", cwd=root) == head
    assert git("notes", "--ref=mdrepo", "list", cwd=root) == git("notes", "--ref=mdrepo", "list", cwd=template)


def test_the_committed_configuration_alone_does_not_send_models_to_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda _: object())
    monkeypatch.setattr(engines.subprocess, "Popen", lambda *_, **__: pytest.fail("it was asked"))
    with pytest.raises(MdrepoError, match=r"10\.0\.0\.1:6379, whose answers could run code here") as caught:
        engines.engine(Limits(60, 8, engine="ray", ray_address="10.0.0.1:6379")).run(task(tmp_path), "net")
    assert caught.value.hint == "if it is yours: git config --add mdrepo.trust '10.0.0.1:6379'"


def test_ray_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="ray") as caught:
        engines.engine(Limits(60, 8, engine="ray")).run(task(tmp_path), "net")
    assert caught.value.hint == "pip install 'mdrepo-ml[ray]'"


def test_a_program_that_dies_or_hangs_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda _: object())
    engine = engines.engine(Limits(1, 8, engine="ray"))
    monkeypatch.setattr(engines.sys, "executable", "/bin/false")
    with pytest.raises(MdrepoError, match="Ray died while it ran net"):
        engine.run(task(tmp_path), "net")
    sleeps = tmp_path / "sleeps"
    sleeps.write_text("#!/bin/sh\nsleep 100\n")
    sleeps.chmod(0o755)
    monkeypatch.setattr(engines.sys, "executable", str(sleeps))
    monkeypatch.setattr(engines, "_SPARE", -1)
    with pytest.raises(MdrepoError, match="Ray died while it ran net"):
        engine.run(task(tmp_path), "net")


@pytest.mark.parametrize(
    "line", ['engine = "spark"', "engine = 1", 'ray_address = "head"', 'ray_address = "http://a:1"', "ray_address = 7"]
)
def test_configuration(line: str) -> None:
    with pytest.raises(Finding, match=f"evaluation.{line.partition(' ')[0]} cannot be"):
        configuration.read(f"[evaluation]\n{line}")


def test_addresses() -> None:
    for address in ("local", "head:6379", "ray://10.0.0.1:10001", "[::1]:6379"):
        assert configuration.read(f'[evaluation]\nray_address = "{address}"').evaluation.ray_address == address


class Here:
    """Workers that are none: they say what they were asked, and answer with what `makes` gives for a shard's inputs."""

    workers = 2

    def __init__(self, makes: Callable[[Any, Any], dict[str, Any]]) -> None:
        self.makes = makes
        self.asked: list[tuple[Any, int]] = []

    def answers(self, asked: Any, model: Any, cut: Any) -> Any:
        for arrays in cut:
            inputs = np.load(io.BytesIO(arrays["data.npz"]))["x"]
            self.asked.append((asked["task"], len(inputs)))
            files = {name: shards.written(array) for name, array in self.makes(asked["task"], inputs).items()}
            yield {"held": ["memory", *(["network"] if len(self.asked) == 1 else [])], "files": files}


def sharded(asked: dict[str, Any]) -> sharding.Sharded:
    return sharding.Sharded(asked, "net", [60, 8, []])


def test_shards_are_whole_batches_and_put_together_in_order(tmp_path: Path) -> None:
    asked, told = task(tmp_path), []
    by = Here(lambda _, inputs: {"outputs.npy": inputs[:, :2]})
    assert sharded(asked).run(by, lambda *each: told.append(each)) == ["memory"]
    assert [count for _, count in by.asked] == [96, 54]
    assert told == [(96, 150), (150, 150)]
    assert (np.load(asked["outputs"]) == np.arange(ROWS * 4.0).reshape(ROWS, 4)[:, :2]).all()


def test_a_shard_is_no_larger_than_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "_LARGEST", 32 * 4 * 8)
    by = Here(lambda _, inputs: {"outputs.npy": inputs})
    sharded(task(tmp_path)).run(by, lambda *_: None)
    assert [count for _, count in by.asked] == [32, 32, 32, 32, 22]


def test_a_model_with_a_batch_of_its_own_is_run_over_all_at_once(tmp_path: Path) -> None:
    asked = task(tmp_path)
    by = Here(lambda task, inputs: {} if task["part"] else {"outputs.npy": inputs})
    sharded(asked).run(by, lambda *_: None)
    assert [(task["part"], count) for task, count in by.asked] == [(True, 96), (False, 150)]
    assert np.load(asked["outputs"]).shape == (150, 4)


def planned(folder: Path, **changes: Any) -> dict[str, Any]:
    np.save(folder / "source.npy", np.arange(ROWS * 2, dtype="float32").reshape(ROWS, 2))
    plan = {
        "operations": [], "sources": [((1, 0), str(folder / "source.npy"))], "targets": [((2, 0), str(folder / "target.npy"))],
        "optional": [((3, 0), str(folder / "optional.npy"))], "limit": 1 << 20, "input": None, "failed": str(folder / "failed"),
    }  # fmt: skip
    return {**task(folder), "plan": {**plan, **changes}}


def test_activations_from_shards(tmp_path: Path) -> None:
    def makes(_: Any, inputs: Any) -> dict[str, Any]:
        count = (96, 54)[len(by.asked) - 1]
        made = np.full((count, 3), len(by.asked), "float32")
        return {"target-0.npy": made, **({"optional-0.npy": made} if len(by.asked) == 1 else {})}

    by = Here(makes)
    sharded(planned(tmp_path)).run(by, lambda *_: None)
    assert np.load(tmp_path / "target.npy")[:, 0].tolist() == [1.0] * 96 + [2.0] * 54
    assert not (tmp_path / "optional.npy").exists()  # one of the workers did not keep it
    assert by.asked[0][0]["plan"]["sources"] == [((1, 0), "source-0.npy")]


def test_a_plan_that_fails_on_a_worker_is_given_up(tmp_path: Path) -> None:
    asked = planned(tmp_path)
    by = Here(lambda task, inputs: {"failed": np.zeros(1)} if "plan" in task else {"outputs.npy": inputs})
    sharded(asked).run(by, lambda *_: None)
    assert (tmp_path / "failed").exists()
    assert not (tmp_path / "target.npy").exists()
    assert np.load(asked["outputs"]).shape == (150, 4)


def test_workers_with_other_versions_and_links_are_refused(tmp_path: Path) -> None:
    asked = {**sharded(task(tmp_path)).asked, "runs": "mdrepo 0.0", "task": {}}
    answer = shards.run(asked, {}, {})
    assert re.match("net: a worker of the Ray cluster has mdrepo .*, and here it is mdrepo 0.0", answer["error"])
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved/x").symlink_to("/etc/hostname")
    with pytest.raises(MdrepoError, match="its x is a link"):
        shards.packed(tmp_path / "saved")
    with pytest.raises(MdrepoError, match="net: the data have no array or column 'x'"):
        sharded(task(tmp_path, z=[1]))
