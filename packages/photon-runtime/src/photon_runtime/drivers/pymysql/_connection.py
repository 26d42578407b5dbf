"""`Connection`: one class whose connections cooperate, without a change to PyMySQL itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymysql import connections

from ._cooperation import Cooperation

if TYPE_CHECKING:
    _Cooperating = connections.Connection[Any]  # the same methods, with their types
else:

    class _Cooperating(Cooperation, connections.Connection):
        pass


class Connection(_Cooperating):
    """A `pymysql.connections.Connection` whose calls pause one coroutine instead of the thread.

    It is used as PyMySQL's own class, with the same arguments, and behaves like it outside of
    coroutines. With SQLAlchemy::

        create_engine("mysql+pymysql://", creator=lambda: Connection(host=..., user=...))

    Tasks that share a connection wait for each other. A deadline or a cancellation that interrupts
    a command is raised at once; the connection is then closed and the query ended on the server,
    see `photon_runtime.drivers.pymysql`. ``connect_timeout`` limits the authentication too. An
    `ssl.SSLContext` that is passed makes sockets that wait in the hub from then on.
    """
