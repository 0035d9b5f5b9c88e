"""Post a review on the pull or merge request that a job runs for, or update the one that is there: python comment.py FILE.

Where it cannot (a fork's token may only read), that is said, and the job goes on: the review is in the job's summary, too.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

MARKER = "<!-- mdrepo-review -->"
PAGES = 50
SECONDS = 30


class Host(NamedTuple):
    """Where the comments of a request are, where one of them is, how it is changed, and who asks."""

    comments: str
    comment: str
    verb: str
    headers: Mapping[str, str]


def host(env: Mapping[str, str]) -> Host | None:
    """The host that a job runs on, by the variables that it gives; None where there is no request, or no token."""
    pull = re.fullmatch(r"refs/pull/(\d+)/(?:merge|head)", env.get("GITHUB_REF", ""))
    if pull and env.get("GITHUB_TOKEN"):
        issues = f"{env['GITHUB_API_URL']}/repos/{env['GITHUB_REPOSITORY']}/issues"
        headers = {"Authorization": f"Bearer {env['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
        return Host(f"{issues}/{pull[1]}/comments", f"{issues}/comments", "PATCH", headers)
    if env.get("CI_MERGE_REQUEST_IID") and env.get("MDREPO_TOKEN"):
        notes = f"{env['CI_API_V4_URL']}/projects/{env['CI_PROJECT_ID']}/merge_requests/{env['CI_MERGE_REQUEST_IID']}/notes"
        return Host(notes, notes, "PUT", {"PRIVATE-TOKEN": env["MDREPO_TOKEN"]})
    return None


def call(where: Host, verb: str, url: str, content: Any = None) -> Any:
    """One request to the host; its answer."""
    headers = {**where.headers, "Content-Type": "application/json", "User-Agent": "mdrepo"}
    data = json.dumps(content).encode() if content is not None else None
    asked = urllib.request.Request(url, data, headers, method=verb)
    with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
        return json.load(answer)


def earlier(where: Host) -> int | None:
    """The comment that begins with the marker, if there is one."""
    for page in range(1, PAGES + 1):
        found = call(where, "GET", f"{where.comments}?per_page=100&page={page}")
        for each in found:
            if str(each.get("body") or "").startswith(MARKER):
                return int(each["id"])
        if len(found) < 100:
            return None
    return None


def post(where: Host, body: str) -> str:
    """Update the comment, or make one; what was done. One that somebody else wrote cannot be updated: then a new one is made."""
    known = earlier(where)
    if known is not None:
        try:
            call(where, where.verb, f"{where.comment}/{known}", {"body": body})
        except urllib.error.HTTPError as error:
            if error.code not in (403, 404):
                raise
        else:
            return "updated the comment"
    call(where, "POST", where.comments, {"body": body})
    return "made a comment"


def main(arguments: list[str], env: Mapping[str, str]) -> int:
    """Post what is in a file."""
    if len(arguments) != 1:
        print("usage: comment.py FILE", file=sys.stderr)
        return 2
    try:
        body = Path(arguments[0]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"mdrepo: {arguments[0]} cannot be read: {error}", file=sys.stderr)
        return 3
    if not body.startswith(MARKER):
        print(f"mdrepo: {arguments[0]} is no review: it does not begin with {MARKER}", file=sys.stderr)
        return 3
    where = host(env)
    if where is None:
        print("mdrepo: no comment: this job runs for no pull or merge request, or has no token")
        return 0
    try:
        print(f"mdrepo: {post(where, body)}")
    except (urllib.error.URLError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        print(f"{'::warning::' if 'GITHUB_REF' in env else ''}mdrepo: no comment: the host says: {error}".replace("\n", " "))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
