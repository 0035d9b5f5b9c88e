"""The processes that run models: they crash, hang, eat memory and are killed, and the command says so, or starts anew."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import marshal
import os
import platform
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import DOCUMENT, edit, keras_file, load, mdrepo, npz, state, track

from mdrepo import configuration, evaluating
from mdrepo.caching import Cache
from mdrepo.errors import Finding, MdrepoError
from mdrepo.evaluation import graphs, loading, processes, requests, residents
from mdrepo.evaluation.modelfiles import Means
from mdrepo.evaluation.processes import Limits, run
from mdrepo.evaluation.rendezvous import Place
from mdrepo.evaluation.sides import Side
from mdrepo.extraction import ExtractionError
from mdrepo.workspace import Workspace

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks from a server")


LIMITS = Limits(120, 16)


def task(folder: Path, model: bytes | None = None, count: int = 9) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    (folder / "model.keras").write_bytes(model or keras_file(3))
    (folder / "data.npz").write_bytes(npz(x=np.random.default_rng(0).random((count, 4)).tolist()))
    (folder / "out").mkdir(exist_ok=True)
    named = {"model": folder / "model.keras", "data": folder / "data.npz", "outputs": folder / "out/out.npy"}
    return {**{key: str(path) for key, path in named.items()}, "suffix": ".npz", "inputs": ["x"], "preprocessing": []}


def outputs(asked: dict[str, Any], limits: Limits = LIMITS) -> Any:
    run(asked, "net", limits)
    return np.load(asked["outputs"])


def doing(does: str) -> bytes:
    """A model with a Lambda that does something in Python, made without Keras: how a model can do anything."""
    body = eval(f"lambda x: ({does}, x)[1]")
    code = base64.b64encode(marshal.dumps(body.__code__)).decode()
    function = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    layers = [
        {"class_name": "InputLayer", "module": "keras.layers", "config": {"batch_shape": [None, 4], "name": "input"}},
        {"class_name": "Lambda", "module": "keras.layers", "config": {"name": "does", "function": function, "output_shape": [4]}},
    ]
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file.create_group("layers/lambda")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights.getvalue())
    return out.getvalue()


def trusted(does: str, seconds: int = 60, memory: int = 16) -> tuple[bytes, Limits]:
    """Such a model, and limits under which it is let in."""
    return doing(does), Limits(seconds, memory, trusted=("Lambda",))


ENDS = {
    "a crash": ("__import__('os').kill(__import__('os').getpid(), 11)", 60, r"died \(signal 11\)"),
    "an abort": ("__import__('os').abort()", 60, r"died \(signal 6\)"),
    "a kill for want of memory": ("__import__('os').kill(__import__('os').getpid(), 9)", 60, r"died \(signal 9\)"),
    "an exit": ("__import__('os')._exit(3)", 60, r"died \(exit code 3\)"),
    "a hang": ("__import__('time').sleep(1000)", 4, r"was not done after 4 s"),
    "too much memory": ("bytearray(40 << 30)", 60, "more than 2 GiB|MemoryError"),
    "an exception": ("1 / 0", 60, "ZeroDivisionError|division by zero"),
}


@pytest.mark.parametrize("name", ENDS)
def test_however_a_model_s_process_ends_it_is_said_and_the_next_one_runs(tmp_path: Path, name: str) -> None:
    body, seconds, words = ENDS[name]
    model, limits = trusted(body, seconds, memory=2)
    start = time.monotonic()
    with pytest.raises(MdrepoError, match=words) as caught:
        run(task(tmp_path, model), "models/net.keras", limits)
    assert time.monotonic() - start < seconds + 10
    assert caught.value.message.startswith(("models/net.keras", "the process that ran models/net.keras"))
    assert "\n" not in caught.value.message
    assert not (tmp_path / "out/out.npy").exists()
    assert outputs(task(tmp_path)).shape == (9, 3)
    assert not children_of(os.getpid(), zombies=True)


def children_of(pid: int, zombies: bool = False) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = path.read_text().partition(" (")
            status, parent = rest.rpartition(") ")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and (status == "Z" or not zombies):
            found.append(int(number))
    return found


ATTEMPTS = {
    "network": "__import__('socket').create_connection(('127.0.0.1', {port}), 3)",
    "home": "open({secret!r}).read()",
    "files": "open({secret!r} + '.new', 'w')",
    "programs": "__import__('subprocess').run(['/bin/true'], check=True)",
    "processes": "__import__('os').kill({pid}, 0)",
}


@linux
@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_model_s_process_may_not(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        does = ATTEMPTS[name].format(port=server.getsockname()[1], secret=str(secret), pid=os.getpid())
        model, limits = trusted(does)
        holds = run(task(tmp_path / "good"), "net", Limits(60, 16))
        if ("files" if name == "home" else name) not in holds:
            pytest.skip("this kernel does not let us")
        with pytest.raises(MdrepoError, match=r"OSError|PermissionError|ConnectionError|unreachable|not permitted|denied"):
            run(task(tmp_path / "bad", model), "net", limits)


def test_a_model_s_process_has_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/canary")
    processes._servers.stop()  # the server that other tests share has its environment already
    has = "any('canary' in v for v in __import__('os').environ.values())"
    model, limits = trusted(f"1 / (not {has})")
    assert outputs(task(tmp_path, model), limits).shape == (9, 4)
    listed = "[1 / (not __import__('os').listdir(__import__('os').environ[k]).count('.gitconfig')) for k in ('HOME', 'TMPDIR')]"
    model, limits = trusted(listed)
    assert outputs(task(tmp_path, model), limits).shape == (9, 4)


def test_each_model_has_a_fresh_process(tmp_path: Path) -> None:
    """A model that changes settings of its process does not change them for the next one."""
    before = outputs(task(tmp_path))
    model, limits = trusted("__import__('keras').config.set_floatx('float16')")
    run(task(tmp_path / "other", model), "net", limits)
    assert (outputs(task(tmp_path)) == before).all()


@linux
def test_a_server_that_is_killed_is_replaced(tmp_path: Path) -> None:
    asked = task(tmp_path)
    outputs(asked)
    own = processes._servers.own().process
    assert own is not None
    os.kill(own.pid, signal.SIGKILL)
    assert outputs(asked).shape == (9, 3)
    model, limits = trusted("__import__('time').sleep(3)")
    slow = task(tmp_path / "slow", model)
    killer = threading.Timer(1.5, lambda: os.kill(processes._servers.own().process.pid, signal.SIGKILL))  # type: ignore[union-attr]
    killer.start()
    assert outputs(slow, limits).shape == (9, 4)
    killer.join()


@linux
def test_a_server_that_is_killed_again_and_again_is_a_clear_failure(tmp_path: Path) -> None:
    model, limits = trusted("__import__('time').sleep(20)")
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.3):
            process = processes._servers.own().process
            if process is not None and children_of(process.pid):
                os.kill(process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(MdrepoError, match="the worker was killed twice while it ran net"):
            run(task(tmp_path, model), "net", limits)
    finally:
        over.set()
        killer.join()


@linux
def test_models_run_side_by_side(tmp_path: Path) -> None:
    model, limits = trusted("__import__('time').sleep(3)")
    asked = [task(tmp_path / name, model) for name in ("a", "b")]
    processes.warm(limits)
    outputs(task(tmp_path))
    start = time.monotonic()
    threads = [threading.Thread(target=run, args=(each, "net", limits)) for each in asked]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert time.monotonic() - start < 5.5
    assert all(Path(each["outputs"]).exists() for each in asked)


@linux
def test_whoever_is_killed_takes_the_model_s_process_along(tmp_path: Path) -> None:
    model, _ = trusted("__import__('time').sleep(100)")
    asked = json.dumps(task(tmp_path, model))
    code = (
        "import json, sys; from mdrepo.evaluation.processes import *;"
        "run(json.loads(sys.argv[1]), 'net', Limits(200, 16, trusted=('Lambda',)))"
    )
    command = subprocess.Popen([sys.executable, "-c", code, asked])
    found: list[int] = []
    for _ in range(300):
        found = [below for child in children_of(command.pid) for below in [child, *children_of(child)]]
        if len(found) > 1:
            break
        time.sleep(0.1)
    assert len(found) == 2
    command.kill()
    command.wait()
    for _ in range(100):
        if not any(alive(pid) for pid in found):
            return
        time.sleep(0.1)
    raise AssertionError("processes are left")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def test_without_forking_each_model_has_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = outputs(task(tmp_path))
    monkeypatch.setattr(processes, "FORKS", False)
    assert (outputs(task(tmp_path)) == served).all()
    with pytest.raises(MdrepoError, match="was not done after 1 s"):
        run(task(tmp_path), "net", Limits(1, 16))
    model, limits = trusted("__import__('os').abort()")
    with pytest.raises(MdrepoError, match=r"died \(signal 6\)"):
        run(task(tmp_path, model), "net", limits)


def test_an_output_depends_neither_on_how_many_examples_there_are_nor_on_where_it_stands(tmp_path: Path) -> None:
    whole = outputs(task(tmp_path, count=200))
    examples = np.load(tmp_path / "data.npz")["x"]
    for some in (slice(0, 1), slice(3, 10), slice(0, 33), slice(199, 200)):
        asked = task(tmp_path)
        (tmp_path / "data.npz").write_bytes(npz(x=examples[some].tolist()))
        assert (outputs(asked) == whole[some]).all()
    for threads in (1, 2):
        asked = {**task(tmp_path, count=200), "threads": threads}
        assert (outputs(asked) == whole).all()


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = processes.progress("net", 500, 2000, 10.0)
    assert words == "net: 500 of 2,000 examples, 50 a second, 30 s left"
    told: list[str] = []
    model, _ = trusted("__import__('tensorflow').py_function(lambda: __import__('time').sleep(0.7), [], [])")
    run(task(tmp_path, model, count=32 * 12), "net", Limits(60, 16, trusted=("Lambda",), report=told.append))
    assert told
    assert all("of 384 examples" in each for each in told)


# the server that stays


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "repository" / ".git" / "mdrepo"
    yield place
    residents.stop(place)


def resident(folder: Path, keep_alive: int = 60) -> Limits:
    return Limits(120, 16, keep_alive, folder)


def eventually(true: Callable[[], bool], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.1)
    return False


def side(model: str, limits: Limits, runner: Any) -> Side:
    """A model whose graph nobody has read yet."""
    file, md5 = Path(model), hashlib.md5(Path(model).read_bytes()).hexdigest()
    request = requests.Request("net.keras", md5, "d.npz", "0" * 32, ("x",), [], lambda _: (file, file))
    place = file.parent / "made"
    place.mkdir(exist_ok=True)
    return Side(request, Means(Cache(place / "cache"), limits, runner, place, lambda _: None))


def no_reader(*_: Any) -> Any:
    raise AssertionError("a process was started to read what the server can read")


def says_why(extractor: Any, path: Path, *_: Any) -> Any:
    raise ExtractionError(path, "it is no model")


@linux
def test_a_resident_server_stays_serves_and_is_stopped(tmp_path: Path, folder: Path) -> None:
    assert residents.look(folder, 60) is None
    asked = task(tmp_path)
    outputs(asked, resident(folder))
    first = residents.look(folder, 60)
    assert first is not None
    assert (first.ready, first.current, first.served, first.idle) == (True, True, 1, 60)
    [place] = folder.glob("*.sock")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    outputs(asked, resident(folder))
    second = residents.look(folder, 60)
    assert second is not None
    assert (second.pid, second.served) == (first.pid, 2)
    assert side(asked["model"], resident(folder), no_reader).plan == graphs.read(Path(asked["model"]))
    assert residents.look(folder, 60).served == 3  # type: ignore[union-attr]
    Path(asked["model"]).write_bytes(b"no model")
    assert side(asked["model"], resident(folder), says_why).plan is None
    assert residents.stop(folder) is True
    assert residents.stop(folder) is False
    assert eventually(lambda: not alive(first.pid))
    assert list(folder.iterdir()) == []


@linux
def test_a_resident_server_goes_when_nothing_is_asked(tmp_path: Path, folder: Path) -> None:
    outputs(task(tmp_path), resident(folder, 1))
    found = residents.look(folder, 1)
    assert found is not None
    assert eventually(lambda: not alive(found.pid))
    assert list(folder.iterdir()) == []


@linux
def test_a_resident_server_of_another_environment_is_replaced(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs(task(tmp_path), resident(folder))
    old = residents.look(folder, 60)
    assert old is not None
    monkeypatch.setattr(residents, "environment", lambda keep_alive: f"another {keep_alive}")
    assert not residents.look(folder, 60).current  # type: ignore[union-attr]
    outputs(task(tmp_path), resident(folder))
    new = residents.look(folder, 60)
    assert new is not None
    assert new.current
    assert new.pid != old.pid
    assert eventually(lambda: not alive(old.pid))


@linux
def test_a_resident_server_that_is_killed_blocks_nothing(tmp_path: Path, folder: Path) -> None:
    outputs(task(tmp_path), resident(folder))
    found = residents.look(folder, 60)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    assert eventually(lambda: not alive(found.pid))
    assert residents.look(folder, 60) is None
    outputs(task(tmp_path), resident(folder))
    again = residents.look(folder, 60)
    assert again is not None
    assert again.pid != found.pid
    assert [path.name for path in folder.glob("*.sock")] == [f"worker-{again.pid}.sock"]


@linux
def test_pointers_that_are_wrong_block_nothing(tmp_path: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    others = [
        b"",
        b"[]",
        b'{"pid": "x"}',
        json.dumps({"pid": os.getpid(), "socket": "../../x.sock", "environment": residents.environment(60)}).encode(),
        json.dumps({"pid": 1, "socket": "worker-1.sock", "environment": "x"}).encode(),
        json.dumps({"pid": 10**30, "socket": "worker-2.sock", "environment": "x"}).encode(),
    ]
    for content in others:
        (folder / "worker.json").write_bytes(content)
        assert residents.look(folder, 60) is None
    outputs(task(tmp_path), resident(folder))
    assert residents.look(folder, 60) is not None


@linux
def test_a_socket_s_path_may_be_long(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "mdrepo"
    try:
        outputs(task(tmp_path), resident(folder))
        found = residents.look(folder, 60)
        assert found is not None
        assert found.served == 1
    finally:
        assert residents.stop(folder)


@linux
def test_two_that_start_a_resident_server_at_once_leave_one(tmp_path: Path, folder: Path) -> None:
    code = (
        "import json, sys; from pathlib import Path; from mdrepo.evaluation.processes import *;"
        "run(json.loads(sys.argv[1]), 'net', Limits(100, 16, 60, Path(sys.argv[2])))"
    )
    words = [[sys.executable, "-c", code, json.dumps(task(tmp_path / name)), str(folder)] for name in ("a", "b")]
    both = [subprocess.Popen(each) for each in words]
    assert [each.wait() for each in both] == [0, 0]
    found = residents.look(folder, 60)
    assert found is not None
    assert Place(folder).is_ours(found.pid)


def test_keep_alive_is_a_number_of_seconds_from_0_up() -> None:
    assert configuration.read("[evaluation]\nkeep_alive = 0").evaluation.keep_alive == 0
    assert configuration.read("[evaluation]\nkeep_alive = 600").evaluation.keep_alive == 600
    for value in ("-1", "true", '"x"', "1.5"):
        with pytest.raises(Finding, match="from 0 up"):
            configuration.read(f"[evaluation]\nkeep_alive = {value}")


def test_the_framework_is_named_without_importing_it() -> None:
    assert loading.framework(".keras").startswith("tensorflow")
    code = "import sys; from mdrepo.evaluation import loading, processes; print({'tensorflow', 'keras', 'h5py'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# in a repository


@linux
def test_a_model_that_crashes_is_never_committed(repo: Path) -> None:
    track(repo, "models/net.keras", doing("__import__('os').abort()"))
    subprocess.run(["git", "config", "mdrepo.trust", "Lambda"], cwd=repo, check=True)
    edit(repo, lambda v: v["weights"]["artefact"].update(md5=hashlib.md5((repo / "models/net.keras").read_bytes()).hexdigest()))
    before = state(repo)
    result = mdrepo("commit", "-m", "Bad", cwd=repo, code=3)
    assert "models/net.keras" in result.err
    assert "died (signal 6)" in result.err
    assert state(repo) == before
    subprocess.run(["git", "config", "--unset", "mdrepo.trust"], cwd=repo, check=True)
    result = mdrepo("commit", "-m", "Bad", cwd=repo, code=3)
    assert "refused: it has a Lambda 'does', which runs Python code" in result.err
    assert "git config --add mdrepo.trust 'Lambda'" in result.err
    assert state(repo) == before


@linux
def test_the_worker_command(repo: Path) -> None:
    assert "no worker is running" in mdrepo("worker", "status", cwd=repo).out
    assert mdrepo("worker", "status", "--json", cwd=repo).json["worker"] is None
    assert "no worker is running" in mdrepo("worker", "stop", cwd=repo).out
    file = repo / "mdrepo.toml"
    text = file.read_text()
    assert "keep_alive = 0" in text
    file.write_text(text.replace("keep_alive = 0", "keep_alive = 60"))
    try:
        edit(repo, lambda v: v["evaluation"].update(gate="warn"))
        result = mdrepo("commit", "-m", "x", cwd=repo)
        assert load(repo, DOCUMENT)["evaluation"]["gate"] == "warn", result
        told = mdrepo("worker", "status", "--json", cwd=repo).json
        assert told["worker"]["ready"] is True
        assert told["worker"]["served"] >= 1
        assert set(told["confinement"]) == {"network", "files", "programs", "processes", "memory"}
        assert f"process {told['worker']['pid']}" in mdrepo("worker", "status", cwd=repo).out
    finally:
        assert "stopped" in mdrepo("worker", "stop", cwd=repo).out
    assert mdrepo("worker", "status", "--json", cwd=repo).json["worker"] is None
    mdrepo("worker", "restart", cwd=repo, code=2)


@linux
@pytest.mark.parametrize("changes", [True, False])
def test_tensorflow_is_imported_early_only_where_a_model_will_run(
    repo: Path, monkeypatch: pytest.MonkeyPatch, changes: bool
) -> None:
    warmed: list[Limits] = []
    monkeypatch.setattr(processes, "warm", warmed.append)
    workspace = Workspace.open(repo)
    if changes:
        edit(repo, lambda v: v.update(preprocessing=[{"op": "rescale", "scale": 0.5}]))
    else:
        edit(repo, lambda v: v.update(license="MIT"))
    evaluating.prepare(workspace, workspace.work(), workspace.at(workspace.git.head() or ""))
    assert bool(warmed) == changes
    evaluating.prepare(workspace, workspace.work(), None)
    assert len(warmed) == 1 + changes


FREED = """
import resource, sys, threading
import numpy as np
from mdrepo.evaluation import worker
if sys.argv[1] == "kept":
    worker.keep_memory()

def turns():
    for _ in range(100):
        np.full(16 << 18, 1.0, np.float32)

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

turns()
before = faults()
thread = threading.Thread(target=turns)  # a library's threads take their memory from the same heap
thread.start()
thread.join()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_memory_that_a_model_s_process_has_freed_is_used_again() -> None:
    def faults(how: str) -> int:
        return int(subprocess.run([sys.executable, "-c", FREED, how], capture_output=True, text=True, check=True).stdout)

    assert faults("kept") * 10 < faults("as it is")
