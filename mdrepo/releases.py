"""A document's releases, its version and its changelog: derived from history and tags, stored nowhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from . import tags
from .errors import Finding, MdrepoError, UsageError
from .history import History
from .results import Changelog, Releases, Tagged, Versioned
from .tags import SemVer, artefact_name
from .workspace import Workspace


def changelog(workspace: Workspace, path: str, revision: str = "HEAD") -> Changelog:
    """What changed in a document, commit by commit, by release."""
    history = History(workspace, path, revision)
    sections = tuple(history.sections())
    found = None
    with contextlib.suppress(MdrepoError):  # it was deleted, or is no JSON, or its releases are not in a shallow clone
        found = history.version()
    return Changelog(path, history.name, sections, found, tuple(history.remarks))


def version(workspace: Workspace, path: str, revision: str = "HEAD") -> Versioned:
    """A document's semantic version: of its last release, or what the changes since then make of it."""
    return History(workspace, path, revision).version()


def listed(workspace: Workspace, path: str, revision: str = "HEAD") -> Releases:
    """The releases of a document, with their stages."""
    history = History(workspace, path, revision)
    return Releases(path, history.name, tuple(history.releases), tuple(history.remarks))


def tag(workspace: Workspace, path: str, wanted: str | None = None, revision: str = "HEAD", message: str | None = None) -> Tagged:
    """Tag a version of a document, or (None) the next one, in GTO's grammar; raises Finding, UsageError."""
    history = History(workspace, path, revision)
    found = history.version()
    chosen = _chosen(found, wanted, history)
    name = _own_name(workspace, history)
    ref = f"{name}@v{chosen}"
    same = (each for each in history.tags if each.name == name and each.version and each.version.rank == chosen.rank)
    if clash := next(same, None):
        raise Finding(f"the tag {clash.ref} is there already", f"'git show {clash.ref}' shows it; give another version")
    tags.write(workspace.git, ref, history.tip, message or _message(found, chosen))
    remarks = list(_dirty(workspace, history, revision))
    if wanted is not None and not found.released and chosen.rank < found.version.rank and not chosen.prerelease:
        meaning = found.meaning or "of unknown class"
        remarks.append(f"{chosen} is less than what the changes ask for: {found.version} ({meaning})")
    return Tagged(ref, history.tip, path, chosen, remarks=tuple(remarks))


def assign(
    workspace: Workspace, path: str, stage: str, wanted: str | None = None, revision: str = "HEAD", message: str | None = None
) -> Tagged:
    """Tag a release of a document, or (None) its last one, as being in a stage; raises Finding, UsageError."""
    history = History(workspace, path, revision)
    number = None if wanted is None else _semantic(wanted)
    found = [each for each in history.releases if number is None or each.version.rank == number.rank]
    if not found:
        what = f"{path} has no release{'' if number is None else f' {number}'} in the history of {revision}"
        raise Finding(what, f"'mdrepo tag {path} --next' makes one")
    release = found[0]
    ref = tags.stage_tag(release.tag.partition("@")[0], stage, history.tags)
    if stage in release.stages:
        raise Finding(f"{release.tag} is in the stage {stage} already")
    tags.write(workspace.git, ref, release.commit, message or f"{release.tag} is in the stage {stage}")
    return Tagged(ref, release.commit, path, release.version, stage)


def _semantic(text: str) -> SemVer:
    found = tags.parse(text)
    if found is None:
        raise UsageError(f"{text!r} is no semantic version", "semantic versions are like 1.2.3 or 2.0.0-rc.1: see semver.org")
    return found


def _chosen(found: Versioned, wanted: str | None, history: History) -> SemVer:
    """The version that is to be tagged: a given one, if it is higher than all before, or the next one."""
    if wanted is None:
        if found.released:
            raise Finding(f"{found.path} has not changed since {found.version}", "give a version to release it all the same")
        return found.version
    chosen = _semantic(wanted)
    if history.releases and chosen.rank <= history.releases[0].version.rank:
        raise Finding(f"{chosen} is not higher than {history.releases[0].version}, the last release of {found.path}", "see --next")
    return chosen


def _own_name(space: Workspace, history: History) -> str:
    """The name of a document's tags, which no other document may have."""
    there = space.at(history.tip)
    for other in there.paths:
        if other != history.path and artefact_name(other, there.content(other)) == history.name:
            raise Finding(
                f"{other} would have the same tags as {history.path}: {history.name}@...", "give one of them another name"
            )
    return history.name


def _message(found: Versioned, chosen: SemVer) -> str:
    if found.diff is None or found.last is None:
        return f"{found.name} {chosen}"
    return f"{found.name} {chosen}: {found.meaning or 'changes'} since {found.last.version}"


def _dirty(space: Workspace, history: History, revision: str) -> Iterator[str]:
    if revision == "HEAD" and any(state.path == history.path for state in space.git.status()):
        yield f"{history.path} has changes that no commit has; the tag is on {history.tip[:7]}, without them"
