"""A consumer as of Kafka, that dies and goes on: consume_offsets.py URL MESSAGES [DIE_AFTER]

Message n of the topic: symbol KAFKA, price 1, volume n, at base + n microseconds.
"""

import os
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from tickgate_feed import TickgateHandler

BASE = datetime(2025, 12, 2, 8, tzinfo=timezone.utc)


@dataclass
class Message:
    offset: int
    value: dict


class Consumer:
    """One partition, in the shape of kafka-python's consumer."""

    def __init__(self, end: int) -> None:
        self._next, self._end = 0, end

    def seek(self, offset: int) -> None:
        self._next = offset

    def __iter__(self):
        for offset in range(self._next, self._end):
            stamp = BASE + timedelta(microseconds=offset)
            yield Message(offset, {"symbol": "KAFKA", "price": 1.0, "volume": offset, "timestamp": stamp})


url, messages = sys.argv[1], int(sys.argv[2])
die_after = int(sys.argv[3]) if len(sys.argv) > 3 else None

consumer = Consumer(messages)
with TickgateHandler(url, "egx-kafka-0") as handler:
    accepted = handler.opened().accepted
    consumer.seek(accepted)  # offset n has seq n + 1
    for message in consumer:
        handler.publish_frame([message.value], seq=message.offset + 1)
        if die_after is not None and message.offset >= die_after:
            os._exit(9)
print("went on after", accepted)
