"""Setting a repository up, and saying what of it is set up: `init` and `doctor`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from . import artefacts, configuration
from .errors import Finding, MdrepoError, MissingExtra
from .extraction import broken
from .files import write
from .plumbing import GitError
from .results import Check, Step
from .snapshots import Git
from .workspace import Workspace

_LOCKS = "*.json.lock linguist-generated merge=mdrepo"
_SETTINGS = {
    "merge.mdrepo.name": "mdrepo: field by field",
    # Where mdrepo is not on the PATH, or fails, git's own merge: a driver that only fails would leave ours without a marker.
    "merge.mdrepo.driver": (
        "mdrepo merge-driver %O %A %B %L %P || { code=$?; [ $code -eq 1 ] && exit 1; "
        "git merge-file --diff3 --marker-size=%L -L ours -L base -L theirs %A %O %B; }"
    ),
    "diff.mdrepo.xfuncname": '^ *("[^"]+": *[[{])',
}
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
    workspace = Workspace(git)
    steps.append(_attributes(workspace))
    steps.append(set_driver(git))
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


def _wanted_attributes(workspace: Workspace) -> list[str]:
    return [_LOCKS, *(f"{pattern} merge=mdrepo diff=mdrepo" for pattern in workspace.configuration.documents.include)]


def _missing_attributes(workspace: Workspace) -> list[str]:
    file = workspace.root / ".gitattributes"
    present = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line for line in _wanted_attributes(workspace) if line not in present]


def _attributes(workspace: Workspace) -> Step:
    missing = _missing_attributes(workspace)
    if not missing:
        return Step("attributes", "kept", ".gitattributes says how documents and lock files are merged")
    file = workspace.root / ".gitattributes"
    present = file.read_text(encoding="utf-8") if file.exists() else ""
    separator = "" if not present or present.endswith("\n") else "\n"
    write(workspace.root, ".gitattributes", present + separator + "".join(f"{line}\n" for line in missing))
    return Step("attributes", "done", ".gitattributes: documents merge field by field, reviews fold lock files")


def set_driver(git: Git) -> Step:
    """Make mdrepo the merge driver of a clone."""
    missing = {name: value for name, value in _SETTINGS.items() if git.setting(name) != value}
    for name, value in missing.items():
        git.run("config", "--local", name, value)
    return Step("driver", "done" if missing else "kept", "git merges documents with mdrepo's merge driver, in this clone")


def _documents(workspace: Workspace) -> Step:
    work = workspace.work()
    if not work.paths:
        return Step("documents", "kept", "no documents yet: 'mdrepo new model NAME' makes one")
    without = [path for path in work.paths if work.schema_or_none(path) is None]
    if without:
        hint = 'add "$schema" to them, or bind one in [schemas] of mdrepo.toml'
        return Step("documents", "left", f"{len(without)} of {len(work.paths)} JSON files name no schema ({without[0]}): {hint}")
    return Step("documents", "kept", f"{len(work.paths)} documents")


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
    missing = _missing_attributes(workspace)
    words = f".gitattributes lacks: {missing[0]}" if missing else ".gitattributes says how documents are merged"
    yield Check("attributes", not missing, words, "mdrepo doctor --fix" if missing else None)
    unset = [name for name, value in _SETTINGS.items() if workspace.git.setting(name) != value]
    words = f"git has no setting {unset[0]} in this clone" if unset else "git merges documents with mdrepo's merge driver"
    yield Check("driver", not unset, words, "mdrepo doctor --fix" if unset else None)
    for name, reason in broken().items():
        yield Check("plugin", False, f"the extractor {name} cannot be loaded: {reason}", "update or remove the package that has it")
    for package, extra in (("tensorflow", "eval"), ("h5py", "data"), ("pandas", "data"), ("dvc", "dvc"), ("deepdiff", "diff")):
        found = find_spec(package) is not None
        words = f"{package} is {'' if found else 'not '}installed (extra {extra})"
        yield Check(f"extra {extra}", found, words, None if found else f"pip install 'mdrepo-ml[{extra}]'")
    readers = [shown for package, shown in (("PIL", "Pillow"), ("cv2", "OpenCV")) if find_spec(package) is not None]
    words = (
        f"{' and '.join(readers)} read{'' if len(readers) > 1 else 's'} pictures"
        if readers
        else "neither Pillow nor OpenCV is installed: no pictures are read"
    )
    yield Check("extra images", bool(readers), f"{words} (extra images)", None if readers else "pip install 'mdrepo-ml[images]'")


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
