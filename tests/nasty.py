"""Repositories for reviews, made by hand: of payloads in every place that takes text, of many documents, of many fields."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from conftest import git

PAYLOADS: list[str] = json.loads(Path(__file__).with_name("payloads.json").read_text(encoding="utf-8"))
MODEL = "metadata/net.json"


def write(root: Path, path: str, content: Any) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def commit(root: Path, message: str = "Change", author: str = "Ada Tester") -> str:
    git("add", "-A", cwd=root)
    env = {**os.environ, "GIT_AUTHOR_NAME": author.replace("\0", "")}
    words = ["git", "commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-"]
    subprocess.run(words, cwd=root, input=message.encode(), env=env, check=True)
    return git("rev-parse", "HEAD", cwd=root)


def note(root: Path, commit_id: str, content: Any) -> None:
    """Put an evaluation, or anything (bytes), into a commit's note."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    blob = subprocess.run(["git", "hash-object", "-w", "--stdin"], cwd=root, input=data, capture_output=True, check=True).stdout
    git("notes", "--ref=mdrepo", "add", "-f", "-C", blob.decode().strip(), commit_id, cwd=root)


def evaluation(parent: str | None, path: str, **result: Any) -> dict[str, Any]:
    made = {"verdict": "improved", "key": "ab" * 32, "examples": 100, **result}
    return {"$schema": "urn:mdrepo:evaluation:1", "parent": parent, "verdict": made["verdict"], "documents": {path: made}}


def difference(metric: str, old: float, new: float, **more: Any) -> dict[str, Any]:
    step = round(new - old, 6)
    row = {"metric": metric, "direction": "higher", "parent": old, "value": new, "difference": step}
    return {**row, "interval": [step - 0.02, step + 0.02], **more}


def model(**more: Any) -> dict[str, Any]:
    labels = [{"name": name, "index": place} for place, name in enumerate("abcd")]
    start = {"$schema": "urn:mdrepo:model:1", "name": "net", "task": "classification", "labels": labels}
    return {**start, **more}


def file_names() -> list[str]:
    """The payloads that can be names of files here."""
    found = []
    for payload in PAYLOADS:
        name = payload.replace("/", "\u2215")
        if 0 < len(name.encode("utf-8", "surrogatepass")) < 200 and name not in (".", "..") and "\0" not in name:
            found.append(name)
    return found


def branch_names(root: Path) -> list[str]:
    """The payloads that git takes as names of branches."""
    words = ["git", "check-ref-format", "--branch"]
    return [name for name in PAYLOADS if subprocess.run([*words, name], cwd=root, capture_output=True, check=False).returncode == 0]


def poisoned(root: Path) -> tuple[str, str]:
    """A repository with payloads in keys, values, messages, names of people, branches, files and metrics; its two commits."""
    git("init", "-q", str(root), cwd=root.parent)
    write(root, MODEL, model(description="before", extensions={"same": 1}, preprocessing=[]))
    for name in file_names()[::2]:
        write(root, f"metadata/{name}.json", {"name": name, "size": 1})
    write(root, "metadata/data.json", {"$schema": "urn:mdrepo:dataset:1", "name": "data", "classes": []})
    base = commit(root, PAYLOADS[0])
    rows = [difference(name, 0.5, 0.6, verdict="improved", tolerance=0.01) for name in PAYLOADS]
    first = dict.fromkeys(PAYLOADS, 0.5)
    note(root, base, evaluation(None, MODEL, verdict="baseline", metrics=first, reason=PAYLOADS[1]))
    labels = [{"name": name, "index": place} for place, name in enumerate(["b", "a", *PAYLOADS])]
    thresholds = dict.fromkeys(PAYLOADS, 0.4)
    decision = {"rule": "threshold", "thresholds": thresholds}
    changed = model(
        description=" ".join(PAYLOADS) * 2,
        labels=labels,
        decision=decision,
        owners=PAYLOADS,
        preprocessing=[{"op": name} for name in PAYLOADS],
        structure={"layers": [{"name": name, "class_name": name} for name in PAYLOADS]},
        extensions={**{name: name for name in PAYLOADS}, "long": "x<b>" * 300_000},
    )
    write(root, MODEL, changed)
    for name in file_names():
        write(root, f"metadata/{name}.json", {"name": name, "size": 2, name: [name]})
        (root / f"{name}.dvc").write_text(f"outs:\n- md5: {'0' * 32}\n  size: 3\n  path: {json.dumps(name)}\n", encoding="utf-8")
    classes = [{"value": name, "name": name, "count": place} for place, name in enumerate(PAYLOADS[:40])]
    write(root, "metadata/data.json", {"$schema": "urn:mdrepo:dataset:1", "name": "data", "classes": classes})
    head = commit(root, "".join(f"{each}\n\n" for each in PAYLOADS), PAYLOADS[20])
    parts = [{"slice": name, "metric": name, "support": 9, **difference("", 0.5, 0.4)} for name in PAYLOADS]
    parts = [{key: value for key, value in each.items() if key not in ("direction",)} | {"metric": each["slice"]} for each in parts]
    fell = {"support": 9, "parent": 0.5, "value": 0.4, "difference": -0.1, "interval": [-0.2, 0.1]}
    recall = [{"label": name, **fell} for name in PAYLOADS]
    flips = {"negative": PAYLOADS, "positive": PAYLOADS}
    result = {"metrics": dict.fromkeys(PAYLOADS, 0.6), "differences": rows, "slices": parts, "recall": recall, "flips": flips}
    content = evaluation(base, MODEL, **result, negative_flips=3, positive_flips=4, reason=PAYLOADS[2])
    note(root, head, {**content, "allowed": {"reason": " ".join(PAYLOADS[:30])}})
    for name in branch_names(root):
        git("branch", "-f", name, head, cwd=root)
    return base, head


def forked(root: Path) -> str:
    """A repository whose HEAD merges two branches that changed different fields; the commit that they left each other at."""
    git("init", "-q", str(root), cwd=root.parent)
    write(root, MODEL, model(description="net", license="MIT"))
    base = commit(root, "Base")
    git("branch", "topic", cwd=root)
    write(root, MODEL, model(description="a net", license="MIT"))
    commit(root, "Ours")
    git("checkout", "-q", "topic", cwd=root)
    write(root, MODEL, model(description="net", license="BSD-3-Clause"))
    commit(root, "Theirs", "Grace Tester")
    git("checkout", "-q", "-", cwd=root)
    git("merge", "-q", "--no-commit", "-s", "ours", "topic", cwd=root)
    write(root, MODEL, model(description="a net", license="BSD-3-Clause"))
    commit(root, "Merge topic")
    return base
