"""A handler and a client that are used in a forked child: after_fork.py URL. Prints what each call of the child does."""

import asyncio
import os
import sys
from datetime import datetime, timezone

from tickgate_feed import FeedClient, FeedError, TickgateHandler

url = sys.argv[1]


def in_child(work):
    """Runs it in a forked child and waits for the child, at most 10 seconds."""
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        import signal

        signal.alarm(10)  # a child that waits for a lock or a thread that it has not is a failure too
        try:
            work()
        finally:
            sys.stdout.flush()
            os._exit(0)
    _pid, status = os.waitpid(child, 0)
    if status != 0:
        print("the child died by signal", os.WTERMSIG(status))


def attempt(name, call):
    try:
        print(name, "passed", call())
    except FeedError as error:
        print(name, type(error).__name__, "fork" in str(error), "TickgateHandler" in str(error) or "FeedClient" in str(error))


def use_handler():
    attempt("buffer_tick", lambda: handler.buffer_tick("CHILD", 1.0, 1))
    attempt("buffer_tick again", lambda: handler.buffer_tick("CHILD", 1.0, 2))
    attempt("buffer_ticks", lambda: handler.buffer_ticks([("CHILD", 1.0, 3)]))
    attempt("publish_frame", lambda: handler.publish_frame([("CHILD", 1.0, 4)]))
    attempt("flush_to_db", lambda: handler.flush_to_db(timeout=5))
    attempt("opened", lambda: handler.opened(timeout=5))
    attempt("close", handler.close)


def locked():
    """Forks while another thread holds the handler's lock, as any call of one may at that moment."""
    with handler._lock:
        in_child(lambda: attempt("locked", lambda: handler.buffer_tick("CHILD", 1.0, 5)))


def own_handler():
    def work():
        with TickgateHandler(url, "forked-child") as own:
            own.buffer_tick("OWN", 1.0, 1)
            print("own stored", own.flush_to_db(timeout=8))

    in_child(work)


async def use_client():
    async with FeedClient(url, "forked-client") as client:
        await client.opened()
        loop = asyncio.get_running_loop()

        def work():
            def step(name, coroutine):
                try:
                    coroutine.send(None)
                    print(name, "waits")
                except StopIteration:
                    print(name, "passed")
                except FeedError as error:
                    print(name, type(error).__name__, "fork" in str(error), "FeedClient" in str(error))

            step("client.publish", client.publish("CHILD", 1.0, 6))
            step("client.publish_frame", client.publish_frame([("CHILD", 1.0, 7)]))

        in_child(work)
        await client.publish("PARENT", 1.0, 2, datetime.now(timezone.utc))
        print("client stored", await client.drained())
        assert loop.is_running()


with TickgateHandler(url, "forked") as handler:
    handler.opened(timeout=20)
    in_child(use_handler)
    locked()
    handler.buffer_tick("PARENT", 1.0, 1)
    print("parent stored", handler.flush_to_db(timeout=20))
    own_handler()
asyncio.run(use_client())
