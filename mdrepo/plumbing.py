"""One git command at a time: its environment, its settings, and its errors in git's own words."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from .errors import MdrepoError, UsageError

_KEPT = (
    *("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_EDITOR", "GIT_CONFIG", "GIT_TRACE", "GIT_EXEC_PATH"),
    *("GIT_SSH", "GIT_ASKPASS", "GIT_TERMINAL_PROMPT", "GIT_HTTP", "GIT_SSL", "GIT_PROXY", "GIT_PROTOCOL", "GIT_ALLOW_PROTOCOL"),
)
_SAFE = ("-c", "core.fsync=committed,reference", "-c", "core.quotePath=false")
_WRITER = "MDREPO_WRITER"


class GitError(MdrepoError):
    """A git command that failed, with git's own words."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for git: without the GIT_* that hooks leak, but for those that a user sets on purpose."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k.startswith(_KEPT)}
    # merge drivers and hooks call mdrepo: the one that runs is found also where the PATH has none
    path = os.pathsep.join(filter(None, (os.environ.get("PATH"), str(Path(sys.executable).parent))))
    return {**kept, "PATH": path, "LC_ALL": "C.UTF-8", "GIT_OPTIONAL_LOCKS": "0", **(extra or {})}


def writer_above() -> int | None:
    """The process of the mdrepo command whose git calls this one, as from a hook; None where there is none."""
    found = os.environ.get(_WRITER, "")
    return int(found) if found.isdecimal() else None


