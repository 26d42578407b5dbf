"""The transactions that are open in the current context, for `photon_runtime.transactions`.

Theory of operation. Three things are noted in context variables: the sessions that a `Database` has
made, the ``with`` blocks of Core's transactions, and the transactions that were begun on servers. A
session is begun while it has changes that are not flushed, inside of a block that ends its
transaction, and while the server has a transaction open for it. A session that has only read is
not: what it reads needs no transaction.

A row can join also what is not begun, if it is certain that somebody commits it: a session that is
managed, which is committed by the framework at the end of a request, and a ``with`` block of Core.
A managed session that is not begun belongs to the task that it was made for: another task of the
same context may live longer than the request, or than one message of a socket.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection
from sqlalchemy.orm import Session, SessionTransactionOrigin

import photon_runtime as rt
from photon_runtime.errors import NotRunning
from photon_runtime.transactions import OpenTransaction, find_transactions_by

from ..backends import Backend
from ._core_blocks import BlockTransaction
from ._joining import CoreTransaction, SessionTransaction
from ._server_transactions import (
    BACKEND,
    InScope,
    ServerTransaction,
    note_on_server,
    noted_transaction,
    open_on_servers,
)

BLOCK: Final = "photon_transaction_block"
"""Key in the ``info`` of a session, inside of a block of `transaction`."""

_MANAGER = "photon_managing_task"


def note_session(session: Session) -> None:
    """Note a session that belongs to the current context. Does not wait."""
    sessions = _SESSIONS.get()
    if sessions:
        sessions = tuple(each for each in sessions if each() is not None)
    _SESSIONS.set((*sessions, InScope(session)))
    find_transactions_by(find)


def manage(session: Session) -> None:
    """Note that the framework commits ``session`` when the running task has done its work.

    Does not wait.
    """
    session.info[_MANAGER] = _running_task()


def end_management(session: Session) -> None:
    """Note that the work of `manage` is done: what follows is not part of it. Does not wait."""
    session.info.pop(_MANAGER, None)


def note_block(block: BlockTransaction) -> None:
    """Note a ``with`` block that commits a transaction of Core. Does not wait."""
    blocks = _BLOCKS.get()
    if blocks:
        blocks = tuple(each for each in blocks if (other := each()) is not None and other.commits)
    _BLOCKS.set((*blocks, InScope(block)))
    find_transactions_by(find)


def note_transaction(connection: Connection, backend: Backend) -> None:
    """Note a transaction that begins on the server of a connection. Does not wait."""
    note_on_server(connection, backend)
    find_transactions_by(find)


def is_in_block(session: Session) -> bool:
    """Return whether the caller is inside of a block that ends the transaction of ``session``.

    Such as ``transaction(session)``, ``session.begin()`` and ``session.begin_nested()``.
    """
    if session.info.get(BLOCK) or session.in_nested_transaction():
        return True
    current = session.get_transaction()
    return current is not None and current.origin is SessionTransactionOrigin.BEGIN


def open_connections(session: Session) -> Iterator[Connection]:
    """Yield the connections of the transaction of ``session``."""
    current = session.get_transaction()
    if current is None:
        return
    # SQLAlchemy has no public list of the connections of a session.
    pairs: dict[Any, Any] = current._connections
    yield from {id(entry[0]): entry[0] for entry in pairs.values()}.values()


def find(owner: object = None) -> list[OpenTransaction]:
    """Return the open transactions of the current context, or that of an owner."""
    if isinstance(owner, Session):
        return [SessionTransaction(owner, is_begun=_is_open(owner, []))]
    if isinstance(owner, Connection):
        return [CoreTransaction(owner)]
    found = _open()
    if owner is None:
        return found
    engine = getattr(owner, "engine", owner)  # that of a Database
    return [each for each in found if each.database is engine]


def _open() -> list[OpenTransaction]:
    found: list[OpenTransaction] = []
    of_sessions: list[ServerTransaction] = []
    for reference in _SESSIONS.get():
        session = reference()
        if session is None:
            continue
        is_begun = _is_open(session, of_sessions)
        if is_begun or _is_managed_here(session):
            found.append(SessionTransaction(session, is_begun=is_begun))
    cores: list[Connection] = []
    for transaction in open_on_servers():
        core = transaction.core()
        if transaction not in of_sessions and core is not None:
            cores.append(core)
            found.append(CoreTransaction(core))
    for reference in _BLOCKS.get():
        block: BlockTransaction | None = reference()
        if block is not None and block.commits and block.connection not in cores:
            found.append(CoreTransaction(block.connection))
    return found


def _is_managed_here(session: Session) -> bool:
    manager = session.info.get(_MANAGER)
    if manager is None or manager is not _running_task():
        return False
    # SQLAlchemy has no public attribute for a session that was closed for ever.
    state = session._close_state
    return state is not type(state).CLOSED


def _is_open(session: Session, transactions: list[ServerTransaction]) -> bool:
    """Return whether a session has anything to commit; add its transactions to ``transactions``."""
    if not session.in_transaction():
        return False  # a change of an object begins SQLAlchemy's transaction, too
    is_open = (
        is_in_block(session)
        or not session.is_active  # a flush has failed, and only a rollback is possible
        or bool(session.new or session.dirty or session.deleted)
    )
    for connection in open_connections(session):
        if connection.closed:
            continue
        if connection.invalidated or BACKEND not in connection.get_execution_options():
            is_open = True  # lost, so that it can only be rolled back, or of another library
            continue
        transaction = noted_transaction(connection)
        if transaction is not None:
            transactions.append(transaction)
            is_open = is_open or transaction.is_open
    return is_open


def _running_task() -> object:
    """Return what stands for the running task; outside of tasks, for the thread."""
    try:
        return rt.current_task()
    except NotRunning:
        return threading.get_ident()


_References: TypeAlias = tuple[InScope, ...]
_SESSIONS: ContextVar[_References] = ContextVar("photon_sessions", default=())
_BLOCKS: ContextVar[_References] = ContextVar("photon_core_blocks", default=())
