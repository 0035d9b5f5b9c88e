"""How long the models of a commit take here and now: measured each time, and kept nowhere, as no other time would be the same."""

from __future__ import annotations

from .errors import MissingExtra
from .evaluating import Report
from .judgements import Latency
from .subjects import Side, artefact, gate_of, request
from .workspace import Workspace

TIMES = 100
"""How often a batch is run."""


def latency(workspace: Workspace, revision: str, report: Report) -> tuple[str, list[Latency]]:
    """The time that each model of a commit takes for a batch of its test data, in a process of its own; raises MdrepoError."""
    try:
        from .evaluation import predictions
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "eval") from None
    from statistics import quantiles

    commit = workspace.git.commit_id(revision)
    snapshot = workspace.at(commit)
    found = []
    for path in snapshot.paths:
        if gate_of(snapshot, path) != "off":
            side = Side(snapshot, path)
            name = side.content["evaluation"]["dataset"]
            asked = request(workspace, side, snapshot.content(name) or {}, artefact(Side(snapshot, name), ("artefact",)))
            batch, seconds = predictions.clocked(asked, TIMES, workspace.cache, workspace.limits, report)
            found.append(Latency(path, batch, TIMES, *quantiles(seconds, n=4)))
    return commit, found
