"""What every form of a review shows, in words: facts, and tables of plain text that each form escapes as it must."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import pointers
from ..changes import MISSING, Change
from .diffs import compared, moved
from .evaluations import change, ends, number
from .lines import counted, value

if TYPE_CHECKING:
    from ..artefacts import Artefact
    from ..reviews import DataChange, DocumentReview, Item, Judged, Review

TONES = {"improved": "good", "regressed": "bad", "failed": "bad", "inconclusive": "warn"}
CLASSES = {"breaking": "bad", "behavioural": "warn"}
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_TEXT = 300
_FEW = 3
_MANY = 200


def cut(text: str, limit: int = _TEXT) -> str:
    """A text that is not too long, and that says so where it was."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


class Fact(NamedTuple):
    """One line of the verdict: its name, what it says, and a tone (`good`, `bad`, `warn`, or none)."""

    name: str
    text: str
    tone: str = ""


class Row(NamedTuple):
    """A row of a table, and its tone."""

    cells: tuple[str, ...]
    tone: str = ""


class Table(NamedTuple):
    """A table of plain text; columns in `right` are numbers."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    right: tuple[int, ...] = ()


def title(found: Review) -> str:
    """What is reviewed, in a few words."""
    if found.head is None:
        return f"what is staged on {found.base[:7]}" if found.base else "what is staged"
    if found.base is None:
        return found.head[:7]
    return f"{found.base[:7]}..{found.head[:7]}"


def facts(found: Review) -> list[Fact]:
    """The verdict: valid, in step, evaluated, the class, the version, what to look at."""
    problems, stale = found.problems, [each for each in found.documents if each.stale]
    looked = counted(len(found.changed), "document") + " changed"
    files = counted(len({each.path for each in problems}), "document")
    made = [
        Fact("valid", f"no: {counted(len(problems), 'problem')} in {files}", "bad")
        if problems
        else Fact("valid", f"yes ({looked})", "good"),
        Fact(
            "in step with artefacts",
            f"no: {counted(found.stale, 'derived field')} of {counted(len(stale), 'document')} stale",
            "bad",
        )
        if stale
        else Fact("in step with artefacts", "yes", "good"),
        Fact("evaluated", f"{found.verdict}: {found.evaluated}" if found.verdict else found.evaluated, _tone(found)),
    ]
    if found.allowed:
        made.append(Fact("let through", found.allowed, "warn"))
    made.append(Fact("highest class", found.meaning or "none that a schema says", CLASSES.get(found.meaning or "", "")))
    if versions := [version(each) for each in found.changed if each.suggested]:
        alike = f"{versions[0]} for each of {len(versions)} documents"
        many = alike if len({*versions}) == 1 else f"another for each of {len(versions)} documents, named there"
        made.append(Fact("suggested version", versions[0] if len(versions) == 1 else many))
    if found.flags:
        made.append(Fact("look at", counted(found.flags, "flag"), "warn"))
    return made


def _tone(found: Review) -> str:
    return TONES.get(found.verdict, "") if found.verdict else "warn" if found.evaluated.startswith("not") else ""


def version(each: DocumentReview) -> str:
    """The version that a document should get."""
    suggested = each.suggested
    if suggested is None:
        return ""
    if suggested.last is None:
        return f"{suggested.version} (its first)"
    return f"{suggested.last} → {suggested.version}" if suggested.last != suggested.version else f"{suggested.version} (released)"


def origin(item: Item, document: DocumentReview) -> str:
    """Where a value comes from."""
    source = item.origin.source
    people = ", ".join(document.authors[:_FEW]) + (", …" if len(document.authors) > _FEW else "")
    if item.origin.kind == "derived" and source:
        return source.shown()
    if item.origin.kind == "mixed" and source:
        return f"in part {source.shown()}"
    if item.origin.kind == "overridden" and source:
        return f"{people or 'by hand'}, against {source.shown()}"
    return people or "by hand"


def common_origin(items: Sequence[Item], document: DocumentReview) -> str:
    """Where most values of a section come from; nothing where no more than half do."""
    found = [origin(item, document) for item in items]
    most = max(found, key=found.count, default="") if len(found) <= _MANY else found[0]
    return most if len(found) > 1 and found.count(most) * 2 > len(found) else ""


def sides(item: Item, limit: int) -> tuple[str, str, str]:
    """What a value was, what it is, and how far it moved or what else is to be said of it."""
    each = item.change
    if each.kind == "moved":
        return "", value(each.new, limit), f"moved {moved(each)}"
    old, new = ("" if side is MISSING else value(side, limit) for side in (each.old, each.new))
    notes = compared(each.old, each.new) if each.kind == "changed" else [each.kind]
    return old, new, ", ".join(notes)


def tone(item: Item) -> str:
    """The tone of a change: by the direction of the metric that it is, where it is one."""
    return "" if item.better is None else "good" if item.better else "bad"


def metrics(each: Judged) -> Table | None:
    """The metrics side by side, with intervals where the two models were compared example by example."""
    result = each.result
    if "differences" in result:
        columns = ("metric", "before", "now", "difference", "interval", "tolerance", "verdict")
        return Table(columns, tuple(_compared(row) for row in result["differences"]), (1, 2, 3, 4, 5))
    known = result.get("metrics", {})
    if not known:
        return None
    if each.before:
        rows = (
            Row((name, _side(each.before, name), number(found), _step(each.before, name, found))) for name, found in known.items()
        )
        return Table(("metric", "before", "now", "difference (not paired)"), tuple(rows), (1, 2, 3))
    return Table(("metric", "now"), tuple(Row((name, number(found))) for name, found in known.items()), (1,))


def _side(known: Mapping[str, float], name: str) -> str:
    return number(known[name]) if name in known else ""


def _step(known: Mapping[str, float], name: str, found: float) -> str:
    return change(found - known[name]) if name in known else ""


def _compared(row: Mapping[str, Any]) -> Row:
    tolerance = row.get("tolerance")
    cells = (row["metric"], number(row["parent"]), number(row["value"]), change(row["difference"]), ends(row))
    return Row((*cells, "" if tolerance is None else f"{tolerance:g}", row.get("verdict", "")), _better(row))


def _better(row: Mapping[str, Any]) -> str:
    """By the metric's own direction, not by the sign."""
    step = row["difference"]
    if not step or row.get("direction") not in ("higher", "lower"):
        return ""
    return "good" if (step > 0) == (row["direction"] == "higher") else "bad"


