'''Publishes stock ticks to a Tickgate gateway: kept until they are committed in TimescaleDB, exactly once.

Install: `pip install ./clients/python`, or on Debian `apt install python3-websockets python3-msgpack` and this folder
on PYTHONPATH. Needs Python 3.11, a gateway (`tickgate serve`) and its database (`tickgate setup-db`).

One tick after the other:

    from datetime import datetime, timezone
    from tickgate_feed import TickgateHandler

    with TickgateHandler(url="http://127.0.0.1:8080", feed="egx-main", token="…") as handler:
        handler.buffer_tick("COMI", 45.50, 1000)                                    # stamped now
        handler.buffer_tick("ETEL", 12.30, 5000, datetime.now(timezone.utc))        # exact to the microsecond
        handler.get_buffer_size()                                                   # not yet committed
        handler.flush_to_db()                                                       # waits until committed

There is no need to flush: the gateway commits ten times a second. From a stream of ticks:

    handler.buffer_ticks(egxpy.stream_ticks(["COMI", "ETEL"]))

From Kafka, where a frame's number is the message's offset. A program that is killed and started again goes on where
the gateway stands, and every message is stored once:

    partition = TopicPartition("egx_market_data", 0)
    consumer.assign([partition])
    with TickgateHandler(feed="egx-kafka-0") as handler:
        consumer.seek(partition, handler.opened().accepted)     # offset n has seq n + 1
        for message in consumer:
            handler.publish_frame([message.value], seq=message.offset + 1)

A timestamp is a datetime, an ISO 8601 text, or an int of microseconds since 1970; seconds, milliseconds and nanoseconds
raise ValueError. Ticks that the gateway finds invalid (a price of 0, a volume with a fraction …) are stored in the table
of rejected ticks, told to `on_rejected`, and a warning in the log `tickgate_feed`. SIGTERM ends the program after at
most 8 seconds in which ticks are committed: see TickgateHandler. A feed that was refused raises FeedRefusedError from every call. For asyncio: FeedClient.
'''

from .client import FeedClient, FeedPosition
from .errors import FeedClosedError, FeedError, FeedRefusedError
from .exit_signals import drain_on_signal
from .handler import TickgateHandler
from .reconnect import ReconnectLimits
from .ticks import TickRow, to_micros

__version__ = "0.1.0"

__all__ = [
    "FeedClient",
    "FeedClosedError",
    "FeedError",
    "FeedPosition",
    "FeedRefusedError",
    "ReconnectLimits",
    "TickRow",
    "TickgateHandler",
    "drain_on_signal",
    "to_micros",
]
