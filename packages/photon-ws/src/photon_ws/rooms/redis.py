"""`RedisStore`: rooms over Redis or Valkey.

Theory of operation. Each call is one script, so it is atomic, and a message is published with its
entries in the step that gives the position: the channel of a room has the entries in the order of
the log. A worker subscribes to the channels of its rooms on a connection of its own, which another
task than the reader may send commands on. Connections that end lose notifications, but not entries,
see `_store`.

A server without persistence that is restarted has lost the epochs, and so its logs get others. What
a replica has lost that became the primary is not noticed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from secrets import token_hex
from typing import Any, Final

import msgspec

from photon_runtime import Event, Lock
from photon_runtime.errors import PhotonError

from ._entries import Entry, Kind
from ._store import Appended, Batch, LogPage, PresenceChange, PresenceTotals, StoreListener
from .errors import StoreUnavailable

try:
    from photon_runtime.drivers.redis import Connections, RedisError, Script, next_message

    from . import _redis_scripts as scripts
except ImportError as error:
    raise PhotonError(
        "[websockets] rooms names a Redis, and redis is not installed: pip install "
        "'photon-ws[redis]'"
    ) from error

_CONNECTIONS = 4
_PREFIX: Final = "photon:rooms:"
_LEASES: Final = _PREFIX + "leases"
_HEAD_AGE: Final = 30 * 86_400
_LOG_AGE: Final = 86_400
_FORGOTTEN_AFTER: Final = 600_000
_EXPIRED: Final = 0
_EXTENDED: Final = 1

_encode = msgspec.msgpack.encode
_decode_record = msgspec.msgpack.Decoder(tuple[int, Kind, bytes]).decode
_decode_records = msgspec.msgpack.Decoder(list[tuple[int, Kind, bytes]]).decode


class RedisStore:
    """The logs and the presence of rooms in a Redis; see `RoomStore`.

    Args:
        url: Address of the server, ``redis://`` or ``rediss://``.

    Raises:
        PhotonError: The URL is invalid.
    """

    def __init__(self, url: str) -> None:
        """Note the address; nothing is opened."""
        try:
            self._connections = Connections(url, limit=_CONNECTIONS)
        except ValueError as error:
            raise PhotonError(f"[websockets] rooms: {error}") from error
        self._listening: Any = None
        self._sending = Lock()
        self._unconfirmed: dict[str, Event] = {}
        self._watched: dict[str, None] = {}
        self._workers: dict[str, str] = {}
        self._expired: set[tuple[str, bytes]] = set()

    def open(self) -> None:
        """Do nothing: the keys of a room are made when it is used."""

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    # -- logs ---------------------------------------------------------------------------------

    def append(self, batches: Sequence[Batch]) -> Sequence[Appended]:
        """Append records to logs, and publish them."""
        replies = self._run(scripts.APPEND, [_append_arguments(batch) for batch in batches])
        return [
            Appended(epoch.decode(), int(first) or None, float(now))
            for epoch, first, now in replies
        ]

    def read(self, room: str, after: int, limit: int) -> LogPage:
        """Return the entries behind a position."""
        keys = 2, _key(room, "head"), _key(room, "log")
        [reply] = self._run(scripts.READ, [(*keys, token_hex(8), _HEAD_AGE, after, limit)])
        epoch, last, entries = reply
        return LogPage(epoch.decode(), int(last), [_entry(*each) for each in entries])

    # -- notifications ------------------------------------------------------------------------

    def watch(self, room: str) -> None:
        """Subscribe to the channel of a room, and wait until that is confirmed."""
        if room not in self._watched:
            self._watched[room] = None
            if self._listening is not None:
                confirmed = self._unconfirmed.setdefault(room, Event())
                try:
                    self._send("SUBSCRIBE", _key(room, "new"))
                    confirmed.wait()
                except BaseException:
                    self._unconfirmed.pop(room, None)  # then the confirmation is a change
                    raise

    def unwatch(self, room: str) -> None:
        """End the subscription of a room."""
        if self._watched.pop(room, self) is None:
            self._send("UNSUBSCRIBE", _key(room, "new"))

    def listen(self, listener: StoreListener) -> None:
        """Receive what is published in the watched rooms, until the connection fails."""
        try:
            connection = self._connections.connect()
        except RedisError as error:
            raise _unavailable(error) from error
        try:
            channels = [_key(room, "new") for room in self._watched]
            self._listening = connection
            for start in range(0, len(channels), 1000):
                connection.send_command("SUBSCRIBE", *channels[start : start + 1000])
            listener.listening()
            while True:
                self._hand_over(next_message(connection), listener)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        finally:
            self._listening = None
            connection.disconnect()
            for confirmed in self._unconfirmed.values():
                confirmed.set()
            self._unconfirmed.clear()

    def _hand_over(self, message: list[Any], listener: StoreListener) -> None:
        """Pass on what has arrived on the connection that listens."""
        kind, channel, data = message[0], message[1], message[-1]
        if kind == b"message":
            listener.received(_room(channel), *_published(data))
        elif kind == b"subscribe":
            confirmed = self._unconfirmed.pop(_room(channel), None)
            if confirmed is not None:
                confirmed.set()  # `watch` waits for it
            else:
                listener.changed(_room(channel))

    def _send(self, *command: str) -> None:
        """Send a command on the connection that listens, if there is one."""
        with self._sending:
            if self._listening is not None:
                try:
                    self._listening.send_command(*command)
                except (RedisError, OSError) as error:
                    raise _unavailable(error) from error

    # -- presence -----------------------------------------------------------------------------

    def set_presence(
        self, origin: str, changes: Sequence[PresenceChange]
    ) -> Sequence[PresenceTotals]:
        """Set numbers of sockets."""
        worker = self._worker(origin)
        arguments = [
            (2, _LEASES, _key(each.room, "users"), worker, each.user, each.sockets, _HEAD_AGE)
            for each in changes
        ]
        replies = self._run(scripts.SET_PRESENCE, arguments)
        return [PresenceTotals(int(before), int(after)) for before, after in replies]

    def presence(self, room: str) -> Mapping[str, int]:
        """Return the sockets of each user."""
        [reply] = self._run(scripts.USERS, [(2, _LEASES, _key(room, "users"))])
        users, totals = reply[::2], reply[1::2]
        return {user.decode(): int(total) for user, total in zip(users, totals, strict=True)}

    def renew(self, origin: str, lease: float) -> bool:
        """Extend the lease of a worker.

        An expired lease stays expired, with the presence that belongs to it: the worker continues
        under another name.
        """
        arguments = round(lease * 1000), _FORGOTTEN_AFTER
        [state] = self._run(scripts.RENEW, [(1, _LEASES, self._worker(origin), *arguments)])
        if state == _EXTENDED:
            return True
        if state == _EXPIRED or origin in self._workers:
            self._workers[origin] = f"{origin}.{token_hex(4)}"
            self._run(scripts.RENEW, [(1, _LEASES, self._worker(origin), *arguments)])
        self._workers.setdefault(origin, origin)
        return False

    def expire(self, rooms: Collection[str]) -> Sequence[tuple[str, str]]:
        """Remove the presence of workers whose lease has expired."""
        [workers] = self._run(scripts.EXPIRED, [(1, _LEASES)])
        self._expired = {each for each in self._expired if each[1] in set(workers)}
        new = {
            room: [each for each in workers if (room, each) not in self._expired] for room in rooms
        }
        affected = [room for room, names in new.items() if names]
        arguments = [(2, _LEASES, _key(room, "users"), *new[room]) for room in affected]
        left = []
        for room, users in zip(affected, self._run(scripts.EXPIRE, arguments), strict=True):
            self._expired.update((room, each) for each in new[room])
            left += [(room, user.decode()) for user in users]
        return left

    def release(self, origin: str) -> None:
        """End the lease of a worker; other workers remove what is left of its presence."""
        self._run(scripts.RELEASE, [(1, _LEASES, self._worker(origin))])

    def _worker(self, origin: str) -> str:
        return self._workers.get(origin, origin)

    # -- scripts ------------------------------------------------------------------------------

    def _run(self, script: Script, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Run a script several times, and return the replies."""
        try:
            return self._connections.run(script, calls)
        except RedisError as error:
            raise _unavailable(error) from error


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"Redis: {str(error) or type(error).__name__}")


