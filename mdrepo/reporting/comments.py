"""Evaluations as markdown, for a comment on a pull request: tables, in which nothing from a document can be more than text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .evaluations import change, ends, headline, number
from .lines import counted
from .markdown import LIMIT, code, escaped

_TEXT = 200
_ROWS = 10
_COMPARED = ("metric", "parent", "here", "difference", "interval", "tolerance", "verdict")
_PARTS = ("part", "metric", "examples", "parent", "here", "difference", "interval", "established")
_LEFT = "\n… and {} left out: `mdrepo eval` shows them all\n"


def note(commit: str, content: Mapping[str, Any] | None, limit: int = LIMIT) -> str:
    """One commit's evaluation; documents beyond the limit are counted."""
    if content is None:
        return f"### {commit[:7]} has nothing to evaluate\n"
    parts = [f"### Evaluation of {commit[:7]}: **{escaped(content['verdict'], _TEXT)}**\n"]
    if "allowed" in content:
        parts.append(f"\nlet through: {escaped(content['allowed']['reason'], _TEXT)}\n")
    documents = list(content["documents"].items())
    for place, (path, result) in enumerate(documents):
        part = "".join(_document(path, result))
        if sum(map(len, parts)) + len(part) > limit - _TEXT:  # room for the closing line
            parts.append(_LEFT.format(counted(len(documents) - place, "document")))
            break
        parts.append(part)
    return "".join(parts)


def commits(found: Sequence[tuple[str, str, str, str]], limit: int = LIMIT) -> str:
    """Several commits, parents first: each one's id, verdict, what is to be said of it and subject; the last are kept."""
    head = f"### {counted(len(found), 'commit')} evaluated\n\n| commit | verdict | result | subject |\n| --- | --- | --- | --- |\n"
    rows: list[str] = []
    for commit, verdict, told, subject in reversed(found):
        row = f"| {commit[:7]} | {escaped(verdict, _TEXT)} | {escaped(told, _TEXT)} | {escaped(subject, _TEXT)} |\n"
        if sum(map(len, rows)) + len(row) > limit - 2 * _TEXT:
            break
        rows.append(row)
    left = len(found) - len(rows)
    return head + "".join(reversed(rows)) + (_LEFT.format(counted(left, "earlier commit")) if left else "")


def _document(path: str, result: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n{code(path)} **{escaped(result['verdict'], _TEXT)}**{escaped(headline(result), _TEXT)}\n"
    if "differences" in result:
        yield from _table(_COMPARED, [_difference(each) for each in result["differences"]], "difference")
        if "negative_flips" in result:
            turned = f"{result['negative_flips']} of {result['examples']} examples went wrong that were right"
            yield f"\n{turned}, {result['positive_flips']} the other way.\n"
        if "of" in result:
            yield f"\nThat took {result['examples']:,} of {result['of']:,} examples.\n"
    elif "metrics" in result:
        rows = [[code(name), number(value)] for name, value in result["metrics"].items()]
        yield from _table(("metric", f"on {result['examples']} examples"), rows, "metric")
    parts = [(f"class {each['label']}", "recall", each) for each in result.get("recall", ()) if each.get("difference")]
    parts += [(each["slice"], each["metric"], each) for each in result.get("slices", ())]
    yield from _table(_PARTS, [_part(*each) for each in parts], "part")
    for other in result.get("against", ()):
        yield f"\nagainst {other['parent'][:7]}: **{escaped(other['verdict'], _TEXT)}**{escaped(headline(other), _TEXT)}\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], what: str) -> Iterator[str]:
    if rows:
        yield f"\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n"
        yield from (f"| {' | '.join(row)} |\n" for row in rows[:_ROWS])
        if len(rows) > _ROWS:
            yield f"\n… and {counted(len(rows) - _ROWS, f'more {what}')}\n"


def _difference(each: Mapping[str, Any]) -> list[str]:
    tolerance = each.get("tolerance")
    told = [number(each["parent"]), number(each["value"]), change(each["difference"]), ends(each)]
    return [code(each["metric"]), *told, "" if tolerance is None else f"{tolerance:g}", escaped(each.get("verdict", ""), _TEXT)]


def _part(name: str, metric: str, each: Mapping[str, Any]) -> list[str]:
    sides = [number(each[side]) if side in each else "" for side in ("parent", "value")]
    changed = [f"{each['difference']:+.4f}", ends(each)] if "difference" in each else ["", ""]
    return [code(name), code(metric), str(each["support"]), *sides, *changed, escaped(each.get("verdict", ""), _TEXT)]
