"""A limit on how long some code may compute."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import MdrepoError


class _TooLongError(Exception):
    pass


@contextmanager
def limited(seconds: float, error: MdrepoError) -> Iterator[None]:
    """Give some code so many seconds of computing, then raise an error: a pattern may backtrack, and alternatives multiply.

    The signal also ends a match that the regular expression engine is in. Only the main thread can have it: others are not limited.
    """

    def stop(*_: object) -> None:
        raise _TooLongError

    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer") or signal.getsignal(signal.SIGVTALRM) is not signal.SIG_DFL:
        yield
        return

    def told(unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_type is not _TooLongError:  # which a destructor has eaten: it comes again
            hook(unraisable)

    hook, sys.unraisablehook = sys.unraisablehook, told
    signal.signal(signal.SIGVTALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 0.1)  # again and again, should destructors eat the first ones
        yield
    except _TooLongError:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        raise error from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
        sys.unraisablehook = hook
