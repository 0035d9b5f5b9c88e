"""What the cache has for HEAD's evaluation, to a DVC remote and from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .errors import MissingExtra
from .subjects import Side, artefact, gate_of, request
from .workspace import Workspace

if TYPE_CHECKING:
    from .evaluation.exchange import Exchanged

_FOLDER = "mdrepo-cache"


def exchange(workspace: Workspace, way: Literal["push", "pull"], remote: str | None) -> Exchanged:
    """Put what the cache has for HEAD's evaluation into a DVC remote, or take it from there; raises MdrepoError."""
    try:
        from .evaluation import exchange as exchanges
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "eval") from None

    head = workspace.at(workspace.git.commit_id("HEAD"))
    requests = []
    for path in head.paths:
        if gate_of(head, path) != "off":
            dataset = head.content(path)["evaluation"]["dataset"]
            test_data = artefact(Side(head, dataset), ("artefact",))
            requests.append(request(workspace, Side(head, path), head.content(dataset) or {}, test_data))
    with workspace.store.remote(remote, _FOLDER) as there:
        exchanged = exchanges.push if way == "push" else exchanges.pull
        return exchanged(requests, workspace.cache, workspace.limits, there)
