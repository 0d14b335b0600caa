"""Outbox of a feed: its side of the delivery contract, as pure rules for keeping, sending and freeing frames."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Frame:
    """A batch of ticks with its sequence number, and the message that carries it: encoded once, since a frame once
    sent never changes. A `skip` frame declares a gap and holds no ticks."""

    seq: int
    prev: int
    ticks: int
    size: int
    skip: bool
    message: bytes = b""
    rejected: int = 0
    """Ticks the gateway told rejected."""
    committed_at: float = field(default=0.0, repr=False)


class FeedOutbox:
    """Frames are kept until `committed`, and a grace after it (for a database restored from a backup). After every
    `opened` the feed goes on behind the buffer's last frame; frames it cannot supply any more are declared by a skip.

    Kept frames form a chain: each `prev` is the `seq` before it. No clock: time is passed in, in seconds.
    """

    def __init__(self, grace_seconds: float, grace_bytes: int, make_skip: Callable[[int, int], Frame]) -> None:
        self._grace_seconds = grace_seconds
        self._grace_limit = grace_bytes
        self._make_skip = make_skip
        self._kept: list[Frame] = []
        # Index of the first frame not committed, and of the first not sent on this connection.
        self._committed_end = 0
        self._sent_end = 0
        self._grace_bytes = 0
        self._in_flight_ticks = 0
        self.last = 0
        """Seq of the newest frame: the `prev` of the next one."""
        self._start: int | None = None
        self.committed = 0
        self.uncommitted_bytes = 0
        self.uncommitted_ticks = 0

    @property
    def have(self) -> int:
        """Where this process began to number: the `have` of its opens. Frames above it were written by this
        process, or by a second program of the same name."""
        return self._start or 0

    @property
    def uncommitted_frames(self) -> int:
        return len(self._kept) - self._committed_end

    @property
    def unsent_frames(self) -> int:
        return len(self._kept) - self._sent_end

    def add(self, frame: Frame) -> None:
        """Raises ValueError when the frame does not continue the chain."""
        if frame.prev != self.last or frame.seq <= frame.prev:
            raise ValueError(f"seq {frame.seq} does not continue the feed, which stands at {self.last}")
        self._kept.append(frame)
        self.last = frame.seq
        self.uncommitted_bytes += frame.size
        self.uncommitted_ticks += frame.ticks

    def take_next(self, window_frames: int, window_ticks: int) -> Frame | None:
        """The next frame to send within the window (frames and ticks in flight uncommitted), marked as sent."""
        if self._sent_end >= len(self._kept):
            return None
        frame = self._kept[self._sent_end]
        in_flight_frames = self._sent_end - self._committed_end
        fits = in_flight_frames < window_frames and self._in_flight_ticks + frame.ticks <= window_ticks
        if in_flight_frames > 0 and not fits:
            return None
        self._sent_end += 1
        self._in_flight_ticks += frame.ticks
        return frame

    def committed_up_to(self, seq: int, now: float) -> int:
        """`committed`: frees frames past their grace. Returns the seq up to which everything is durable."""
        while self._committed_end < len(self._kept):
            frame = self._kept[self._committed_end]
            if frame.seq > seq:
                break
            frame.committed_at = now
            self.uncommitted_bytes -= frame.size
            self.uncommitted_ticks -= frame.ticks
            self._grace_bytes += frame.size
            if self._committed_end < self._sent_end:
                self._in_flight_ticks -= frame.ticks
            else:
                self._sent_end += 1
            self._committed_end += 1
        self.committed = max(self.committed, seq)
        self._expire(now)
        return self.committed

    def opened(self, accepted: int, committed: int, now: float) -> bool:
        """`opened`: decides where to go on. A gap that cannot be supplied becomes a skip frame at the head of the
        frames to send. False when `accepted` lies inside one of our frames: another program numbered this feed
        differently."""
        if self._start is None:
            self._start = accepted
        # Frames after a position that moved back (a restored database) count as never committed.
        self.committed = min(self.committed, accepted)
        start = next((index for index, frame in enumerate(self._kept) if frame.seq > accepted), len(self._kept))
        first = self._kept[start] if start < len(self._kept) else None
        if first is not None and first.skip and first.prev < accepted:
            # Of a gap declared once the database that came back holds a part: the rest is declared.
            first = self._kept[start] = self._make_skip(accepted, first.seq)
        if first is not None and first.prev < accepted:
            return False
        self.last = max(self.last, accepted)
        missing = self.last if first is None else first.prev
        if missing > accepted:
            self._kept.insert(start, self._make_skip(accepted, missing))
        self._restart_at(start)
        self.committed_up_to(min(committed, accepted), now)
        return True

    def uncommitted(self) -> Iterator[Frame]:
        """Frames sent but not committed, and unsent ones, oldest first."""
        for index in range(self._committed_end, len(self._kept)):
            yield self._kept[index]

    def find(self, seq: int) -> Frame | None:
        """The kept, uncommitted frame of that number."""
        index = bisect_left(self._kept, seq, lo=self._committed_end, key=lambda frame: frame.seq)
        return self._kept[index] if index < len(self._kept) and self._kept[index].seq == seq else None

    def _restart_at(self, start: int) -> None:
        """Everything from `start` on is unsent, and no longer committed."""
        self._committed_end = min(self._committed_end, start)
        self._sent_end = start
        committed, rest = self._kept[: self._committed_end], self._kept[self._committed_end :]
        self._grace_bytes = sum(frame.size for frame in committed)
        self.uncommitted_bytes = sum(frame.size for frame in rest)
        self.uncommitted_ticks = sum(frame.ticks for frame in rest)
        self._in_flight_ticks = sum(frame.ticks for frame in self._kept[self._committed_end : self._sent_end])

    def _expire(self, now: float) -> None:
        drop = 0
        while drop < self._committed_end:
            frame = self._kept[drop]
            if self._grace_bytes <= self._grace_limit and now - frame.committed_at <= self._grace_seconds:
                break
            self._grace_bytes -= frame.size
            drop += 1
        if drop > 0:
            del self._kept[:drop]
            self._committed_end -= drop
            self._sent_end -= drop
