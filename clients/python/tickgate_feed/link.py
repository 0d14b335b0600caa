"""The feed's connection: connects again for ever, opens the feed on each, and sends the outbox's frames."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from dataclasses import dataclass
from typing import Any, Protocol

import msgpack
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from .errors import FeedError, FeedRefusedError
from .outbox import FeedOutbox
from .reconnect import ReconnectLimits, reconnect_wait, should_reconnect
from .replies import decode_replies
from .sockets import close_verdict, handshake_status, open_socket

logger = logging.getLogger("tickgate_feed")

_TICKS_REJECTED = 420
_FEED_TAKEN_OVER = 423
_NOT_NOW = 503
_FINAL_ERRORS = frozenset({400, 402, 409, 421, 422})
_FINAL_STATUSES = frozenset({401, 403, 404})
_NOT_NOW_SECONDS = 0.25


class LinkEvents(Protocol):
    """Events of the link for its client, on the loop's thread."""

    def on_opened(self, message: dict[str, Any]) -> None: ...
    def on_ack(self, seq: int) -> None: ...
    def on_committed(self, seq: int) -> None: ...
    def on_rejected(self, seq: int, rejected: list[tuple[int, str]]) -> None: ...
    def on_failed(self, error: FeedError) -> None: ...


@dataclass(frozen=True, slots=True)
class LinkOptions:
    url: str
    feed: str
    token: str | None
    instance: str
    first_attempt: int
    live: bool
    tls: ssl.SSLContext | None
    reconnect: ReconnectLimits


