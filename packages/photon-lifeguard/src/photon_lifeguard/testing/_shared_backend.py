"""The views of a shared connection, and the backend that makes a pool use them.

A view has the interface of psycopg's connections as far as SQLAlchemy uses it. The driver's own
connection is ``connection.connection.driver_connection``, as everywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy.engine import URL, Dialect

from .._database_settings import DatabaseSettings
from ..backends import TransactionOptions
from ._shared_connection import SharedConnection


class SharedConnectionView:
    """What one session sees as its connection.

    Attributes:
        shared: The connection beneath.
    """

    def __init__(self, shared: SharedConnection) -> None:
        """Begin in autocommit mode."""
        self.shared = shared
        self.restore()

    def restore(self) -> None:
        """Forget the isolation level that was set through SQLAlchemy."""
        self._level: bool | None = None
        self.isolation_level: Any = None
        self.read_only: Any = None
        self.deferrable: Any = None

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the driver's connection."""
        return getattr(self.shared.connection, name)

    @property
    def is_altered(self) -> bool:
        """True after an isolation level was set through SQLAlchemy."""
        return self._level is not None

    @property
    def autocommit(self) -> bool:
        """False after an isolation level was set: statements then begin a transaction."""
        return self._level is None or self._level

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._level = value

    @property
    def closed(self) -> bool:
        """True if the connection beneath cannot be used any more."""
        return not self.shared.is_usable

    def cursor(self, *args: Any, **kwargs: Any) -> SharedCursor:
        """Return a cursor."""
        self.shared.refuse_if_unusable()
        is_named = bool(args or kwargs.get("name"))
        return SharedCursor(self, self.shared.connection.cursor(*args, **kwargs), is_named=is_named)

    def run(self, statement: object, call: Callable[[], Any]) -> Any:
        """Execute a statement by ``call``."""
        if not self.autocommit and not self.shared.is_in_transaction(self):
            self.shared.begin(self, TransactionOptions(is_read_only=bool(self.read_only)))
        return self.shared.execute(self, statement, call, alone=self._level is True)

    def commit(self) -> None:
        """Commit."""
        self.shared.commit(self)

    def rollback(self) -> None:
        """Roll back."""
        self.shared.rollback(self)

    def close(self) -> None:
        """Roll back; the connection beneath stays open."""
        self.shared.forget(self)


class SharedCursor:
    """A cursor of a view.

    Attributes:
        connection: The view.
    """

    def __init__(self, view: SharedConnectionView, cursor: Any, *, is_named: bool) -> None:
        """Wrap a cursor of the driver; a named one is on the server, and fetching is a query."""
        self.connection = view
        self._cursor = cursor
        self._is_named = is_named

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the driver's cursor."""
        value = getattr(self._cursor, name)
        if self._is_named and name.startswith("fetch"):
            return functools.partial(self._run, None, value)
        return value

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows."""
        return iter(self.fetchall())

    def execute(self, statement: object, *args: Any, **kwargs: Any) -> SharedCursor:
        """Execute a statement."""
        self._run(statement, self._cursor.execute, statement, *args, **kwargs)
        return self

    def executemany(self, statement: object, *args: Any, **kwargs: Any) -> None:
        """Execute a statement for each set of parameters."""
        self._run(statement, self._cursor.executemany, statement, *args, **kwargs)

    def close(self) -> None:
        """Close the cursor."""
        if self._is_named and self.connection.shared.is_usable:
            self._run(None, self._cursor.close)
        elif not self._is_named:
            self._cursor.close()

    def _run(self, statement: object, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.connection.run(statement, functools.partial(call, *args, **kwargs))


class SharedBackend:
    """The backend of a `SharedConnection`: every connection of the pool is a view of it.

    Args:
        shared: The connection.
    """

    def __init__(self, shared: SharedConnection) -> None:
        """Note the connection."""
        self._shared = shared
        self.name = shared.backend.name

    def connector(
        self, dialect: Dialect, url: URL, settings: DatabaseSettings
    ) -> Callable[[], Any]:
        """Return the function that makes views."""
        return lambda: SharedConnectionView(self._shared)

    def in_transaction(self, connection: Any) -> bool:
        """Return whether a view has a transaction open."""
        return self._shared.is_in_transaction(connection)

    def has_failed(self, connection: Any) -> bool:
        """Return ``False``: the commit of a view raises the error itself."""
        return False

    def has_ended(self, connection: Any, error: BaseException) -> bool:
        """Return ``False``: the transaction stays open until the client ends it."""
        return False

    def is_altered(self, connection: Any) -> bool:
        """Return whether an isolation level was set through SQLAlchemy."""
        return bool(connection.is_altered)

    def begin(self, connection: Any, options: TransactionOptions) -> None:
        """Begin a transaction of a view, in turn."""
        self._shared.begin(connection, options)

    def looks_closed(self, connection: Any) -> bool:
        """Return whether the connection beneath cannot be used any more."""
        return not self._shared.is_usable

    def ping(self, connection: Any) -> bool:
        """Return whether the connection beneath can be used."""
        return self._shared.is_usable

    def is_interrupted(self, connection: Any) -> bool:
        """Return whether a cancelled statement of a view is still being cleaned up."""
        return self._shared.is_interrupted(connection)

    def when_settled(self, connection: Any, callback: Callable[[bool], object]) -> None:
        """Call ``callback`` when the clean-up has ended."""
        self._shared.backend.when_settled(self._shared.connection, callback)

    def scrub(self, connection: Any) -> None:
        """Roll back, and reset the session."""
        self._shared.reset_settings(connection)
        connection.restore()

    def abandon(self, connection: Any) -> None:
        """Roll back; the connection beneath stays open."""
        connection.close()

    def is_unreachable(self, error: BaseException) -> bool:
        """Return ``False``: a lost connection does not come back."""
        return False
