"""`push`, `pull` and `clone`: git, evaluations and DVC's data together, in an order that publishes no commit without its data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from . import joining, remotes
from .artefacts import Artefact, all_tracked
from .committing import Terms, changed_paths
from .conflicts import Merge
from .deliveries import different, protect_data
from .depots import Sent, publish
from .errors import Finding, MdrepoError, UsageError
from .evaluating import Report
from .files import TreeFiles
from .indexes import Entry
from .remotes import Ref
from .results import Cloned, Pulled, Pushed
from .setting_up import set_driver
from .snapshots import Git
from .workspace import Workspace

_Way = Literal["only", "merge", "always", "rebase", "unsaid"]
_NO = ("false", "no", "off", "0")


@dataclass(frozen=True)
class Asked:
    """How a pull goes where both sides have commits: what the command line says of it, as `git pull` has it."""

    ff_only: bool = False
    no_rebase: bool = False
    no_ff: bool = False


@dataclass(frozen=True)
class Upstream:
    """What is pulled: a remote's branch, as it was fetched, and the evaluations fetched with it."""

    branch: str
    remote: str
    ref: str
    commit: str
    notes: str | None


# push


def push(workspace: Workspace, named: str | None, refs: Sequence[str], *, force: bool, upstream: bool, report: Report) -> Pushed:
    """Bring data to DVC's remote, then evaluations and branches to git's; each is there before what names it is."""
    git = workspace.git
    branch = git.branch()
    if git.head() is None:
        raise Finding("there is no commit yet to push", "'mdrepo commit' makes one")
    if not refs and branch is None:
        raise Finding("HEAD is detached, so it is not said what to push", "name it: mdrepo push origin HEAD:refs/heads/BRANCH")
    remote = remotes.remote_of(git, named, branch, pushing=True)
    wanted = [_ref(git, each) for each in refs or [f"refs/heads/{branch}"]]
    artefacts = _published(workspace, [each.commit for each in wanted], remote)
    sent = publish(workspace.store, artefacts, report) if artefacts else Sent("", (), 0, 0)
    notes = remotes.push_notes(git, remote)
    refused = remotes.send(git, remote, wanted, *(["--force-with-lease"] if force else []))
    if refused:
        first = refused[0]
        hint = "'mdrepo pull', and push again" if first.outrun else "its data and evaluations are there; see what the remote says"
        raise Finding(f"{remote} refused {_short(first.to)}: {first.reason}", hint)
    if upstream and branch is not None:
        for each in wanted:
            if each.to.startswith("refs/heads/") and each.commit == git.head():
                git.run("config", f"branch.{branch}.remote", remote)
                git.run("config", f"branch.{branch}.merge", each.to)
    return Pushed(remote, tuple(_short(each.to) for each in wanted), sent, notes)


def _short(ref: str) -> str:
    return re.sub("^refs/(heads|tags)/", "", ref)


def _ref(git: Git, typed: str) -> Ref:
    """What SRC[:DST] of a command line pushes, as ids, so that it is what was looked at; raises UsageError."""
    source, colon, to = typed.removeprefix("+").partition(":")
    if not source or (colon and not to):
        raise UsageError(f"{typed!r} names nothing to push", "what others have is taken away with 'git push --delete'")
    both = [f"{kind}/{source}" for kind in ("refs/heads", "refs/tags") if git.has(f"{kind}/{source}")]
    if len(both) > 1:
        raise UsageError(f"{source} is a branch and a tag", f"say which: {both[0]} or {both[1]}")
    source = both[0] if both and source != "HEAD" else source  # and not a remote's branch of that name
    commit = git.commit_id(source)
    done = git.run("rev-parse", "--symbolic-full-name", "--end-of-options", source, codes=(0, 1, 128)).stdout.decode()
    full = done.replace("--end-of-options", "").strip()
    kind = next((each for each in ("refs/heads/", "refs/tags/") if full.startswith(each)), None)
    if not to and kind is None:
        raise UsageError(f"{source} is no branch and no tag", f"say what it shall be called there: {source}:refs/heads/BRANCH")
    if to and not to.startswith("refs/"):
        if kind is None:
            raise UsageError(f"{to} may be a branch or a tag", f"say which: {source}:refs/heads/{to}")
        to = kind + to
    return Ref(git.commit_id(source) if kind != "refs/tags/" else git.text("rev-parse", full), commit, to or full, typed[0] == "+")


