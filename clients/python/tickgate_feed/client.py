"""The feed for asyncio programs."""

from __future__ import annotations

import asyncio
import inspect
import logging
import ssl
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from typing import Any, NamedTuple, SupportsFloat

from . import exit_signals
from .errors import FeedClosedError, FeedError
from .frames import FrameLimits, cut, encode_frame, encode_skip, ticks_of
from .link import FeedLink, LinkOptions
from .outbox import FeedOutbox, Frame
from .process_guard import ProcessGuard
from .reconnect import ReconnectLimits
from .sockets import feed_url
from .ticks import TIME_RULE, TickRow, Timestamp, tick_of, tick_row

logger = logging.getLogger("tickgate_feed")

PENDING_TICK_BYTES = 200
"""Estimate of a tick in memory before it is part of a frame."""
_CALLBACKS_SECONDS = 1.0
"""Longest wait of `close` for callbacks that are coroutines."""


class FeedPosition(NamedTuple):
    """Where the feed stands at the gateway: the last seq its buffer holds, and the last one known durable."""

    accepted: int
    committed: int


class FeedClient:
    """Publisher of ticks under the delivery contract: every frame is kept until the gateway says `committed`, through
    the loss of connection, gateway, Redis or database. Memory is bounded: a program that is faster than the database
    waits.

        async with FeedClient(feed="egx-main") as client:
            await client.publish("COMI", 45.50, 1000)
            await client.drained()

    All methods belong to the loop on which `start` ran, and to its process: after a fork they raise FeedError.

    `on_rejected(tick, reason)` is called for each tick that the gateway keeps among the rejected ones, `on_change()`
    when something was committed or the feed failed; both may be coroutine functions. Their exceptions are reported to
    the log `tickgate_feed`, and the feed goes on. Rejected ticks are a warning in that log, with a callback or without.

    Leaving the `async with` block waits until everything is committed; when its task is cancelled, as by Ctrl-C, at
    most `drain_seconds`. So does SIGTERM (and SIGHUP): it ends the process as ever, after at most `drain_seconds`, in
    which `publish` takes nothing more. A program that has a handler of SIGTERM of its own keeps it, and nothing is
    installed: let it cancel the task, or see `drain_on_signal`. `drain_on_signals=False` leaves the feed out of it.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        feed: str = "python",
        token: str | None = None,
        *,
        live: bool = True,
        instance: str | None = None,
        attempt: int = 1,
        frame_ticks: int = 500,
        frame_delay_seconds: float = 0.005,
        max_memory_bytes: int = 256 * 1024 * 1024,
        grace_seconds: float = 300.0,
        grace_bytes: int = 64 * 1024 * 1024,
        reconnect: ReconnectLimits = ReconnectLimits(),
        tls: ssl.SSLContext | None = None,
        on_rejected: Callable[[TickRow, str], object] | None = None,
        on_change: Callable[[], object] | None = None,
        drain_seconds: float = 8.0,
        drain_on_signals: bool = True,
    ) -> None:
        self._guard = ProcessGuard("FeedClient")
        self._outbox = FeedOutbox(grace_seconds, grace_bytes, encode_skip)
        options = LinkOptions(
            url=feed_url(url),
            feed=feed,
            token=token,
            instance=instance or uuid.uuid4().hex,
            first_attempt=attempt,
            live=live,
            tls=tls,
            reconnect=reconnect,
        )
        self._link = FeedLink(options, self._outbox, self)
        self._feed = feed
        self._frame_ticks = frame_ticks
        self._frame_delay = frame_delay_seconds
        self._max_memory = max_memory_bytes
        self._on_rejected_tick = on_rejected
        self._on_change = on_change
        self._callbacks: set[asyncio.Future[Any]] = set()
        self.drain_seconds = drain_seconds
        self._drain_on_signals = drain_on_signals
        self._is_ending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._limits = FrameLimits()
        self._pending: list[TickRow] = []
        self._cut_timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._position: FeedPosition | None = None
        self._given = 0
        self._rejected = 0
        self._counted = 0
        self.settled = 0
        """Ticks given and known durable. One write, so that other threads may read it."""
        self.failure: FeedError | None = None

    async def start(self) -> FeedClient:
        """Begins to connect; ticks may be given at once."""
        self._guard.check()
        self._loop = asyncio.get_running_loop()
        self._link.start()
        if self._drain_on_signals:
            exit_signals.register(self)
        return self

    async def __aenter__(self) -> FeedClient:
        return await self.start()

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, asyncio.CancelledError):
            await self._close_cancelled()
        else:
            await self.close(wait=not isinstance(error, FeedError))

    @property
    def buffer_size(self) -> int:
        """Ticks given and not yet known committed."""
        return self._given - self.settled

    @property
    def memory_bytes(self) -> int:
        return self._outbox.uncommitted_bytes + PENDING_TICK_BYTES * len(self._pending)

    @property
    def last_seq(self) -> int:
        """Seq of the newest frame."""
        return self._outbox.last

    async def opened(self) -> FeedPosition:
        """Waits until the gateway has opened the feed for the first time. Raises FeedError when it will not."""
        await self._until(lambda: self._position is not None)
        assert self._position is not None
        return self._position

    async def publish(self, symbol: str, price: SupportsFloat, volume: Any, timestamp: Timestamp = None) -> None:
        """Takes one tick, stamped now where no time is given, and sends it with others soon. Waits while memory is
        full. Raises FeedError when the feed was refused or closed and in a forked child, and TypeError or ValueError
        for values that are no tick, such as a time in another unit than microseconds, before 2000 or more than 5
        minutes ahead."""
        row = tick_row(symbol, price, volume, timestamp)
        await self._until(self._has_room)
        self.offer((row,))

    async def publish_frame(self, ticks: Iterable[Any], seq: int | None = None) -> int:
        """Takes ticks as one frame. `seq` is the source's own position (a row number, an offset), rising; without it
        the client counts. Returns the frame's seq. Raises ValueError for a seq that does not rise, for too large a
        frame, and for a time in another unit than microseconds. Since the number is the source's, a tick of a wrong
        day passes: the gateway stores it among the rejected ticks."""
        return await self.publish_rows([tick_of(item, in_range=False) for item in ticks], seq)

    async def publish_rows(self, rows: Sequence[TickRow], seq: int | None = None) -> int:
        """`publish_frame` for ticks that were converted already: a datetime's microseconds look like any number."""
        await self.opened()
        await self._until(self._has_room)
        self.flush()
        frame = encode_frame(self._outbox.last + 1 if seq is None else seq, self._outbox.last, rows)
        if len(rows) > self._limits.max_ticks or len(frame.message) > self._limits.max_bytes:
            raise ValueError(f"a frame may hold {self._limits.max_ticks} ticks and {self._limits.max_bytes} bytes")
        self._outbox.add(frame)
        self._given += len(rows)
        self._link.pump()
        return frame.seq

    async def skip_to(self, next_seq: int) -> None:
        """Declares a gap: the feed cannot supply the frames between its newest one and `next_seq`."""
        await self.opened()
        self.flush()
        self._outbox.add(encode_skip(self._outbox.last, next_seq))
        self._link.pump()

    async def drained(self) -> int:
        """Waits until all that was given is committed. Returns how many ticks were stored since the last call: each
        tick is counted once, in whichever call, and rejected ones are not."""
        await self.committed()
        stored = self.settled - self._rejected
        counted, self._counted = self._counted, stored
        return stored - counted

    async def committed(self) -> None:
        """Waits until all that was given is committed, as `drained` does, and counts nothing."""
        self._raise_failure()
        if self.buffer_size > 0 or self._outbox.uncommitted_frames > 0:
            await self.opened()
            self.flush()
            target = self._outbox.last
            await self._until(lambda: self._outbox.committed >= target)

    async def close(self, wait: bool = True) -> None:
        """Waits until everything is committed, then ends. `wait=False` ends at once. Raises FeedError when ticks were
        left that could not be committed."""
        try:
            if wait:
                await self.drained()
        finally:
            self.on_failed(FeedClosedError("the feed was closed"))
            await self._link.stop()
            if self._callbacks:
                await asyncio.wait(self._callbacks, timeout=_CALLBACKS_SECONDS)
            exit_signals.unregister(self)

    async def _close_cancelled(self) -> None:
        """Bounded drain of a task that was cancelled; a second cancellation ends it."""
        try:
            async with asyncio.timeout(self.drain_seconds):
                await self.committed()
        except (TimeoutError, FeedError) as error:
            logger.warning("feed %s: cancelled with %d ticks not committed: %s", self._feed, self.buffer_size, error)
        finally:
            await self.close(wait=False)

    def stop_taking(self) -> None:
        """From any thread, when the process is about to end: `publish` waits from now on."""
        self._is_ending = True

    def drain_within(self, seconds: float) -> int:
        """From another thread: waits until all that was given is committed. Returns how many ticks are not."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return self.buffer_size
        waiting = asyncio.run_coroutine_threadsafe(self.committed(), loop)
        try:
            waiting.result(seconds)
        except (TimeoutError, FeedError, CancelledError):
            waiting.cancel()
        return self.buffer_size

    def offer(self, ticks: Sequence[TickRow]) -> None:
        """Takes ticks without waiting for room."""
        self._pending.extend(ticks)
        self._given += len(ticks)
        if self._position is None or self.failure is not None:
            return
        if len(self._pending) >= self._frame_ticks:
            self.flush()
        elif self._cut_timer is None:
            self._cut_timer = asyncio.get_running_loop().call_later(self._frame_delay, self.flush)

    def flush(self) -> None:
        """Sends the ticks gathered so far. Numbering begins where the gateway says the feed stands, not before."""
        if self._cut_timer is not None:
            self._cut_timer.cancel()
            self._cut_timer = None
        if self._position is None or not self._pending:
            return
        ticks, self._pending = self._pending, []
        for run in cut(ticks, self._frame_ticks, self._limits):
            self._outbox.add(encode_frame(self._outbox.last + 1, self._outbox.last, run))
        self._link.pump()

    def on_opened(self, message: dict[str, Any]) -> None:
        accepted, committed = message["accepted"], message["committed"]
        self._limits = FrameLimits(message["maxTicks"], message["maxFrameBytes"])
        if not self._outbox.opened(accepted, committed, time.monotonic()):
            self.on_failed(
                FeedError("the gateway stands inside one of our frames: another program numbered this feed differently")
            )
            return self._link.give_up()
        if self._position is None:
            self._position = FeedPosition(accepted, committed)
            self.flush()
        self._settle()

    def on_ack(self, seq: int) -> None:
        """Advisory: nothing is freed by it."""

    def on_committed(self, seq: int) -> None:
        self._outbox.committed_up_to(seq, time.monotonic())
        self._settle()

    def on_rejected(self, seq: int, rejected: list[tuple[int, str]]) -> None:
        reasons = ", ".join(sorted({reason for _index, reason in rejected}))
        hint = f" ({TIME_RULE})" if "time_" in reasons else ""
        ticks = "1 tick" if len(rejected) == 1 else f"{len(rejected)} ticks"
        logger.warning("feed %s: %s of frame %d rejected: %s%s", self._feed, ticks, seq, reasons, hint)
        frame = self._outbox.find(seq)
        if frame is not None:
            self._rejected += len(rejected) - frame.rejected
            frame.rejected = len(rejected)
            self._tell_rejected(frame, rejected)

    def on_failed(self, error: FeedError) -> None:
        if self.failure is not None:
            return
        self.failure = error
        if self._cut_timer is not None:
            self._cut_timer.cancel()
        self._notify()

    def _tell_rejected(self, frame: Frame, rejected: list[tuple[int, str]]) -> None:
        if self._on_rejected_tick is None:
            return
        ticks = ticks_of(frame)
        for index, reason in rejected:
            self._call_back("on_rejected", self._on_rejected_tick, ticks[index], reason)

    def _call_back(self, name: str, callback: Callable[..., object], *arguments: Any) -> None:
        """Calls a callback of the program. Its exceptions are reported here: thrown on, they would end the feed."""
        try:
            result = callback(*arguments)
            if inspect.isawaitable(result):
                task = asyncio.ensure_future(self._await_callback(name, result))
                self._callbacks.add(task)
                task.add_done_callback(self._callbacks.discard)
        except Exception:
            logger.exception("feed %s: %s raised", self._feed, name)

    async def _await_callback(self, name: str, result: Awaitable[object]) -> None:
        try:
            await result
        except Exception:
            logger.exception("feed %s: %s raised", self._feed, name)

    def _has_room(self) -> bool:
        return not self._is_ending and self.memory_bytes <= self._max_memory

    def _settle(self) -> None:
        self.settled = self._given - len(self._pending) - self._outbox.uncommitted_ticks
        self._notify()

    def _notify(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self._on_change is not None:
            self._call_back("on_change", self._on_change)

    def _raise_failure(self) -> None:
        self._guard.check()
        if self.failure is not None:
            raise self.failure.again()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        self._raise_failure()
        while not is_so():
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
            self._raise_failure()
