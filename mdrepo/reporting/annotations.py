"""Problems as the hosts' annotations, with file and line, worst first: hosts show the first few and drop the rest.

One function a format, from a list of problems to a text; none of them lets a document's strings out of their place.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from .. import __version__
from ..validation import Problem
from .lines import harmless

_LONGEST = 4000
"""Characters of a message: a string of a document may be a megabyte, and hosts refuse what is too long."""
_FIRST = ("json/", "document/")
"""The rules of what cannot be read at all: whatever else is wrong may follow from it."""
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def worst_first(found: Sequence[Problem]) -> list[Problem]:
    """What cannot be read, then what contradicts the schema or the data, then the rest; in a file from its top."""

    def rank(each: Problem) -> int:
        return 0 if each.rule.startswith(_FIRST) else 2 if each.rule.startswith("merge/") else 1

    return sorted(found, key=lambda each: (rank(each), each.path, each.line, each.column, each.rule))


def text_of(each: Problem) -> str:
    """What a problem says, with what to do, in one line without control characters, shortened."""
    said = f"{each.pointer}: {each.message}" if each.pointer else each.message
    words = harmless(said + (f" ({each.hint})" if each.hint else ""))
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def github(found: Sequence[Problem]) -> str:
    """Workflow commands (`::error file=...`), escaped as GitHub's own toolkit does."""
    lines = []
    for each in worst_first(found):
        values = {"file": each.path, "line": each.line, "col": each.column, "title": f"mdrepo {each.rule}"}
        properties = ",".join(f"{name}={_property(str(value))}" for name, value in values.items())
        lines.append(f"::error {properties}::{_data(text_of(each))}\n")
    return "".join(lines)


def _data(text: str) -> str:
    return _encodable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def gitlab(found: Sequence[Problem]) -> str:
    """A report of GitLab's Code Quality; the fingerprint of a problem stays when lines move."""
    seen: dict[str, int] = {}
    issues = []
    for each in worst_first(found):
        same = "\0".join((each.path, each.pointer, each.rule, each.message))
        count = seen[same] = seen.get(same, 0) + 1
        fingerprint = hashlib.sha256(f"{same}\0{count}".encode("utf-8", "surrogatepass")).hexdigest()
        place = {"path": each.path, "lines": {"begin": each.line}}
        issues.append(
            {
                "description": text_of(each),
                "check_name": each.rule,
                "fingerprint": fingerprint,
                "severity": "critical" if each.rule.startswith(_FIRST) else "major",
                "location": place,
            }
        )
    return _json(issues)


def rdjson(found: Sequence[Problem]) -> str:
    """A DiagnosticResult of reviewdog; its columns count bytes, which the line alone does not."""
    diagnostics = [
        {
            "message": text_of(each),
            "location": {"path": each.path, "range": {"start": {"line": each.line}}},
            "severity": "ERROR",
            "code": {"value": each.rule},
        }
        for each in worst_first(found)
    ]
    return _json({"source": {"name": "mdrepo"}, "severity": "ERROR", "diagnostics": diagnostics})


def sarif(found: Sequence[Problem]) -> str:
    """A SARIF 2.1.0 log."""
    from urllib.parse import quote

    ordered = worst_first(found)
    rules = sorted({each.rule for each in ordered})
    results = []
    for each in ordered:
        uri = quote(each.path.encode("utf-8", "surrogateescape"), safe="/")
        region = {"startLine": each.line, "startColumn": each.column}
        results.append(
            {
                "ruleId": each.rule,
                "ruleIndex": rules.index(each.rule),
                "level": "error",
                "message": {"text": text_of(each)},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
            }
        )
    driver = {"name": "mdrepo", "semanticVersion": _semantic(__version__), "rules": [{"id": rule} for rule in rules]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return _json({"version": "2.1.0", "runs": [run]})


def _semantic(version: str) -> str:
    match = re.match(r"\d+\.\d+\.\d+", version)
    return match.group() if match else "0.0.0"


def junit(found: Sequence[Problem]) -> str:
    """A JUnit report: a test case for each problem, one that passes where there is none."""
    from xml.sax.saxutils import escape, quoteattr

    cases = []
    for each in worst_first(found):
        words = _xml(text_of(each))
        where = _xml(f"{each.path}:{each.line}:{each.column}")
        failure = f"<failure type={quoteattr(_xml(each.rule))} message={quoteattr(words)}>{escape(f'{where}: {words}')}</failure>"
        named = f"classname={quoteattr(_xml(each.path))} name={quoteattr(f'{each.rule} {where}')}"
        cases.append(f"<testcase {named}>{failure}</testcase>")
    count = len(cases)
    cases = cases or ['<testcase classname="mdrepo" name="documents"/>']
    suite = f'<testsuite name="mdrepo validate" tests="{len(cases)}" failures="{count}" errors="0">'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", suite, *cases, "</testsuite>", "</testsuites>", ""]
    return "\n".join(lines)


def _xml(text: str) -> str:
    """The text without what no XML may hold, as visible escapes."""
    return _NO_XML.sub(lambda match: f"\\u{ord(match.group()):04x}", harmless(text))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _json(content: Any) -> str:
    return json.dumps(content, indent=1) + "\n"


RENDERERS: dict[str, Callable[[Sequence[Problem]], str]] = {
    "github": github,
    "gitlab": gitlab,
    "rdjson": rdjson,
    "sarif": sarif,
    "junit": junit,
}
