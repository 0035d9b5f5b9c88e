"""What a process that runs a model may do: little memory, no network, no files but its own, no other programs.

Linux's own means, by number through ctypes, for want of functions in Python 3.11: prctl(2), unshare(2), landlock(7). Where the
kernel does not have one of them, or does not let us, the others hold alone; `confine` says which do.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import signal
import site
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

HOLDS = {
    "network": "no network: one of its own, without interfaces",
    "files": "no files but the model, the data, Python's own and a folder of its own",
    "programs": "no other programs",
    "processes": "no signals to others",
    "memory": "limits on memory, time, files and their size",
}
"""What may hold of a model's process, and in which words."""

_KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "KERAS_BACKEND": "tensorflow",
    "OPENBLAS_THREAD_TIMEOUT": "4",  # as the command has it
    "PYTHONDONTWRITEBYTECODE": "1",
}

_NO_NEW_PRIVILEGES, _DEATH_SIGNAL = 38, 1  # linux/prctl.h
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000  # linux/sched.h
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture of Linux
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8  # linux/landlock.h
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights over files each version of Landlock knows
_READABLE = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/proc",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/dev/urandom",
    "/dev/zero",
)


def held() -> list[str]:
    """The keys of HOLDS that hold of a model's process on this machine: a process of its own tries."""
    code = "from mdrepo.evaluation import confinement; print(*confinement.confine([], [], 4, 60))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 else []


def environment(home: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that runs models, from the command's own: an allow-list, and a folder as its home."""
    kept = {name: given[name] for name in _KEPT if name in given}
    base = {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}  # it would be looked for in the new home
    return {**kept, **base, **_QUIET, **at_home(home)}


def at_home(home: Path) -> dict[str, str]:
    """Where a process finds its home and puts temporary files; Keras keeps its settings in a folder that must not be shared."""
    return {"HOME": str(home), "TMPDIR": str(home), "KERAS_HOME": str(home / "keras"), "XDG_CACHE_HOME": str(home)}


def settle(home: Path) -> None:
    """Make a folder the home of this process."""
    os.environ.update(at_home(home))
    tempfile.tempdir = None
    os.chdir(home)


def limit(memory: int, seconds: int) -> None:
    """Limits of this process: GiB of memory, seconds of time on each processor, bytes of a file, no core."""
    size = memory << 30
    spent = (seconds + 5) * (os.cpu_count() or 1)
    for what, value in (
        (resource.RLIMIT_DATA, size),
        (resource.RLIMIT_FSIZE, size),
        (resource.RLIMIT_CPU, spent),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 1024),
    ):
        hard = resource.getrlimit(what)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS has no limit on data
            resource.setrlimit(what, (bound, bound))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds + 5)  # without a handler: the end, whatever the process is at


def confine(readable: Iterable[Path], writable: Iterable[Path], memory: int, seconds: int) -> list[str]:
    """Give this process up to what it may do, for good; it must have one thread. The keys of HOLDS that hold."""
    limit(memory, seconds)
    held = ["memory"]
    if sys.platform != "linux":
        return held
    _libc().prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    _libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if _unshare():
        held.append("network")
    return held + _landlock(readable, writable)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _unshare() -> bool:
    """A network of its own, without interfaces; whether there is one now."""
    for flags in (_NEW_USER | _NEW_NET, _NEW_NET):  # a container may forbid the first, and only the superuser may do the second
        if _libc().unshare(flags) == 0:
            return True
        if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS, errno.EINVAL, errno.ENOSPC, errno.EUSERS):
            raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")
    return False


def _landlock(readable: Iterable[Path], writable: Iterable[Path]) -> list[str]:
    """Refuse all files but these, other programs, TCP, and signals to others, as far as this kernel's Landlock goes."""
    syscall = _libc().syscall
    version = syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:  # ENOSYS, EOPNOTSUPP: not built in, or turned off
        return []
    files = (1 << _RIGHTS.get(version, 16)) - 1
    net = 3 if version >= 4 else 0  # to bind, to connect
    scoped = 3 if version >= 6 else 0  # abstract sockets, signals
    ruleset = struct.pack("QQQ", files, net, scoped)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    handle = syscall(_CREATE_RULESET, ruleset, ctypes.c_size_t(len(ruleset)), 0)
    if handle < 0:
        return []
    try:
        for path in (*map(Path, _READABLE), *_python(), *readable):
            _allow(handle, path, _READ_FILE | _READ_DIR)
        _allow(handle, Path("/dev/null"), _READ_FILE | _WRITE_FILE)
        for path in writable:
            _allow(handle, path, files & ~_EXECUTE)
        if syscall(_RESTRICT_SELF, handle, 0):
            return []
    finally:
        os.close(handle)
    return ["files", "programs", *(["processes"] if scoped else [])]


def _python() -> list[Path]:
    """Where Python and its packages are, without the folders around them."""
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages") or path.endswith(".zip")]
    found = [sys.prefix, sys.base_prefix, sys.exec_prefix, *packages, str(Path(__file__).parents[1])]
    return [Path(path) for path in dict.fromkeys(found) if path not in ("", "/") and Path(path).is_absolute()]


def _allow(handle: int, path: Path, rights: int) -> None:
    """Add a rule; what is not there needs none."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not path.is_dir():
                rights &= _READ_FILE | _WRITE_FILE
            rule = struct.pack("=Qi", rights, file)
            _libc().syscall(_ADD_RULE, handle, 1, rule, 0)
        finally:
            os.close(file)
