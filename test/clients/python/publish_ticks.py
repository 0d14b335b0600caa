"""Publishes numbered ticks through TickgateHandler: publish_ticks.py URL FEED COUNT [PAUSE_EVERY]

Prints `half` when half of them are given, `given` when all are, and at the end what flush_to_db counted.
The n-th tick: symbol PY<n mod 37>, price ((n mod 9973) + 1) / 100, volume n, time base + n * 977 microseconds, written
in one zone after the other.
"""

import sys
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from tickgate_feed import ReconnectLimits, TickgateHandler

BASE = datetime(2025, 12, 1, 8, 0, 0, 1, tzinfo=timezone.utc)
ZONES = [timezone.utc, ZoneInfo("Africa/Cairo"), timezone(timedelta(hours=-9, minutes=-30))]

url, feed, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
pause_every = int(sys.argv[4]) if len(sys.argv) > 4 else 0

with TickgateHandler(url, feed, reconnect=ReconnectLimits(max_seconds=0.5)) as handler:
    for n in range(count):
        stamp = (BASE + n * timedelta(microseconds=977)).astimezone(ZONES[n % 3])
        handler.buffer_tick(f"PY{n % 37}", (n % 9973 + 1) / 100, n, stamp)
        if n == count // 2:
            print("half")
        if pause_every > 0 and n % pause_every == 0:
            time.sleep(0.005)
    print("given")
    stored = handler.flush_to_db()
    print("stored", stored, "left", handler.get_buffer_size(), "again", handler.flush_to_db())
