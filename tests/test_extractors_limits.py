"""Extractors run in a process of their own: a plugin may raise, crash or never end; the artefact is named, the rest is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import DOCUMENT, ROOT, edit, git, keras_file, mdrepo, track

from mdrepo.extraction import ExtractionError
from mdrepo.extraction.keras import EXTRACTOR as KERAS
from mdrepo.extraction.running import Runner

PLUGIN = """
import ctypes, os, subprocess, time

class Plugin:
    name, kind, version, suffixes = "plugin", "data", "1", (".plug",)

    def derive(self, path, options):
        print("a plugin that talks")
        what = path.read_text()
        if what == "raises":
            raise RuntimeError("no luck\\nat all")
        if what == "sleeps":
            time.sleep(1000)
        if what == "loops":
            while True:
                pass
        if what == "eats":
            bytearray(3 << 30)
        if what == "crashes":
            ctypes.string_at(0)
        if what == "exits":
            os._exit(7)
        if what == "recurses":
            return self.derive(path, options)
        if what == "leaves":  # a copy of the process keeps the pipe open, and the process never ends
            if os.fork() == 0:
                path.with_suffix(".pid").write_text(str(os.getpid()))
                time.sleep(60)
                os._exit(0)
            time.sleep(60)
        if what == "starts":
            with path.with_suffix(".pid").open("w") as file:
                subprocess.run(["sh", "-c", "echo $$; exec sleep 60"], stdout=file)
        if what == "forks" and os.fork() == 0:
            return {"format": "copy", "examples": 4}
        if what == "nan":
            return {"examples": float("nan")}
        if what == "no json":
            return {"examples": {1, 2}}
        return {"format": "plug", "examples": 3}

class Models(Plugin):
    name, kind, suffixes = "models", "model", (".plugm",)

    def derive(self, path, options):
        with path.with_suffix(".read").open("a") as file:
            file.write("x")
        return super().derive(path, options)

PLUGIN = Plugin()
MODELS = Models()
LACKING = object()
"""

ENTRIES = (
    "[mdrepo.extractors]\nplugin = plugin:PLUGIN\nmodels = plugin:MODELS\nbroken = no_such_module:X\nlacking = plugin:LACKING\n"
)

REASONS = {
    "raises": "the extractor plugin failed: RuntimeError: no luck",
    "sleeps": "reading it was not done after 1 s ([extraction] in mdrepo.toml has the limit)",
    "loops": "reading it was not done after 1 s",
    "eats": "reading it takes more than 1 GiB of memory",
    "crashes": "the process that read it died (signal 11)",
    "exits": "the process that read it died (exit code 7)",
    "recurses": "it is nested too deeply",
    "leaves": "reading it was not done after 1 s",
    "starts": "reading it was not done after 1 s",
    "nan": "the extractor plugin failed: ValueError",
    "no json": "the extractor plugin failed: TypeError",
}


@pytest.fixture
def plugged(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository, where a plugin is installed, two others are broken, and reading has a second and a GiB."""
    site = tmp_path / "site"
    (site / "plugin-1.0.dist-info").mkdir(parents=True)
    (site / "plugin.py").write_text(PLUGIN)
    (site / "plugin-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (site / "plugin-1.0.dist-info/entry_points.txt").write_text(ENTRIES)
    monkeypatch.setenv("PYTHONPATH", str(site))
    text = (repo / "mdrepo.toml").read_text()
    assert "\n[extraction]\ntimeout = 300 " in text
    (repo / "mdrepo.toml").write_text(
        text.replace("timeout = 300 ", "timeout = 1 ").replace(
            "memory = 16        # GiB for the process that reads", "memory = 1 #"
        )
    )
    return repo


def plug(root: Path, name: str) -> None:
    track(root, f"data/{name}.plug", name.replace("-", " ").encode())
    content = {"$schema": "urn:mdrepo:dataset:1", "name": name, "artefact": {"path": f"data/{name}.plug"}}
    (root / f"metadata/{name}.json").write_text(json.dumps(content))


def test_whatever_a_plugin_does_the_rest_is_done(plugged: Path) -> None:
    for name in [*REASONS, "forks", "works"]:
        plug(plugged, name.replace(" ", "-"))
    track(plugged, "models/net.keras", keras_file(4))
    start = time.monotonic()
    result = mdrepo("patch", "--apply", "--json", cwd=plugged, code=None)
    assert time.monotonic() - start < 120  # each has a second, and what is begun anew begins slowly on a busy machine
    problems = result.json["problems"]
    for name, reason in REASONS.items():
        [found] = [each for each in problems if f"data/{name.replace(' ', '-')}.plug" in json.dumps(each)]
        assert reason in json.dumps(found)
    for name in ("forks", "works"):
        assert json.loads((plugged / f"metadata/{name}.json").read_text())["examples"] == 3
    for name in ("leaves", "starts"):
        pid = (plugged / f"data/{name}.pid").read_text().strip()
        state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False).stdout
        assert state.strip()[:1] in ("", "Z"), "it is gone, or dead and only not waited for"
    assert json.loads((plugged / DOCUMENT).read_text())["structure"]["outputs"] == [{"name": "head", "shape": [None, 4]}]
    assert len(problems) == len(REASONS)
    assert set(result.err.splitlines()) >= {"reading sleeps.plug ...", "reading loops.plug ..."}
    assert "reading" not in mdrepo("--quiet", "patch", cwd=plugged, code=None).err