def crossed(each: Judged) -> Iterator[str]:
    """The metrics that are worse by more than they may be."""
    for row in each.result.get("differences", ()):
        tolerance = row.get("tolerance")
        if tolerance is not None and _better(row) == "bad" and abs(row["difference"]) > tolerance:
            yield f"{row['metric']} is worse by {abs(row['difference']):.4g}, more than the tolerance of {tolerance:g}"


def parts(each: Judged) -> Table | None:
    """Classes and slices that changed, with their intervals, worst first."""
    result = each.result
    rows = [(f"class {row['label']}", "recall", row) for row in result.get("recall", ()) if row.get("difference")]
    rows += [(row["slice"], row["metric"], row) for row in result.get("slices", ()) if row.get("difference") or "parent" not in row]
    if not rows:
        return None
    columns = ("part", "metric", "examples", "before", "now", "difference", "interval", "established")
    return Table(columns, tuple(_part(*row) for row in rows), (2, 3, 4, 5, 6))


def _part(name: str, metric: str, row: Mapping[str, Any]) -> Row:
    before, now = (number(row[side]) if side in row else "" for side in ("parent", "value"))
    if "difference" not in row or "interval" not in row:
        return Row((name, metric, str(row["support"]), before, now, "", "", row.get("verdict", "")))
    moved_by = row["difference"]
    colour = TONES.get(row.get("verdict", ""), "")
    if not colour and metric == "recall" and moved_by:
        colour = "good" if moved_by > 0 else "bad"
    return Row((name, metric, str(row["support"]), before, now, f"{moved_by:+.4f}", ends(row), row.get("verdict", "")), colour)


