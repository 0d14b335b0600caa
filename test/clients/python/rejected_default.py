"""Ticks that the gateway rejects, without a callback and without logging set up: rejected_default.py URL."""

import sys
from datetime import datetime, timezone

from tickgate_feed import TickgateHandler

with TickgateHandler(sys.argv[1], "rejected-default") as handler:
    handler.buffer_tick("NAN", float("nan"), 1)
    handler.publish_frame([("OLD", 1.0, 1, datetime(1970, 1, 21, tzinfo=timezone.utc))])
    print("stored", handler.flush_to_db(timeout=20))
