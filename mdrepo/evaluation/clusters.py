"""The program that asks a Ray cluster to run a model over shards of the data. Owns Ray.

Ray has a process of its own, for it takes the signals of the process that it is in, can end it, and believes what a cluster says
(pickle). A request is a line of JSON on standard input: a `task` (`worker.py`), `address`, `what` and `limits`. The answers are
lines of JSON: `{"workers": N}`, `{"done": N, "of": N}`, and last `{"held": [...]}` or `{"error": ..., "hint": ...}`. When standard
input ends, so does the program.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import MdrepoError, MissingExtra
from . import loading, shards
from .sharding import Sharded

_TO_ANSWER = 5  # seconds in which a cluster's port must be there
_TO_CLEAN = 10  # seconds for that, where the command is gone
_SPARE = 60  # seconds for what a shard takes beside the model
_AGAIN = 1  # times that Ray tries a shard again whose worker died


class Cluster:
    """A connection to a cluster; `local`: one on this machine, of at least two workers, which goes with it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._folder: str | None = None

    def __enter__(self) -> Cluster:
        options: dict[str, Any] = {}
        if self.address == "local":  # its ports can be reached from elsewhere: only who has the token is let in
            os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32), RAY_USAGE_STATS_ENABLED="0")
            # the path of a socket must be short
            self._folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
            options = {"num_cpus": max(2, loading.processors()), "include_dashboard": False, "_temp_dir": self._folder}
        else:
            _reach(self.address)
        try:
            import ray
        except ImportError:
            raise MissingExtra("ray", "ray") from None
        try:
            ray.init(address=self.address, log_to_driver=False, logging_level="ERROR", **options)
        except (Exception, SystemExit) as error:  # it ends its own process where a cluster does not answer
            raise MdrepoError(f"the Ray cluster {self.address} takes no work: {_line(error)}", "see 'ray status' there") from None
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        with contextlib.suppress(Exception):  # of a cluster that is lost: what was computed, or why it was not, is said already
            ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def workers(self) -> int:
        """How many shards can run at a time."""
        import ray

        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    def answers(self, asked: Mapping[str, Any], model: shards.Files, cut: Iterator[shards.Files]) -> Iterator[dict[str, Any]]:
        """What the workers make of each shard, in order; raises MdrepoError for one that comes to nothing."""
        import ray

        work = ray.remote(num_cpus=1, max_retries=_AGAIN)(shards.run)
        shared, waiting, ahead = ray.put(model), deque[Any](), self.workers + 1  # a few: the data may be larger than memory
        seconds, where = asked["limits"][0], f"the Ray cluster {self.address}"
        try:
            while True:
                while len(waiting) < ahead and (arrays := next(cut, None)) is not None:
                    waiting.append(work.remote(asked, shared, arrays))
                if not waiting:
                    return
                answer = ray.get(waiting[0], timeout=(_AGAIN + 1) * (seconds + _SPARE))
                waiting.popleft()
                if "error" in answer:
                    raise MdrepoError(answer["error"], answer["hint"])
                yield answer
        except ray.exceptions.GetTimeoutError:
            raise MdrepoError(f"{asked['what']}: {where} did not run it in {seconds} s", "see 'ray status' there") from None
        except ray.exceptions.RayTaskError as error:
            words = f"{asked['what']}: a worker of {where} failed: {_line(error.cause)}"
            raise MdrepoError(words, "mdrepo must be installed there as it is here") from None
        except ray.exceptions.RayError as error:
            words = f"{asked['what']}: a worker of {where} was lost, {_AGAIN + 1} times: {_line(error)}"
            raise MdrepoError(words, "see Ray's logs there; it may want memory") from None
        finally:
            for each in waiting:
                with contextlib.suppress(Exception):  # nobody waits for it any more
                    ray.cancel(each)


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _reach(address: str) -> None:
    """Raise MdrepoError where nothing listens at an address: Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _TO_ANSWER).close()
    except (OSError, ValueError) as error:
        words = f"the Ray cluster {address} cannot be reached: {_line(error)}"
        raise MdrepoError(words, "see evaluation.ray_address in mdrepo.toml: local, HOST:PORT or ray://HOST:PORT") from None


def main() -> int:
    """One request, answered."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Ray talks on standard output

    def say(**words: Any) -> None:
        answers.write(json.dumps(words) + "\n")
        answers.flush()

    def follow() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)  # Ray cleans up then
        time.sleep(_TO_CLEAN)
        os._exit(1)

    request = json.loads(sys.stdin.readline())
    threading.Thread(target=follow, daemon=True).start()
    try:
        sharded = Sharded(request["task"], request["what"], request["limits"])
        with Cluster(request["address"]) as cluster:
            say(workers=cluster.workers)
            held = sharded.run(cluster, lambda done, of: say(done=done, of=of))
        say(held=held)
    except MdrepoError as error:
        say(error=error.message, hint=error.hint)
    return 0


if __name__ == "__main__":
    sys.exit(main())