def _published(workspace: Workspace, tips: Sequence[str], remote: str) -> list[Artefact]:
    """The artefacts that commits name which the remote was not seen to have; where there are none, the tips'."""
    found: dict[tuple[str, str], Artefact] = {}
    layers: list[dict[str, Entry]] = []  # the versions of each path, so that many are read with one git
    first, entries = remotes.unseen(workspace.git, tips, remote)
    for entry in entries:
        layer = next((each for each in layers if entry.path not in each), None)
        if layer is None:
            layers.append(layer := {})
        layer[entry.path] = entry
    files = [_layer(workspace, layer) for layer in layers]
    for snapshot in [*(workspace.at(tip).files for tip in first), *files]:
        found.update({(artefact.path, artefact.md5): artefact for artefact in all_tracked(snapshot)})
    return list(found.values())


def _layer(workspace: Workspace, entries: Mapping[str, Entry]) -> TreeFiles:
    return TreeFiles(workspace.git, lambda _: entries, lambda _: True)


# pull


def fetched(workspace: Workspace, named: str | None, report: Report) -> Upstream:
    """Fetch all that a pull needs: the branch, the evaluations, and the data, into DVC's cache; nothing of it shows yet."""
    git = workspace.git
    branch, head = git.branch(), git.head()
    if begun := git.unfinished():
        raise begun
    if branch is None:
        raise Finding("HEAD is detached, so there is no branch to pull into", "'git switch BRANCH', and pull then")
    if head is None:
        raise Finding("there is no commit yet to pull into", "'mdrepo clone URL' begins with what is there")
    own = git.setting(f"branch.{branch}.remote")
    remote = "." if own == "." and named is None else remotes.remote_of(git, named, branch)
    if remote != ".":
        remotes.fetch(git, remote)
    ref = _tracked(git, branch, remote, own)
    there = git.setting(f"branch.{branch}.merge") if remote == own else f"refs/heads/{branch}"
    if remote != "." and there and not remotes.has_branch(git, remote, there):  # git keeps what it was
        words = f"{remote} has no branch {_short(there)} any more; nothing was merged"
        raise Finding(words, "'mdrepo push' brings it there again, 'git branch --set-upstream-to=REMOTE/BRANCH' follows another")
    notes = remotes.fetch_notes(git, remote) if remote != "." else None
    commit = git.commit_id(ref)
    _fetched_data(workspace, head, commit, report)
    return Upstream(branch, remote, ref, commit, notes)


def _tracked(git: Git, branch: str, remote: str, own: str | None) -> str:
    """The reference of what a branch is to be merged with; raises Finding."""
    if remote == own:
        done = git.run("rev-parse", "--symbolic-full-name", f"{branch}@{{upstream}}", codes=(0, 1, 128))
        found = done.stdout.decode("utf-8", "surrogateescape").strip()
        if done.returncode:
            raise Finding(f"the branch that {branch} follows is not there any more", "'mdrepo push' brings it there again")
        return found
    ref = f"refs/remotes/{remote}/{branch}"
    if git.run("rev-parse", "--verify", "--quiet", ref, codes=(0, 1, 128)).returncode:
        raise Finding(
            f"{branch} follows no branch, and {remote} has none of that name",
            f"'git branch --set-upstream-to={remote}/BRANCH' says which, 'mdrepo push -u {remote}' makes it",
        )
    return ref


def _fetched_data(workspace: Workspace, head: str, commit: str, report: Report) -> None:
    """Bring into DVC's cache what the work tree will need of a commit; raises MdrepoError for what nobody has."""
    git = workspace.git
    base = git.run("merge-base", head, commit, codes=(0, 1)).stdout.decode().strip()
    theirs = changed_paths(git, base or None, commit)
    ours = {each.path: each.md5 for each in all_tracked(workspace.at(head).files)}
    lacking = different(workspace, all_tracked(workspace.at(commit).files))
    wanted = [each for each in lacking if each.pointer in theirs or ours.get(each.path) == each.md5]
    if wanted:
        report(f"looking for the data of {len(wanted)} artefacts ...")
        workspace.store.require(wanted)


def pull(workspace: Workspace, found: Upstream, asked: Asked, terms: Terms, how: Merge, report: Report) -> Pulled:
    """Merge what was fetched, as the user's configuration says it for `git pull`, with its evaluations and data."""
    git = workspace.git
    head = git.head()
    if head is None or git.branch() != found.branch:
        raise Finding("another branch was checked out meanwhile; nothing was merged", "pull again")
    way = _way(git, found.branch, asked)
    ahead = git.run("merge-base", "--is-ancestor", found.commit, head, codes=(0, 1)).returncode == 0
    behind = git.run("merge-base", "--is-ancestor", head, found.commit, codes=(0, 1)).returncode == 0
    if not ahead and not behind:
        _diverged(found, way)
    before, after = remotes.join_notes(
        git, found.notes, lambda old, new: workspace.journal.note(notes={"head": head, "before": old, "after": new})
    )
    shown = _shown(found)
    named = shown if git.commit_id(shown) == found.commit else found.ref  # as git's own message has it
    outcome = joining.merge(workspace, named, [], way != "always", terms, how, report)
    if not outcome.made:
        return Pulled(found.remote, outcome, before != after, ())
    return Pulled(found.remote, outcome, before != after, tuple(bring(workspace)))


