"""Callbacks that raise: callbacks.py URL. The feed goes on, and each exception is reported."""

import asyncio
import sys

from tickgate_feed import FeedClient, TickgateHandler

url = sys.argv[1]


def raising(name):
    def callback(*_arguments):
        raise RuntimeError(f"{name} is broken")

    return callback


async def late(*_arguments):
    await asyncio.sleep(0)
    raise RuntimeError("async on_rejected is broken")


async def use_client(feed, **callbacks):
    async with FeedClient(url, feed, **callbacks) as client:
        for n in range(10):
            await client.publish("BROKEN", 0.0, n)
            await client.publish("CALLBACK", 1.0, n)
            await client.drained()
        print(feed, "left", client.buffer_size)


asyncio.run(use_client("callback-change", on_change=raising("on_change")))
asyncio.run(use_client("callback-async", on_rejected=late))
with TickgateHandler(url, "callback-handler", on_rejected=raising("on_rejected")) as handler:
    handler.buffer_tick("BROKEN", 0.0, 1)
    handler.buffer_tick("CALLBACK", 1.0, 1)
    print("callback-handler stored", handler.flush_to_db(timeout=20))
