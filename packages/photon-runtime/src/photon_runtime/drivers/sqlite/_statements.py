"""`classify`: what a statement means for the transaction and for the write lock of the database.

The first keyword decides, so this is an estimate, made without SQLite. Only the order of writers
depends on it: a statement that is taken for a reader and writes is refused by SQLite while another
connection writes, and joins the queue of writers then.
"""

from __future__ import annotations

import functools
import re

import attrs


@attrs.frozen
class Statement:
    """The kind of a statement.

    Attributes:
        is_read: True if it surely changes nothing.
        is_write: True if it needs the write lock of the database from its beginning.
        begins: True if it begins a transaction or a savepoint without reading.
        ends: True if it may end a transaction, and must not be interrupted.
        completes: True if it ends the transaction when it succeeds.
        undoes: True if it rolls back a whole transaction.
        is_retriable: True if it can be executed again after SQLite has refused it as busy, because
            it has changed nothing by then. The others wait in their thread.
        is_neutral: True if it neither reads nor changes the database.
        sets_timeout: True if it may change the busy timeout.
    """

    is_read: bool = False
    is_write: bool = False
    begins: bool = False
    ends: bool = False
    completes: bool = False
    undoes: bool = False
    is_retriable: bool = True
    is_neutral: bool = False
    sets_timeout: bool = False


READ = Statement(is_read=True)
WRITE = Statement(is_write=True)
BEGIN = Statement(begins=True, is_neutral=True)
BEGIN_WRITE = Statement(begins=True, is_write=True)
END = Statement(ends=True, completes=True)
RELEASE = Statement(ends=True, is_neutral=True)
ROLLBACK = Statement(ends=True, completes=True, undoes=True)
SCRIPT = Statement(is_write=True, is_retriable=False)
TIMEOUT = Statement(is_read=True, is_neutral=True, sets_timeout=True)
NEUTRAL = Statement(is_neutral=True)
OTHER = Statement()

_SPACE = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?(?:\*/|$)|;)*", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
_CHANGES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_BEGINS_WRITING = re.compile(r"BEGIN\s+(?:IMMEDIATE|EXCLUSIVE)\b", re.IGNORECASE)
_ROLLS_BACK_TO = re.compile(r"ROLLBACK(?:\s+TRANSACTION)?\s+TO\b", re.IGNORECASE)
_CHECKPOINT = re.compile(
    r"PRAGMA\s+(?:\w+\.)?wal_checkpoint\s*[(=]\s*(?!PASSIVE|NOOP)", re.IGNORECASE
)
_WRITING_PRAGMA = re.compile(
    r"PRAGMA\s+(?:\w+\.)?(?:(?:user_version|application_id|auto_vacuum)\s*[(=]"
    r"|incremental_vacuum\b)",
    re.IGNORECASE,
)
_TIMEOUT_PRAGMA = re.compile(r"PRAGMA\s+(?:\w+\.)?busy_timeout\b", re.IGNORECASE)

_BY_WORD = {
    **dict.fromkeys(("SELECT", "VALUES", "EXPLAIN"), READ),
    **dict.fromkeys(
        (
            *("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER"),
            *("REINDEX", "ANALYZE", "VACUUM"),
        ),
        WRITE,
    ),
    **dict.fromkeys(("COMMIT", "END"), END),
    "RELEASE": RELEASE,
    "SAVEPOINT": BEGIN,
}


_LONGEST_CACHED = 1000


def classify(sql: object) -> Statement:
    """Return the kind of ``sql``; anything but a string is left to SQLite to refuse."""
    if not isinstance(sql, str):
        return OTHER
    return _classify_short(sql) if len(sql) <= _LONGEST_CACHED else _classify(sql)


def _classify(sql: str) -> Statement:
    space = _SPACE.match(sql)
    start = 0 if space is None else space.end()
    word = _WORD.match(sql, start)
    if word is None:
        return OTHER
    keyword = word.group().upper()
    found = _BY_WORD.get(keyword)
    return _classify_further(keyword, sql, start) if found is None else found


_classify_short = functools.lru_cache(maxsize=512)(_classify)


def _classify_further(keyword: str, sql: str, start: int) -> Statement:
    kind = OTHER
    if keyword == "WITH":
        kind = WRITE if _CHANGES.search(sql, start) else READ
    elif keyword == "BEGIN":
        kind = BEGIN_WRITE if _BEGINS_WRITING.match(sql, start) else BEGIN
    elif keyword == "ROLLBACK":
        kind = NEUTRAL if _ROLLS_BACK_TO.match(sql, start) else ROLLBACK
    elif keyword == "PRAGMA":
        kind = _classify_pragma(sql, start)
    return kind


def _classify_pragma(sql: str, start: int) -> Statement:
    if _TIMEOUT_PRAGMA.match(sql, start):
        return TIMEOUT
    if _CHECKPOINT.match(sql, start):
        return SCRIPT
    return WRITE if _WRITING_PRAGMA.match(sql, start) else NEUTRAL
