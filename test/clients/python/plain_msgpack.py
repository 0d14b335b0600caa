"""A feed without the adapter, as a library of another language may write it: plain_msgpack.py URL [longest]

Publishes one frame of each spelling of the same four ticks, then prints what the gateway answered. `longest`: only the
spelling with the longest forms that msgpack has.
"""

import asyncio
import struct
import sys
from datetime import datetime, timezone

import msgpack

from tickgate_feed.sockets import feed_url, open_socket

STAMP = datetime(2025, 12, 1, 8, 0, 0, 123456, timezone.utc)
MICROS = 1764576000123456


def array16(*items: bytes) -> bytes:
    return b"\xdc" + struct.pack(">H", len(items)) + b"".join(items)


def map16(**pairs: bytes) -> bytes:
    body = b"".join(msgpack.packb(key) + value for key, value in pairs.items())
    return b"\xde" + struct.pack(">H", len(pairs)) + body


def str8(text: str) -> bytes:
    return b"\xd9" + bytes([len(text)]) + text.encode()


def int64(number: int) -> bytes:
    return b"\xd3" + struct.pack(">q", number)


def uint64(number: int) -> bytes:
    return b"\xcf" + struct.pack(">Q", number)


def spelled(seq: int, message: dict, **options) -> bytes:
    return msgpack.packb({"seq": seq, "prev": seq - 1, **message}, **options)


PRICES = [45, 45.5, 0.25, 1]
VOLUMES = [0, 1000, 2**32, 10**12]
TICKS = list(zip(PRICES, VOLUMES))
TIMESTAMP_12_BYTES = b"\xc7\x0c\xff" + struct.pack(">Iq", MICROS % 10**6 * 1000, MICROS // 10**6)


def ticks(name: str, time) -> list:
    return [[name, price, volume, time] for price, volume in TICKS]


def publish(seq: int, rows: list, **options) -> bytes:
    return msgpack.packb({"action": "publish", "seq": seq, "prev": seq - 1, "ticks": rows}, **options)


def longest(seq: int, name: str, time: bytes) -> bytes:
    """The longest forms: 16-bit headers, 8-bit texts, 64-bit integers with and without sign."""
    rows = (array16(str8(name), struct.pack(">Bd", 0xCB, price), int64(volume), time) for price, volume in TICKS)
    return map16(ticks=array16(*rows), seq=uint64(seq), prev=int64(seq - 1), action=str8("publish"))


MESSAGES = [
    # Integers where a price has no fraction, the smallest form of each number, keys in another order.
    msgpack.packb({"ticks": ticks("SMALLEST", MICROS), "prev": 0, "seq": 1, "action": "publish"}),
    publish(2, ticks("DATETIME", STAMP), datetime=True),
    longest(3, "TIMESTAMP", TIMESTAMP_12_BYTES),
    publish(4, ticks("SINGLE", MICROS), use_single_float=True),
    publish(5, [[name, *rest, "2025-12-01T10:00:00.123456+02:00"] for name, *rest, _ in ticks("TEXT", None)]),
    publish(6, [[name, price, float(volume), time] for name, price, volume, time in ticks("FLOATS", float(MICROS))]),
]
FEED = "plain"
if "longest" in sys.argv:
    MESSAGES = [longest(1, "LONGEST", int64(MICROS))]
    FEED = "longest"


async def replies_until(socket, kind: str) -> list:
    replies: list = []
    while not any(reply["T"] == kind for reply in replies):
        replies += msgpack.unpackb(await asyncio.wait_for(socket.recv(), 20))
    return replies


async def main() -> None:
    socket = await open_socket(feed_url(sys.argv[1]), None, None)
    await socket.send(map16(live=b"\xc3", feed=str8(FEED), have=int64(0), attempt=uint64(1), action=str8("open")))
    await replies_until(socket, "opened")
    for message in MESSAGES:
        await socket.send(message)
    accepted = committed = 0
    while committed < len(MESSAGES):
        for reply in msgpack.unpackb(await asyncio.wait_for(socket.recv(), 20)):
            assert next(iter(reply)) == "T", reply
            if reply["T"] in ("error", "reopen"):
                print(reply)
            accepted = reply["seq"] if reply["T"] == "ack" else accepted
            committed = reply["seq"] if reply["T"] == "committed" else committed
            assert committed <= accepted, reply
    print("committed", committed)
    await socket.close()

    # Unnumbered, without time: the gateway's clock, and an id that is echoed.
    socket = await open_socket(feed_url(sys.argv[1]), None, None)
    one_off = {"id": 2**53 - 1, "ticks": [["ONE", 1, 1], ["OFF", 1, 1, None]], "action": "publish"}
    await socket.send(msgpack.packb(one_off))
    told = await replies_until(socket, "committed")
    print(*(f"{reply['T']} {reply['id']}" for reply in told if reply["T"] != "success"))
    await socket.close()


asyncio.run(main())
