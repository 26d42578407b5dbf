"""Serving an application in the calling thread until a signal stops it."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

from .._end_limit import lift_limit, limit_end, remaining_limit
from .._run import run
from .._stop_signals import stop_signals
from ..signatures import require_call
from ..stats import dumping_on_signal, watch_hub
from ._lifetime import WorkerLink
from ._server import Server
from ._settings import ServerSettings
from ._wire import Handler


@runtime_checkable
class Application(Protocol):
    """What `photon run` serves: an object that can be started and provides a handler."""

    def start(self, *, development: bool = False) -> AbstractContextManager[Handler]:
        """Start the application; leaving the context stops it.

        Raises:
            PhotonError: The application has errors; the message lists all of them.
        """


def serve(
    application: Application | Handler,
    *,
    sockets: Sequence[socket.socket],
    settings: ServerSettings | None = None,
    development: bool = False,
    ready: Callable[[], None] | None = None,
    worker: WorkerLink | None = None,
    is_last: bool = False,
    is_supervised: bool | None = None,
) -> None:
    """Serve in this thread until SIGTERM or SIGINT, then stop gracefully.

    SIGTERM keeps idle connections open for the ``idle_grace`` of the settings; SIGINT (Ctrl-C)
    closes them at once. The ``shutdown_timeout`` of the settings begins with the signal and is for
    everything: the running requests, the tasks that they have spawned, and, if the process ends
    then, its threads and exit hooks; see `photon_runtime.process.limit_end`.

    Args:
        application: An `Application`, or a handler: a function that takes a request and returns a
            response. Both run in tasks and may wait.
        sockets: Listening, non-blocking sockets, as `listen` returns them.
        settings: Limits and timeouts.
        development: Passed to the application's ``start``.
        ready: Called when the server accepts connections.
        worker: Connection to the supervisor, as `photon_runtime.workers` passes it to workers.
        is_last: True if no other process uses the sockets, so that new connections are to be
            refused when the server stops; see `refuse_new_connections`.
        is_supervised: True if another process ends this one when it does not stop. Otherwise a
            second signal ends it at once, also while the scheduler is blocked. By default, True
            with a ``worker``.

    Raises:
        PhotonError: The application has errors, a handler is asynchronous, or the certificates
            cannot be used.

    Blocks: the calling thread. Signals are handled when it is the main thread.
    """
    if not isinstance(application, Application):
        require_call(application, "a handler", "request")
    server = Server(sockets=sockets, settings=settings, worker=worker, is_last=is_last)

    def begin() -> None:
        if ready is not None:
            ready()
        watch_hub(threshold=server.settings.block_threshold)  # not before: start-up may block

    def main() -> None:
        with dumping_on_signal(), _started(application, development) as handler:
            server.serve(handler, begin)
            limit = server.settings.shutdown_timeout
            server.await_tasks(max(0.0, remaining_limit(limit)))

    def stop(number: signal.Signals) -> None:
        limit_end(server.settings.shutdown_timeout)
        server.stop(grace=server.settings.idle_grace if number is signal.SIGTERM else 0.0)

    is_alone = worker is None if is_supervised is None else not is_supervised
    try:
        with stop_signals(stop, is_alone=is_alone):
            run(main)
    finally:
        limit_end(server.settings.shutdown_timeout)  # also when it was not a signal that stopped it
        if worker is None:
            lift_limit()  # the caller may go on


def _started(
    application: Application | Handler, development: bool
) -> AbstractContextManager[Handler]:
    if isinstance(application, Application):
        return application.start(development=development)
    return nullcontext(application)