def flips(each: Judged) -> str | None:
    """How many examples turned."""
    result = each.result
    if "negative_flips" not in result or not (result["negative_flips"] or result.get("positive_flips")):
        return None
    lost = f"{result['negative_flips']} of {result.get('examples', '?')} examples went wrong that were right"
    return f"{lost}, {result.get('positive_flips', 0)} the other way"


def turned(each: Judged) -> list[str]:
    """The names of the first examples that went wrong."""
    return [str(name) for name in each.result.get("flips", {}).get("negative", ())]


def parameters(documents: Sequence[DocumentReview]) -> Table | None:
    """The parameters that changed, side by side."""
    rows = tuple(Row(_parameter(each.path, item)) for each in documents for item in each.parameters)
    return Table(("document", "parameter", "before", "now", "difference"), rows, (2, 3, 4)) if rows else None


def _parameter(path: str, each: Change) -> tuple[str, ...]:
    old, new = ("" if side is MISSING else value(side, 60) for side in (each.old, each.new))
    notes = compared(each.old, each.new) if each.kind == "changed" else [each.kind]
    return path, pointers.build(each.shown_path), old, new, ", ".join(notes)


def data(found: Sequence[DataChange]) -> Table | None:
    """What DVC tracks: sizes, files, and the beginning of the hashes."""
    rows = tuple(Row((each.path, _artefact(each.old), _artefact(each.new), _grown(each))) for each in found)
    return Table(("artefact", "before", "now", "difference"), rows, (1, 2, 3)) if rows else None


def _artefact(each: Artefact | None) -> str:
    if each is None:
        return ""
    files = f", {counted(each.files, 'file')}" if each.files is not None else ""
    return f"{size(each.size)}{files} ({each.md5[:8]})"


def _grown(each: DataChange) -> str:
    if each.old is None or each.new is None:
        return "added" if each.old is None else "removed"
    step = each.new.size - each.old.size
    made = [("+" if step > 0 else "-") + size(abs(step))] if step else ["same size, other bytes"]
    if each.old.files is not None and each.new.files is not None and each.old.files != each.new.files:
        made.append(f"{each.new.files - each.old.files:+,} files")
    return ", ".join(made)


def size(count: float) -> str:
    """A number of bytes as people read it."""
    unit = 0
    while abs(count) >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:,.0f} {_UNITS[unit]}" if unit == 0 else f"{count:,.1f} {_UNITS[unit]}"


def heading(each: DocumentReview) -> str:
    """What is to be said of a document beside its name."""
    if each.unreadable:
        return each.unreadable
    told = [each.state] if each.state != "changed" else []
    told += [counted(each.count, "change")] if each.count else []
    told += [each.meaning] if each.meaning else []
    return ", ".join(told)


def said(found: Review) -> list[tuple[str, str, str]]:
    """What the changes mean: path, pointer, sentence; what only changed its order last."""
    made = [(each.path, pointers.build(item.path), item.text) for each in found.documents for item in each.said]
    made += [(each.path, "/evaluation/tolerance", text) for each in found.judged for text in crossed(each)]
    order = "only the order of the items changed, which is no change"
    return made + [(each.path, pointers.build(place), order) for each in found.documents for place in each.reordered]


def flags(found: Review) -> list[tuple[str, str, str]]:
    """What a reviewer should ask about: path, pointer, sentence."""
    return [(each.path, pointers.build(item.path), item.text) for each in found.documents for item in each.flags]


def findings(found: Review) -> list[tuple[str, str, str]]:
    """What is not valid or stale: path, place, sentence."""
    made = [
        (each.path, f"line {each.line}" + (f", {each.pointer}" if each.pointer else ""), each.message) for each in found.problems
    ]
    for each in found.documents:
        reasons = dict.fromkeys(item.reason for item in each.stale)
        for reason in reasons:
            count = sum(item.reason == reason for item in each.stale)
            made.append((each.path, counted(count, "derived field"), f"stale: {reason}"))
    return made
