"""Going back: `checkout` and `rollback` move documents and DVC data together, both or neither."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from . import pointers
from .artefacts import Artefact, all_tracked, md5
from .catalogue import Catalogue
from .changes import MISSING
from .committing import Terms, companions, conclude
from .documents import read
from .errors import Finding, MdrepoError, UsageError
from .evaluating import Report
from .files import TreeFiles
from .patching import replaced
from .results import Outcome, Restored
from .snapshots import Entry, GitError
from .workspace import Workspace
from .writing import rewrite


def checkout(workspace: Workspace, revision: str, paths: Sequence[str] = (), *, force: bool = False) -> Restored:
    """Documents and data of a revision ('-': the one before, as in git) into the work tree: the whole of it, or some documents."""
    revision = "@{-1}" if revision == "-" else revision
    if unmerged := [state.path for state in workspace.git.status() if state.unmerged]:
        raise Finding(f"{', '.join(unmerged)} is in conflict", "settle the merge first, or 'git merge --abort' it")
    commit = workspace.git.commit_id(revision)
    target = workspace.at(commit)
    return _some(workspace, commit, target, paths, force) if paths else _whole(workspace, revision, commit, target, force)


def _whole(workspace: Workspace, revision: str, commit: str, target: Catalogue, force: bool) -> Restored:
    git = workspace.git
    here = list(all_tracked(workspace.work().files))
    wanted = _different(workspace, all_tracked(target.files))
    gone = [each for each in here if each.path not in {a.path for a in all_tracked(target.files)}]
    workspace.store.require(wanted)
    aside = _protect_data(workspace, here, [*wanted, *gone], force)
    before = git.branch() or git.head()
    changed = [state.path for state in git.status() if state.code != "??"] if force else []
    if changed:
        git.run("stash", "push", "--quiet", "-m", f"mdrepo checkout --force {revision}")
    # git itself refuses to overwrite what is not committed
    done = git.run("checkout", "--quiet", revision, "--", codes=(0, 1, 128))
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        files = ", ".join(line.strip() for line in lines if line.startswith("\t"))
        words = f"{files} would be overwritten" if files else lines[0].removeprefix("error: ")
        raise Finding(f"nothing checked out: {words}", "commit your changes, or use --force to put them aside in a stash")
    try:
        _deliver(workspace, wanted, aside)
        _remove(workspace, gone)
    except MdrepoError:
        git.run("checkout", "--quiet", str(before), "--")
        workspace.store.checkout(_different(workspace, here))
        for path, kept in aside.items():
            _clear(workspace.root / path)
            _copy(kept, workspace.root / path)
        raise
    return Restored(commit, artefacts=tuple(a.path for a in [*wanted, *gone]), kept=(*map(str, aside.values()), *changed))


def _some(workspace: Workspace, commit: str, target: Catalogue, paths: Sequence[str], force: bool) -> Restored:
    git = workspace.git
    selected = _closure(workspace, target, paths)
    for path in paths:
        if not any(each == path or each.startswith(path.rstrip("/") + "/") for each in selected):
            raise Finding(f"{path} is not in {commit[:7]}", f"'mdrepo log {path}' lists the commits that have it")
    tracked = [each for each in all_tracked(target.files) if each.pointer in selected]
    wanted = _different(workspace, tracked)
    workspace.store.require(wanted)
    aside = _protect_data(workspace, list(all_tracked(workspace.work().files)), wanted, force)
    changed = [state.path for state in git.status() if state.path in selected]
    if changed and not force:
        raise Finding(f"{', '.join(changed)} has changes that no commit has", "use --force to put them aside in a stash first")
    if changed:
        git.run("stash", "push", "--quiet", "--include-untracked", "-m", f"mdrepo checkout --force {commit[:7]}", "--", *changed)
    git.run("--literal-pathspecs", "checkout", "--quiet", commit, "--", *selected)
    _deliver(workspace, wanted, aside)
    return Restored(commit, tuple(selected), tuple(a.path for a in wanted), (*map(str, aside.values()), *changed))


def _deliver(workspace: Workspace, wanted: list[Artefact], aside: Mapping[str, Path]) -> None:
    """DVC's bytes into the work tree; what was copied aside makes way, since DVC overwrites nothing that it does not have."""
    for path in aside:
        _clear(workspace.root / path)
    workspace.store.checkout(wanted)


def _closure(workspace: Workspace, target: Catalogue, paths: Sequence[str]) -> list[str]:
    """The named files of a snapshot with their companions."""
    known = set(target.files.paths())
    selected: list[str] = []
    for path in paths:
        below = sorted(each for each in known if each == path or each.startswith(path.rstrip("/") + "/"))
        for each in below:
            selected += [each, *(extra for extra in companions(workspace, target, each) if extra in known)]
    return list(dict.fromkeys(selected))


def _different(workspace: Workspace, artefacts: Iterable[Artefact]) -> list[Artefact]:
    """The artefacts whose bytes in the work tree are not the recorded ones."""
    return [each for each in artefacts if workspace.store.in_work_tree(each) is None]


