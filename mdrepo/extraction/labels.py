"""The label map that a model's outputs and its test data's classes ask for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import extractor_for


class Labels:
    """One label for each output: the test data's classes in their order, where their number fits."""

    name = "labels"
    kind = "labels"
    version = "1"
    suffixes = ("",)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        model = extractor_for("model", path.name)
        if model is None:
            return {}
        outputs = model.derive(path, {})["structure"].get("outputs", [])
        shape = outputs[0]["shape"] if len(outputs) == 1 else []
        count = shape[-1] if len(shape) == 2 else None
        if not isinstance(count, int) or count < 2:
            return {}
        classes = options.get("/evaluation/dataset#/classes") or []
        names = [each["name"] for each in classes] if len(classes) == count else [f"class-{i}" for i in range(count)]
        return {"labels": [{"name": name, "index": index} for index, name in enumerate(names)]}


EXTRACTOR = Labels()
