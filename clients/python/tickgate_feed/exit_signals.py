"""Graceful exit: SIGTERM and SIGHUP wait, for a bounded time, until all given ticks are committed."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import weakref
from typing import Any, Protocol

logger = logging.getLogger("tickgate_feed")

_EXIT_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Drainable(Protocol):
    """An open feed that is drained before its process ends. Both are called from a thread of their own."""

    drain_seconds: float

    def stop_taking(self) -> None:
        """From now on calls that give ticks wait, so that none is taken that could not be committed any more."""
        ...

    def drain_within(self, seconds: float) -> int:
        """Waits until all given ticks are committed. Returns how many are not, after that time."""
        ...


_lock = threading.Lock()
_open: weakref.WeakSet[Any] = weakref.WeakSet()
_previous: dict[int, Any] = {}
_installed_pid = 0


def drain_on_signal(signum: int = signal.SIGTERM) -> None:
    """Lets a signal wait for the process's feeds: when it comes they take nothing more, and commit the ticks they hold,
    each within its `drain_seconds`; then the signal has its former effect, be it a handler of the program's own or the
    end of the process. The second signal does so at once.

    Feeds call this themselves for SIGTERM and SIGHUP where the program has no handler of its own. Call it after
    `signal.signal` to have your handler run behind the drain. Only the main thread can: raises ValueError elsewhere.
    """
    global _installed_pid
    previous = signal.getsignal(signum)
    if previous is _on_signal and _installed_pid == os.getpid():
        return
    signal.signal(signum, _on_signal)
    if previous is not _on_signal:  # else it is the parent's, before a fork, and so is the one before it
        _previous[signum] = previous or signal.SIG_DFL
    _installed_pid = os.getpid()


def register(feed: Drainable) -> None:
    """Adds an open feed, and installs the handlers where the program has none of its own."""
    with _lock:
        _open.add(feed)
    if os.name != "posix" or threading.current_thread() is not threading.main_thread():
        return
    for signum in _EXIT_SIGNALS:
        if signal.getsignal(signum) in (signal.SIG_DFL, _on_signal):
            drain_on_signal(signum)


def unregister(feed: Drainable) -> None:
    with _lock:
        _open.discard(feed)


def _forget_parent() -> None:
    """After a fork: the lock may be held by a thread that is not here, and the feeds are the parent's."""
    global _lock, _open
    _lock, _open = threading.Lock(), weakref.WeakSet()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)


def _on_signal(signum: int, _frame: object) -> None:
    """On the main thread, anywhere in the program and perhaps under a lock: so nothing is waited for here."""
    signal.signal(signum, _previous.get(signum, signal.SIG_DFL))
    if os.getpid() != _installed_pid:
        return os.kill(os.getpid(), signum)
    try:
        threading.Thread(target=_drain_and_resend, args=(signum,), name="tickgate-exit", daemon=True).start()
    except RuntimeError:
        # The interpreter ends already, and waits in `close`: no thread can start then, so a timer bounds it.
        signal.alarm(1 + int(max((feed.drain_seconds for feed in _open), default=0.0)))


def _drain_and_resend(signum: int) -> None:
    try:
        with _lock:
            feeds: list[Drainable] = list(_open)
        for feed in feeds:
            feed.stop_taking()
        start = time.monotonic()
        for feed in feeds:
            left = feed.drain_within(max(0.0, start + feed.drain_seconds - time.monotonic()))
            if left > 0:
                logger.warning("%s: ended with %d ticks not committed", signal.Signals(signum).name, left)
    except Exception:
        logger.exception("%s: feeds could not be drained", signal.Signals(signum).name)
    finally:
        os.kill(os.getpid(), signum)
