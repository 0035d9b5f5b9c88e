"""What the artefacts say should change in all the documents, and writing it: documents that refer to others come after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import pointers
from .catalogue import Catalogue
from .deriving import Proposal, propose
from .errors import Finding
from .files import write
from .locks import SUFFIX
from .results import Patch
from .workspace import Workspace
from .writing import rewrite


def patch(workspace: Workspace, paths: Sequence[str], take: Sequence[str] = (), keep: Sequence[str] = ()) -> Patch:
    """The proposals for some documents; `take` and `keep` settle conflicts (PATH#POINTER, or #POINTER for all)."""
    work = workspace.work()
    proposals: dict[str, Proposal] = {}
    problems: list[str] = []

    from_work = workspace.reader(work)

    def read(path: str) -> Any:
        return proposals[path].new if path in proposals else from_work(path)

    for path in _in_order(work, paths):
        try:
            schema = work.schema(path)
            document, lock = work.document(path), work.lock(path)
        except Finding as error:
            problems.append(error.message)
            continue
        settled = {"take": _settled(take, path), "keep": _settled(keep, path)}
        proposals[path] = propose(document.value, schema, work.files, read, lock, workspace.deriver, **settled)
        problems += [f"{path}: {problem}" for problem in proposals[path].problems]
    for name in (*take, *keep):
        paths_settled = {path for path, proposal in proposals.items() if proposal.settled}
        if not any(_settled([name], path) and path in paths_settled for path in proposals):
            raise Finding(f"there is no conflict at {name}", "'mdrepo patch' shows the conflicts")
    return Patch(proposals, tuple(problems))


def _in_order(work: Catalogue, paths: Sequence[str]) -> list[str]:
    """Documents that refer to others come after them: what they derive may depend on them."""

    def refers(path: str) -> bool:
        content = work.content(path)
        schema = work.schema_or_none(path) if content is not None else None
        return schema is not None and any(True for _ in schema.annotated(content, "x-mdrepo-reference"))

    return sorted(paths, key=lambda path: (refers(path), path))


def _settled(names: Sequence[str], path: str) -> list[pointers.Path]:
    split = [pointers.split(name if "#" in name else f"#{name}") for name in names]
    return [_typed(pointer) for name, pointer in split if pointer is not None and name in ("", path)]


def _typed(pointer: str) -> pointers.Path:
    tokens: list[pointers.Token] = []
    for token in pointers.parse(pointer):
        at = pointers.index(token)
        tokens.append(token if at is None else at)
    return tuple(tokens)


def write_patch(workspace: Workspace, found: Patch) -> list[str]:
    """Write a patch's documents and lock files; the paths of the documents that changed."""
    work = workspace.work()
    texts: dict[str, str] = {}
    for path, proposal in found.proposals.items():
        document = work.document(path)
        if proposal.delta:
            texts[path] = rewrite(document, proposal.new, work.schema(path).key_order)
        text = proposal.lock.text()
        if proposal.lock.fields and work.files.read(path + SUFFIX) != text.encode("utf-8"):
            texts[path + SUFFIX] = text
    with workspace.journal.together(texts):
        for path, text in texts.items():
            write(workspace.root, path, text)
    return [path for path in texts if path in found.proposals]
