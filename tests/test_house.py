"""The house itself: import order, packages that work wherever they are installed."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, git

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    words = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache", "--config", "pyproject.toml"]
    return subprocess.run(words, cwd=root, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(root)})


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("errors.py", "from . import repository", "The house"),
        ("documents.py", "from .cli import main", "The house"),
        ("repository.py", "import pandas", "Each heavy library has one owner"),
        ("evaluation/metrics.py", "import tensorflow", "Each heavy library has one owner"),
        ("extraction/images.py", "import cv2", "Each heavy library has one owner"),
        (None, "", ""),
    ],
)
def test_a_wrong_import_fails_the_lint(tmp_path: Path, module: str | None, line: str, contract: str) -> None:
    shutil.copytree(ROOT / "mdrepo", tmp_path / "mdrepo", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    if module:
        file = tmp_path / "mdrepo" / module
        file.write_text(file.read_text() + f"\n\n{line}\n")
    done = lint_imports(tmp_path)
    assert (done.returncode == 0) == (module is None), done.stdout
    if module:
        broken = re.findall(r"^(.+) BROKEN", done.stdout, re.MULTILINE)
        assert any(name.startswith(contract) for name in broken), done.stdout


def test_modules_are_small() -> None:
    for file in (ROOT / "mdrepo").rglob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 350, file.name


def test_every_extra_that_the_code_names_exists() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"])
    assert extras == {
        "eval",
        "data",
        "dvc",
        "diff",
        "review",
        "demo",
        "all",
        "dev",
        "bench",
        "docs",
        "images",
        "opencv",
        "ray",
        "tflite",
    }
    for file in (ROOT / "mdrepo").rglob("*.py"):
        for name in re.findall(r'MissingExtra\("\w+", "(\w+)"\)', file.read_text(encoding="utf-8")):
            assert name in extras


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and the sdist, built from a copy of the tracked files, the wheel from the sdist."""
    base = tmp_path_factory.mktemp("packages")
    source = base / "source"
    for path in git("ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines():
        if (ROOT / path).is_file():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, source / path)
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(base / "dist"), str(source)]
    subprocess.run(words, check=True, capture_output=True)
    return base / "dist"


def test_a_wheel_installed_elsewhere_passes_the_installed_part(packages: Path, tmp_path: Path) -> None:
    """`pip install` of the wheel alone, no extras, in a new environment; the tests run from a folder of their own."""
    [wheel] = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {"mdrepo/reporting/html/review.html", "mdrepo/reporting/html/review.css"} <= set(archive.namelist())
    assert [path.name for path in packages.glob("*.tar.gz")]
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv/bin/python"
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", str(wheel), "pytest"]
    subprocess.run([*install, "-c", str(ROOT / "constraints.txt")], check=True, capture_output=True)
    shutil.copytree(ROOT / "tests/installed", tmp_path / "tests")
    words = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


def test_the_sdist_has_what_it_needs_to_be_built_and_tested(packages: Path) -> None:
    import tarfile

    [sdist] = packages.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"schemas/model.schema.json", "mdrepo/cli/__init__.py", "tests/conftest.py", "LICENSE", "pyproject.toml"} <= names


def test_nothing_names_a_registry_or_a_machine() -> None:
    for path in git("ls-files", cwd=ROOT).splitlines():
        if path.startswith("tests/") or not (ROOT / path).is_file():
            continue
        text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
        assert not re.search(r"(?<![\w.])/(work|farm|root|home/\w+)/", text), path
        assert "index-url" not in text, path


@pytest.mark.parametrize("name", ["reader", "repository"])
def test_what_is_imported_for_types_alone_is_used_for_types_alone(name: str) -> None:
    tree = ast.parse((ROOT / "mdrepo" / f"{name}.py").read_text())
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    types = {each.name for block in blocks for node in ast.walk(block) if isinstance(node, ast.ImportFrom) for each in node.names}
    used = {node.lineno: node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in types}
    written = [each for node in ast.walk(tree) for each in _annotations(node)]
    annotated = {node.lineno for each in written for node in ast.walk(each) if isinstance(node, ast.Name)}
    assert types
    assert {line: word for line, word in used.items() if line not in annotated} == {}


def _annotations(node: ast.AST) -> list[ast.expr]:
    match node:
        case (
            ast.FunctionDef(returns=ast.expr() as found) | ast.arg(annotation=ast.expr() as found) | ast.AnnAssign(annotation=found)
        ):
            return [found]
    return []
