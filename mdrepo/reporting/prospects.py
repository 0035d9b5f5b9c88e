"""What can be proved with the test data at hand, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..judgements import Foreseen
from .lines import Line, Span
from .tables import table


def prospects(found: Sequence[Foreseen]) -> Iterator[Line]:
    """Each document with a table of its metrics and slices."""
    for each in found:
        told = f"  {each.examples:,} examples of {each.dataset}, {each.confidence:.0%} confidence, a power of {each.power:.0%}"
        yield [Span(each.path, "strong"), told]
        yield [f"  {_basis(each)}"]
        if not each.prospects:
            yield ["  no metric has a tolerance, so there is nothing to prove"]
            continue
        rows = [_cells(row) for row in each.prospects]
        headings = ["metric", "examples", "disagree", "tolerance", "least provable", "needed", "unpaired", "enough"]
        for line in table(headings, rows, right=(1, 2, 3, 4, 5, 6), width=120):
            yield ["  ", line]


def _basis(found: Foreseen) -> str:
    against = f" and of {found.against[:7]}" if found.against else ""
    if found.basis == "outputs":
        return f"by the outputs of this model{against}, as far as they differ; for a child that is equally good:"
    if found.basis == "note":
        return "by how many examples turned in this commit, as its note says; for a child that is equally good:"
    return "nothing is known of how a child may differ; for one that is equally good and disagrees on this share:"


def _cells(row: Mapping[str, Any]) -> list[str]:
    part = row.get("slice") or (f"class {row['label']}" if "label" in row else "")
    needed = row.get("needed")
    return [
        f"{part}: {row['metric']}" if part else row["metric"],
        f"{row['examples']:,}",
        f"{row['disagreement']:.1%}" if "disagreement" in row else "-",
        f"{row['tolerance']:g}",
        f"{row['detectable']:.3g}" if "detectable" in row else "-",
        f"{needed:,}" if needed is not None else "-",
        f"{row['needed_unpaired']:,}" if "needed_unpaired" in row else "-",
        "-" if needed is None else "yes" if row["examples"] >= needed else "no",
    ]
