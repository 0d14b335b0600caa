"""Drives the adapter's outbox with the steps of standard input, one JSON list a line, and prints its trace for each."""

import json
import sys

from tickgate_feed.outbox import FeedOutbox, Frame


def skip(to: int, next_seq: int) -> Frame:
    return Frame(next_seq, to, 0, 100, True)


def trace(steps: list) -> list:
    outbox = FeedOutbox(2, 700, skip)
    seen = []
    for name, *args in steps:
        result = None
        if name == "add":
            seq, prev, ticks = args
            try:
                outbox.add(Frame(seq, prev, ticks, 100 + ticks, False))
            except ValueError:
                result = "refused"
        elif name == "take":
            frame = outbox.take_next(*args)
            result = None if frame is None else [frame.seq, frame.prev, frame.skip]
        elif name == "committed":
            result = outbox.committed_up_to(*args)
        elif name == "opened":
            result = "go-on" if outbox.opened(*args) else "conflict"
        kept = [[frame.seq, frame.prev, frame.skip] for frame in outbox.uncommitted()]
        position = [outbox.last, outbox.have, outbox.committed]
        seen.append([result, *position, outbox.uncommitted_bytes, outbox.unsent_frames, kept])
    return seen


for line in sys.stdin:
    print(json.dumps(trace(json.loads(line))))
