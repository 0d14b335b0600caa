"""Frames on the wire: plain msgpack, integers as integers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgpack

from .outbox import Frame
from .ticks import TickRow

_KEPT_OVERHEAD_BYTES = 160
_FRAME_OVERHEAD_BYTES = 256
_TICK_OVERHEAD_BYTES = 1 + 5 + 9 + 9 + 9
_DAY_MICROS = 86_400_000_000
_MAX_SPAN_DAYS = 366
"""A frame spans at most so many days; the gateway counts from the first tick in both directions."""


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """Limits of one frame, as `opened` told them."""

    max_ticks: int = 5_000
    max_bytes: int = 256 * 1024


def encode_frame(seq: int, prev: int, ticks: Sequence[TickRow]) -> Frame:
    message = msgpack.packb({"action": "publish", "seq": seq, "prev": prev, "ticks": ticks})
    return Frame(seq, prev, len(ticks), len(message) + _KEPT_OVERHEAD_BYTES, False, message)


def encode_skip(to: int, next_seq: int) -> Frame:
    """Declares a gap: frames after `to` up to `next_seq` cannot be supplied."""
    message = msgpack.packb({"action": "skip", "to": to, "next": next_seq})
    return Frame(next_seq, to, 0, len(message) + _KEPT_OVERHEAD_BYTES, True, message)


def ticks_of(frame: Frame) -> list[TickRow]:
    """The ticks of an encoded frame."""
    return [] if frame.skip else [tuple(tick) for tick in msgpack.unpackb(frame.message)["ticks"]]


def cut(ticks: Sequence[TickRow], frame_ticks: int, limits: FrameLimits) -> Iterator[Sequence[TickRow]]:
    """Cuts ticks into runs that the gateway takes as one frame each."""
    most = max(1, min(frame_ticks, limits.max_ticks))
    room = limits.max_bytes - _FRAME_OVERHEAD_BYTES
    start = size = first_day = 0
    for index, (symbol, _price, _volume, micros) in enumerate(ticks):
        tick_bytes = _TICK_OVERHEAD_BYTES + (len(symbol) if symbol.isascii() else len(symbol.encode()))
        day = micros // _DAY_MICROS
        full = index - start >= most or size + tick_bytes > room or abs(day - first_day) >= _MAX_SPAN_DAYS
        if index > start and full:
            yield ticks[start:index]
            start, size = index, 0
        if index == start:
            first_day = day
        size += tick_bytes
    if start < len(ticks):
        yield ticks[start:]