class FeedLink:
    """Runs until it is stopped, or until the gateway refuses the feed for good."""

    def __init__(self, options: LinkOptions, outbox: FeedOutbox, events: LinkEvents) -> None:
        self._options = options
        self._outbox = outbox
        self._events = events
        self._attempt = options.first_attempt
        self._has_opened = False
        self._failures = 0
        self._asked_seconds = 0.0
        self._window = (0, 0)
        self._is_open = False
        self._must_open = False
        self._wake = asyncio.Event()
        self._open_timer: asyncio.TimerHandle | None = None
        self._told: FeedRefusedError | None = None
        self._trouble = ""
        self._is_stopped = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to connect, on the running loop."""
        if self._task is None and not self._is_stopped:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends the connection for good, and waits for its end."""
        self.give_up()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def give_up(self) -> None:
        """Ends the connection for good. The flag, because a cancellation can get lost: asyncio.wait_for of Python 3.11
        swallows it when it comes together with the result."""
        self._is_stopped = True
        if self._task is not None:
            self._task.cancel()

    def pump(self) -> None:
        """Something may be sent now."""
        self._wake.set()

    async def _run(self) -> None:
        try:
            while not self._is_stopped:
                code, reason = await self._connect_once()
                if self._is_stopped:
                    return
                if self._is_final(code):
                    error = self._told or FeedRefusedError(f"the gateway closed the feed: {reason} ({code})", code)
                    return self._events.on_failed(error)
                if reason != self._trouble:
                    logger.warning("feed %s: %s; connecting again", self._options.feed, reason or f"closed ({code})")
                self._trouble = reason
                wait = reconnect_wait(self._failures, random.random(), self._asked_seconds, self._options.reconnect)
                self._failures += 1
                self._asked_seconds = 0.0
                await asyncio.sleep(wait)
        except Exception as error:
            logger.exception("feed %s: stopped by a fault of the adapter", self._options.feed)
            failure = FeedError(f"the feed adapter failed: {error!r}")
            failure.__cause__ = error
            self._events.on_failed(failure)

    def _is_final(self, close_code: int | None) -> bool:
        """423 is no verdict by itself: the close code after it says whether to come back."""
        told = None if self._told is None else self._told.code
        return not should_reconnect(close_code) or (told is not None and told != _FEED_TAKEN_OVER)

    async def _connect_once(self) -> tuple[int | None, str]:
        """One connection, from its handshake to its end. Returns the close code, if there was one, and the reason."""
        self._told = None
        try:
            socket = await open_socket(self._options.url, self._options.token, self._options.tls)
        except InvalidHandshake as error:
            status = handshake_status(error)
            if status in _FINAL_STATUSES:
                self._told = FeedRefusedError(f"the gateway refused the connection with status {status}", status)
            return None, str(error)
        except (OSError, TimeoutError) as error:
            return None, str(error) or type(error).__name__
        if self._is_stopped:
            await socket.close()
            return None, "stopped"
        self._wake.clear()
        reader = asyncio.ensure_future(self._read(socket))
        writer = asyncio.ensure_future(self._write(socket))
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._is_open = self._must_open = False
            if self._open_timer is not None:
                self._open_timer.cancel()
            reader.cancel()
            writer.cancel()
            ends = await asyncio.gather(reader, writer, return_exceptions=True)
            await socket.close()
        for end in ends:
            if not isinstance(end, (ConnectionClosed, asyncio.CancelledError)) and isinstance(end, BaseException):
                raise end
        closed = [end for end in ends if isinstance(end, ConnectionClosed)]
        return close_verdict(closed[0]) if closed else (None, "the connection ended")

    async def _read(self, socket: Any) -> None:
        while True:
            data = await socket.recv()
            if isinstance(data, bytes):
                for message in decode_replies(data):
                    self._on_message(message)

    async def _write(self, socket: Any) -> None:
        """The only sender of a connection, so that nothing overtakes an `open`. Ends quietly with the connection: the
        reader has the gateway's last words still to read."""
        with contextlib.suppress(ConnectionClosed):
            await self._write_on(socket)

    async def _write_on(self, socket: Any) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._must_open:
                self._must_open = False
                await socket.send(self._next_open())
            while self._is_open and self._window[0] > 0:
                frame = self._outbox.take_next(*self._window)
                if frame is None:
                    break
                await socket.send(frame.message)

    def _next_open(self) -> bytes:
        options = self._options
        # Until it has been opened once a process is new to the feed, however often it has asked.
        if self._has_opened:
            self._attempt += 1
        return msgpack.packb(
            {
                "action": "open",
                "feed": options.feed,
                "instance": options.instance,
                "attempt": self._attempt,
                "have": self._outbox.have,
                "live": options.live,
            }
        )

    def _on_message(self, message: dict[str, Any]) -> None:
        match message["T"]:
            case "success":
                # An open gateway authenticates by itself, the header does otherwise.
                if message.get("msg") == "authenticated":
                    self._open_now()
            case "opened":
                self._failures = 0
                self._has_opened = True
                self._trouble = ""
                self._window = (message["windowFrames"], message["windowTicks"])
                self._is_open = True
                self._events.on_opened(message)
                self._wake.set()
            case "ack":
                self._events.on_ack(message["seq"])
            case "committed":
                self._events.on_committed(message["seq"])
                self._wake.set()
            case "reopen":
                logger.info("feed %s: to be opened again (%s)", self._options.feed, message.get("reason"))
                self._open_later(0.0)
            case "window":
                self._window = (message["frames"], message["ticks"])
                self._wake.set()
            case "shutdown":
                self._asked_seconds = message["reconnectAfterMs"] / 1_000
            case "error":
                self._on_error(message)

    def _on_error(self, message: dict[str, Any]) -> None:
        code, seq = message["code"], message.get("seq")
        if code == _TICKS_REJECTED:
            if isinstance(seq, int):
                self._events.on_rejected(seq, [(index, reason) for index, reason in message.get("rejected") or []])
        elif code == _NOT_NOW:
            self._open_later(_NOT_NOW_SECONDS)
        elif code in _FINAL_ERRORS or code == _FEED_TAKEN_OVER:
            self._told = FeedRefusedError(f"the gateway refused the feed: {message.get('msg')}", code)

    def _open_now(self) -> None:
        self._must_open = True
        self._wake.set()

    def _open_later(self, seconds: float) -> None:
        """Opens again on this connection, after `reopen` or `not now`; with jitter when it goes on."""
        self._is_open = False
        self._failures += 1
        jitter = 0.0 if self._failures <= 1 else random.random() * min(2.0, 0.1 * self._failures)
        if self._open_timer is not None:
            self._open_timer.cancel()
        self._open_timer = asyncio.get_running_loop().call_later(seconds + jitter, self._open_now)
