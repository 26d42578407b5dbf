"""`Connection` and `connect`: connections of SQLite whose calls pause one coroutine.

Theory of operation. The classes are subclasses of those of `sqlite3`, and everything that they do
not mention is inherited. Whatever may take long (it executes SQL, opens or reads a file) is made by
`call`; what only changes the connection is made at once, while no other call runs, because SQLite
would let the thread wait for it.
"""

from __future__ import annotations

import _sqlite3
import functools
import sys
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, TypeVar, cast, overload

from ..._hub import Hub, current_hub
from ..._pooled_greenlet import running_task
from ...patch import real_get_ident
from ._blob import Blob
from ._calls import call, call_inline, call_surely
from ._cursor import Cursor
from ._interruption import start_later
from ._state import ConnectionState
from ._statements import END, OTHER, READ, ROLLBACK, WRITE
from ._threads import Threads
from ._write_lock import WriteLock, find_write_lock

C = TypeVar("C", bound=_sqlite3.Cursor)

_Base = _sqlite3.Connection
_isolation_level: Any = vars(_Base)["isolation_level"]
_POSITIONS = (
    "timeout",
    "detect_types",
    "isolation_level",
    "check_same_thread",
    "factory",
    "cached_statements",
    "uri",
)


class Connection(_Base):
    """A `sqlite3.Connection` whose calls pause one coroutine instead of the thread.

    Made by `connect`. It behaves like the standard class, and outside of coroutines like plain
    `sqlite3`. Several coroutines may use it, one statement at a time.

    A deadline or a cancellation that interrupts a statement is raised at once; see
    `photon_runtime.drivers.sqlite` for the state of the connection afterwards.
    """

    _photon_opened: ConnectionState | None = None

    def __init__(self, database: Any, *args: Any, **kwargs: Any) -> None:
        """Open a database; see `sqlite3.connect`."""
        values = {**dict(zip(_POSITIONS, args, strict=False)), **kwargs}
        timeout = values.get("timeout", 5.0)
        is_checked = bool(values.get("check_same_thread", True))
        is_task = running_task() is not None
        waits_in_hub = is_task and isinstance(timeout, int | float)
        own = {"timeout": 0.0 if waits_in_hub else timeout, "check_same_thread": False}
        positional = [own.get(name, value) for name, value in zip(_POSITIONS, args, strict=False)]
        positional += args[len(_POSITIONS) :]
        named = {**kwargs, **{k: v for k, v in own.items() if k not in _POSITIONS[: len(args)]}}
        state = ConnectionState(
            timeout=timeout,
            sqlite_timeout=own["timeout"],
            thread=real_get_ident() if is_checked else None,
        )

        def open_database() -> None:
            _Base.__init__(self, database, *positional, **named)
            try:
                state.write_lock = find_write_lock(database, is_uri=bool(values.get("uri", False)))
            except BaseException:
                _Base.close(self)
                raise

        if is_task:
            state.hub = current_hub()
            self._photon_open(open_database, state.hub)
        else:
            open_database()
        if self._photon_opened is not None:  # it is opened a second time
            self._photon_opened.end_transaction()
        self._photon_opened = state

    def _photon_open(self, open_database: Callable[[], None], hub: Hub) -> None:
        """Open the database in a thread, and close it if the caller left in the meantime."""
        job = Threads.of(hub).start(open_database)
        try:
            job.wait()
        except BaseException:
            if job.is_ended:
                self._photon_close_unused()
            else:
                job.when_ended = self._photon_close_unused
            raise

    @property
    def _photon_state(self) -> ConnectionState:
        """What the driver knows of the connection; not for users.

        Raises:
            sqlite3.ProgrammingError: The connection was never opened.
        """
        if self._photon_opened is None:
            raise _sqlite3.ProgrammingError("Base Connection.__init__ not called.")
        return self._photon_opened

    # -- statements -------------------------------------------------------------------------

    @overload
    def cursor(self, factory: None = None) -> Cursor: ...

    @overload
    def cursor(self, factory: Callable[[Any], C]) -> C: ...

    def cursor(self, factory: Any = Cursor) -> Any:
        """Return a new cursor; see `sqlite3.Connection.cursor`."""
        self._photon_refuse_foreign_use()
        return _Base.cursor(self, cooperating_class(factory, Cursor))

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
        """Execute a statement with a new cursor, and return the cursor; see `Cursor.execute`."""
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """Execute a statement for each item with a new cursor; see `Cursor.executemany`."""
        return self.cursor().executemany(sql, parameters)

    def executescript(self, sql_script: str, /) -> Cursor:
        """Execute several statements with a new cursor; see `Cursor.executescript`."""
        return self.cursor().executescript(sql_script)

    # -- transactions -----------------------------------------------------------------------

    def commit(self) -> None:
        """Commit the transaction, if one is open; see `sqlite3.Connection.commit`.

        Raises:
            sqlite3.OperationalError: The transaction was rolled back already, or the database
                stayed locked.
            Cancelled: A scope around the task was cancelled. If it was cancelled during the commit,
                the transaction may or may not have been committed.

        Blocks: the calling task, until the transaction is written to the disk.
        """
        commit = functools.partial(_Base.commit, self)
        if self._photon_has_transaction():
            call(self, commit, END)
        else:
            commit()

    def rollback(self) -> None:
        """Roll the transaction back, if one is open; see `sqlite3.Connection.rollback`.

        In a task that is being cancelled it is done in the background.

        Blocks: the calling task, until the transaction is rolled back.
        """
        if self._photon_has_transaction():
            call_surely(self, self._photon_roll_back, ROLLBACK)
        else:
            _Base.rollback(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        """Commit, or roll back after an exception."""
        if kind is not None:
            Connection.rollback(self)
            return False
        try:
            Connection.commit(self)
        except BaseException:
            Connection.rollback(self)
            raise
        return False

    @property
    def isolation_level(self) -> Any:
        """The kind of transaction that is begun implicitly; ``None`` for none."""
        return _isolation_level.__get__(self)

    @isolation_level.setter
    def isolation_level(self, value: Any) -> None:
        change = functools.partial(_isolation_level.__set__, self, value)
        if value is None and self._photon_has_transaction():
            call(self, change, END)  # it commits
        else:
            call_inline(self, change)

    # -- files ------------------------------------------------------------------------------

    def backup(
        self,
        target: _sqlite3.Connection,
        *,
        pages: int = -1,
        progress: Callable[[int, int, int], object] | None = None,
        name: str = "main",
        sleep: float = 0.25,
    ) -> None:
        """Copy the database to another connection; see `sqlite3.Connection.backup`.

        A cancelled caller leaves at once, and the copy ends with the current ``pages``. Both
        connections are in use until then.

        Args:
            target: Connection to the database that is written.
            pages: Number of pages to copy at a time; 0 or less for all.
            progress: Function that is called with the status and the numbers of the remaining and
                of all pages. It runs in a thread.
            name: Name of the database to copy.
            sleep: Seconds between attempts while the database is locked.

        Blocks: the calling task, until the copy is complete.
        """
        if not isinstance(target, Connection) or target is self or running_task() is None:
            call(
                self,
                lambda: _Base.backup(
                    self, target, pages=pages, progress=progress, name=name, sleep=sleep
                ),
                READ,
            )
            return
        if progress is not None and not callable(progress):
            raise TypeError("progress argument must be a callable")
        target._photon_refuse_foreign_use()
        state, lock = self._photon_state, target._photon_state.lock
        has_begun = False

        def report(status: int, remaining: int, total: int) -> None:
            if state.is_interrupted:
                raise _sqlite3.OperationalError("interrupted")
            if progress is not None:
                progress(status, remaining, total)

        def copy() -> None:
            nonlocal has_begun
            has_begun = True
            try:
                _Base.backup(self, target, pages=pages, progress=report, name=name, sleep=sleep)
            finally:
                lock.release()

        lock.acquire()
        try:
            call(self, copy, READ)
        finally:
            if not has_begun:
                lock.release()

    def blobopen(  # type: ignore[override]  # sqlite3.Blob cannot be derived from
        self, table: str, column: str, row: int, /, *, readonly: bool = False, name: str = "main"
    ) -> Blob:
        """Open a large object of the database; see `sqlite3.Connection.blobopen`.

        Blocks: the calling task, until it is open.
        """
        blob = call(
            self,
            lambda: _Base.blobopen(self, table, column, row, readonly=readonly, name=name),
            READ if readonly else WRITE,
        )
        return Blob._of(self, blob)

    def close(self) -> None:
        """Close the connection; see `sqlite3.Connection.close`.

        An open transaction is rolled back. In a task that is being cancelled it is done in the
        background.

        Blocks: the calling task, until other calls have ended and the connection is closed.
        """
        state = self._photon_opened
        if state is None or state.is_closed:
            _Base.close(self)
        elif state.is_inherited:
            _inherited.append(self)  # closing it here would release the locks of the parent
            state.is_closed = True
        elif not state.is_lost:  # a lost one is closed when its thread has returned
            call_surely(self, self._photon_close, ROLLBACK)

    def _photon_close_lost(self) -> None:
        """Close a lost connection, whose thread has returned."""
        self._photon_state.is_lost = False
        call(self, self._photon_close, ROLLBACK)

    def __del__(self) -> None:
        """Close the connection in a thread, if that was forgotten.

        From Python 3.13 on only the finalizer of `sqlite3` closes, and this method replaces it.
        """
        state = self._photon_opened
        if state is None:
            self._photon_close_unused()
        elif state.is_closed:
            return
        elif state.is_inherited:
            _inherited.append(self)
        else:
            try:
                if sys.version_info >= (3, 13):
                    message = f"unclosed database in {self!r}"
                    warnings.warn(message, ResourceWarning, stacklevel=2, source=self)
            finally:  # the warning may be an error
                self._photon_close_forgotten(state)

    def _photon_close_forgotten(self, state: ConnectionState) -> None:
        hub = state.hub
        if hub is not None and not hub.is_closed:
            end = functools.partial(call, self, self._photon_close, ROLLBACK)
            hub.post(functools.partial(start_later, self, end, hub))
        else:
            self._photon_close()
            state.end_transaction()

    def _photon_close_unused(self) -> None:
        """Close a connection that `__init__` has not completed; without a statement it is quick."""
        with suppress(_sqlite3.ProgrammingError):  # it was not even opened
            _Base.close(self)

    def _photon_has_transaction(self) -> bool:
        """Whether SQLite must be called to end a transaction."""
        state = self._photon_opened
        if state is None or state.is_closed:
            return False
        state.refuse_foreign_use()
        return self.in_transaction or state.is_failed or state.unsettled > 0

    def _photon_roll_back(self) -> None:
        self._photon_state.is_failed = False
        _Base.rollback(self)

    def _photon_close(self) -> None:
        _Base.close(self)
        self._photon_state.is_closed = True

    def _photon_refuse_foreign_use(self) -> None:
        if self._photon_opened is not None:
            self._photon_opened.refuse_foreign_use()


_inherited: list[Connection] = []
"""Connections of the parent of this process, which must not be closed here."""


def cooperating_class(given: Any, cooperating: Any) -> Any:
    """Return a class like ``given`` that cooperates.

    Args:
        given: Function that makes connections or cursors; classes that were derived from the
            standard ones before the patch get ``cooperating`` as a further base.
        cooperating: `Connection` or `Cursor`.
    """
    if not isinstance(given, type) or issubclass(given, cooperating):
        return given
    (standard,) = cooperating.__bases__
    if given is standard:
        return cooperating
    if not issubclass(given, standard):
        return given
    return _derived_class(given, cooperating)


@functools.lru_cache(maxsize=128)
def _derived_class(given: Any, cooperating: Any) -> Any:
    return type(given.__name__, (given, cooperating), {"__module__": given.__module__})


def connect(database: Any, *args: Any, **kwargs: Any) -> Connection:
    """Open a database and return a `Connection`.

    The arguments are those of `sqlite3.connect`. ``timeout`` limits the wait for each connection
    that has locked the database.

    Raises:
        sqlite3.Error: The database cannot be opened.
        Cancelled: A scope around the task was cancelled.

    Blocks: the calling task, until the database is open.
    """
    position = _POSITIONS.index("factory")
    if len(args) > position:
        factory = cooperating_class(args[position], Connection)
        args = (*args[:position], factory, *args[position + 1 :])
    else:
        factory = cooperating_class(kwargs.pop("factory", Connection), Connection)
    return cast("Connection", factory(database, *args, **kwargs))


def write_lock_of(connection: Connection) -> WriteLock | None:
    """Return the queue of writers of the connection's database, ``None`` if it is private."""
    return connection._photon_state.write_lock


_INLINE = (
    *("create_function", "create_aggregate", "create_window_function", "create_collation"),
    *("set_authorizer", "set_progress_handler", "set_trace_callback", "enable_load_extension"),
    *("setlimit", "getlimit", "setconfig", "getconfig"),
)
_IN_THREAD = ("load_extension", "serialize", "deserialize", "__call__")


def _inline(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(self: Connection, *args: Any, **kwargs: Any) -> Any:
        return call_inline(self, functools.partial(original, self, *args, **kwargs))

    return method


def _in_thread(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(self: Connection, *args: Any, **kwargs: Any) -> Any:
        return call(self, functools.partial(original, self, *args, **kwargs), OTHER)

    return method


for _names, _wrap in ((_INLINE, _inline), (_IN_THREAD, _in_thread)):
    for _name in _names:
        if hasattr(_Base, _name):  # some are of later versions, or left out when Python is built
            setattr(Connection, _name, _wrap(getattr(_Base, _name)))

_autocommit: Any = vars(_Base).get("autocommit")
if _autocommit is not None:  # from Python 3.12 on

    def _get_autocommit(connection: Connection) -> Any:
        """Control transactions; see `sqlite3.Connection.autocommit`. Setting it may wait."""
        return _autocommit.__get__(connection)

    def _set_autocommit(connection: Connection, value: Any) -> None:
        call(connection, functools.partial(_autocommit.__set__, connection, value), END)

    setattr(Connection, "autocommit", property(_get_autocommit, _set_autocommit))  # noqa: B010
