"""An application served by a thread until it is told to stop."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from .._run import run
from .._stop_signals import stop_signals
from ..callables import require_function
from ..stats import dumping_on_signal, watch_hub
from ._lifetime import WorkerLink
from ._server import Server
from ._settings import ServerSettings
from ._wire import Handler


@runtime_checkable
class Application(Protocol):
    """What `photon run` serves: something that can be started and gives a handler."""

    def start(self, *, development: bool = False) -> AbstractContextManager[Handler]:
        """Enter the application's life; leaving the context ends it.

        Raises:
            PhotonError: The application is not in order; the message lists every problem.
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
) -> None:
    """Serve in this thread until SIGTERM or SIGINT, then stop gracefully.

    SIGTERM leaves idle connections the ``idle_grace`` of the settings; SIGINT, which a person
    sends, closes them at once.

    Args:
        application: What starts and gives a handler, or a handler itself: a function from a
            request to a response. Both run in tasks and may wait.
        sockets: Listening, non-blocking sockets, as `listen` returns them.
        settings: Limits and times.
        development: Given to the application's start.
        ready: Called when connections are accepted.
        worker: The way to the supervisor, as `photon_runtime.workers` gives it to workers.
        is_last: Whether nobody else has the sockets, so that new clients are to be turned away
            when the server stops; see `turn_away`.

    Raises:
        PhotonError: The application is not in order, a handler is asynchronous, or the certificates
            cannot be used.

    Blocks: the calling thread. Signals are handled when it is the main thread.
    """
    if not isinstance(application, Application):
        require_function(application, "a handler")
    server = Server(sockets=sockets, settings=settings, worker=worker, is_last=is_last)

    def begin() -> None:
        if ready is not None:
            ready()
        watch_hub(threshold=server.settings.hold_threshold)  # nobody waits while it starts

    def main() -> None:
        with dumping_on_signal():
            if isinstance(application, Application):
                with application.start(development=development) as handler:
                    server.serve(handler, begin)
            else:
                server.serve(application, begin)

    def stop(number: signal.Signals) -> None:
        server.stop(grace=server.settings.idle_grace if number is signal.SIGTERM else 0.0)

    with stop_signals(stop):
        run(main)
