"""Close codes and the payload of close frames (RFC 6455, sections 5.5.1 and 7.4)."""

from __future__ import annotations

from ._events import Close, ProtocolViolation

NO_STATUS = 1005
_MAX_REASON = 123  # a control frame has at most 125 bytes, of which the code takes two
# Registered codes that may be in a frame: 1004 is reserved; 1005, 1006 and 1015 are never sent.
_REGISTERED = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})


def is_sendable(code: int) -> bool:
    """Return whether a close frame may contain ``code``."""
    return code in _REGISTERED or 3000 <= code <= 4999


def parse_close(payload: bytes) -> Close:
    """Return the event for the payload of a close frame.

    Raises:
        ProtocolViolation: 1002 for a code that must not be sent or is incomplete; 1007 for a
            reason that is not UTF-8.
    """
    if not payload:
        return Close(NO_STATUS, "")
    if len(payload) == 1:
        raise ProtocolViolation(1002, "incomplete close code")
    code = payload[0] << 8 | payload[1]
    if not is_sendable(code):
        raise ProtocolViolation(1002, f"invalid close code {code}")
    try:
        return Close(code, str(payload[2:], "utf-8"))
    except UnicodeDecodeError:
        raise ProtocolViolation(1007, "close reason is not UTF-8") from None


def close_payload(code: int, reason: str) -> bytes:
    """Return the payload of a close frame; the reason is shortened to what fits, at a character.

    Raises:
        ValueError: The code must not be sent, or the code is 1005 and there is a reason.
    """
    if code == NO_STATUS and not reason:
        return b""
    if not is_sendable(code):
        raise ValueError(
            f"a close code is 1000 to 1003, 1007 to 1014 or 3000 to 4999, not {code}; "
            "1005 without a reason sends no code"
        )
    encoded = reason.encode("utf-8", "replace")
    if len(encoded) > _MAX_REASON:
        encoded = encoded[:_MAX_REASON].decode("utf-8", "ignore").encode()
    return code.to_bytes(2, "big") + encoded
