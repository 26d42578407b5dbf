"""`Connections`: a few connections to a server, which calls borrow.

Theory of operation. A call borrows a connection, which is free again when all of its replies have
been read. A connection whose call was interrupted or failed is closed. One that was idle and has
received something was closed by the server, or is otherwise out of step, and is not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis.exceptions import NoScriptError, RedisError, ResponseError

from ..._sync import Semaphore
from .._pending_input import has_pending_input
from ._connection import Address, as_redis_error
from ._script import Script


class Connections:
    """A few connections to a server, which calls borrow.

    Args:
        url: Address of the server, ``redis://`` or ``rediss://``.
        limit: Maximum number of connections; further calls wait for one.

    Raises:
        ValueError: The URL is invalid.
    """

    def __init__(self, url: str, *, limit: int) -> None:
        """Note the address; nothing is opened."""
        self._address = Address(url)
        self._free = Semaphore(limit)
        self._idle: list[Any] = []

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().disconnect()

    def connect(self) -> Any:
        """Return a connection that does not belong to the others.

        Raises:
            RedisError: The server cannot be reached, or refuses the user.

        Blocks: the calling task.
        """
        return self._address.connect()

    def call(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands together, and return their replies.

        A reply that is an error is returned, too.

        Raises:
            RedisError: The server does not answer.

        Blocks: the calling task.
        """
        with self._borrowed() as connection:
            connection.send_packed_command(connection.pack_commands(commands))
            return [_reply(connection) for _ in commands]

    def run(self, script: Script, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Run a script several times, each with its number of keys, keys and arguments.

        A script that the server does not know is loaded.

        Raises:
            ResponseError: A call has failed; others may have succeeded.
            RedisError: The server does not answer.

        Blocks: the calling task.
        """
        if not calls:
            return []
        commands = [("EVALSHA", script.digest, *arguments) for arguments in calls]
        replies = self.call(commands)
        unknown = [i for i, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            load = ("SCRIPT", "LOAD", script.text)
            loaded, *again = self.call([load, *(commands[i] for i in unknown)])
            if isinstance(loaded, ResponseError):
                raise loaded
            for i, reply in zip(unknown, again, strict=True):
                replies[i] = reply
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise reply
        return replies

    @contextmanager
    def _borrowed(self) -> Iterator[Any]:
        with self._free:
            connection = self._usable_connection()
            try:
                yield connection
            except BaseException as error:
                connection.disconnect()
                if isinstance(error, (RedisError, OSError)):
                    self.close()  # the others have most likely lost the server, too
                if isinstance(error, OSError):
                    raise as_redis_error(error) from error
                raise
            self._idle.append(connection)

    def _usable_connection(self) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if not has_pending_input(connection._sock.fileno()):
                return connection
            connection.disconnect()
        return self.connect()


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
