"""FeedClient: asyncio_feed.py URL. Rejected ticks are told one by one; a backfill is cut into frames by days."""

import asyncio
import sys
from datetime import datetime, timedelta, timezone

from tickgate_feed import FeedClient

url = sys.argv[1]
START = datetime(2010, 1, 3, 10, tzinfo=timezone.utc)


async def main() -> None:
    rejected = []
    on_rejected = lambda tick, why: rejected.append((tick, why))  # noqa: E731
    async with FeedClient(url, "async", live=False, on_rejected=on_rejected) as client:
        await client.publish("CO MI", 1.0, 1, START)
        await client.publish("ASYNC", 0, 2, START)
        await client.publish("ASYNC", 1.0, 2.5, START)
        for day in range(0, 3000, 30):
            await client.publish("ASYNC", 1.0, day, START + timedelta(days=day))
        print("stored", await client.drained(), "left", client.buffer_size, "frames", client.last_seq)
        await client.skip_to(100)
        await client.publish_frame([("ASYNC", 2.0, 1, START)])
        print("stored", await client.drained(), "frames", client.last_seq)
    for (symbol, price, volume, _time), why in rejected:
        print(symbol, price, volume, why)


asyncio.run(main())