@pytest.mark.parametrize("what", ["raises", "sleeps"])
def test_what_fails_is_read_once_and_told_once(plugged: Path, what: str) -> None:
    track(plugged, "models/net.plugm", what.encode())
    edit(plugged, lambda v: v["weights"]["artefact"].update(path="models/net.plugm"))
    result = mdrepo("patch", "--json", cwd=plugged, code=1)
    assert len(result.json["problems"]) == 1, result.json["problems"]
    assert (plugged / "models/net.read").read_text() == "x"
    assert result.err.count("reading net.plugm") == (what == "sleeps")


def test_a_plugin_that_cannot_be_loaded_is_named_and_stops_nothing(plugged: Path) -> None:
    mdrepo("patch", "--check", cwd=plugged)
    said = mdrepo("doctor", cwd=plugged, code=1).out
    assert "the extractor broken cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'" in said
    assert "the extractor lacking cannot be loaded: it lacks an attribute" in said
    track(plugged, "data/net-test.other", b"x")
    edit(plugged, lambda v: v["artefact"].update(path="data/net-test.other"), "metadata/net-test.json")
    said = mdrepo("patch", cwd=plugged, code=1).out
    assert "no extractor reads data/net-test.other as data; the extractor broken cannot be loaded" in said


def test_a_field_is_stale_where_its_extractor_is_not_installed(plugged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(plugged, "works")
    mdrepo("patch", "--apply", cwd=plugged)
    track(plugged, "data/works.plug", b"works again")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert "no extractor reads data/works.plug as data" in mdrepo("patch", "--apply", cwd=plugged, code=1).out
    git("add", "-A", cwd=plugged)
    for arguments in (["status"], ["patch", "--check", "--staged"]):
        said = mdrepo(*arguments, cwd=plugged, code=None)
        assert "data/works.plug has changed since the last patch, and its extractor is not installed here" in said.out
        assert said.code == (arguments != ["status"])


def test_no_module_of_the_folder_where_a_command_runs_is_run(repo: Path) -> None:
    """`python -m` would take a file of the work tree for a library."""
    for name in ("h5py", "json", "tempfile", "numpy"):
        (repo / f"{name}.py").write_text("open('executed', 'w').close()\n")
    track(repo, "models/net.keras", keras_file(5))
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mdrepo"), "patch", "--apply"], cwd=repo, capture_output=True, text=True, check=False
    )
    assert "changes merged" in done.stdout, done
    assert not (repo / "executed").exists()


def test_a_process_serves_again_after_one_that_died(tmp_path: Path) -> None:
    (tmp_path / "bad.keras").write_bytes(b"PK")
    (tmp_path / "good.keras").write_bytes(keras_file(3))
    run = Runner(20, 4)
    with pytest.raises(ExtractionError, match=r"not a \.keras file"):
        run(KERAS, tmp_path / "bad.keras", {}, {})
    first = run._process
    assert first is not None
    assert run(KERAS, tmp_path / "good.keras", {}, {}) == KERAS.derive(tmp_path / "good.keras", {})
    assert run._process is first
    os.kill(first.pid, 9)
    first.wait()
    with pytest.raises(ExtractionError):
        run(KERAS, tmp_path / "good.keras", {}, {})
    assert run(KERAS, tmp_path / "good.keras", {}, {})["digest"]
    second = run._process
    assert second is not None
    del run
    assert second.poll() is not None


def test_a_package_that_is_not_installed_is_named_with_its_extra(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/h5py.py").write_text("raise ImportError('not here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    track(repo, "models/net.keras", keras_file(5))
    said = mdrepo("patch", cwd=repo, code=3).err
    assert "this needs the package h5py, which is not installed" in said
    assert "pip install 'mdrepo-ml[data]'" in said
