"""Fork detection: a feed belongs to the process that made it."""

from __future__ import annotations

import os

from .errors import FeedError

_forks = 0
"""Forks between the first process and this one. A counter, since a call of getpid for each tick would cost more."""


def _count_fork() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


class ProcessGuard:
    """Tells whether this is still the process that made an object. In a forked child neither the thread nor the
    connection of a feed exists any more, and a lock may be held for ever: nothing may be touched there."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._forks = _forks
        self._pid = os.getpid()

    @property
    def is_forked(self) -> bool:
        return self._forks != _forks

    def check(self) -> None:
        """Raises FeedError, with the remedy, in a forked child."""
        if self._forks != _forks:
            raise FeedError(
                f"this {self._kind} belongs to process {self._pid}, and this is its child {os.getpid()} after a fork: "
                f"make a {self._kind} of its own after the fork, under a feed name of its own"
            )
