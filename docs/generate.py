"""Write the generated parts of the README; with --check, only say whether they are up to date."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mdrepo.cli import COMMANDS, group

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- commands: begin -->", "<!-- commands: end -->"


def commands() -> str:
    """The table of commands, from the command line's own words."""
    rows = ["| command | what it does |", "| --- | --- |"]
    with click.Context(group, info_name="mdrepo") as context:
        for name, words in COMMANDS.items():
            found = group.get_command(context, name)
            assert found is not None
            pieces = found.collect_usage_pieces(click.Context(found, parent=context))
            usage = " ".join([name, *(piece for piece in pieces if piece != "[OPTIONS]")]).replace("|", "\\|")
            rows.append(f"| `{usage}` | {words} |")
    return "\n".join(rows)


def main() -> int:
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    made = f"{before}{BEGIN}\n{commands()}\n{END}{after}"
    if "--check" in sys.argv:
        if made != text:
            print("README.md is not up to date: run 'make docs'")
        return int(made != text)
    README.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
