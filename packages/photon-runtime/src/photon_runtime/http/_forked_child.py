"""The child of a fork in a handler: it is not a server, and answers nothing.

Theory of operation. The child has a copy of every socket of the server. As long as it lives, they
stay open when the server closes them: clients wait for the end of a response, and the operating
system gives connections to a listener from which nothing accepts. So the child closes its copies at
once. If the handler then returns or raises in the child, as in the parent, the connection ends
there, without a response, without the calls after it, and with the process: exit code 0, or 1 after
an error, which is logged as usual.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from .._pooled_greenlet import running_task
from ._connection import Connection

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from .._task import Task
    from ._request import Request
    from ._response import Response


class ForkedConnection(Connection):
    """The connection whose handler has forked, in the child."""

    __slots__ = ()

    def _respond(self, request: Request, response: Response, task: Task[object]) -> bool:
        """End the process in place of responding."""
        sys.exit(0 if request.failure is None else 1)

    def _run_callbacks(self, request: Request, task: Task[object]) -> None:
        """Do nothing: the parent makes the calls after the response."""


def leave_server(connections: Iterable[Connection], listeners: Iterable[socket.socket]) -> None:
    """Close this process's copies of the sockets of a server; called in a forked child."""
    task = running_task()
    descriptors = [listener.fileno() for listener in listeners]
    for connection in connections:
        descriptors.append(connection.watcher.fd)
        if connection._task is task:
            connection.__class__ = ForkedConnection
    # The numbers stay in use, for objects of the parent that close them later.
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        if descriptor >= 0:
            os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)
