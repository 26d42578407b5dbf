"""The tables and statements of `SQLiteStore`.

A file of WAL mode with ``synchronous = NORMAL`` loses nothing when a process is killed, but a loss
of power may take the newest entries, whose positions are then given again. So the file has the name
of the current run of the machine, and after a restart all logs get another epoch. Where the
operating system has no such name, every commit is synced to the disk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

VERSION: Final = "photon rooms 1"
FORGET_AFTER: Final = 86_400
"""Seconds after which an unused log, and what a worker has left behind, is removed."""
GRACE = 3.0
"""Seconds for which entries stay that are beyond the number to keep; see `_postgresql_schema`."""
MOST: Final = 20
_BOOT = Path("/proc/sys/kernel/random/boot_id")

_TABLES = {
    "logs": "room TEXT PRIMARY KEY, epoch TEXT NOT NULL, base INTEGER NOT NULL, "
    "last INTEGER NOT NULL, time REAL NOT NULL, expires REAL NOT NULL, change INTEGER NOT NULL",
    "entries": "room TEXT NOT NULL, position INTEGER NOT NULL, time REAL NOT NULL, "
    "origin TEXT NOT NULL, sequence INTEGER NOT NULL, kind TEXT NOT NULL, payload BLOB NOT NULL, "
    "PRIMARY KEY (room, position)",
    "senders": "room TEXT NOT NULL, origin TEXT NOT NULL, sequence INTEGER NOT NULL, "
    "time REAL NOT NULL, PRIMARY KEY (room, origin)",
    "leases": "origin TEXT PRIMARY KEY, expires REAL NOT NULL",
    "presence": "room TEXT NOT NULL, member TEXT NOT NULL, origin TEXT NOT NULL, "
    "sockets INTEGER NOT NULL, PRIMARY KEY (room, member, origin)",
    "listeners": "address TEXT PRIMARY KEY",
    "facts": "name TEXT PRIMARY KEY, value NOT NULL",
}

MAKE_FACTS: Final = f"CREATE TABLE IF NOT EXISTS photon_room_facts ({_TABLES['facts']})"
MAKE: Final = [
    *(f"DROP TABLE IF EXISTS photon_room_{name}" for name in _TABLES if name != "facts"),
    *(
        f"CREATE TABLE photon_room_{name} ({columns})"
        for name, columns in _TABLES.items()
        if name != "facts"
    ),
    "CREATE INDEX photon_room_logs_change ON photon_room_logs (change)",
    "CREATE INDEX photon_room_presence_origin ON photon_room_presence (origin)",
    "INSERT INTO photon_room_facts VALUES ('change', 0) ON CONFLICT (name) DO NOTHING",
]
RESTART: Final = [
    "UPDATE photon_room_logs SET epoch = lower(hex(randomblob(16)))",
    "DELETE FROM photon_room_presence",
    "DELETE FROM photon_room_leases",
    "DELETE FROM photon_room_listeners",
]
FACT: Final = "SELECT value FROM photon_room_facts WHERE name = ?"
SET_FACT: Final = (
    "INSERT INTO photon_room_facts VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)

LOG: Final = "SELECT epoch, base, last, time FROM photon_room_logs WHERE room = ?"
MAKE_LOG: Final = (
    "INSERT INTO photon_room_logs VALUES (?, lower(hex(randomblob(16))), 0, 0, ?, ?, 0) "
    "ON CONFLICT (room) DO NOTHING"
)
SENT: Final = "SELECT sequence FROM photon_room_senders WHERE room = ? AND origin = ?"
INSERT: Final = "INSERT INTO photon_room_entries VALUES (?, ?, ?, ?, ?, ?, ?)"
NOTE_SENT: Final = (
    "INSERT INTO photon_room_senders VALUES (?, ?, ?, ?) ON CONFLICT (room, origin) "
    "DO UPDATE SET sequence = excluded.sequence, time = excluded.time"
)
TIME: Final = "SELECT time FROM photon_room_entries WHERE room = ? AND position = ?"
OLDEST: Final = (
    "SELECT position FROM photon_room_entries WHERE room = ? AND position > ? AND time >= ? "
    "ORDER BY position LIMIT 1"
)
PRUNE: Final = "DELETE FROM photon_room_entries WHERE room = ? AND position <= ?"
SET_LOG: Final = (
    "UPDATE photon_room_logs SET base = ?, last = ?, time = ?, expires = ?, change = ? "
    "WHERE room = ?"
)
READ: Final = """
SELECT l.epoch, l.last, e.position, e.time, e.origin, e.sequence, e.kind, e.payload
FROM photon_room_logs l LEFT JOIN (
    SELECT *, sum(length(payload)) OVER (ORDER BY position) - length(payload) AS size FROM (
        SELECT * FROM photon_room_entries WHERE room = ? AND position > ?
        ORDER BY position LIMIT ?
    )
) e ON e.size < ?
WHERE l.room = ? ORDER BY e.position
"""
CHANGED: Final = "SELECT room, change FROM photon_room_logs WHERE change > ? ORDER BY change"
LISTENERS: Final = "SELECT address FROM photon_room_listeners"
ADD_LISTENER: Final = "INSERT INTO photon_room_listeners VALUES (?)"
REMOVE_LISTENER: Final = "DELETE FROM photon_room_listeners WHERE address = ?"

TOTAL: Final = """
SELECT coalesce(sum(sockets), 0), coalesce(sum(sockets) FILTER (WHERE p.origin = ?), 0)
FROM photon_room_presence p WHERE room = ? AND member = ? AND (p.origin = ? OR EXISTS (
    SELECT 1 FROM photon_room_leases l WHERE l.origin = p.origin AND l.expires > ?
))
"""
SET_SOCKETS: Final = (
    "INSERT INTO photon_room_presence VALUES (?, ?, ?, ?) "
    "ON CONFLICT (room, member, origin) DO UPDATE SET sockets = excluded.sockets"
)
REMOVE_SOCKETS: Final = (
    "DELETE FROM photon_room_presence WHERE room = ? AND member = ? AND origin = ?"
)
PRESENCE: Final = """
SELECT member, sum(sockets) FROM photon_room_presence p
JOIN photon_room_leases l ON l.origin = p.origin AND l.expires > ?
WHERE room = ? GROUP BY member
"""
EXTEND: Final = "UPDATE photon_room_leases SET expires = ? WHERE origin = ? AND expires > ?"
SET_LEASE: Final = (
    "INSERT INTO photon_room_leases VALUES (?, ?) "
    "ON CONFLICT (origin) DO UPDATE SET expires = excluded.expires"
)
EXPIRED: Final = """
SELECT DISTINCT member FROM photon_room_presence WHERE room = ?
AND origin NOT IN (SELECT origin FROM photon_room_leases WHERE expires > ?)
"""
REMOVE_EXPIRED: Final = """
DELETE FROM photon_room_presence WHERE room = ?
AND origin NOT IN (SELECT origin FROM photon_room_leases WHERE expires > ?)
"""
IS_PRESENT: Final = "SELECT 1 FROM photon_room_presence WHERE room = ? AND member = ? LIMIT 1"
REMOVE_WORKER: Final = "DELETE FROM photon_room_presence WHERE origin = ?"
REMOVE_LEASE: Final = "DELETE FROM photon_room_leases WHERE origin = ?"

FORGET: Final = [
    "DELETE FROM photon_room_entries WHERE room IN "
    "(SELECT room FROM photon_room_logs WHERE expires < :now)",
    "DELETE FROM photon_room_senders WHERE time < :old OR room IN "
    "(SELECT room FROM photon_room_logs WHERE expires < :now)",
    "DELETE FROM photon_room_logs WHERE expires < :now",
    "DELETE FROM photon_room_presence WHERE origin IN "
    "(SELECT origin FROM photon_room_leases WHERE expires < :old)",
    "DELETE FROM photon_room_leases WHERE expires < :old",
]


def run_of_machine() -> str:
    """Return the name of the current run of the machine; empty where it has none."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
