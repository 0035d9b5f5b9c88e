"""The templates for hosts, played step by step with the variables that a host gives, against a host that only tests know."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import DATA, DOCUMENT, ROOT, copied, edit, git, keras_file, mdrepo, settled, swap, track

CI = ROOT / "ci"
MARKER = "<!-- mdrepo-review -->"
SPARE = "metadata/spare.json"


class Fake(HTTPServer):
    """A host's API: the comments of one request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.refuse: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Fake

    def _do(self) -> None:
        host = self.server
        host.asked.append(f"{self.command} {self.path}")
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        code, answer = host.refuse.get(self.command, 200), {}
        if code == 200 and self.command == "GET":
            page = int(self.path.rpartition("=")[2])
            answer = host.comments[(page - 1) * 100 : page * 100]  # type: ignore[assignment]
        elif code == 200 and self.command == "POST":
            answer = {"id": len(host.comments) + 1, **body}
            host.comments.append(answer)
        elif code == 200:
            host.comments[int(self.path.rpartition("/")[2]) - 1].update(body)
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_GET = do_POST = do_PATCH = do_PUT = _do  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def host() -> Iterator[Fake]:
    server = Fake()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def hosted(host: Fake, kind: str) -> dict[str, str]:
    """The variables of a job for a pull request on GitHub, or for a merge request on GitLab."""
    if kind == "github":
        token = {"GITHUB_TOKEN": "t", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_REPOSITORY": "a/b"}
        return {**token, "GITHUB_API_URL": host.url, "GITHUB_ACTION_PATH": str(CI)}
    return {"MDREPO_TOKEN": "t", "CI_MERGE_REQUEST_IID": "7", "CI_PROJECT_ID": "3", "CI_API_V4_URL": f"{host.url}/api/v4"}


def run(words: list[str], cwd: Path, env: dict[str, str]) -> tuple[int, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(words, cwd=cwd, env={**os.environ, "PATH": path, **env}, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def comment(text: str, folder: Path, env: dict[str, str]) -> tuple[int, str]:
    (folder / "review.md").write_text(text)
    return run([sys.executable, str(CI / "comment.py"), "review.md"], folder, env)


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_one_comment_is_made_and_then_updated(host: Fake, tmp_path: Path, kind: str) -> None:
    host.comments = [{"id": n + 1, "body": f"said {MARKER}"} for n in range(120)]
    for text in ("first", "second é"):
        code, said = comment(f"{MARKER}\n{text}", tmp_path, hosted(host, kind))
        assert code == 0, said
    assert len(host.comments) == 121
    assert host.comments[-1]["body"] == f"{MARKER}\nsecond é"
    where = "/repos/a/b/issues/7/comments" if kind == "github" else "/api/v4/projects/3/merge_requests/7/notes"
    change = "PATCH /repos/a/b/issues/comments/121" if kind == "github" else f"PUT {where}/121"
    assert [each.partition("?")[0] for each in host.asked] == [f"GET {where}"] * 2 + [f"POST {where}"] + [f"GET {where}"] * 2 + [
        change
    ]


def test_a_host_that_refuses_is_said_and_stops_nothing(host: Fake, tmp_path: Path) -> None:
    env = hosted(host, "github")
    host.refuse = {"GET": 403}
    code, said = comment(f"{MARKER}\n", tmp_path, env)
    assert (code, "::warning::mdrepo: no comment" in said, "403" in said) == (0, True, True)
    host.refuse = {"PATCH": 403}
    host.comments = [{"id": 1, "body": f"{MARKER} of another"}]
    assert "made a comment" in comment(f"{MARKER}\nnew", tmp_path, env)[1]
    assert host.comments[0]["body"] == f"{MARKER} of another"
    assert "no comment" in comment(f"{MARKER}\n", tmp_path, {**env, "GITHUB_API_URL": "http://127.0.0.1:9"})[1]
    assert "no token" in comment(f"{MARKER}\n", tmp_path, {**env, "GITHUB_TOKEN": ""})[1]
    assert comment("no review", tmp_path, env)[0] == 3
    assert run([sys.executable, str(CI / "comment.py"), "none.md"], tmp_path, env)[0] == 3


@pytest.fixture(scope="module")
def asked(judged_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with branches that are proposed: fine, not valid, worse, stale, in conflict, and not valid with main alone."""
    base = tmp_path_factory.getbasetemp()
    root = copied(judged_template, base / "asked")
    with settled(base):
        (root / SPARE).write_bytes((root / DATA).read_bytes())
        git("add", SPARE, cwd=root)
        git("commit", "-qm", "A spare document", cwd=root)
        for name, change, path in (
            ("fine", lambda v: v.update(license="MIT"), DATA),
            ("invalid", lambda v: v.update(name=5), DATA),
            ("together", lambda v: v.update(training={"dataset": SPARE}), DOCUMENT),
        ):
            git("checkout", "-qb", name, "main", cwd=root)
            edit(root, change, path)
            git("commit", "-qam", name, cwd=root)
            mdrepo("validate", cwd=root, code=name == "invalid")
        git("checkout", "-qb", "stale", "main", cwd=root)
        track(root, "models/net.keras", keras_file(3, saved="another day"))
        git("commit", "-qam", "stale", cwd=root)
        git("checkout", "-qb", "worse", "main", cwd=root)
        swap(root)
        git("commit", "-qam", "worse", cwd=root)
        for name in ("conflict", "main"):
            git("checkout", "-q", *(["-b", name, "main"] if name == "conflict" else [name]), cwd=root)
            (root / "README.md").write_text(f"of {name}\n")
            git("add", "README.md", cwd=root)
            if name == "main":
                git("rm", "-q", SPARE, cwd=root)
            git("commit", "-qm", f"{name} goes on", cwd=root)
        mdrepo("validate", cwd=root)
        git("config", "--unset", "merge.mdrepo.driver", cwd=root)  # no clone of a server has it
    return root


def play_github(root: Path, env: dict[str, str], temp: Path, event: dict[str, str]) -> dict[str, tuple[int, str]]:
    """Each `run:` of the action, as GitHub runs it; how each ended."""
    inputs = {"inputs.package": "", "inputs.data": "", "inputs.token": env["GITHUB_TOKEN"]}
    known = {**inputs, **{f"github.event.pull_request.{name}.sha": value for name, value in event.items()}}
    variables = {**env, "RUNNER_TEMP": str(temp), "GITHUB_ENV": str(temp / "env"), "GITHUB_STEP_SUMMARY": str(temp / "summary.md")}
    (temp / "env").touch()
    found: dict[str, tuple[int, str]] = {}
    for step in yaml.safe_load((CI / "action.yml").read_text())["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "what others name must not stand in a script"
        if any(code for code, _ in found.values()) and "if" not in step:
            continue
        own = {name: known[value.strip("${} ")] for name, value in step.get("env", {}).items()}
        kept = dict(line.split("=", 1) for line in (temp / "env").read_text().splitlines())
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        found[step["name"]] = run(words, root, {**variables, **kept, **own})
    return found


@pytest.mark.parametrize(
    ("branch", "fails"),
    [
        ("fine", []),
        ("invalid", ["Validate"]),
        ("together", ["Validate"]),  # main is valid, and so is the branch
        ("stale", ["Validate", "Check that nothing is stale"]),
        ("worse", ["Evaluate"]),
    ],
)
def test_the_action_judges_the_result_of_the_merge(asked: Path, host: Fake, tmp_path: Path, branch: str, fails: list[str]) -> None:
    root = copied(asked, tmp_path / "repo")
    event = {"base": git("rev-parse", "main", cwd=root), "head": git("rev-parse", branch, cwd=root)}
    git("checkout", "-q", branch, cwd=root)
    found = play_github(root, hosted(host, "github"), tmp_path, event)
    failed = [name for name, (code, _) in found.items() if code]
    assert failed == fails, found
    assert git("rev-list", "--parents", "-n1", "HEAD", cwd=root).split()[1:] == [event["base"], event["head"]]
    assert [each["body"].startswith(MARKER) for each in host.comments] == [True]
    assert (tmp_path / "summary.md").read_text().strip()
    if branch == "invalid":
        assert f"::error file={DATA},line=" in found["Validate"][1]
    if branch == "together":
        assert "reference/missing" in found["Validate"][1]


@pytest.mark.parametrize(("branch", "code"), [("fine", 0), ("together", 1), ("worse", 1)])
def test_the_template_of_gitlab_judges_the_result_of_the_merge(
    asked: Path, host: Fake, tmp_path: Path, branch: str, code: int
) -> None:
    root = copied(asked, tmp_path / "repo")
    git("clone", "-q", "--bare", str(root), str(tmp_path / "origin.git"), cwd=tmp_path)
    git("remote", "add", "origin", str(tmp_path / "origin.git"), cwd=root)
    git("checkout", "-q", "--detach", branch, cwd=root)
    for name in ("merged.sh", "comment.py"):
        (root / "ci").mkdir(exist_ok=True)
        (root / "ci" / name).write_text((CI / name).read_text())
    job = yaml.safe_load((CI / "gitlab.yml").read_text())["mdrepo"]
    env = {**hosted(host, "gitlab"), **job["variables"], "MDREPO_PACKAGE": "", "MDREPO_DATA": ""}
    env |= {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "CI_COMMIT_SHA": git("rev-parse", branch, cwd=root)}
    script = "set -eo pipefail\n" + "\n".join(job["script"])  # one shell for all lines, as GitLab's runner has it
    ended, said = run(["bash", "-c", script], root, env)
    assert ended == code, said
    assert ("regressed" in said) == (branch == "worse")
    quality = json.loads((root / "mdrepo-quality.json").read_text())
    assert [each["check_name"] for each in quality] == ["reference/missing"] * (branch == "together")
    assert [each["body"].startswith(MARKER) for each in host.comments] == [True]


def test_what_does_not_merge_as_text_is_said(asked: Path, tmp_path: Path) -> None:
    root = copied(asked, tmp_path / "repo")
    code, said = run(["bash", str(CI / "merged.sh"), "main", "conflict"], root, {})
    assert code == 1
    assert "mdrepo merge" in said
    code, said = run(["bash", str(CI / "merged.sh"), "main", "nowhere"], root, {})
    assert code == 3
    assert "fetch-depth: 0" in said
    code, said = run(["bash", str(CI / "merged.sh"), "main", "fine"], root, {})
    assert code == 0
    assert said == f"MDREPO_BASE={git('merge-base', 'main', 'fine', cwd=root)}\n"
    made = git("rev-parse", "HEAD", cwd=root)
    run(["bash", str(CI / "merged.sh"), "main", "fine"], root, {})
    assert git("rev-parse", "HEAD", cwd=root) == made
    mdrepo("validate", cwd=root)
