"""The gateway comes late: gateway_away.py URL COUNT

Gives COUNT ticks with little memory, from an iterator, while nothing answers at URL. Prints how many fit, then, when
told so, waits until all are committed, without closing.
"""

import sys
import threading
import time
from types import SimpleNamespace

from tickgate_feed import TickgateHandler

url, count = sys.argv[1], int(sys.argv[2])
handler = TickgateHandler(url, "late", max_memory_bytes=400_000)
ticks = (SimpleNamespace(symbol="LATE", close=1.0, volume=n) for n in range(count))
taken: list[int] = []
giver = threading.Thread(target=lambda: taken.append(handler.buffer_ticks(ticks)))
giver.start()

size, before = handler.get_buffer_size(), -1
while size != before:
    time.sleep(0.2)
    size, before = handler.get_buffer_size(), size
print("stalled at", size)
sys.stdin.readline()
giver.join()
print("taken", taken[0])
# No close, no flush: the end of the program waits.
