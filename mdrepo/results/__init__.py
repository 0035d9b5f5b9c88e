"""What the workflow's verbs return: values, for programs to use and for reports to show; each loaded when it is first made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .care import Check as Check
    from .care import Step as Step
    from .care import WorkerState as WorkerState
    from .commits import Created as Created
    from .commits import Edited as Edited
    from .commits import Inherited as Inherited
    from .commits import Logged as Logged
    from .commits import Restored as Restored
    from .outcomes import Outcome as Outcome
    from .states import DocumentStatus as DocumentStatus
    from .states import Patch as Patch
    from .states import Resolved as Resolved
    from .states import Status as Status
    from .tasks import Augmented as Augmented
    from .tasks import Move as Move
    from .tasks import Relabelled as Relabelled
    from .tasks import Tuned as Tuned
    from .transfers import Cloned as Cloned
    from .transfers import Pulled as Pulled
    from .transfers import Pushed as Pushed
    from .versions import Changelog as Changelog
    from .versions import Entry as Entry
    from .versions import Release as Release
    from .versions import Releases as Releases
    from .versions import Section as Section
    from .versions import Tagged as Tagged
    from .versions import Versioned as Versioned

_MADE_IN = {
    "states": ("DocumentStatus", "Status", "Patch", "Resolved"),
    "commits": ("Logged", "Restored", "Edited", "Created", "Inherited"),
    "outcomes": ("Outcome",),
    "tasks": ("Tuned", "Move", "Relabelled", "Augmented"),
    "versions": ("Release", "Entry", "Section", "Versioned", "Changelog", "Releases", "Tagged"),
    "care": ("Step", "Check", "WorkerState"),
    "transfers": ("Pushed", "Pulled", "Cloned"),
}


def __getattr__(name: str) -> Any:
    """A value's class (PEP 562)."""
    from importlib import import_module

    for module, names in _MADE_IN.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
