"""The feed for programs without asyncio."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import re
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Coroutine, Iterable
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, SupportsFloat, TypeVar

from . import exit_signals
from .client import PENDING_TICK_BYTES, FeedClient, FeedPosition
from .errors import FeedClosedError, FeedError
from .process_guard import ProcessGuard
from .ticks import TickRow, Timestamp, tick_of, tick_row

T = TypeVar("T")

_GATHER_SECONDS = 0.005
"""Ticks wait so long for others to share a frame."""


class TickgateHandler:
    """Publishes ticks from any thread; a thread of its own does the rest. Every tick given is kept in memory until the
    gateway says that it is committed in TimescaleDB, exactly once, whatever happens on the way.

        handler = TickgateHandler(url="http://127.0.0.1:8080", feed="egx-main", token="…")
        handler.buffer_tick("COMI", 45.50, 1000)
        handler.flush_to_db()

    `url` defaults to GATEWAY_HOST and GATEWAY_PORT of the environment, `token` to TICKGATE_TOKEN, `feed` to the name of
    the script. A feed is one program's: a second program of the same name takes it over, and the first one's calls
    raise FeedRefusedError with code 423. Other options are those of FeedClient.

    `close`, or leaving its `with` block, waits for what is not committed yet. A program that ends without it waits at
    its exit; Ctrl-C ends the wait.

    SIGTERM (and SIGHUP) ends the program as ever, after at most `drain_seconds` in which the ticks given so far are
    committed and `buffer_tick` takes no more. A program with a handler of SIGTERM of its own keeps it, and nothing is
    installed: let it raise SystemExit, so that the `with` block is left, or call `drain_on_signal()` after it. The same
    holds for a TickgateHandler made outside the main thread. `drain_on_signals=False` leaves it out of this. A process
    killed by SIGKILL takes uncommitted ticks with it.

    A handler belongs to its process: after a fork (multiprocessing, gunicorn, celery) the child's calls raise
    FeedError. Make one in the child, under a feed name of its own.
    """

    def __init__(
        self,
        url: str | None = None,
        feed: str | None = None,
        token: str | None = None,
        *,
        max_memory_bytes: int = 256 * 1024 * 1024,
        drain_seconds: float = 8.0,
        drain_on_signals: bool = True,
        **options: Any,
    ) -> None:
        self._guard = ProcessGuard("TickgateHandler")
        self._url = url or _default_url()
        self._max_memory = max_memory_bytes
        self._client = FeedClient(
            self._url,
            feed or _default_feed(),
            token or os.environ.get("TICKGATE_TOKEN") or None,
            max_memory_bytes=max_memory_bytes,
            on_change=self._on_change,
            drain_on_signals=False,
            **options,
        )
        self.drain_seconds = drain_seconds
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._waiting: list[TickRow] = []
        self._waiting_callers = 0
        self._given = 0
        self._is_closed = False
        self._is_ending = False
        self._stop = asyncio.Event()
        started: threading.Event = threading.Event()
        self._loop = _OwnLoop()
        self._thread = threading.Thread(target=self._run, args=(started,), name="tickgate-feed", daemon=True)
        self._thread.start()
        started.wait()
        atexit.register(self.close)
        if drain_on_signals:
            exit_signals.register(self)

    def buffer_tick(self, symbol: str, price: SupportsFloat, volume: Any, timestamp: Timestamp = None) -> None:
        """Takes one tick and returns; it is sent within milliseconds. Without a timestamp it is stamped now. A datetime
        is stored exact to the microsecond; one without a zone is taken as UTC, with a warning. Waits only while
        `max_memory_bytes` are uncommitted. Raises FeedError when the feed was refused or closed and in a forked child,
        and TypeError or ValueError for values that are no tick, such as a time in another unit than microseconds,
        before 2000 or more than 5 minutes ahead."""
        self._take(tick_row(symbol, price, volume, timestamp))

    def buffer_ticks(self, ticks: Iterable[Any]) -> int:
        """Takes each tick of an iterator, such as `egxpy.stream_ticks(...)`: objects or dicts with `symbol`, `close` or
        `price`, `volume` and maybe `timestamp`, or tuples in that order. Returns their number when the iterator
        ends."""
        count = 0
        for item in ticks:
            self._take(tick_of(item))
            count += 1
        return count

    def publish_frame(self, ticks: Iterable[Any], seq: int | None = None) -> int:
        """Takes ticks as one frame, numbered by the source's own position (a Kafka offset, a row number) or by the
        handler. See FeedClient.publish_frame."""
        self._guard.check()
        rows = [tick_of(item, in_range=False) for item in ticks]
        with self._lock:
            self._given += len(rows)
        try:
            return self._call(self._publish_frame(rows, seq))
        except BaseException:
            with self._lock:
                self._given -= len(rows)
            raise

    def opened(self, timeout: float | None = None) -> FeedPosition:
        """Waits until the gateway has opened the feed: where a source with positions of its own goes on."""
        return self._call(self._client.opened(), timeout)

    def get_buffer_size(self) -> int:
        """Ticks given and not yet committed."""
        return self._given - self._client.settled

    def flush_to_db(self, timeout: float | None = None) -> int:
        """Waits until everything given so far is committed. Returns the number of ticks stored since the last call;
        those that the gateway keeps among the rejected ticks are not counted. Raises TimeoutError after `timeout` seconds."""
        return self._call(self._drained(), timeout)

    def setup_database(self) -> None:
        """The gateway owns the database: nothing is to be done here when it is ready. Otherwise raises FeedError, which
        says what the gateway lacks; run `tickgate setup-db` once where the gateway runs."""
        try:
            with urllib.request.urlopen(_readiness_url(self._url), timeout=10):
                return
        except urllib.error.HTTPError as error:
            why = error.read().decode(errors="replace")
        except OSError as error:
            why = f"no gateway answers at {self._url}: {error}"
        raise FeedError(f"the gateway is not ready; run `tickgate setup-db` once where it runs. It says: {why}")

    def close(self, wait: bool = True) -> None:
        """Waits until everything is committed, then ends. `wait=False` ends at once, and drops ticks not committed.
        Raises FeedError when ticks were left that could not be committed. Closing again does nothing."""
        if self._guard.is_forked:
            return
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        atexit.unregister(self.close)
        try:
            if wait and (self.get_buffer_size() > 0 or self._client.failure is None):
                self._call(self._drained())
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            exit_signals.unregister(self)

    def stop_taking(self) -> None:
        """When the process is about to end: calls that give ticks wait from now on."""
        with self._lock:
            self._is_ending = True
        self._client.stop_taking()

    def drain_within(self, seconds: float) -> int:
        """Waits until all that was given is committed. Returns how many ticks are not."""
        with contextlib.suppress(TimeoutError, FeedError, CancelledError):
            self._call(self._committed(), seconds)
        return self.get_buffer_size()

    def __enter__(self) -> TickgateHandler:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.close(wait=not isinstance(error, FeedError))

    def _take(self, row: TickRow) -> None:
        self._guard.check()  # before the lock, which may never be given back in a forked child
        with self._lock:
            if self._client.failure is not None or self._is_closed:
                raise self._error()
            while self._is_ending or self._held_bytes() > self._max_memory:
                self._wait_for_room()
            self._waiting.append(row)
            self._given += 1
            is_first = len(self._waiting) == 1
        if is_first:
            self._wake()

    def _held_bytes(self) -> int:
        return len(self._waiting) * PENDING_TICK_BYTES + self._client.memory_bytes

    def _wait_for_room(self) -> None:
        self._waiting_callers += 1
        try:
            self._room.wait()
        finally:
            self._waiting_callers -= 1
        if self._client.failure is not None or self._is_closed:
            raise self._error()

    def _error(self) -> FeedError:
        failure = self._client.failure
        return FeedClosedError("the handler was closed") if failure is None else failure.again()

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.call_later, _GATHER_SECONDS, self._hand_over)

    def _hand_over(self) -> None:
        """On the loop's thread: gives the callers' ticks to the client, and sends them."""
        with self._lock:
            rows, self._waiting = self._waiting, []
        if rows:
            self._client.offer(rows)
            self._client.flush()

    def _on_change(self) -> None:
        with self._lock:
            if self._waiting_callers > 0:
                self._room.notify_all()

    async def _drained(self) -> int:
        self._hand_over()
        return await self._client.drained()

    async def _committed(self) -> None:
        self._hand_over()
        await self._client.committed()

    async def _publish_frame(self, rows: list[TickRow], seq: int | None) -> int:
        self._hand_over()
        return await self._client.publish_rows(rows, seq)

    def _call(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        if self._guard.is_forked or not self._thread.is_alive():
            work.close()
            self._guard.check()
            raise self._error()
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def _run(self, started: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: threading.Event) -> None:
        await self._client.start()
        started.set()
        await self._stop.wait()
        await self._client.close(wait=False)


class _OwnLoop(asyncio.SelectorEventLoop):
    """Resolves names on its own thread, which has nothing else to do while not connected: the pool of threads that
    asyncio uses takes no more work while the interpreter ends, when the last ticks may still have to be sent."""

    async def getaddrinfo(self, host: Any, port: Any, **options: int) -> Any:
        return socket.getaddrinfo(host, port, **options)


def _default_url() -> str:
    host = os.environ.get("GATEWAY_HOST") or "127.0.0.1"
    port = os.environ.get("GATEWAY_PORT") or "8080"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _default_feed() -> str:
    script = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(sys.argv[0]).stem)[:40] if sys.argv else ""
    return f"python-{script}" if script else "python"


def _readiness_url(url: str) -> str:
    parts = re.match(r"(?:ws|http)(s?)://([^/?#]+)", url)
    return f"http{parts[1]}://{parts[2]}/readyz" if parts else url