def _append_arguments(batch: Batch) -> list[Any]:
    room, retention, origin = batch.room, batch.retention, batch.records[0].origin
    age = _LOG_AGE if retention.seconds is None else max(60, round(retention.seconds * 2))
    keys = [3, _key(room, "head"), _key(room, "log"), _key(room, f"from:{origin}")]
    options = [token_hex(8), _HEAD_AGE, retention.entries, age, origin, _key(room, "new")]
    arguments = [*keys, *options]
    for record in batch.records:
        arguments += [record.sequence, _encode((record.sequence, record.kind, record.payload))]
    return arguments


def _key(room: str, name: str) -> str:
    return f"{_PREFIX}{{{room}}}:{name}"


def _entry(position: bytes, fields: Sequence[bytes]) -> Entry:
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    sequence, kind, payload = _decode_record(values[b"r"])
    number = int(position.partition(b"-")[0])
    return Entry(number, float(values[b"t"]), values[b"o"].decode(), sequence, kind, payload)


def _room(channel: bytes) -> str:
    return channel.decode()[len(_PREFIX) + 1 : -len("}:new")]


def _published(data: bytes) -> tuple[str, list[Entry]]:
    """Return the epoch and the entries that were published."""
    head, _, parts = data.partition(b"\n")
    epoch, first, now, origin, count = head.decode().split(" ")
    records = _decode_records(b"\xdd" + int(count).to_bytes(4, "big") + parts)
    return epoch, [
        Entry(position, float(now), origin, *record)
        for position, record in enumerate(records, int(first))
    ]
