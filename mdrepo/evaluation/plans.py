"""The plan of a model: its operations in order, with what stands for their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import MdrepoError
from .operations import Operation, Ref


class Unplanned(MdrepoError):
    """A model whose graph cannot be read, or not be told: why."""


@dataclass(frozen=True)
class Plan:
    """The operations that a model's output needs, in an order in which each comes after its inputs; the first is the input."""

    operations: Sequence[Operation]
    output: Ref

    @property
    def reason(self) -> str | None:
        """Why the output's hash does not stand for all that it depends on; None where it does."""
        return self.operations[self.output[0]].reason

    def tensor(self, ref: Ref) -> str | None:
        """What stands for a tensor's value."""
        found = self.operations[ref[0]].hash
        return None if found is None else f"{found}:{ref[1]}"

    def to_json(self) -> dict[str, Any]:
        return {"operations": [each.to_json() for each in self.operations], "output": list(self.output)}

    @staticmethod
    def of_json(found: Mapping[str, Any]) -> Plan:
        return Plan([Operation.of_json(each) for each in found["operations"]], (found["output"][0], found["output"][1]))