def bring(workspace: Workspace) -> list[str]:
    """Put the data that the pointers of the work tree record where they are missing; what somebody has changed stays."""
    wanted = [each for each in different(workspace, all_tracked(workspace.work().files)) if _nobodys(workspace, each)]
    try:
        workspace.store.require(wanted)
    except MdrepoError:
        workspace.store.checkout(list(workspace.store.locate(wanted)))  # as much as there is
        raise
    workspace.store.checkout(wanted)
    return [each.path for each in wanted]


def _nobodys(workspace: Workspace, artefact: Artefact) -> bool:
    try:
        protect_data(workspace, [], [artefact], force=None)
    except Finding:
        return False
    return True


def _way(git: Git, branch: str, asked: Asked) -> _Way:
    """How `git pull` would go on (git-pull(1); `pull.ff`, `branch.NAME.rebase`, `pull.rebase`, `merge.ff`)."""
    if asked.ff_only or asked.no_ff:
        return "only" if asked.ff_only else "always"
    forward = git.setting("pull.ff")
    rebase = git.setting(f"branch.{branch}.rebase") or git.setting("pull.rebase")
    said = asked.no_rebase or forward is not None or rebase is not None
    if not asked.no_rebase:
        if forward == "only":
            return "only"
        if rebase is not None and rebase.lower() not in _NO:
            return "rebase"
    elif forward == "only":
        forward = None  # the command line says more than that
    forward = (forward or git.setting("merge.ff") or "true").lower()
    if not said:
        return "unsaid"
    return "always" if forward in _NO else "only" if forward == "only" else "merge"


def _shown(found: Upstream) -> str:
    return re.sub("^refs/(remotes|heads)/", "", found.ref)


def _diverged(found: Upstream, way: _Way) -> None:
    """Refuse a pull where both sides have commits and nobody has said that they are to be merged."""
    shown = _shown(found)
    if way == "rebase":
        raise Finding(
            f"{found.branch} and {shown} have both moved, and your configuration wants a rebase, which is git's to do",
            f"'git rebase {shown}', and 'mdrepo pull' then; or merge them: mdrepo pull --no-rebase",
        )
    if way == "only":
        raise Finding(
            f"{found.branch} and {shown} have both moved, so it cannot just follow", "mdrepo pull --no-rebase merges them"
        )
    if way == "unsaid":
        raise Finding(
            f"{found.branch} and {shown} have both moved, and it is not said how they come together",
            f"mdrepo pull --no-rebase merges them (always: git config pull.rebase false); or 'git rebase {shown}'",
        )


def undo_notes(git: Git, steps: Mapping[str, str | None]) -> bool:
    """After a pull that was interrupted before anything was merged: the evaluations as they were; whether they had changed."""
    return git.head() == steps["head"] and remotes.taken_back(git, steps["before"], str(steps["after"]))


# clone


def clone(url: str, place: Path, start: Path, options: Iterable[str], report: Report) -> tuple[Workspace, Cloned]:
    """Clone a repository with its evaluations and data, set up to merge documents; data that nobody has are named."""
    git = Git.clone(url, place, start, *options)
    workspace = Workspace(git, report)
    set_driver(git)
    branch = git.branch()
    remote = remotes.remote_of(git, None, branch)
    _, notes = remotes.join_notes(git, remotes.fetch_notes(git, remote))
    brought: list[str] = []
    if git.head() is None and git.text("for-each-ref", "--count=1", "refs/remotes"):
        words = f"{place} is cloned, but nothing is checked out: HEAD of {url} names no branch that is there"
        raise MdrepoError(words, "'git switch BRANCH' in it, and 'mdrepo pull'; or clone with -b BRANCH")
    if git.head() is not None:
        try:
            brought = bring(workspace)
        except MdrepoError as error:
            again = f"'mdrepo -C {place} pull' tries again"
            raise MdrepoError(f"{place} is cloned, but {error.message}", again) from None
    return workspace, Cloned(remote, git.head(), branch, notes is not None, tuple(brought))


def folder_of(url: str) -> str:
    """The folder that git would clone an address into (git-clone(1))."""
    name = re.sub(r"(/|/?\.git|\.bundle)$", "", url.rstrip("/"))
    return re.split("[/:]", name.rstrip("/"))[-1]
