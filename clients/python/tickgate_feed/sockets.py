"""The `websockets` package as it is since version 13, and as Debian 12 has it (10.4)."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake

try:
    from websockets.asyncio.client import connect as _connect

    _HEADERS_ARGUMENT = "additional_headers"
except ImportError:
    from websockets.legacy.client import connect as _connect

    _HEADERS_ARGUMENT = "extra_headers"

SUBPROTOCOL = "tickgate.v1.msgpack"
_MAX_REPLY_BYTES = 16 * 1024 * 1024
_OPEN_TIMEOUT_SECONDS = 10
_CLOSE_TIMEOUT_SECONDS = 2
_PING_SECONDS = 15
_PONG_LIMIT_SECONDS = 60
"""Long: a gateway whose buffer is down stops reading for a while, and answers no ping then."""


def feed_url(url: str) -> str:
    """`http://host:port` is as good as `ws://host:port/v1/feed`. Raises ValueError for any other text."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a gateway, such as http://127.0.0.1:8080")
    return urlunsplit((scheme, parts.netloc, parts.path if parts.path not in ("", "/") else "/v1/feed", "", ""))


async def open_socket(url: str, token: str | None, tls: ssl.SSLContext | None) -> Any:
    """Connects. Raises OSError, TimeoutError or InvalidHandshake."""
    options: dict[str, Any] = {} if tls is None else {"ssl": tls}
    if token is not None:
        options[_HEADERS_ARGUMENT] = {"Authorization": f"Bearer {token}"}
    return await _connect(
        url,
        subprotocols=[SUBPROTOCOL],
        compression=None,
        max_size=_MAX_REPLY_BYTES,
        open_timeout=_OPEN_TIMEOUT_SECONDS,
        close_timeout=_CLOSE_TIMEOUT_SECONDS,
        ping_interval=_PING_SECONDS,
        ping_timeout=_PONG_LIMIT_SECONDS,
        **options,
    )


def handshake_status(error: InvalidHandshake) -> int | None:
    """The HTTP status with which an upgrade was refused."""
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None) or getattr(error, "status_code", None)


def close_verdict(error: ConnectionClosed) -> tuple[int | None, str]:
    """The code and reason with which the gateway closed; None where the connection just broke."""
    received = error.rcvd
    return (None, str(error)) if received is None else (received.code, received.reason)
