"""mdrepo completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from . import group
from .output import text


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell: eval "$(mdrepo completion bash)"."""
    found = get_completion_class(shell)
    assert found is not None
    text(found(group, {}, "mdrepo", "_MDREPO_COMPLETE").source() + "\n")
