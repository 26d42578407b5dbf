"""`Announcer`, `Listener`: the messages of RabbitMQ that wake workers.

Theory of operation. A message has no content: it says that jobs may have become queued. It goes to
an exchange that copies it to a queue of each worker. A queue keeps one message, since two say no
more than one, and ends with its connection. So nothing grows while workers are busy or away.

pika waits on the thread that calls it, with or without the patch. So it is called on threads of
their own, a connection by one thread at a time. A thread cannot be interrupted: a connection whose
caller was cancelled is given up, and the thread closes it when its call has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

import pika
from pika.exceptions import AMQPError

EXCHANGE: Final = "photon.jobs"
_TURN: Final = 0.25
"""Seconds after which a thread looks whether it is still needed."""
_HEARTBEAT: Final = 2
"""Seconds: a listener notices a server that has vanished after about ten."""
_TIMEOUT: Final = 5.0

FAILURES: Final = (AMQPError, OSError)
"""What pika raises when the server cannot be reached or ends the connection."""


def read_url(url: str) -> Any:
    """Return the parameters of connections, and keep pika silent unless its level is set.

    Raises:
        ValueError: The URL is invalid.
    """
    parameters = pika.URLParameters(url)
    log = logging.getLogger("pika")
    if log.level == logging.NOTSET:  # it describes each connection in a dozen lines
        log.setLevel(logging.CRITICAL)
    parameters.socket_timeout = parameters.blocked_connection_timeout = _TIMEOUT
    parameters.stack_timeout = 2 * _TIMEOUT
    return parameters


def _connected(parameters: Any, heartbeat: int) -> tuple[Any, Any]:
    """Return a new connection, with a channel on which the exchange exists."""
    parameters.heartbeat = heartbeat
    connection = pika.BlockingConnection(parameters)
    try:
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "fanout")
    except BaseException:
        _close(connection)
        raise
    return connection, channel


def _close(connection: Any) -> None:
    try:
        if connection.is_open:
            connection.close()
    except FAILURES:
        pass  # it has ended by itself
    finally:
        connection._cleanup()  # the sockets of its loop stay open where the server has closed it


class Announcer:
    """Sends messages. All methods wait on the thread that calls them.

    Args:
        url: Address of the server.
    """

    def __init__(self, url: str) -> None:
        """Note the address; nothing is opened."""
        self._parameters = read_url(url)
        self._connection: Any = None
        self._channel: Any = None
        self._is_given_up = False

    def give_up(self) -> None:
        """Let the thread that uses it close it at the end of its call. Does not wait."""
        self._is_given_up = True

    def announce(self) -> None:
        """Send a message, and wait until the server has it.

        Raises:
            AMQPError: The server cannot be reached, or refuses the user.
        """
        try:
            was_connected = self._connection is not None
            try:
                self._send()
            except FAILURES:
                self.close()
                if not was_connected:
                    raise
                self._send()  # the server had closed an idle connection
        except BaseException:
            self.close()
            raise
        finally:
            if self._is_given_up:
                self.close()

    def _send(self) -> None:
        if self._connection is None:
            # Without heartbeats: no thread sends them between two calls.
            self._connection, self._channel = _connected(self._parameters, 0)
            self._channel.confirm_delivery()
        self._channel.basic_publish(EXCHANGE, "", b"")

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _close(connection)


class Listener:
    """Receives messages.

    Args:
        url: Address of the server.
        received: Called, on the thread of `run`, when messages are certain to arrive, and for
            messages.
    """

    def __init__(self, url: str, received: Callable[[], object]) -> None:
        """Note the address; nothing is opened."""
        self._parameters = read_url(url)
        self._received = received
        self._is_stopped = False

    def stop(self) -> None:
        """Let `run` end soon. Does not wait."""
        self._is_stopped = True

    def run(self) -> None:
        """Receive messages until `stop` is called. It waits on the thread that calls it.

        Raises:
            AMQPError: The connection has failed.
        """
        connection, channel = _connected(self._parameters, _HEARTBEAT)
        try:
            only_one = {"x-max-length": 1, "x-overflow": "drop-head"}
            queue = channel.queue_declare("", exclusive=True, arguments=only_one).method.queue
            channel.queue_bind(queue, EXCHANGE)
            channel.basic_consume(queue, lambda *_: self._received(), auto_ack=True)
            self._received()
            while not self._is_stopped:
                connection.process_data_events(_TURN)
        finally:
            _close(connection)
