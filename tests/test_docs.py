"""The documentation is true: its commands run and print what it says; its site is whole and loads nothing from elsewhere.

In a block `console`, lines with `$ ` are commands; `# exit N` behind one says how it ends. Other lines are a part of what the
command before prints; figures in them may be other figures. A block with a title is a file. Pages begin in a copy of the demo's
repository, if nothing else is said below.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, git

DOCS = ROOT / "docs"
BIN = Path(sys.executable).parent
_FENCE = re.compile(r"^( *)```(\w+)?(?: title=\"([^\"]+)\")?[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_FIGURE = re.compile(r"[-+]?\d[\d.,]*")
# these make what a test is in already: the environment, a repository, the demo's folder
_DONE = ("make ", "pip install 'mdrepo-ml", "pip install '.[", "pip install . ", "mdrepo demo")


@dataclass
class Step:
    """A command with what it prints, or a file to write."""

    command: str = ""
    printed: list[str] = field(default_factory=list)
    code: int = 0
    file: str = ""
    text: str = ""


def fences(page: Path) -> Iterator[tuple[str, str, str]]:
    """Language, title and text of each block."""
    for indent, language, title, text in _FENCE.findall(page.read_text(encoding="utf-8")):
        yield language, title, re.sub(f"^{indent}", "", text, flags=re.MULTILINE)


def steps(page: Path) -> Iterator[Step]:
    for language, title, text in fences(page):
        if title:
            yield Step(file=title, text=text)
        elif language == "console":
            yield from _commands(text)


def _commands(text: str) -> Iterator[Step]:
    found: Step | None = None
    for line in text.splitlines():
        if line.startswith("$ "):
            if found:
                yield found
            ended = re.search(r"# exit (\d+)$", line)
            found = Step(line[2:], code=int(ended.group(1)) if ended else 0)
        elif line.strip() and found:
            found.printed.append(line)
    if found:
        yield found


def pages() -> list[str]:
    written = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [str(page.relative_to(ROOT)) for page in written if any(steps(page))]


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """The environment of a page's commands: mdrepo on the path, and a pip that installs into a folder of the test's own."""
    tools, packages = tmp_path / "tools", tmp_path / "packages"
    tools.mkdir()
    words = f"{sys.executable} -m pip install -q --no-deps --no-build-isolation --disable-pip-version-check --target {packages}"
    (tools / "pip").write_text(f'#!/bin/sh\nshift\nexec {words} "$@"\n')
    (tools / "pip").chmod(0o755)
    path = os.pathsep.join([str(tools), str(BIN), os.environ["PATH"]])
    # whatever a reader's git calls the first branch
    branch = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "init.defaultBranch", "GIT_CONFIG_VALUE_0": "trunk"}
    return {**os.environ, **branch, "PATH": path, "PYTHONPATH": str(packages), "COLUMNS": "140"}


def _project(demo: Path, place: Path) -> Path:
    """A repository of git and DVC, with a model, its test data and a card that somebody wrote, which has never heard of mdrepo."""
    artefacts = ("models/digits.keras", "data/digits-test.npz")
    shutil.copytree(demo / ".dvc", place / ".dvc")
    for name in [".dvcignore", *artefacts, *(f"{path}.dvc" for path in artefacts)]:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(demo / name, place / name)
    (place / ".gitignore").write_text("".join(f"/{path}\n" for path in artefacts))
    card = next(text for language, title, text in fences(DOCS / "how-to/adopt.md") if language == "json" and not title)
    (place / "cards").mkdir()
    (place / "cards/digits.json").write_text(card)
    git("init", "-q", cwd=place)
    git("add", "-A", cwd=place)
    git("commit", "-qm", "As it was", cwd=place)
    return place


@pytest.mark.parametrize("name", pages())
def test_every_command_of_a_page_does_what_the_page_says(name: str, demo: Path, tmp_path: Path, shell: dict[str, str]) -> None:
    here = demo
    if name == "docs/tutorial.md":
        here = tmp_path / "home"
        here.mkdir()
        shutil.copytree(demo, here / "mdrepo-demo", symlinks=True)
    elif name == "docs/how-to/adopt.md":
        here = _project(demo, tmp_path / "project")
    place = tmp_path / "place"
    for step in steps(ROOT / name):
        if step.file:
            (here / step.file).parent.mkdir(parents=True, exist_ok=True)
            (here / step.file).write_text(step.text)
        elif not step.command.startswith(_DONE) and step.command != "cd mdrepo-demo":
            here = _run(step, here, place, shell)


def _run(step: Step, here: Path, place: Path, shell: dict[str, str]) -> Path:
    """Run a command; where the shell is afterwards."""
    words = ["bash", "-c", f'{step.command}\ncode=$?; pwd > "$PLACE"; exit $code']
    env = {**shell, "PLACE": str(place)}
    done = subprocess.run(words, cwd=here, capture_output=True, text=True, check=False, env=env, stdin=subprocess.DEVNULL)
    told = done.stdout + done.stderr
    assert done.returncode == step.code, f"{step.command}: exit {done.returncode}\n{told}"
    assert "Traceback" not in told, told
    printed = _FIGURE.sub("0", told)
    for line in step.printed:
        assert _FIGURE.sub("0", line.strip()) in printed, f"{step.command} does not print {line.strip()!r}, but\n{told}"
    return Path(place.read_text().strip())


def test_blocks_of_json_yaml_and_toml_can_be_read() -> None:
    readers: dict[str, Any] = {"json": json.loads, "yaml": yaml.safe_load, "toml": tomllib.loads}
    found = set()
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        for language, _, text in fences(page):
            if language in readers:
                readers[language](text)
                found.add(language)
    assert found == {"json", "yaml", "toml"}


def test_make_has_the_targets_that_the_readme_names() -> None:
    for step in steps(ROOT / "README.md"):
        if step.command.startswith("make "):
            target = shlex.split(step.command, comments=True)[1]
            subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def test_the_readme_s_generated_parts_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pages_link_to_files_that_exist() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, with every warning an error, from a machine that reaches no other."""
    folder = tmp_path_factory.mktemp("site")
    words = [str(BIN / "mkdocs"), "build", "--strict", "--quiet", "--site-dir", str(folder)]
    alone = ["unshare", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        alone = []  # this kernel does not let us
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run([*alone, *words], cwd=ROOT, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_has_every_page_and_every_command(site: Path) -> None:
    from mdrepo.cli import COMMANDS

    commands = (site / "reference/commands.html").read_text(encoding="utf-8")
    answers = (site / "reference/answers.html").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f'id="mdrepo-{name}"' in commands
    assert 'id="mdrepo-commit-rollback-merge-pull"' in answers
    assert "mdrepo.errors.Busy" in (site / "reference/exit-codes.html").read_text(encoding="utf-8")
    assert "mdrepo.repository.Repository.commit" in (site / "reference/python.html").read_text(encoding="utf-8")


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    tags = (
        r"<(?:script|img|iframe|source)[^>]*\bsrc=\"([^\"]+)\"",
        r"<link[^>]*\brel=\"(?:stylesheet|icon|pre\w+)\"[^>]*\bhref=\"([^\"]+)\"",
    )
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = [address for tag in tags for address in re.findall(tag, text)]
        assert loaded
        for address in loaded:
            assert not re.match(r"(https?:)?//", address), f"{page.name}: {address}"
