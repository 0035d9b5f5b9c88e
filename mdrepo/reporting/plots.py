"""Plots of a review as SVG with text as text, in the colours of the page: the one module that uses matplotlib."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtra
from .lines import harmless

if TYPE_CHECKING:
    from ..reviews import Distribution, Insight, Judged, Point

_COLOURS = {"fg": "#010101", "muted": "#020202", "line": "#030303", "good": "#040404", "bad": "#050505", "link": "#060606"}
"""Colours that nothing else has, each standing for one of the page's own."""
_WIDTH = 4.6
_PARTS = 16
_METRICS = 4
_NAME = 18
_CELLS = 15
_COUNTED = 40
_MOST = 6
Draw = Callable[[Any], None]
Drawing = tuple[str, str, str]
"""A plot: its caption, its SVG, and the style that it needs."""


def of_model(each: Judged, salt: str, most: int) -> list[Drawing]:
    """The plots of one evaluation for which there are data, `most` of them; `salt` tells their ids from others'.

    Raises MissingExtra.
    """
    made: list[tuple[str, tuple[float, float], Draw]] = []
    names = [name for name in each.result.get("metrics", {}) if sum(name in point.result["metrics"] for point in each.history) > 1]
    if names:
        size = (_WIDTH, 1.5 * len(names[:_METRICS]) + 0.5)
        made.append(("Metrics over commits, with the interval against the parent", size, _history(each.history, names[:_METRICS])))
    if rows := list(_parts(each.result))[:_PARTS]:
        made.append(("Differences by class and slice, with intervals", (_WIDTH, 0.26 * len(rows) + 0.9), _differences(rows)))
    if each.insight is not None:
        made += _insight(each.insight)
    return [_drawn(f"{salt}-{place}", *plot) for place, plot in enumerate(made[:most])]


def distributions(found: Sequence[Distribution], salt: str) -> list[Drawing]:
    """How many examples each class has, before and now."""
    some = [each for each in found if len(each.names) <= _COUNTED][:_MOST]
    plots = ((f"Examples of each class: {short(each.path, 60)}", (_WIDTH, 2.6), _distribution(each)) for each in some)
    return [_drawn(f"{salt}-{place}", *plot) for place, plot in enumerate(plots)]


def short(text: str, limit: int = _NAME) -> str:
    """A name that fits into a plot, with nothing in it that acts."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return harmless(shown)


def _insight(seen: Insight) -> Iterator[tuple[str, tuple[float, float], Draw]]:
    if seen.confusion is not None and len(seen.names) <= _CELLS:
        side = min(_WIDTH, 0.34 * len(seen.names) + 1.4)
        differs = seen.confusion[0] is not None
        caption = "Confusion matrix: what became more and less" if differs else "Confusion matrix"
        yield caption, (_WIDTH, side), _confusion(seen)
    if seen.calibration is not None:
        yield "Calibration: how often it is right, by how sure it is", (_WIDTH, 3.2), _calibration(seen)


def _drawn(key: str, caption: str, size: tuple[float, float], draw: Draw) -> Drawing:
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("matplotlib", "review") from None
    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": key,
        "text.parse_math": False,
        "font.size": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 8,
        "axes.edgecolor": _COLOURS["line"],
        "axes.labelcolor": _COLOURS["muted"],
        "text.color": _COLOURS["fg"],
        "xtick.color": _COLOURS["muted"],
        "ytick.color": _COLOURS["muted"],
        "legend.frameon": False,
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that a font lacks is the reader's font's
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return caption, *_tidied(out.getvalue(), caption, key)


def _tidied(svg: str, caption: str, key: str) -> tuple[str, str]:
    """The SVG alone, its styles as classes, and these: a page whose policy allows one style by its hash takes no other."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{_attribute(caption)}">', svg, count=1
    )
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # the names of its parts, the same in each plot, to which nothing refers
    svg = re.sub(r'(?<=[ "#])(p|m|image)([0-9a-f]{8,})(?=[")])', rf"\1\2{_stem(key)}", svg)
    classes: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return f' class="{classes.setdefault(found[1], f"{_stem(key)}{len(classes)}")}"'

    svg = re.sub(r' style="([^"]*)"', named, svg)
    return svg, "".join(f".{name} {{ {_ours(style)} }}\n" for style, name in classes.items())


def _stem(key: str) -> str:
    """A name of a plot for ids and classes."""
    import zlib

    return f"x{zlib.crc32(key.encode()):08x}-"


def _attribute(text: str) -> str:
    from html import escape

    return escape(text).replace("\\", r"\\")


def _ours(style: str) -> str:
    """A style in the page's colours and font."""
    for name, colour in _COLOURS.items():
        style = style.replace(colour, f"var(--{name})")
    return re.sub(r"font: ([^;]*?px) [^;]*", r"font: \1 var(--sans)", style)


