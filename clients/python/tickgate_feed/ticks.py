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

TIME_RULE = "times are whole microseconds since 1970, from 2000 to 5 minutes ahead of the gateway's clock"

_EARLIEST_MICROS = 946_684_800_000_000
"""2000-01-01, as the gateway has it."""
_MAX_FUTURE_MICROS = 300_000_000
_UNITS = (("seconds", 1_000_000, 1), ("milliseconds", 1_000, 1), ("nanoseconds", 1, 1_000))
"""Other units of time, and the fraction that makes them microseconds."""
_latest_micros = 0
"""Cached bound of the future: the clock is read only for times behind it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_MAX_SYMBOL_LENGTH = 1_024
_PRICE_NAMES = ("price", "close", "last")
_TIME_NAMES = ("timestamp", "time", "datetime")


def tick_row(
    symbol: str, price: SupportsFloat, volume: Any, timestamp: Timestamp = None, in_range: bool = True
) -> TickRow:
    """A tick as it is sent, stamped now where no time is given. Values that only the gateway rejects (a price of 0,
    a volume with a fraction, a strange symbol) pass: it stores them among the rejected ticks, and nothing is lost.

    Raises TypeError, ValueError or OverflowError for values that are no tick at all, and ValueError for a time that no
    tick can have: in another unit than microseconds, before 2000 or more than 5 minutes ahead. `in_range=False` refuses
    other units only.
    """
    if not isinstance(symbol, str):
        raise TypeError(f"symbol must be a str, not {type(symbol).__name__}")
    if len(symbol) > _MAX_SYMBOL_LENGTH:
        raise ValueError(f"a symbol of {len(symbol)} characters")
    if not symbol.isascii():
        symbol.encode()  # half a character raises here, where the program sees it
    micros = time.time_ns() // 1_000 if timestamp is None else to_micros(timestamp)
    if timestamp is not None and not _EARLIEST_MICROS <= micros <= _latest_micros:
        _check_time(micros, isinstance(timestamp, (datetime, str)), in_range)
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
        raise TypeError(
            f"timestamp must be a datetime, or an int of microseconds since 1970, not {type(timestamp).__name__}"
        )
    micros = operator.index(timestamp)
    if not -(1 << 63) <= micros < 1 << 63:
        raise OverflowError(f"{micros} is no time in microseconds since 1970")
    return micros


def _check_time(micros: int, has_unit: bool, in_range: bool) -> None:
    """Raises ValueError, which names the unit, for a time that no tick can have."""
    global _latest_micros
    _latest_micros = time.time_ns() // 1_000 + _MAX_FUTURE_MICROS
    if _EARLIEST_MICROS <= micros <= _latest_micros:
        return
    for unit, times, by in () if has_unit else _UNITS:
        if _EARLIEST_MICROS <= micros * times // by <= _latest_micros:
            remedy = f"multiply by {times:_}" if times > 1 else f"divide by {by:_}"
            raise ValueError(f"timestamp {micros} looks like {unit}; it must be in microseconds since 1970: {remedy}")
    if in_range:
        where = "before 2000" if micros < _EARLIEST_MICROS else "more than 5 minutes ahead of this machine's clock"
        raise ValueError(f"timestamp {micros} (microseconds since 1970) lies {where}")


def tick_of(item: Any, in_range: bool = True) -> TickRow:
    """The tick in an object or a dict as market-data libraries give them (`symbol`, `price` or `close`, `volume`, maybe
    `timestamp`), or in a tuple `(symbol, price, volume[, timestamp])`."""
    if isinstance(item, Mapping):
        return _named(item.get, item, in_range)
    if hasattr(item, "symbol"):
        return _named(lambda name: getattr(item, name, None), item, in_range)
    return tick_row(*item, in_range=in_range)


def _named(get: Any, item: Any, in_range: bool) -> TickRow:
    symbol, volume = get("symbol"), get("volume")
    price = next((value for name in _PRICE_NAMES if (value := get(name)) is not None), None)
    stamp = next((value for name in _TIME_NAMES if (value := get(name)) is not None), None)
    if symbol is None or price is None or volume is None:
        raise TypeError(f"{type(item).__name__} has no symbol, price (or close) and volume")
    return tick_row(symbol, price, volume, stamp, in_range)


def _whole(volume: Any) -> int | float:
    """An integer where the value is one, of any type; else a float, which the gateway rejects by name."""
    if hasattr(volume, "__index__"):
        number = operator.index(volume)
        return number if -(1 << 63) <= number < 1 << 63 else float(number)
    fraction = float(volume)
    return int(fraction) if fraction.is_integer() and abs(fraction) < 1 << 63 else fraction