def _protect_data(workspace: Workspace, here: Sequence[Artefact], touched: Sequence[Artefact], force: bool) -> dict[str, Path]:
    """Make sure that no data that DVC does not have are overwritten: refuse, or (force) copy them aside; the copies, by path."""
    recorded = {each.path: each for each in here}
    kept: dict[str, Path] = {}
    for artefact in touched:
        path = workspace.root / artefact.path
        known = recorded.get(artefact.path)
        # what is recorded here is in DVC's cache; what is wanted there may lie here still, from before its pointer went away
        if not path.exists() or md5(path, workspace.cache) in (artefact.md5, known.md5 if known else None):
            continue
        if not force:
            raise Finding(
                f"{artefact.path} has changes that DVC does not have",
                f"'dvc add {artefact.path}' keeps them, --force puts them aside",
            )
        aside = workspace.git.common / "mdrepo" / "kept" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}" / artefact.path
        aside.parent.mkdir(parents=True, exist_ok=True)
        _copy(path, aside)
        kept[artefact.path] = aside
    return kept


def _remove(workspace: Workspace, artefacts: Sequence[Artefact]) -> None:
    """Take artefacts out of the work tree that the snapshot does not have, if DVC's cache has their bytes."""
    for artefact in artefacts:
        path = workspace.store.in_work_tree(artefact)
        if path is not None and workspace.store.cached(artefact):
            _clear(path)


def _clear(path: Path) -> None:
    """Take a file or folder away, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(path: Path, place: Path) -> None:
    """Copy a file or folder; links inside stay links."""
    if path.is_dir():
        shutil.copytree(path, place, symlinks=True)
    else:
        shutil.copy2(path, place)


def rollback(
    workspace: Workspace, revision: str, fields: Sequence[str], message: str | None, terms: Terms, report: Report
) -> Outcome:
    """A new commit that brings back an earlier state of everything, of documents, or of fields, with its data."""
    git = workspace.git
    git.identity()
    head = git.head()
    if head is None:
        raise Finding("there is no commit yet, so there is nothing to roll back to")
    commit = git.commit_id(revision)
    target, now = workspace.at(commit), workspace.at(head)
    dirty = [state.path for state in git.status() if state.code[0] not in " ?" or workspace.is_metadata(state.path)]
    if dirty:
        raise Finding(f"{dirty[0]} has changes that no commit has", "commit them, or 'git stash' them, and roll back then")
    entries = _brought_back(workspace, fields, target, now)
    changed = {path: entry for path, entry in entries.items() if _entry(now, path) != entry}
    if not changed:
        raise Finding(f"{', '.join(fields) or 'everything'} is as it was in {commit[:7]} already")
    with git.candidate_index(head) as index:
        git.set_entries(changed, index=index)
        after = workspace.at(git.text("write-tree", index=index))
        wanted = [each for each in all_tracked(after.files) if each.pointer in changed]
        workspace.store.require(wanted)
        _protect_data(workspace, list(all_tracked(now.files)), wanted, force=False)
        subject = git.text("log", "-1", "--format=%s", commit)
        words = message or f"Roll back {', '.join(fields) or 'everything'} to {commit[:7]}\n\n{commit[:7]} is: {subject}"
        outcome = conclude(workspace, index, ["-m", words], terms, report)
    if outcome.status == "committed":
        _to_work_tree(workspace, changed)
        workspace.store.checkout(_different(workspace, wanted))
    return outcome


def _to_work_tree(workspace: Workspace, changed: dict[str, Entry | None]) -> None:
    """The work tree after a rollback: what HEAD has now of the paths that it changed."""
    present = [path for path, entry in changed.items() if entry is not None]
    if present:
        workspace.git.run("--literal-pathspecs", "checkout", "--quiet", "HEAD", "--", *present)
    for path, entry in changed.items():
        if entry is None:
            (workspace.root / path).unlink(missing_ok=True)


def _entry(catalogue: Catalogue, path: str) -> Entry | None:
    assert isinstance(catalogue.files, TreeFiles)
    return catalogue.files.entry(path)


def _brought_back(workspace: Workspace, fields: Sequence[str], target: Catalogue, now: Catalogue) -> dict[str, Entry | None]:
    """The index entries that a rollback sets, by path; None takes a path away."""
    entries: dict[str, Entry | None] = {}
    if not fields:
        for path in {*target.files.paths(), *now.files.paths()}:
            if workspace.is_metadata(path):
                entries[path] = _entry(target, path)
        return entries
    contents: dict[str, str] = {}
    for named in fields:
        path, pointer = pointers.split(named)
        if pointer is None:
            if _entry(target, path) is None:
                raise Finding(f"{path} did not exist then", f"'mdrepo log {path}' lists the commits that have it")
            for each in _closure(workspace, target, [path]):
                entries[each] = _entry(target, each)
        else:
            contents[path] = _with_field(path, pointer, target, now, contents.get(path))
    for path, text in contents.items():
        blob = workspace.git.run("hash-object", "-w", "--stdin", stdin=text.encode("utf-8")).stdout.decode().strip()
        old = _entry(now, path)
        entries[path] = Entry(old.mode if old else "100644", blob, path)
    return entries


def _with_field(path: str, pointer: str, target: Catalogue, now: Catalogue, text: str | None) -> str:
    """The text of a document with one field as it was."""
    document = now.document(path) if text is None else read(text.encode("utf-8"), path)
    tokens = pointers.parse(pointer)
    value = pointers.get(target.document(path).value, tokens, MISSING)
    if value is MISSING and pointers.get(document.value, tokens, MISSING) is MISSING:
        raise UsageError(f"{path} has no field {pointer}, neither then nor now")
    try:
        content = replaced(document.value, tokens, value)
    except KeyError as error:
        raise GitError(f"{path}#{pointer} cannot be brought back: there is no {error.args[0]!r} now") from None
    return rewrite(document, content, now.schema(path).key_order)
