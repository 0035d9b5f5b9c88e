"""An evaluation note as lines for a terminal: verdict, metrics, the slices that changed most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .lines import Line, Span
from .tables import table
from .text import verdict

_SLICES = 5
_FLIPS = 5


def note(content: Mapping[str, Any]) -> Iterator[Line]:
    """The whole note; documents that were skipped take one line."""
    for path, result in content["documents"].items():
        yield [Span(path, "strong"), "  ", verdict(result["verdict"]), headline(result)]
        if "metrics" in result and result["verdict"] != "skipped":
            yield from _figures(result)
    if "allowed" in content:
        yield [Span("  let through: ", "warn"), content["allowed"]["reason"]]


def line(commit: str, subject: str, content: Mapping[str, Any] | None, error: str | None = None) -> Line:
    """One commit of several: its verdict, the figure of its worst document, and its subject; or why it has none."""
    found, told = said(content, error)
    start: list[Span | str] = [Span(commit[:7], "warn"), "  "]
    return [*start, Span(found, "bad") if error else verdict(found), f"{': ' if told else ''}{told}", Span(f"  {subject}", "faint")]


def said(content: Mapping[str, Any] | None, error: str | None = None) -> tuple[str, str]:
    """A commit's verdict and what there is to say of it, in a few words."""
    if error is not None:
        return "not evaluated", error
    if content is None:
        return "nothing to evaluate", ""
    documents = content["documents"].values()
    worst: Mapping[str, Any] = next((each for each in documents if each["verdict"] == content["verdict"]), {})
    return content["verdict"], headline(worst).removeprefix(": ")


def headline(result: Mapping[str, Any]) -> str:
    """What is to be said of a document before all else, behind a colon."""
    if "reason" in result:
        return f": {result['reason']}"
    rows = sorted(result.get("differences", ()), key=lambda each: each["metric"] != "accuracy")
    shown = next((each for each in rows if each.get("verdict") == result["verdict"]), rows[0] if rows else None)
    if shown is not None and shown["metric"] == "accuracy":
        low, high = (end * 100 for end in shown["interval"])
        return f": accuracy {shown['difference'] * 100:+.1f} points [{low:+.1f}, {high:+.1f}]"
    if shown is not None:
        return f": {shown['metric']} {change(shown['difference'])} {ends(shown)}"
    told = result.get("metrics", {}).get("accuracy")
    return f": accuracy {told:.1%}" if told is not None else ""


def _figures(result: Mapping[str, Any]) -> Iterator[Line]:
    if "differences" in result:
        yield from _differences(result["differences"])
        if "negative_flips" in result:
            flips = f"{result['negative_flips']} of {result['examples']} examples went wrong that were right, "
            yield [f"  {flips}{result['positive_flips']} the other way{_some(result.get('flips', {}))}"]
    else:
        told = ", ".join(f"{name} {number(value)}" for name, value in result["metrics"].items())
        yield [f"  {told} on {result['examples']} examples of {result['dataset']}"]
    if "of" in result:
        yield [f"  that took {result['examples']:,} of {result['of']:,} examples"]
    if "unstable" in result:
        yield [f"  {result['unstable']} examples have two best outputs so close that rounding alone can change the answer"]
    changed = [each for each in result.get("recall", ()) if each.get("difference")]
    if changed:
        yield ["  Recall of each class that changed, worst first:"]
        yield from _parts("class", [(each["label"], each) for each in changed[:_SLICES]])
    if slices := result.get("slices"):
        shown = [(f"{each['slice']}: {each['metric']}", each) for each in slices]
        yield [f"  Slices, worst first{_of(len(shown))}:"]
        yield from _parts("slice", shown[:_SLICES])
    for other in result.get("against", ()):
        yield [f"  against {other['parent'][:7]}: ", verdict(other["verdict"]), headline(other)]


def _differences(differences: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    rows = [
        [
            each["metric"],
            number(each["parent"]),
            number(each["value"]),
            change(each["difference"]),
            ends(each),
            _tolerance(each),
        ]
        for each in differences
    ]
    for line in table(["metric", "parent", "here", "difference", "interval", "tolerance"], rows, right=(1, 2, 3, 4, 5)):
        yield ["  ", line]
    for each in differences:
        if "needed" in each:
            yield [f"  {each['metric']}: about {each['needed']:,} examples would decide, if the difference stays as it is"]


def _parts(what: str, parts: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[Line]:
    """Classes or slices with their differences; of a baseline, with their values."""
    compared = any("difference" in each for _, each in parts)
    rows = []
    for name, each in parts:
        cells = [name, str(each["support"]), *([_three(each, "parent")] if compared else []), _three(each, "value")]
        if compared:
            cells += (
                [f"{each['difference']:+.3f}", ends(each), each.get("verdict", "")] if "difference" in each else ["", "", "too few"]
            )
        rows.append(cells)
    more = ["parent", "here", "difference", "interval", "established"] if compared else ["here"]
    for line in table([what, "examples", *more], rows, right=(1, 2, 3, 4, 5)[: len(more)]):
        yield ["  ", line]


def _some(flips: Mapping[str, Any]) -> str:
    """The first examples that went wrong, by name."""
    lost = flips.get("negative", ())
    return f" (wrong now: {', '.join(map(str, lost[:_FLIPS]))}{', ...' if len(lost) > _FLIPS else ''})" if lost else ""


def _of(count: int) -> str:
    return f" ({_SLICES} of {count})" if count > _SLICES else ""


def _three(each: Mapping[str, Any], name: str) -> str:
    return f"{each[name]:.3f}" if name in each else "-"


def number(value: float) -> str:
    """A metric's value; a count, as of bytes, without decimals."""
    if _counts(value):
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def change(value: float) -> str:
    """A difference of such values."""
    return f"{value:+,.0f}" if _counts(value) else f"{value:+.4f}"


def _counts(value: float) -> bool:
    return abs(value) > 1 and float(value).is_integer()


def ends(each: Mapping[str, Any]) -> str:
    """The interval of a difference."""
    low, high = each["interval"]
    return "exact" if low == high else f"[{low:+.3f}, {high:+.3f}]"


def _tolerance(each: Mapping[str, Any]) -> str:
    found = each.get("tolerance")
    if found is None:
        return "-"
    return f"{found:,.0f}" if _counts(found) else f"{found:.3f}"
