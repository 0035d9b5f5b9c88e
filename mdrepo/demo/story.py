"""The story of a day with mdrepo, played with its own commands, real git, real DVC and real TensorFlow."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..documents import read
from ..errors import MdrepoError
from ..reporting.lines import Line, Span
from ..reporting.tables import table
from ..writing import rewrite

Show = Callable[[Iterable[Line]], None]

MODEL = "models/digits.keras"
TEST = "data/digits-test.npz"
TRAIN = "data/digits-train.npz"
AUGMENTED = "data/digits-train-augmented.npz"
DOCUMENT = "metadata/digits.json"
TRAINING = "metadata/digits-train.json"
POLICY = {"seed": 7, "layers": [{"layer": "RandomTranslation", "parameters": {"height_factor": 0.1, "width_factor": 0.1}}]}
NEXT = (
    "mdrepo log",
    "mdrepo diff HEAD~1",
    "mdrepo show HEAD",
    f"mdrepo log {DOCUMENT}#/labels",
    f"mdrepo status --provenance {DOCUMENT}",
    f"mdrepo changelog {DOCUMENT}",
    "mdrepo eval HEAD --against HEAD~3",
    "git log --notes=mdrepo",
)


class _Story:
    """One run: the folder, and the environment that its commands run in."""

    def __init__(self, folder: Path, show: Show) -> None:
        self.folder = folder
        self.show = show
        self.began = time.monotonic()
        self.chapter = 0
        programs = str(Path(sys.executable).parent)
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_ENABLE_ONEDNN_OPTS": "0", "DVC_NO_ANALYTICS": "1"}
        self.environment = {**os.environ, **quiet, "PATH": programs + os.pathsep + os.environ.get("PATH", "")}

    def tell(self, title: str) -> None:
        """A chapter's heading, with the time since the story began."""
        self.chapter += 1
        seconds = time.monotonic() - self.began
        self.show([[], [Span(f"{self.chapter}. {title}", "strong"), Span(f"  ({seconds:.0f} s)", "faint")]])

    def command(self, line: str, *, code: int = 0) -> None:
        """Run a command as a user would, and make sure that it ends as the story says."""
        self.show([[Span(f"$ {line}", "good")]])
        sys.stdout.flush()
        words = shlex.split(line)
        if words[0] == "mdrepo":
            words[:1] = [sys.executable, "-m", "mdrepo"]
        elif words[0] == "dvc":
            words[:1] = [sys.executable, "-m", "dvc"]
        done = subprocess.run(words, cwd=self.folder, env=self.environment, check=False)
        if done.returncode != code:
            raise MdrepoError(
                f"the demo stopped: {line!r} ended with {done.returncode}, not with {code}", f"look into {self.folder}"
            )

    def stage(self, *arguments: str) -> None:
        """Run a stage of the pipeline that prepares data and models."""
        self.show([[Span(f"  ... {' '.join(arguments)}", "faint")]])
        sys.stdout.flush()
        words = [sys.executable, "-m", "mdrepo.demo.stages", *arguments]
        done = subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise MdrepoError(f"the demo's stage {arguments[0]} failed: {last[0]}")

    def edit(self, what: str, change: Callable[[Any], None], path: str = DOCUMENT) -> None:
        """Edit a document by hand, as somebody with an editor would."""
        self.show([[Span(f"  (edited by hand: {what})", "warn")]])
        file = self.folder / path
        document = read(file.read_bytes(), path)
        content = json.loads(document.text)
        change(content)
        file.write_text(rewrite(document, content), encoding="utf-8")

    def head(self) -> str:
        """The commit that the story has come to."""
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.folder, env=self.environment, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def content(self) -> Any:
        return json.loads((self.folder / DOCUMENT).read_text(encoding="utf-8"))

    def expect(self, holds: bool, what: str) -> None:
        """What the story promises is checked, not only told."""
        if not holds:
            raise MdrepoError(f"the demo stopped: {what} does not hold", f"look into {self.folder}")


def play(folder: Path, show: Show) -> int:
    """Play the story in a new folder; raises MdrepoError where it does not go as it should."""
    story = _Story(folder, show)
    folder.mkdir(parents=True, exist_ok=True)
    _begin(story)
    _baseline(story)
    _transfer(story)
    _regression(story)
    _back(story)
    _end(story)
    return 0


def _begin(story: _Story) -> None:
    story.tell("A repository")
    story.command("git init --quiet")  # of its own, also where the folder lies inside another one
    story.expect((story.folder / ".git").is_dir(), "a git repository in the demo's own folder")
    for key, value in (("user.name", "mdrepo demo"), ("user.email", "demo@example.com"), ("commit.gpgsign", "false")):
        subprocess.run(["git", "config", "--local", key, value], cwd=story.folder, check=True)
    story.command("mdrepo init")
    story.tell("A model that reads the digits 0 to 4")
    story.stage("data", "5", TRAIN, TEST)
    story.stage("base", TRAIN, MODEL)
    story.command(f"dvc add --quiet {MODEL} {TEST} {TRAIN}")


