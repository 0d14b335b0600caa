"""The feed for asyncio programs."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, SupportsFloat

from .errors import FeedClosedError, FeedError
from .frames import FrameLimits, cut, encode_frame, encode_skip, ticks_of
from .link import FeedLink, LinkOptions
from .outbox import FeedOutbox, Frame
from .reconnect import ReconnectLimits
from .sockets import feed_url
from .ticks import TickRow, Timestamp, tick_of, tick_row

logger = logging.getLogger("tickgate_feed")

PENDING_TICK_BYTES = 200
"""Estimate of a tick in memory before it is part of a frame."""


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

    All methods belong to the loop on which `start` ran. `on_rejected(tick, reason)` is called for each tick that the
    gateway keeps among the rejected ones.
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
        on_rejected: Callable[[TickRow, str], None] | None = None,
        on_change: Callable[[], None] | None = None,
    ) -> None:
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
        self._link.start()
        return self

    async def __aenter__(self) -> FeedClient:
        return await self.start()

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        await self.close(wait=not isinstance(error, (FeedError, asyncio.CancelledError)))

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
        full. Raises FeedError when the feed was refused or closed."""
        row = tick_row(symbol, price, volume, timestamp)
        await self._until(self._has_room)
        self.offer((row,))

    async def publish_frame(self, ticks: Iterable[Any], seq: int | None = None) -> int:
        """Takes ticks as one frame. `seq` is the source's own position (a row number, an offset), rising; without it
        the client counts. Returns the frame's seq. Raises ValueError for a seq that does not rise, and for too large a
        frame."""
        rows = [tick_of(item) for item in ticks]
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
        self._raise_failure()
        if self.buffer_size > 0 or self._outbox.uncommitted_frames > 0:
            await self.opened()
            self.flush()
            target = self._outbox.last
            await self._until(lambda: self._outbox.committed >= target)
        stored = self.settled - self._rejected
        counted, self._counted = self._counted, stored
        return stored - counted

    async def close(self, wait: bool = True) -> None:
        """Waits until everything is committed, then ends. `wait=False` ends at once. Raises FeedError when ticks were
        left that could not be committed."""
        try:
            if wait:
                await self.drained()
        finally:
            self.on_failed(FeedClosedError("the feed was closed"))
            await self._link.stop()

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
        logger.warning("feed %s: %d ticks of frame %d rejected: %s", self._feed, len(rejected), seq, reasons)
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
            try:
                self._on_rejected_tick(ticks[index], reason)
            except Exception:
                logger.exception("feed %s: on_rejected raised", self._feed)

    def _has_room(self) -> bool:
        return self.memory_bytes <= self._max_memory

    def _settle(self) -> None:
        self.settled = self._given - len(self._pending) - self._outbox.uncommitted_ticks
        self._notify()

    def _notify(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self._on_change is not None:
            self._on_change()

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure.again()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        self._raise_failure()
        while not is_so():
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
            self._raise_failure()
