"""The label map that a model's outputs and its test data's classes ask for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import Ended, reader_of


class Labels:
    """One label for each output, named as the test data's class with the output's number as its value.

    Other classes (names, numbers from 1) say nothing of the order of the outputs: then nothing is derived.
    """

    name = "labels"
    kind = "labels"
    version = "1"
    suffixes = ("",)

    def derive(self, path: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        model = reader_of("model", path)
        if model is None:
            return {}
        outputs = model.outputs(path) if isinstance(model, Ended) else model.derive(path, {})["structure"].get("outputs", [])
        shape = outputs[0].get("shape", []) if len(outputs) == 1 else []
        count = shape[-1] if len(shape) == 2 else None
        if not isinstance(count, int) or count < 2:
            return {}
        names: dict[int, str] = {}
        for each in options.get("/evaluation/dataset#/classes") or []:
            value = each["value"]
            if type(value) is not int or not 0 <= value < count:
                return {}  # which output stands for which of these no artefact says
            names[value] = each["name"]
        return {"labels": [{"name": names.get(index, f"class-{index}"), "index": index} for index in range(count)]}


EXTRACTOR = Labels()
