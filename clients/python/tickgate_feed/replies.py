"""Replies of the gateway to a feed."""

from __future__ import annotations

from typing import Any

import msgpack

_FIELDS: dict[str, tuple[str, ...]] = {
    "success": (),
    "error": ("code",),
    "opened": ("accepted", "committed", "maxFrameBytes", "maxTicks", "windowFrames", "windowTicks"),
    "ack": ("seq",),
    "committed": ("seq",),
    "reopen": (),
    "window": ("frames", "ticks"),
    "shutdown": ("reconnectAfterMs",),
}


def decode_replies(data: bytes) -> list[dict[str, Any]]:
    """The messages of one WebSocket message. Types that are not known are passed over, as the protocol allows."""
    messages = msgpack.unpackb(data, strict_map_key=False)
    return [message for message in messages if _is_known(message)] if isinstance(messages, list) else []


def _is_known(message: Any) -> bool:
    fields = _FIELDS.get(message.get("T")) if isinstance(message, dict) else None
    return fields is not None and all(isinstance(message.get(name), (int, float)) for name in fields)
