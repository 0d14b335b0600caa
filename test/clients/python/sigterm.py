"""A program that is told to end: sigterm.py URL MODE, where MODE is

handler   gives ticks to a handler, in no `with` block, for as long as it lives
thread    the same, while a thread that never ends is running
asyncio   gives ticks to a client inside `async with`
own       has a handler of SIGTERM of its own, which leaves the `with` block
behind    has one that ends at once, behind `drain_on_signal`
away      as `handler`; nothing answers at URL
forked    a child of a process with a handler waits; its parent prints how it ended

Prints `ready`, then the number of each tick that was taken.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
import time

from tickgate_feed import FeedClient, TickgateHandler, drain_on_signal

url, mode = sys.argv[1], sys.argv[2]
logging.basicConfig(level=logging.INFO, format="%(message)s")


def give(handler):
    n = 0
    while True:
        handler.buffer_tick(f"TERM-{mode}", 1.0, n)
        print(n, flush=True)
        n += 1
        time.sleep(0.0005)


async def give_async():
    async with FeedClient(url, f"term-{mode}") as client:
        await client.opened()
        print("ready", flush=True)
        n = 0
        while True:
            await client.publish(f"TERM-{mode}", 1.0, n)
            print(n, flush=True)
            n += 1
            await asyncio.sleep(0.0005)


if mode == "asyncio":
    asyncio.run(give_async())
elif mode == "own":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    with TickgateHandler(url, f"term-{mode}") as handler:
        assert signal.getsignal(signal.SIGTERM).__name__ == "<lambda>"
        handler.opened(timeout=20)
        print("ready", flush=True)
        give(handler)
elif mode == "forked":
    handler = TickgateHandler(url, f"term-{mode}")
    handler.opened(timeout=20)
    if (child := os.fork()) == 0:
        time.sleep(30)
        os._exit(1)
    time.sleep(0.2)
    os.kill(child, signal.SIGTERM)
    _pid, status = os.waitpid(child, 0)
    print("child ended by", status, flush=True)
    handler.close()
else:
    if mode == "behind":
        signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
        drain_on_signal()
    handler = TickgateHandler(url, f"term-{mode}", **({"drain_seconds": 1.0} if mode == "away" else {}))
    if mode == "thread":
        threading.Thread(target=lambda: time.sleep(1_000)).start()
    if mode != "away":
        handler.opened(timeout=20)
    print("ready", flush=True)
    give(handler)
