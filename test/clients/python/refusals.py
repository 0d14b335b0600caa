"""Ways to be refused: refusals.py URL TOKEN. Prints one line each."""

import asyncio
import sys

from tickgate_feed import FeedClient, FeedClosedError, FeedError, TickgateHandler

url, token = sys.argv[1], sys.argv[2]


def attempt(name, work):
    try:
        print(name, "passed", work())
    except FeedError as error:
        print(name, type(error).__name__, error.code)
    except (TimeoutError, ValueError) as error:
        print(name, type(error).__name__)


def opened(feed, secret):
    with TickgateHandler(url, feed, secret) as handler:
        return handler.opened(timeout=20).accepted


async def restarted_counter():
    """A feed that begins to count anew, which the client itself never does."""
    async with FeedClient(url, "egx-counter", token) as client:
        await client.publish("COMI", 1.0, 1)
        await client.drained()
    client = await FeedClient(url, "egx-counter", token).start()
    await client.opened()
    client._outbox.last = 0
    while True:
        await client.publish("COMI", 1.0, 2)
        await asyncio.sleep(0.05)


def closed():
    handler = TickgateHandler(url, "egx-closed", token)
    handler.close()
    handler.close()
    handler.buffer_tick("COMI", 1.0, 1)


def behind():
    with TickgateHandler(url, "egx-offsets", token) as handler:
        handler.publish_frame([("COMI", 1.0, 1)], seq=10)
        handler.publish_frame([("COMI", 1.0, 1)], seq=10)


def too_large():
    with TickgateHandler(url, "egx-large", token) as handler:
        handler.publish_frame([("COMI", 1.0, 1)] * 5_001)


def nobody_there():
    handler = TickgateHandler("http://127.0.0.1:9", "egx-nowhere")
    handler.buffer_tick("COMI", 1.0, 1)
    try:
        handler.flush_to_db(timeout=0.3)
    finally:
        handler.close(wait=False)


attempt("right", lambda: opened("egx-main", token))
attempt("wrong token", lambda: opened("egx-main", "not-a-token"))
attempt("no token", lambda: opened("egx-main", None))
attempt("another feed", lambda: opened("lse-main", token))
attempt("bad name", lambda: opened("~gw", token))
attempt("counter", lambda: asyncio.run(restarted_counter()))
attempt("closed", closed)
attempt("behind", behind)
attempt("too large", too_large)
attempt("nobody", nobody_there)
attempt("set up", lambda: TickgateHandler("http://127.0.0.1:9", "egx-nowhere").setup_database())
