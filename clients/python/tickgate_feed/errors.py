"""Errors of the feed adapter."""


class FeedError(Exception):
    """Base of the adapter's errors. `code` is the gateway's error or close code, where there is one."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code

    def again(self) -> "FeedError":
        """The same error to be raised another time, without the traceback of the first."""
        return type(self)(str(self), self.code)


class FeedRefusedError(FeedError):
    """The gateway will not have this feed: wrong token (401, 402), no permission (409), sequence numbers used before
    (421), another program publishes under this name (423) … Nothing more is sent."""


class FeedClosedError(FeedError):
    """The feed was closed by its own program."""
