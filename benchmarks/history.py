"""Parallel edits of real model metadata, with version and changelog stored in the documents, and derived.

usage: python benchmarks/history.py

Of each three consecutive versions of a document of the real history the first is the base, the second ours, and theirs is the edit
of the third, made to the base: with the version that it gave, or with the one that comes next on the base, as somebody gives it who
does not know of ours. A conflict only in version and changelog is one that is not there in documents without them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from conftest import SHARED
from replay import CORPUS, derived_guide, merged_edit, numbered_alike, parallel_edits, text, without_derived

from mdrepo.plumbing import merge_text

Edit = tuple[Any, Any, Any]


def by_git(edit: Edit) -> bool:
    base, ours, theirs = map(text, edit)
    return merge_text(base, ours, theirs, ("ours", "base", "theirs"), 7)[1]


def counted(edits: list[Edit], numbers: str, name: str, clean: Callable[[Edit], bool]) -> list[str]:
    conflicts = [edit for edit in edits if not clean(edit)]
    only = sum(clean(without_derived(edit)) for edit in conflicts)
    return [numbers, name, str(len(edits)), str(len(conflicts)), f"{100 * len(conflicts) / len(edits):.0f} %", str(only)]


def main() -> None:
    if not (SHARED / CORPUS).exists():
        print(f"the shared corpora are not here: no shared/{CORPUS}")
        return
    guide = derived_guide()
    merges: dict[str, Callable[[Edit], bool]] = {
        "`git merge-file`": by_git,
        "mdrepo, no schema": lambda edit: merged_edit(edit).clean,
        "**mdrepo, both declared derived**": lambda edit: merged_edit(edit, guide).clean,
    }
    found = list(parallel_edits(SHARED))
    rows = [
        counted(edits, numbers, name, clean)
        for numbers, edits in (("the same", [numbered_alike(edit) for edit in found]), ("as it was", found))
        for name, clean in merges.items()
    ]
    print(table(["theirs' next version", "merge", "parallel edits", "conflicts", "of all", "only in version and changelog"], rows))


if __name__ == "__main__":
    main()
