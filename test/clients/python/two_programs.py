"""Two handlers speak under one name: two_programs.py URL. Prints the code with which the first one ends."""

import sys
import time

from tickgate_feed import FeedRefusedError, TickgateHandler

url = sys.argv[1]
first = TickgateHandler(url, "rivals")
first.buffer_tick("FIRST", 1.0, 1)
print("stored", first.flush_to_db())
second = TickgateHandler(url, "rivals")
second.buffer_tick("SECOND", 2.0, 2)
print("stored", second.flush_to_db())
try:
    for _ in range(500):
        first.buffer_tick("FIRST", 1.0, 3)
        time.sleep(0.02)
    print("the first one was never told")
except FeedRefusedError as error:
    print("refused", error.code)
try:
    first.flush_to_db()
except FeedRefusedError as error:
    print("flush refused", error.code)
try:
    first.close()
except FeedRefusedError as error:
    print("close refused", error.code)
second.close()
