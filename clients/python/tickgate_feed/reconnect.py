"""When to connect again."""

from __future__ import annotations

from dataclasses import dataclass

_FINAL_RFC_CODES = frozenset({1002, 1003, 1007, 1008, 1009, 1010})


@dataclass(frozen=True, slots=True)
class ReconnectLimits:
    first_seconds: float = 0.1
    max_seconds: float = 5.0


def should_reconnect(code: int | None) -> bool:
    """The close code carries the verdict: 4500–4999 do not, and RFC codes after which the same would happen again."""
    if code is None:
        return True
    return not 4500 <= code <= 4999 and code not in _FINAL_RFC_CODES


def reconnect_wait(failures: int, random: float, asked_seconds: float, limits: ReconnectLimits) -> float:
    """Full jitter: a random time up to a bound that doubles with each failure in a row, after the wait that the
    gateway asked for, so that clients cut off together do not come back together. `random` lies from 0 to 1."""
    return asked_seconds + random * min(limits.max_seconds, limits.first_seconds * 2 ** min(failures, 30))
