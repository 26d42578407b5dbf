"""`PostgreSQLStore`: rooms over PostgreSQL, with NOTIFY as the hint that a log has grown.

Theory of operation. Calls take one of a few connections, in autocommit mode, and are one statement
each. A call that is interrupted closes its connection. The listener has a connection of its own.
Notifications bring the entries along, unless these are large. A
connection that has been silent for a while is asked whether the server is still there.

The tables are in a schema of their own (`photon_rooms`, or ``?schema=`` of the URL), which the
store makes when it is opened. Where the user of the application must not create a schema, its
administrator makes an empty one that belongs to this user.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import msgspec

import photon_runtime as rt
from photon_runtime.errors import PhotonError

from . import _postgresql_schema as schema_
from ._entries import Entry, Record
from ._store import Appended, Batch, LogPage, PresenceChange, PresenceTotals, StoreListener
from .errors import StoreRefused, StoreUnavailable

_log = logging.getLogger("photon.websockets")
_CONNECTIONS = 4
_PAGE_BYTES = 4 * 1024 * 1024
_INLINE_BYTES = 100_000
_SILENCE = 4.0
_ANSWER = 4.0
_FORGET_INTERVAL = 3600.0
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,39}")
_OPTIONS = {
    "connect_timeout": "2",
    "application_name": "photon rooms",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "options": r"-c default_transaction_isolation=read\ committed -c statement_timeout=10s "
    "-c synchronous_commit=on",
}


class PostgreSQLStore:
    """The logs and the presence of rooms in a PostgreSQL; see `RoomStore`.

    Args:
        url: Address of the database; its ``schema`` is that of the tables.

    Raises:
        PhotonError: psycopg is not installed, or the name of the schema is invalid.
    """

    def __init__(self, url: str) -> None:
        """Note the address; nothing is opened."""
        try:
            from photon_runtime.drivers import psycopg as driver
        except ImportError as error:
            raise PhotonError(
                "[websockets] rooms names PostgreSQL, and psycopg is not installed: "
                "pip install 'photon-ws[postgres]'"
            ) from error
        self._driver = driver
        self._url, self._schema = _split(url)
        self._channel = self._schema
        self._statements = schema_.Statements(f'"{self._schema}"', self._channel)
        self._free = rt.Semaphore(_CONNECTIONS)
        self._idle: list[Any] = []
        self._is_made = False
        self._next_forgetting = 0.0
        self._listener: StoreListener | None = None

    # -- life -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Make the schema, if it does not exist or is of another version.

        Raises:
            StoreUnavailable: The server cannot be reached.
            StoreRefused: The user must not make the schema, or use it.

        Blocks: the calling task.
        """
        try:
            self._open()
        except self._driver.InsufficientPrivilege as error:
            raise StoreRefused(
                f"[websockets] rooms: {_text(error)}. Let its administrator run: CREATE SCHEMA "
                f"{self._schema}; GRANT CREATE, USAGE ON SCHEMA {self._schema} TO ..., with the "
                "user of the URL"
            ) from error

    def _open(self) -> None:
        with self._connection() as connection, connection.transaction():
            connection.execute(f"SELECT pg_advisory_xact_lock({schema_.LOCK})")
            arguments = self._schema, schema_.VERSION, self._schema
            is_current, exists = connection.execute(schema_.IS_CURRENT, arguments).fetchone()
            if not exists:
                connection.execute(self._statements.make_schema)
            if not is_current:
                connection.execute(self._statements.make)
            connection.execute(self._statements.follow_timeline)
        self._is_made = True

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().close()

    # -- logs -------------------------------------------------------------------------------------

    def append(self, batches: Sequence[Batch]) -> Sequence[Appended]:
        """Append records to logs, and notify the listeners of all workers."""
        records = [record for batch in batches for record in batch.records]
        starts, stops, inline, stop = [], [], [], 0
        for batch in batches:
            starts.append(stop + 1)
            stop += len(batch.records)
            stops.append(stop)
            inline.append(_size(batch.records) <= _INLINE_BYTES)
        with self._connection() as connection:
            rows = connection.execute(
                self._statements.append,
                (
                    [batch.room for batch in batches],
                    [batch.retention.entries for batch in batches],
                    [batch.retention.seconds for batch in batches],
                    *(starts, stops, inline),
                    [record.origin for record in records],
                    [record.sequence for record in records],
                    [record.kind for record in records],
                    [record.payload for record in records],
                ),
            ).fetchall()
        outcomes = {number: Appended(epoch, first, time) for number, epoch, first, time in rows}
        return [outcomes[number] for number in range(1, len(batches) + 1)]

    def read(self, room: str, after: int, limit: int) -> LogPage:
        """Return the entries behind a position."""
        with self._connection() as connection:
            while True:
                rows = connection.execute(
                    self._statements.read, (after, limit, _PAGE_BYTES, room)
                ).fetchall()
                if rows:
                    break
                connection.execute(self._statements.make_log, (room,))
        epoch, last = rows[0][:2]
        return LogPage(epoch, last, [Entry(*row[2:]) for row in rows if row[2] is not None])

    # -- notifications ----------------------------------------------------------------------------

    def watch(self, room: str) -> None:
        """Let the log be read: there are notifications about all rooms."""
        if self._listener is not None:
            self._listener.changed(room)

    def unwatch(self, room: str) -> None:
        """Do nothing."""

    def listen(self, listener: StoreListener) -> None:
        """Receive notifications until the connection fails."""
        connection = self._connect()
        try:
            self._listen(connection, listener)
        except self._driver.OperationalError as error:
            raise _unavailable(error) from error
        except rt.DeadlineExceeded as error:
            raise StoreUnavailable("PostgreSQL: the server does not answer") from error
        finally:
            self._listener = None
            connection.close()

    def _listen(self, connection: Any, listener: StoreListener) -> None:
        payloads: list[str] = []
        connection.add_notify_handler(lambda notify: payloads.append(notify.payload))
        with rt.deadline(_ANSWER):
            connection.execute(f'LISTEN "{self._channel}"')
        self._listener = listener
        listener.listening()
        while True:
            received = self._driver.receive_notifications(connection, _SILENCE)
            payloads += [payload for _, payload in received]
            if not payloads:
                with rt.deadline(_ANSWER):
                    connection.execute("SELECT 1")
            handled, payloads[:] = payloads[:], []
            for payload in handled:
                _hand_over(payload, listener)

    # -- presence ---------------------------------------------------------------------------------

    def set_presence(
        self, origin: str, changes: Sequence[PresenceChange]
    ) -> Sequence[PresenceTotals]:
        """Set numbers of sockets."""
        if not changes:
            return []
        with self._connection() as connection:
            rows = connection.execute(
                self._statements.set_presence,
                (
                    origin,
                    [change.room for change in changes],
                    [change.user for change in changes],
                    [change.sockets for change in changes],
                ),
            ).fetchall()
        return [PresenceTotals(before, after) for before, after in rows]

    def presence(self, room: str) -> Mapping[str, int]:
        """Return the sockets of each user."""
        with self._connection() as connection:
            return dict(connection.execute(self._statements.presence, (room,)).fetchall())

    def renew(self, origin: str, lease: float) -> bool:
        """Extend the lease of a worker, and remove now and then what nobody has used for a day."""
        with self._connection() as connection:
            now = rt.current_task().hub.time()
            if now >= self._next_forgetting:
                self._next_forgetting = now + _FORGET_INTERVAL
                connection.execute(self._statements.forget, {"age": schema_.FORGET_AFTER})
            [had_lease] = connection.execute(self._statements.renew, (origin, lease)).fetchone()
        return bool(had_lease)

    def expire(self, rooms: Collection[str]) -> Sequence[tuple[str, str]]:
        """Remove the presence of workers whose lease has expired."""
        with self._connection() as connection:
            rows: list[tuple[str, str]]
            rows = connection.execute(self._statements.expire, ([*rooms],)).fetchall()
        return rows

    def release(self, origin: str) -> None:
        """Remove the lease and the presence of a worker."""
        with self._connection() as connection:
            connection.execute(self._statements.release, (origin,))

    # -- connections ------------------------------------------------------------------------------

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """Yield a connection; it is closed if the block fails, and with it the other idle ones."""
        with self._free:
            connection = self._idle.pop() if self._idle else self._connect()
            try:
                yield connection
            except BaseException as error:
                connection.close()
                if isinstance(error, self._driver.OperationalError):
                    self.close()  # the server has gone, and with it all connections
                    raise _unavailable(error) from error
                raise
            self._idle.append(connection)

    def _connect(self) -> Any:
        connection = None
        try:
            connection = self._driver.Connection.connect(self._url, autocommit=True)
            if self._is_made:
                connection.execute(self._statements.follow_timeline)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, self._driver.OperationalError):
                raise _unavailable(error) from error
            raise
        return connection


def _split(url: str) -> tuple[str, str]:
    """Return the address for the driver, and the name of the schema."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    schema = options.pop("schema", "photon_rooms")
    if not _NAME.fullmatch(schema):
        raise PhotonError(
            f"[websockets] rooms: the schema must have at most 40 lower-case letters, digits and "
            f"underscores, not {schema!r}"
        )
    query = urlencode({**_OPTIONS, **options}, quote_via=quote)
    return urlunsplit(parts._replace(query=query)), schema


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"PostgreSQL: {_text(error)}")


def _text(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def _size(records: Sequence[Record]) -> int:
    """Return about how long the records are in a notification."""
    return sum(len(record.payload) * 4 // 3 + 80 for record in records)


def _hand_over(payload: str, listener: StoreListener) -> None:
    room, epoch, time, items = msgspec.json.decode(payload)
    if items is None:
        listener.changed(room)
        return
    listener.received(
        room,
        epoch,
        [
            Entry(position, float(time), origin, sequence, kind, base64.b64decode(text))
            for position, origin, sequence, kind, text in items
        ],
    )
