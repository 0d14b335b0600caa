"""A program of alpaca-py, as its users write it: watch.py URL FIRST SECOND

Watches the trades of FIRST and SECOND and the bars of everything. Told by a line of standard input, it drops FIRST and
adds quotes, which have nothing here.
"""

import sys
import threading
from datetime import timezone

from alpaca.data.live import StockDataStream

url, first, second = sys.argv[1:4]
watched = threading.Event()


class Stream(StockDataStream):
    """Tells when the gateway has acknowledged; the SDK itself only logs it."""

    async def _dispatch(self, msg):
        await super()._dispatch(msg)
        if msg.get("T") == "subscription":
            watched.set()


async def on_trade(trade):
    time = trade.timestamp.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    print("trade", trade.symbol, f"{trade.price:.15g}", f"{trade.size:.15g}", time, flush=True)


async def on_bar(bar):
    print("bar", bar.symbol, f"{bar.close:.15g}", f"{bar.volume:.15g}", flush=True)


async def on_quote(_quote):
    pass


def told(word):
    assert watched.wait(20), f"not {word}"
    watched.clear()
    print(word, flush=True)


stream = Stream("any", "any", url_override=f"{url.replace('http', 'ws')}/v1/live")
stream.subscribe_trades(on_trade, first, second)
stream.subscribe_bars(on_bar, "*")
threading.Thread(target=stream.run, daemon=True).start()
told("subscribed")
sys.stdin.readline()
stream.unsubscribe_trades(first)
assert watched.wait(20)
watched.clear()
stream.subscribe_quotes(on_quote, "*")
told("changed")
sys.stdin.readline()
stream.stop()