def _baseline(story: _Story) -> None:
    story.tell("Its metadata, evaluated: the baseline")
    story.command("mdrepo new model digits")
    story.command("mdrepo new dataset digits-train")

    def write(content: Any) -> None:
        content["description"] = "Reads one handwritten digit."
        content["preprocessing"] = [{"op": "rescale", "scale": 0.0625}, {"op": "reshape", "shape": [8, 8, 1]}]
        content["decision"] = {"rule": "threshold", "thresholds": {"1": 0.4}}

    story.edit("description, preprocessing, a threshold", write)
    story.command('mdrepo commit -m "Baseline on digits 0-4"')


def _transfer(story: _Story) -> None:
    base = {"document": DOCUMENT, "commit": story.head()}
    _training_data(story)
    story.tell("Transferred to ten digits: convolutions frozen, a new head")
    story.stage("transfer", MODEL, AUGMENTED, MODEL)
    story.command(f"dvc add --quiet {MODEL}")

    def write(content: Any) -> None:
        content["lineage"] = {"base": base, "relation": "fine-tuned"}
        content["description"] = "Reads one handwritten digit, 0 to 9, from an 8x8 picture."
        content["decision"]["thresholds"]["1"] = 0.45
        content["labels"][3]["description"] = "three, also with a flat top"

    story.edit("description, lineage, the threshold, a note on label 3", write)
    story.tell("What is stale, and the patch that mends it")
    story.command("mdrepo status")
    story.command("mdrepo patch")
    story.command("mdrepo patch --apply")
    content = story.content()
    kept = (
        content["description"].startswith("Reads one handwritten digit, 0 to 9")
        and content["decision"]["thresholds"] == {"1": 0.45}
        and any(label.get("description") == "three, also with a flat top" for label in content["labels"])
    )
    story.expect(kept and len(content["labels"]) == 10, "ten labels, and every manual edit kept")
    story.show([[Span("  kept: ", "good"), "the description, the threshold 0.45 and the note on label 3, all written by hand"]])
    story.command(f"mdrepo get {DOCUMENT}#/lineage/layers")
    same = [each["name"] for each in content["lineage"]["layers"] if each["frozen"] and each["change"] == "identical"]
    story.expect(same == ["conv1", "conv2"], "two frozen layers that are the base's, byte for byte")
    story.show([[Span("  read off both models: ", "good"), f"{' and '.join(same)} are frozen, and the base's byte for byte"]])
    story.command('mdrepo commit -m "Fine-tune to ten classes"')


def _training_data(story: _Story) -> None:
    story.tell("Training pictures of ten digits, in which 0 is called 10: relabelled")
    story.stage("data", "10", TRAIN, TEST, "--zero", "10")
    story.command(f"dvc add --quiet {TEST} {TRAIN}")
    story.command(f"mdrepo relabel {TRAINING} --rename 10=0")
    story.tell("Further pictures of them, by a policy in the metadata")
    policy = json.dumps({"dataset": TRAINING, "augmentation": POLICY})
    story.command(f"mdrepo set {DOCUMENT}#/training {shlex.quote(policy)}")
    story.command(f"mdrepo augment {DOCUMENT}")


def _regression(story: _Story) -> None:
    story.tell("Two labels swapped by hand: regressed, and refused")

    def swap(content: Any) -> None:
        three, eight = (next(each for each in content["labels"] if each["name"] == name) for name in ("3", "8"))
        three["index"], eight["index"] = eight["index"], three["index"]

    story.edit("labels 3 and 8 swapped", swap)
    story.command("mdrepo diff")
    story.command('mdrepo commit -m "Tidy the label map"', code=1)
    story.command(f"mdrepo checkout --force HEAD -- {DOCUMENT}")


def _back(story: _Story) -> None:
    story.tell("Rolled back, metadata and data together; and that undone too")
    story.command("mdrepo rollback HEAD~1")
    story.expect(len(story.content()["labels"]) == 5, "five labels after the rollback")
    story.command("mdrepo rollback HEAD~1")
    story.expect(len(story.content()["labels"]) == 10, "ten labels after the second rollback")


def _end(story: _Story) -> None:
    story.tell("The history")
    asked = [sys.executable, "-m", "mdrepo", "--json", "log"]
    done = subprocess.run(asked, cwd=story.folder, env=story.environment, capture_output=True, check=True)
    rows = []
    for commit in json.loads(done.stdout)["commits"]:
        result = commit["evaluation"]["documents"][DOCUMENT]
        moved = next((each for each in result.get("differences", ()) if each["metric"] == "accuracy"), None)
        shown = (
            f"{moved['difference'] * 100:+.1f} [{moved['interval'][0] * 100:+.1f}, {moved['interval'][1] * 100:+.1f}]"
            if moved
            else "-"
        )
        rows.append([commit["commit"][:7], commit["verdict"], f"{result['metrics']['accuracy']:.1%}", shown, commit["subject"]])
    lines = table(["commit", "verdict", "accuracy", "points against the parent", "message"], rows, right=(2, 3))
    story.show([[line] for line in lines])
    story.show([[], [f"All of it took {time.monotonic() - story.began:.0f} s. Now try, in {story.folder}:"]])
    story.show([[Span(f"  {line}", "strong")] for line in NEXT])
