"""An evaluation note as lines for a terminal: verdict, metrics, the slices that changed most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .lines import Line, Span
from .tables import table
from .text import verdict

_SLICES = 5


def note(content: Mapping[str, Any]) -> Iterator[Line]:
    """The whole note; documents that were skipped take one line."""
    for path, result in content["documents"].items():
        yield [Span(path, "strong"), "  ", verdict(result["verdict"]), *_headline(result)]
        if "metrics" in result and result["verdict"] != "skipped":
            yield from _figures(result)
    if "allowed" in content:
        yield [Span("  let through: ", "warn"), content["allowed"]["reason"]]


def _headline(result: Mapping[str, Any]) -> list[Span | str]:
    if "reason" in result:
        return [f": {result['reason']}"]
    for each in result.get("differences", ()):
        if each["metric"] == "accuracy":
            low, high = (end * 100 for end in each["interval"])
            return [f": accuracy {each['difference'] * 100:+.1f} points [{low:+.1f}, {high:+.1f}]"]
    told = result.get("metrics", {}).get("accuracy")
    return [f": accuracy {told:.1%}"] if told is not None else []


def _figures(result: Mapping[str, Any]) -> Iterator[Line]:
    if "differences" in result:
        rows = [
            [
                each["metric"],
                f"{each['parent']:.4f}",
                f"{each['value']:.4f}",
                f"{each['difference']:+.4f}",
                _ends(each),
                _tolerance(each),
            ]
            for each in result["differences"]
        ]
        for line in table(["metric", "parent", "here", "difference", "interval", "tolerance"], rows, right=(1, 2, 3, 4, 5)):
            yield ["  ", line]
        flips = f"{result['negative_flips']} of {result['examples']} examples went wrong that were right, "
        yield [f"  {flips}{result['positive_flips']} the other way"]
    else:
        told = ", ".join(f"{name} {value:.4f}" for name, value in result["metrics"].items())
        yield [f"  {told} on {result['examples']} examples of {result['dataset']}"]
    changed = [each for each in result.get("recall", ()) if each.get("difference")][:_SLICES]
    if changed:
        rows = [
            [
                each["label"],
                str(each["support"]),
                f"{each['parent']:.3f}",
                f"{each['value']:.3f}",
                f"{each['difference']:+.3f}",
                _ends(each),
            ]
            for each in changed
        ]
        yield ["  Recall of each class that changed, worst first:"]
        for line in table(["class", "examples", "parent", "here", "difference", "interval"], rows, right=(1, 2, 3, 4, 5)):
            yield ["  ", line]


def _ends(each: Mapping[str, Any]) -> str:
    low, high = each["interval"]
    return f"[{low:+.3f}, {high:+.3f}]"


def _tolerance(each: Mapping[str, Any]) -> str:
    return "-" if each.get("tolerance") is None else f"{each['tolerance']:.3f}"
