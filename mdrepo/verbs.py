"""The modules of the verbs, each loaded when it is first asked for: a command pays for what it does, and for nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import adjusting as adjusting
    from . import applying as applying
    from . import augmenting as augmenting
    from . import committing as committing
    from . import comparing as comparing
    from . import conflicts as conflicts
    from . import creating as creating
    from . import editing as editing
    from . import evaluating as evaluating
    from . import exchanging as exchanging
    from . import fields as fields
    from . import foreseeing as foreseeing
    from . import frames as frames
    from . import gating as gating
    from . import hooks as hooks
    from . import inheriting as inheriting
    from . import inspecting as inspecting
    from . import joining as joining
    from . import judgements as judgements
    from . import lending as lending
    from . import logs as logs
    from . import marking as marking
    from . import notes as notes
    from . import querying as querying
    from . import questions as questions
    from . import reconciling as reconciling
    from . import recovering as recovering
    from . import relabelling as relabelling
    from . import releases as releases
    from . import repairing as repairing
    from . import resolving as resolving
    from . import restoring as restoring
    from . import reverting as reverting
    from . import reviewing as reviewing
    from . import schemata as schemata
    from . import setting_up as setting_up
    from . import settling as settling
    from . import timing as timing
    from . import updating as updating
    from . import verifying as verifying


def __getattr__(name: str) -> Any:
    """A module of the package (PEP 562)."""
    from importlib import import_module

    try:
        return import_module(f"{__package__}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(str(error)) from None
