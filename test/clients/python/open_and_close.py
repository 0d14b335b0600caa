"""Handlers that are closed while they connect, at every moment of it: open_and_close.py URL COUNT"""

import sys
import time

from tickgate_feed import TickgateHandler

url, count = sys.argv[1], int(sys.argv[2])
for n in range(count):
    handler = TickgateHandler(url, "hasty")
    time.sleep(n % 20 / 2_000)
    handler.close()
print("closed", count)
