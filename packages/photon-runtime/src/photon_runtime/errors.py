"""The errors of the runtime.

::

    Exception
    └─ PhotonError            base of every error that a Photon package raises
       ├─ SettingsError       the settings are wrong; lists every problem
       ├─ DeadlineExceeded    a deadline() block ran out of time (also a TimeoutError)
       ├─ TaskCancelled       result() was called on a task that was cancelled
       ├─ ChannelClosed       a channel has no more items, or accepts none
       │  └─ FellBehind       a broadcast disconnected a subscriber that was too slow
       ├─ Deadlock            all tasks wait for each other (also a RuntimeError)
       ├─ PatchError          the standard library is patched too late to be patched completely
       ├─ NotRunning          a waiting call outside of run() (also a RuntimeError)
       ├─ AmbiguousTransaction  several transactions are open, or none that was named
       ├─ ProgramExit         code of a service raised what ends a program, such as SystemExit
       ├─ SignatureError      a function is unsuitable for its registration (also a TypeError)
       └─ ServerError         the server cannot start: port in use, no permission
    BaseException
    └─ Cancelled              control signal: the surrounding scope ends; let it propagate
"""

from __future__ import annotations

__all__ = [
    "AmbiguousTransaction",
    "Cancelled",
    "ChannelClosed",
    "DeadlineExceeded",
    "Deadlock",
    "FellBehind",
    "NotRunning",
    "PatchError",
    "PhotonError",
    "ProgramExit",
    "ServerError",
    "SettingsError",
    "SignatureError",
    "TaskCancelled",
]


class PhotonError(Exception):
    """Base of every error that a Photon package raises."""


class SettingsError(PhotonError):
    """The settings are wrong; the message lists every problem with file and line."""


class LoadError(PhotonError):
    """The application cannot be loaded; the message says why, with a traceback if code failed.

    An error that Photon itself raises, such as one about a handler's signature, has its line in
    place of a traceback.

    Attributes:
        exit_code: With which a command ends; see `photon_runtime.workers.CANNOT_LOAD`.
    """

    exit_code = 3


class GeneratorError(PhotonError):
    """A generator of code cannot do what the user wants; the message says what to write instead."""


class DeadlineExceeded(PhotonError, TimeoutError):
    """A ``deadline()`` block was still waiting when its time ran out."""


class TaskCancelled(PhotonError):
    """``Task.result()`` was called on a task that was cancelled."""


class ChannelClosed(PhotonError):
    """The channel is closed: it has no more items, or accepts none."""


class FellBehind(ChannelClosed):
    """A `Broadcast` disconnected the subscriber, which had not received fast enough."""


class Deadlock(PhotonError, RuntimeError):
    """No task can ever run again; the message lists all tasks and where they wait."""


class NotRunning(PhotonError, RuntimeError):
    """A call that needs a running hub was made outside of ``run()``."""


class ProgramExit(PhotonError):
    """Code of a service raised an exception that ends programs, such as ``SystemExit``.

    It ends the request, the job or the task that raised it, and is its ``__cause__``.
    """


class AmbiguousTransaction(PhotonError, RuntimeError):
    """It is uncertain which open transaction is meant; the message says which there are."""


class SignatureError(PhotonError, TypeError):
    """A function cannot be registered; the message says where, why, and what to write."""


class PatchError(PhotonError):
    """The patch is too late; the message lists what keeps the original behaviour."""


class ServerError(PhotonError):
    """The server cannot start; the message says why and what to do."""


class Cancelled(BaseException):
    """Raised in a task at its next wait because a scope around it was cancelled.

    It is a ``BaseException`` so that ``except Exception`` does not swallow it. Clean up in
    ``finally`` and let it propagate: the scope that it belongs to catches it.

    Attributes:
        scope: The scope whose cancellation caused it.
    """

    def __init__(self, scope: object) -> None:
        """Keep the scope that was cancelled."""
        super().__init__("the surrounding scope was cancelled")
        self.scope = scope


class MetricsBusy(PhotonError):
    """Another worker has been reading the metrics for too long; try again."""
