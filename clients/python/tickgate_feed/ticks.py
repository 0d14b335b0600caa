"""Ticks as programs have them, and as the wire carries them."""

from __future__ import annotations

import operator
import time
import warnings
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, SupportsFloat

TickRow = tuple[str, float, "int | float", int]
"""`(symbol, price, volume, microseconds since the Unix epoch)`."""

Timestamp = datetime | int | str | None

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_MAX_SYMBOL_LENGTH = 1_024
_PRICE_NAMES = ("price", "close", "last")
_TIME_NAMES = ("timestamp", "time", "datetime")


def tick_row(symbol: str, price: SupportsFloat, volume: Any, timestamp: Timestamp = None) -> TickRow:
    """A tick as it is sent, stamped now where no time is given. Values that only the gateway rejects (a price of 0,
    a volume with a fraction, a strange symbol) pass: it stores them among the rejected ticks, and nothing is lost.

    Raises TypeError, ValueError or OverflowError for values that are no tick at all.
    """
    if not isinstance(symbol, str):
        raise TypeError(f"symbol must be a str, not {type(symbol).__name__}")
    if len(symbol) > _MAX_SYMBOL_LENGTH:
        raise ValueError(f"a symbol of {len(symbol)} characters")
    if not symbol.isascii():
        symbol.encode()  # half a character raises here, where the program sees it
    micros = time.time_ns() // 1_000 if timestamp is None else to_micros(timestamp)
    return (
        symbol,
        price if type(price) is float else float(price),
        volume if type(volume) is int and 0 <= volume < 1 << 63 else _whole(volume),
        micros,
    )


def to_micros(timestamp: datetime | int | str) -> int:
    """Microseconds since the Unix epoch, exact. A datetime or a text without a zone is taken as UTC, with a warning:
    the machine's own zone would be a guess. An int is microseconds already."""
    if isinstance(timestamp, str):
        timestamp = datetime.fromisoformat(timestamp)
    if isinstance(timestamp, datetime):
        if timestamp.utcoffset() is None:
            warnings.warn("a timestamp without a zone is taken as UTC; give it a tzinfo", UserWarning, stacklevel=4)
            timestamp = timestamp.replace(tzinfo=timezone.utc)
        return (timestamp - _EPOCH) // _MICROSECOND
    if isinstance(timestamp, bool) or not hasattr(timestamp, "__index__"):
        raise TypeError(f"timestamp must be a datetime, not {type(timestamp).__name__}")
    micros = operator.index(timestamp)
    if not -(1 << 63) <= micros < 1 << 63:
        raise OverflowError(f"{micros} is no time in microseconds since 1970")
    return micros


def tick_of(item: Any) -> TickRow:
    """The tick in an object or a dict as market-data libraries give them (`symbol`, `price` or `close`, `volume`, maybe
    `timestamp`), or in a tuple `(symbol, price, volume[, timestamp])`."""
    if isinstance(item, Mapping):
        return _named(item.get, item)
    if hasattr(item, "symbol"):
        return _named(lambda name: getattr(item, name, None), item)
    return tick_row(*item)


def _named(get: Any, item: Any) -> TickRow:
    symbol, volume = get("symbol"), get("volume")
    price = next((value for name in _PRICE_NAMES if (value := get(name)) is not None), None)
    stamp = next((value for name in _TIME_NAMES if (value := get(name)) is not None), None)
    if symbol is None or price is None or volume is None:
        raise TypeError(f"{type(item).__name__} has no symbol, price (or close) and volume")
    return tick_row(symbol, price, volume, stamp)


def _whole(volume: Any) -> int | float:
    """An integer where the value is one, of any type; else a float, which the gateway rejects by name."""
    if hasattr(volume, "__index__"):
        number = operator.index(volume)
        return number if -(1 << 63) <= number < 1 << 63 else float(number)
    fraction = float(volume)
    return int(fraction) if fraction.is_integer() and abs(fraction) < 1 << 63 else fraction
