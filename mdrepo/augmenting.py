"""Metadata to data: a model document's augmentation policy applied to its training data, as a data set of its own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from . import pointers
from .artefacts import Artefact, tracked
from .changes import MISSING
from .creating import create
from .editing import keep, with_field
from .errors import Finding, MissingExtra
from .files import write
from .locks import SUFFIX
from .results import Augmented
from .temporaries import temporary
from .updating import patch, write_patch
from .workspace import Workspace

_POLICY = ("training", "augmentation")


def augment(workspace: Workspace, path: str, dataset: str | None, name: str | None, report: Callable[[str], None]) -> Augmented:
    """Make the data that a model document's policy asks for: the examples as they are, then the pictures made of them.

    The same data, policy and TensorFlow give the same bytes. Raises Finding where there is no policy, or no data of pictures.
    """
    work = workspace.work()
    content = work.document(path).value
    policy = pointers.get(content, _POLICY)
    if not isinstance(policy, dict):
        raise Finding(f"{path} has no policy", f"mdrepo set '{path}#/training/augmentation' JSON")
    problems = [problem for problem in work.problems(path) if problem.pointer.startswith(pointers.build(_POLICY))]
    if problems:
        raise Finding(f"{path}: {problems[0].message}", "mdrepo validate")
    source = dataset or pointers.get(content, ("training", "dataset"))
    if not isinstance(source, str):
        raise Finding(f"{path} names no training data", "name a dataset document: --dataset DOCUMENT")
    base = work.document(source).value
    artefact, inputs = _source(workspace, source, base)
    made = name or f"{base['name']}-augmented"
    target = f"metadata/{made}.json"
    known = work.find(target)
    if known is not None and pointers.get(known.value, ("lineage", "base", "document")) != source:
        raise Finding(f"{target} is there already, and was made of something else", "give another name: --name NAME")
    data = str(PurePosixPath(artefact.path).with_name(f"{made}.npz"))
    recorded = tracked(work.files, data)
    if (workspace.root / data).exists() and (recorded is None or workspace.store.in_work_tree(recorded) is None):
        raise Finding(f"{data} is there already, and DVC does not have it", "move it away, or give another name: --name NAME")
    report(f"augmenting {artefact.path} with TensorFlow ...")
    head = workspace.git.head()
    origin = {"document": source, **({"commit": head} if head else {}), "md5": artefact.md5}
    fields = {"/inputs": [inputs], "/target": base.get("target", MISSING), "/lineage": {"base": origin, "augmentation": policy}}
    ignoring = str(PurePosixPath(data).with_name(".gitignore"))
    with workspace.journal.together([data, f"{data}.dvc", ignoring, target, target + SUFFIX]):
        examples = _write(workspace, artefact, inputs, policy, data)
        workspace.store.add(data)
        if known is None:
            create(workspace, "dataset", made, data)
        for pointer, value in fields.items():
            if value is not MISSING:
                edited = with_field(workspace, target, pointer, value)
                if edited.text != edited.before:
                    keep(workspace, edited)
        write_patch(workspace, patch(workspace, [target]))
    return Augmented(path, source, target, data, examples)


def _source(workspace: Workspace, path: str, content: Any) -> tuple[Artefact, str]:
    """The file of a data set, and its only input; raises Finding."""
    name, inputs = pointers.get(content, ("artefact", "path")), content.get("inputs")
    if not str(name).endswith(".npz") or not isinstance(inputs, list) or len(inputs) != 1:
        raise Finding(f"{path}: only an .npz file with one input can be augmented")
    return workspace.recorded(workspace.work(), str(name)), str(inputs[0])


def _write(workspace: Workspace, artefact: Artefact, name: str, policy: Any, data: str) -> int:
    """Write the augmented data; how many examples they have."""
    try:
        import numpy as np

        from .evaluation import processes
        from .extraction import npz
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "eval") from None
    file = workspace.root / artefact.path
    with temporary("augment") as folder:
        made = folder / "made.npy"
        task = {"augment": policy, "data": str(file), "suffix": ".npz", "inputs": [name], "outputs": str(made)}
        processes.run(task, f"the policy on {artefact.path}", workspace.limits)
        pictures = np.load(made, allow_pickle=False)
    arrays = dict(npz.load(file))
    count = len(arrays[name])
    result = {key: np.concatenate([array] * (1 + len(pictures) // count)) for key, array in arrays.items() if len(array) == count}
    result[name] = np.concatenate([arrays[name], pictures])
    out = io.BytesIO()
    np.savez(out, **result)  # type: ignore[arg-type]
    write(workspace.root, data, out.getvalue())
    return len(result[name])