def _history(points: Sequence[Point], names: Sequence[str]) -> Draw:
    def draw(figure: Any) -> None:
        for at, (name, axes) in enumerate(zip(names, figure.subplots(len(names), squeeze=False)[:, 0], strict=True)):
            known = [(place, each.result) for place, each in enumerate(points) if name in each.result["metrics"]]
            places, values = zip(*((place, each["metrics"][name]) for place, each in known), strict=True)
            axes.plot(places, values, color=_COLOURS["link"], marker="o", ms=3)
            for place, each in known:
                if (ends := _interval(each, name)) is not None:
                    axes.vlines(place, *ends, color=_COLOURS["link"], alpha=0.5, linewidth=3)
            axes.set_title(short(name, 40), loc="left")
            axes.margins(x=0.08, y=0.15)
            step = max(1, -(-len(points) // 6))
            shown = range(0, len(points), step) if at == len(names) - 1 else range(0)
            axes.set_xticks([*shown], [points[place].commit[:7] for place in shown])

    return draw


def _interval(result: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """Where a metric lies, by the interval of its difference to the parent's, within what it can be."""
    row = next((each for each in result.get("differences", ()) if each["metric"] == name), None)
    if row is None:
        return None
    low, high = (row["parent"] + end for end in row["interval"])
    if name == "r2":
        return low, min(high, 1)
    return max(low, 0), min(high, 1) if row.get("direction") == "higher" else high


def _parts(result: Mapping[str, Any]) -> Iterator[tuple[str, float, tuple[float, float]]]:
    for row in (*result.get("slices", ()), *result.get("recall", ())):
        if "difference" in row and "interval" in row:
            name = f"{short(row['slice'])}: {row['metric']}" if "slice" in row else f"class {short(row['label'])}"
            yield name, row["difference"], tuple(row["interval"])


def _differences(rows: Sequence[tuple[str, float, tuple[float, float]]]) -> Draw:
    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=_COLOURS["line"], linewidth=1)
        for place, (_, middle, (low, high)) in enumerate(rows):
            colour = _COLOURS["good"] if low > 0 else _COLOURS["bad"] if high < 0 else _COLOURS["muted"]
            axes.hlines(place, low, high, color=colour, linewidth=2)
            axes.plot([middle], [place], marker="o", ms=4, color=colour)
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel("now less before")

    return draw


def _confusion(seen: Insight) -> Draw:
    assert seen.confusion is not None
    before, after = seen.confusion
    labels = [*(short(name, 8) for name in seen.names), "none"]
    used = len(labels) if any(row[-1] for side in (before or (), after) for row in side) else len(labels) - 1

    def draw(figure: Any) -> None:
        from matplotlib.patches import Rectangle

        axes = figure.subplots()
        cells = [[new - (before[y][x] if before else 0) for x, new in enumerate(row[:used])] for y, row in enumerate(after)]
        most = max((abs(cell) for row in cells for cell in row), default=0) or 1
        for y, row in enumerate(cells):
            for x, cell in enumerate(row):
                if cell:
                    colour = _COLOURS["good"] if (x == y) == (cell > 0) else _COLOURS["bad"]
                    axes.add_patch(
                        Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, alpha=0.12 + 0.4 * abs(cell) / most, edgecolor="none")
                    )
                    axes.text(x, y, f"{cell:+}" if before else str(cell), ha="center", va="center", fontsize=7)
        axes.set_xlim(-0.5, used - 0.5)
        axes.set_ylim(len(after) - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(used), labels[:used], rotation=90 if max(map(len, labels[:used])) > 2 else 0)
        axes.set_yticks(range(len(after)), labels[: len(after)])
        axes.set_xlabel("answer")
        axes.set_ylabel("truth")

    return draw


def _calibration(seen: Insight) -> Draw:
    assert seen.calibration is not None
    before, after = seen.calibration

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=_COLOURS["line"], linewidth=1)
        for bins, name, colour in ((before, "before", "muted"), (after, "now", "link")):
            if bins:
                axes.plot(
                    [one for one, _, _ in bins],
                    [share for _, share, _ in bins],
                    marker="o",
                    ms=4,
                    color=_COLOURS[colour],
                    label=name,
                )
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.05)
        axes.set_xlabel("how sure (probability of the best answer)")
        axes.set_ylabel("how often right")
        axes.legend(loc="upper left")

    return draw


def _distribution(each: Distribution) -> Draw:
    def draw(figure: Any) -> None:
        axes = figure.subplots()
        sides = [
            (counts, name, colour) for counts, name, colour in ((each.old, "before", "muted"), (each.new, "now", "link")) if counts
        ]
        width = 0.8 / len(sides)
        for at, (counts, name, colour) in enumerate(sides):
            places = [place + (at - (len(sides) - 1) / 2) * width for place in range(len(counts))]
            axes.bar(places, counts, width * 0.92, color=_COLOURS[colour], label=name)
        labels = [short(name, 10) for name in each.names]
        axes.set_xticks(range(len(labels)), labels, rotation=90 if max(map(len, labels)) * len(labels) > 40 else 0)
        axes.set_ylabel("examples")
        axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.18))

    return draw
