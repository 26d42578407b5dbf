"""`next_message`: what is published, from a server that answers.

Theory of operation. A connection that only listens does not notice that its server has vanished. So
after a silence it sends a ping, whose answer is a message like others.
"""

from __future__ import annotations

from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError

from ..._scope import deadline
from ...errors import DeadlineExceeded
from ._connection import as_redis_error

_SILENCE = 4.0
_ANSWER = 4.0


def next_message(connection: Any) -> list[Any]:
    """Return the next message on a connection that has subscribed; answers to pings, too.

    Raises:
        RedisError: The connection has failed, or the server has been silent for 8 seconds.

    Blocks: the calling task.
    """
    try:
        try:
            with deadline(_SILENCE):
                return _read(connection)
        except DeadlineExceeded:
            connection.send_command("PING")
        try:
            with deadline(_ANSWER):
                return _read(connection)
        except DeadlineExceeded:
            raise RedisConnectionError("no answer to a ping") from None
    except OSError as error:
        raise as_redis_error(error) from error


def _read(connection: Any) -> list[Any]:
    # An interruption comes between two messages, or is the end of the connection.
    message: list[Any] = connection.read_response(disconnect_on_error=False)
    return message
