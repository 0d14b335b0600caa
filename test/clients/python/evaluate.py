"""Evaluates the expressions of standard input, a JSON list, and prints what they are or raise, a JSON list too."""

import json
import sys
import time  # noqa: F401
import warnings
from datetime import datetime, timedelta, timezone  # noqa: F401
from decimal import Decimal  # noqa: F401
from types import SimpleNamespace  # noqa: F401
from zoneinfo import ZoneInfo  # noqa: F401

from tickgate_feed.frames import FrameLimits, cut  # noqa: F401
from tickgate_feed.reconnect import ReconnectLimits, reconnect_wait, should_reconnect  # noqa: F401
from tickgate_feed.sockets import feed_url  # noqa: F401
from tickgate_feed.ticks import tick_of, tick_row, to_micros  # noqa: F401


class Text(str):
    """A text that is printed as it is."""

    __repr__ = str.__str__


def refusal(timestamp, **options):
    """Why a tick of this time is refused, without the numbers of now."""
    try:
        tick_row("COMI", 45.5, 1000, timestamp, **options)
    except (TypeError, ValueError) as error:
        text = str(error)
        if "Invalid isoformat" in text:
            text = ""
        if "more than" in text:
            text = text[text.index("more than") :]
        return Text(f"{type(error).__name__}{': ' if text else ''}{text}")


def outcome(expression: str) -> str:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            text = repr(eval(expression))
        except Exception as error:
            text = type(error).__name__
    return text + "".join(f" and {each.category.__name__}" for each in told)


print(json.dumps([outcome(expression) for expression in json.load(sys.stdin)]))
