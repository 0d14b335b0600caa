"""Evaluates the expressions of standard input, a JSON list, and prints what they are or raise, a JSON list too."""

import json
import sys
import warnings
from datetime import datetime, timedelta, timezone  # noqa: F401
from decimal import Decimal  # noqa: F401
from types import SimpleNamespace  # noqa: F401
from zoneinfo import ZoneInfo  # noqa: F401

from tickgate_feed.frames import FrameLimits, cut  # noqa: F401
from tickgate_feed.reconnect import ReconnectLimits, reconnect_wait, should_reconnect  # noqa: F401
from tickgate_feed.sockets import feed_url  # noqa: F401
from tickgate_feed.ticks import tick_of, tick_row, to_micros  # noqa: F401


def outcome(expression: str) -> str:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            text = repr(eval(expression))
        except Exception as error:
            text = type(error).__name__
    return text + "".join(f" and {each.category.__name__}" for each in told)


print(json.dumps([outcome(expression) for expression in json.load(sys.stdin)]))