def _dying_with_us() -> Callable[[], object] | None:
    """What a child does to end when the parent ends, however it does (prctl(2), Linux), so that git does not go on alone."""
    if sys.platform != "linux":
        return None
    import ctypes  # here, and not in the child: nothing is safely imported between fork and exec

    return partial(ctypes.CDLL(None).prctl, 1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _words(stderr: bytes) -> str:
    """The line of git's errors that says what happened."""
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines or ["no reason given"]
    return told[0].removeprefix("fatal: ").removeprefix("error: ")


def merge_text(base: bytes, ours: bytes, theirs: bytes, labels: Sequence[str], size: int) -> tuple[bytes, bool]:
    """git's own text merge of three texts, with base in its conflicts, and whether it is clean."""
    from tempfile import TemporaryDirectory  # few commands need it

    with TemporaryDirectory(prefix="mdrepo-merge-") as folder:
        paths = [Path(folder) / name for name in ("ours", "base", "theirs")]
        for path, text in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(text)
        named = [part for label in labels for part in ("-L", label)]
        words = ["git", "merge-file", "-p", "--diff3", f"--marker-size={size}", *named, *map(str, paths)]
        done = subprocess.run(words, env=environment(), capture_output=True, check=False)
    if done.returncode > 127:
        raise GitError(f"git merge-file: {_words(done.stderr)}")
    return done.stdout, done.returncode == 0


class Runner:
    """Runs git in one work tree."""

    def __init__(self, root: Path, folder: Path, common: Path) -> None:
        self.root = root
        self.folder = folder
        self.common = common

    @classmethod
    def find(cls, start: Path) -> Self:
        """The work tree that a folder is in; raises GitError."""
        try:
            done = subprocess.run(
                ["git", "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir", "--git-common-dir"],
                cwd=start,
                env=environment(),
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            raise GitError("git is not installed, or not on the PATH", "install git 2.31 or newer") from None
        except NotADirectoryError:
            raise UsageError(f"{start} is not a folder") from None
        lines = done.stdout.decode("utf-8").splitlines()
        if done.returncode or len(lines) != 3:
            words = _words(done.stderr)
            if "not a git repository" in words:
                raise GitError(
                    f"{start.resolve()} is not inside a git repository", "run 'mdrepo init' in the folder of your project"
                )
            raise GitError(f"{start}: {words}")
        return cls(Path(lines[0]), Path(lines[1]), Path(lines[2]))

    @classmethod
    def init(cls, folder: Path) -> Self:
        """A new git repository in a folder."""
        done = subprocess.run(["git", "init", "-q", "--", str(folder)], env=environment(), capture_output=True, check=False)
        if done.returncode:
            raise GitError(f"git init failed: {_words(done.stderr)}")
        return cls.find(folder)

    @classmethod
    def clone(cls, url: str, folder: Path, start: Path, *options: str) -> Self:
        """A clone in a new folder, of an address as it is from `start`; raises GitError."""
        words = ["git", *_SAFE, "clone", *options, "--", url, str(folder)]
        done = subprocess.run(words, cwd=start, env=environment(), capture_output=True, check=False)
        if done.returncode:
            said = _words(done.stderr)
            there = "already exists" in said
            hint = "name another folder: mdrepo clone URL DIR" if there else "is the address right, and may you read it?"
            raise GitError(f"nothing cloned: {said}", hint)
        return cls.find(folder)

    def run(
        self, *args: str, stdin: bytes | None = None, index: Path | None = None, codes: Sequence[int] = (0,)
    ) -> subprocess.CompletedProcess[bytes]:
        """One git command, its output as bytes; raises GitError when it ends with a code that is not expected."""
        env = environment({"GIT_INDEX_FILE": str(index)} if index else None)
        done = subprocess.run(["git", *_SAFE, *args], cwd=self.root, env=env, input=stdin, capture_output=True, check=False)
        if done.returncode not in codes:
            raise GitError(f"git {args[0]}: {_words(done.stderr)}")
        return done

    def text(self, *args: str, index: Path | None = None) -> str:
        """The output of a git command as one line of text."""
        return self.run(*args, index=index).stdout.decode("utf-8").strip()

    def items(self, *args: str, index: Path | None = None) -> list[str]:
        """The output of a git command that separates items by NUL."""
        return [os.fsdecode(item) for item in self.run(*args, index=index).stdout.split(b"\0") if item]

    def attached(self, *args: str, index: Path | None = None) -> int:
        """Run a git command at the user's own terminal (editor, hooks, signing); its exit code."""
        env = environment({_WRITER: str(os.getpid()), **({"GIT_INDEX_FILE": str(index)} if index else {})})
        env.pop("GIT_OPTIONAL_LOCKS")
        words = ["git", *_SAFE, *args]
        return subprocess.run(words, cwd=self.root, env=env, preexec_fn=_dying_with_us(), check=False).returncode

    def hook(self, name: str, index: Path) -> int:
        """Run a hook of the user's, if there is one, on an index; its exit code. A git before 2.36 cannot, and none is run."""
        version = re.findall(r"\d+", self.text("version"))
        if (int(version[0]), int(version[1])) < (2, 36):
            return 0
        return self.attached("hook", "run", "--ignore-missing", name, index=index)

    def identity(self) -> None:
        """Make sure that git knows who commits; raises GitError."""
        if self._is_named():
            return
        for name in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
            if self.run("var", name, codes=(0, 128)).returncode:
                hint = 'git config --global user.name "Your Name" && git config --global user.email you@example.com'
                raise GitError("git does not know who you are", hint)

    def _is_named(self) -> bool:
        """Whether the configuration names somebody, and nothing but it decides, which one git process tells."""
        if any(name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_")) for name in os.environ):
            return False
        found = self.run("config", "--null", "--get-regexp", r"^(user|author|committer)\.(name|email)$", codes=(0, 1)).stdout
        said = dict(each.split("\n", 1) for each in found.decode("utf-8", "replace").split("\0") if "\n" in each)
        return said.keys() == {"user.name", "user.email"} and all(re.search(r"\w", each) for each in said.values())

    def setting(self, name: str) -> str | None:
        """The value of a git setting."""
        done = self.run("config", "--get", name, codes=(0, 1))
        return done.stdout.decode("utf-8").removesuffix("\n") if done.returncode == 0 else None

    def settings(self, name: str) -> tuple[str, ...]:
        """The values of a git setting that may have several, of the system's, the user's and the clone's configuration."""
        done = self.run("config", "--get-all", "--null", name, codes=(0, 1))
        return tuple(each for each in done.stdout.decode("utf-8", "replace").split("\0") if each)
