"""Two snapshots that are compared, and what differs between them, by git's names of what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import configuration
from .artefacts import Artefact, all_tracked
from .catalogue import Catalogue
from .errors import Finding, MdrepoError
from .files import TreeFiles
from .locks import SUFFIX
from .notes import Note
from .reviews import DataChange
from .snapshots import EMPTY_TREE
from .workspace import Workspace


@dataclass(frozen=True)
class Between:
    """Two snapshots that are compared: what they are called, what is in them, and their evaluations."""

    space: Workspace
    base: str | None
    head: str | None
    before: Catalogue
    after: Catalogue
    old_note: Note | None
    new_note: Note | None
    drawn: bool

    @cached_property
    def paths(self) -> list[str]:
        """Every path that differs."""
        sides = [self.base or EMPTY_TREE, self.head] if self.head else ["--cached", self.base or EMPTY_TREE]
        return self.space.git.differing(*filter(None, sides))

    @cached_property
    def documents(self) -> list[str]:
        return sorted(path for path in self.paths if self.space.configuration.is_document(path))

    @cached_property
    def data(self) -> list[DataChange]:
        """The artefacts whose pointers differ in what they say."""
        named = [path for path in self.paths if path.endswith(".dvc") or path.rpartition("/")[2] == "dvc.lock"]
        sides: list[dict[str, Artefact]] = []
        for catalogue in (self.before, self.after):
            found: dict[str, Artefact] = {}
            for path in named:
                try:
                    found |= {each.path: each for each in all_tracked(catalogue.files, [path])}
                except (Finding, AttributeError, TypeError, ValueError):
                    continue  # a pointer that says nothing that can be understood; `validate` names it where a document needs it
            sides.append(found)
        old, new = sides
        pairs = ((path, old.get(path), new.get(path)) for path in sorted({*old, *new}))
        return [DataChange(*each) for each in pairs if _facts(each[1]) != _facts(each[2])]

    def fetch(self) -> None:
        """Read what differs at once, on both sides."""
        wanted = [path for path in self.paths if self.space.is_metadata(path)]
        wanted += [path + SUFFIX for path in self.documents]
        for side in (self.before, self.after):
            if isinstance(side.files, TreeFiles):
                side.files.prefetch(wanted)
                named = (each["path"] for path in self.documents for _, each in side.artefacts(path))
                side.files.prefetch(list(dict.fromkeys(f"{name}.dvc" for name in named)))

    def dependants(self) -> list[str]:
        """The documents that did not change, and that name what did: an artefact or another document."""
        is_document = self.space.configuration.is_document
        if any(path.startswith("schemas/") or path == configuration.FILE for path in self.paths):
            return [path for path in self.after.paths if path not in self.documents]
        found = {path.removesuffix(SUFFIX) for path in self.paths if path.endswith(SUFFIX)}
        names = [*(each.path for each in self.data), *self.documents]
        found |= {*self.space.git.naming(names, self.head)}
        chosen = sorted(path for path in found if is_document(path) and path not in self.documents)
        return [path for path in chosen if there(self.after, path)]


def there(side: Catalogue, path: str) -> bool:
    """Whether a snapshot has anything at a path, also what cannot be read."""
    try:
        return side.files.read(path) is not None
    except MdrepoError:
        return True


def _facts(artefact: Artefact | None) -> Any:
    return artefact and (artefact.md5, artefact.size, artefact.files)
