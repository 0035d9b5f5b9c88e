"""mdrepo.toml to Configuration: every key has a default, unknown keys are refused."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from .errors import Finding
from .guessing import nearest

FILE = "mdrepo.toml"

TEMPLATE = """\
# What mdrepo looks after in this repository. Every key has a default; these are the defaults.

[documents]
include = ["metadata/**/*.json"]
exclude = []

# Documents that do not name their schema themselves: pattern = "schemas/FILE"
[schemas]

[evaluation]
timeout = 600      # seconds for one model's predictions
memory = 16        # GiB for the process that computes them
cache = 2048       # MiB of predictions kept in .git/mdrepo/cache
keep_alive = 0     # seconds that the process with TensorFlow waits for the next command; 0: it goes with the command
engine = "local"   # where models are run; "ray": on the workers of a Ray cluster
ray_address = "local" # HOST:PORT or ray://HOST:PORT; "local": a cluster on this machine, for the time of a command

[extraction]
timeout = 300      # seconds for reading one model or data set
memory = 16        # GiB for the process that reads it
"""

_PLAIN = re.compile(r"((?:[\w-]+/)+)\*\*/\*(\.\w+)")
"""A pattern for all files of a folder with one suffix, as the default one is."""

_WORDS = {"evaluation.engine": "local|ray", "evaluation.ray_address": r"local|(ray://)?(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}"}
_MEANT = {"evaluation.engine": "local or ray", "evaluation.ray_address": "local, HOST:PORT or ray://HOST:PORT"}


class Documents(NamedTuple):
    """Which files are documents, as patterns in .gitignore's grammar."""

    include: Sequence[str] = ("metadata/**/*.json",)
    exclude: Sequence[str] = ()


class Evaluation(NamedTuple):
    """Limits of an evaluation: seconds, GiB, MiB; for how many seconds its server stays; where models are run."""

    timeout: int = 600
    memory: int = 16
    cache: int = 2048
    keep_alive: int = 0
    engine: str = "local"
    ray_address: str = "local"


class Extraction(NamedTuple):
    """Limits of an extractor: seconds, GiB."""

    timeout: int = 300
    memory: int = 16


@dataclass(frozen=True)
class Configuration:
    """What mdrepo.toml says."""

    documents: Documents = field(default_factory=Documents)
    schemas: Mapping[str, str] = field(default_factory=dict)
    evaluation: Evaluation = field(default_factory=Evaluation)
    extraction: Extraction = field(default_factory=Extraction)

    @cached_property
    def _tests(self) -> tuple[Callable[[str], Any], Callable[[str], Any]]:
        return _matching(self.documents.include), _matching(self.documents.exclude)

    def is_document(self, path: str) -> bool:
        """Whether a path, from the repository's root with '/', is a document's."""
        included, excluded = self._tests
        return bool(included(path)) and not excluded(path)

    def bound_schema(self, path: str) -> str | None:
        """The schema file that a pattern binds to a document; of several, the last."""
        if not self.schemas:
            return None
        from pathspec import GitIgnoreSpec

        matching = [schema for pattern, schema in self.schemas.items() if GitIgnoreSpec.from_lines([pattern]).match_file(path)]
        return matching[-1] if matching else None


def _matching(patterns: Sequence[str]) -> Callable[[str], Any]:
    """Whether one of some patterns matches a path; pathspec, which takes 9 ms to load, is for those that are not plain."""
    plain = [found.groups() for pattern in patterns if (found := _PLAIN.fullmatch(pattern))]
    if len(plain) == len(patterns):
        # a folder that matches is matched with all that is in it (gitignore(5))
        return lambda path: any(path.startswith(at) and f"{suffix}/" in f"{path[len(at) :]}/" for at, suffix in plain)
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(patterns).match_file


def read(text: str) -> Configuration:
    """The configuration in the text of mdrepo.toml; raises Finding where it is not right."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Finding(f"{FILE}: {error}") from None
    sections: dict[str, Any] = {"documents": Documents, "evaluation": Evaluation, "extraction": Extraction}
    _known(raw, [*sections, "schemas"], "")
    parts: dict[str, Any] = {}
    for name, section in sections.items():
        values = raw.get(name, {})
        defaults = section()
        _known(values, section._fields, f"{name}.")
        for key, value in values.items():
            _typed(f"{name}.{key}", value, getattr(defaults, key))
        parts[name] = section(**values)
    schemas = raw.get("schemas", {})
    if not isinstance(schemas, dict) or not all(isinstance(value, str) for value in schemas.values()):
        raise Finding(f"{FILE}: [schemas] has a pattern and a schema file in each line", '"metadata/*.json" = "schemas/x.json"')
    return Configuration(schemas=schemas, **parts)


def _known(values: Any, names: Sequence[str], prefix: str) -> None:
    if not isinstance(values, dict):
        raise Finding(f"{FILE}: {prefix.rstrip('.')} is not a section", f"write [{prefix.rstrip('.')}] on a line of its own")
    for key in values:
        if key not in names:
            near = nearest(key, names)
            raise Finding(f"{FILE}: unknown key {prefix}{key}", f"did you mean {prefix}{near}?" if near else None)


def _typed(name: str, value: Any, default: Any) -> None:
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Finding(f"{FILE}: {name} must be a list of patterns", f'{name.partition(".")[2]} = ["metadata/**/*.json"]')
    elif isinstance(default, str):
        if not isinstance(value, str) or not re.fullmatch(_WORDS[name], value):
            raise Finding(f"{FILE}: {name} cannot be {value!r}", f"it is {_MEANT[name]}")
    elif type(value) is not int or value < min(default, 1):
        least = "above 0" if default else "from 0 up"
        raise Finding(f"{FILE}: {name} must be a whole number {least}, not {value!r}", f"the default is {default}")
