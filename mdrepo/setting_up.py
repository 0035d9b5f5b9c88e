"""Setting a repository up, and saying what of it is set up: `init` and `doctor`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from . import artefacts, configuration
from .catalogue import Catalogue
from .errors import Finding, MdrepoError, MissingExtra
from .files import write
from .results import Check, Step
from .snapshots import Git, GitError
from .workspace import Workspace

_ATTRIBUTES = "*.json.lock linguist-generated\n"
_OLDEST_GIT = (2, 31)


def initialise(folder: Path) -> tuple[Workspace, list[Step]]:
    """Set a repository up, or repair its set-up; what is there is kept."""
    steps: list[Step] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MdrepoError(f"{folder}: {error.strerror}") from None
    try:
        git = Git.find(folder)
        steps.append(Step("git", "kept", f"the git repository {git.root}"))
    except GitError as error:
        if error.hint is None or "init" not in error.hint:
            raise
        git = Git.init(folder)
        steps.append(Step("git", "done", f"a new git repository in {git.root}"))
    steps.append(_dvc(git.root))
    steps.append(_configuration(git.root))
    steps.append(_attributes(git.root))
    workspace = Workspace(git)
    steps.append(_documents(workspace))
    return workspace, steps


def _dvc(root: Path) -> Step:
    if (root / ".dvc").is_dir():
        return Step("dvc", "kept", "DVC is set up")
    try:
        artefacts.initialise(root)
    except MissingExtra as error:
        return Step("dvc", "left", f"DVC is not installed, so no data are tracked: {error.hint}, then 'mdrepo init' again")
    return Step("dvc", "done", "DVC tracks data and models: .dvc/, .dvcignore")


def _configuration(root: Path) -> Step:
    if (root / configuration.FILE).exists():
        configuration.read((root / configuration.FILE).read_text(encoding="utf-8"))
        return Step("configuration", "kept", configuration.FILE)
    write(root, configuration.FILE, configuration.TEMPLATE)
    return Step("configuration", "done", f"{configuration.FILE}, with the defaults")


def _attributes(root: Path) -> Step:
    file = root / ".gitattributes"
    present = file.read_text(encoding="utf-8") if file.exists() else ""
    if _ATTRIBUTES.strip() in present.splitlines():
        return Step("attributes", "kept", ".gitattributes marks lock files as generated")
    separator = "" if not present or present.endswith("\n") else "\n"
    write(root, ".gitattributes", present + separator + _ATTRIBUTES)
    return Step("attributes", "done", ".gitattributes marks lock files as generated, so that reviews fold them")


def _documents(workspace: Workspace) -> Step:
    work = workspace.work()
    if not work.paths:
        return Step("documents", "kept", "no documents yet: 'mdrepo new model NAME' makes one")
    without = [path for path in work.paths if not _has_schema(work, path)]
    if without:
        hint = 'add "$schema" to them, or bind one in [schemas] of mdrepo.toml'
        return Step("documents", "left", f"{len(without)} of {len(work.paths)} JSON files name no schema ({without[0]}): {hint}")
    return Step("documents", "kept", f"{len(work.paths)} documents")


def _has_schema(work: Catalogue, path: str) -> bool:
    try:
        work.schema(path)
    except Finding:
        return False
    return True


def diagnose(start: Path) -> Iterator[Check]:
    """What is set up and what is not, one thing after the other."""
    yield _git_version()
    try:
        workspace = Workspace.open(start)
    except MdrepoError as error:
        yield Check("repository", False, error.message, error.hint)
        return
    yield Check("repository", True, str(workspace.root))
    try:
        workspace.git.identity()
        yield Check("identity", True, "git knows who you are")
    except GitError as error:
        yield Check("identity", False, error.message, error.hint)
    yield _configured(workspace)
    dvc = (workspace.root / ".dvc").is_dir()
    yield Check("dvc", dvc, "DVC is set up" if dvc else "DVC is not set up here", None if dvc else "mdrepo doctor --fix")
    attributes = workspace.root / ".gitattributes"
    marked = attributes.exists() and _ATTRIBUTES.strip() in attributes.read_text(encoding="utf-8").splitlines()
    words = "lock files are marked as generated" if marked else "lock files are not marked as generated"
    yield Check("attributes", marked, words, None if marked else "mdrepo doctor --fix")
    for package, extra in (("tensorflow", "eval"), ("h5py", "data"), ("pandas", "data"), ("dvc", "dvc"), ("deepdiff", "diff")):
        found = find_spec(package) is not None
        words = f"{package} is {'' if found else 'not '}installed (extra {extra})"
        yield Check(f"extra {extra}", found, words, None if found else f"pip install 'mdrepo-ml[{extra}]'")


def _configured(workspace: Workspace) -> Check:
    if not (workspace.root / configuration.FILE).exists():
        return Check("configuration", False, f"there is no {configuration.FILE}: the defaults hold", "mdrepo doctor --fix")
    try:
        documents = len(workspace.work().paths)
    except Finding as error:
        return Check("configuration", False, error.message, error.hint)
    return Check("configuration", True, f"{configuration.FILE}: {documents} documents")


def _git_version() -> Check:
    try:
        words = subprocess.run(["git", "--version"], capture_output=True, check=True, text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return Check("git", False, "git is not installed", "install git 2.31 or newer")
    found = tuple(int(part) for part in words[2].split(".")[:2])
    return Check("git", found >= _OLDEST_GIT, f"git {words[2]}", None if found >= _OLDEST_GIT else "install git 2.31 or newer")
