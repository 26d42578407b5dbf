"""Dependencies that stay open until a response was sent.

Theory of operation. A stream ends in one of three ways, and its dependencies learn which: it is
complete; its generator fails, and they get the error; or it is cut, because the client has
disconnected, a time limit is over, or the server stops. They get `Cancelled` then, as they do if
the request is cancelled while the generator waits: so a transaction is undone however a stream is
cut, and code in ``except Exception`` does not take the end of a client for an error. A generator
that is closed gets `GeneratorExit` in place of it; that is translated here, since only some cuts
close it.

A body that is never read, as in a response to HEAD, ends as complete, unless it is closed because
of an error, such as that of sending the head.

Dependencies whose release is ``after_response`` end with the same error; for a body that is not
streamed, that is the error of sending it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any

from photon_runtime.callables import location
from photon_runtime.errors import Cancelled
from photon_runtime.escapes import as_failure
from photon_runtime.http import Request, Upgrade

_log = logging.getLogger("photon.http")
SWALLOWED = "swallowed the handler's error instead of passing it on"


class Releasing:
    """The context manager of a dependency, whose end must not hide an error.

    Args:
        manager: The context manager.
        provider: The function that made it, for messages.
    """

    __slots__ = ("_manager", "_provider")

    def __init__(
        self, manager: AbstractContextManager[Any], provider: Callable[..., object]
    ) -> None:
        """Store both."""
        self._manager = manager
        self._provider = provider

    def __enter__(self) -> Any:
        """Return the value of the dependency."""
        return self._manager.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the dependency.

        Raises:
            RuntimeError: It does not pass the error on, which is the cause.
        """
        if self._manager.__exit__(kind, error, traceback) and error is not None:
            raise RuntimeError(
                f"the dependency {location(self._provider)} {SWALLOWED}: {error!r}"
            ) from error


class HeldBody:
    """A body with the context managers that stay open until it was sent.

    Args:
        body: The body.
        stack: Exited when the body was sent, with the error that ended it, if any.

    """

    __slots__ = ("_body", "_error", "_keeps_error", "_parts", "_stack")

    def __init__(self, body: Iterable[bytes], stack: ExitStack) -> None:
        """Store both."""
        self._body = body
        self._stack: ExitStack | None = stack
        self._parts: Iterator[bytes] | None = None
        self._keeps_error = False
        self._error: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        """Return the parts; the body is iterated over once."""
        if self._parts is None:
            self._parts = self._held()
        return self._parts

    def close(self) -> None:
        """Close the body, then the stack; errors are logged."""
        close_iterable(self._parts)
        close_iterable(self._body)
        if self._stack is not None:  # the iteration has not begun
            error = None if sys.exc_info()[1] is None else Cancelled(self)
            try:
                self._release(error)
            except BaseException as failed:
                _log.error("%r failed at its end", self, exc_info=as_failure(failed))

    def keep_error(self) -> None:
        """Keep the error that ends the body until `take_error`."""
        self._keeps_error = True

    def take_error(self) -> BaseException | None:
        """Return the error that ended the body, once; `Cancelled` if it was cut."""
        error, self._error = self._error, None
        return error

    def stop(self) -> None:
        """End the body early, if it supports that."""
        stop = getattr(self._body, "stop", None)
        if stop is not None:
            stop()

    def _held(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except GeneratorExit:
            close_iterable(self._body)
            self._release(Cancelled(self))
            raise
        except BaseException as error:
            close_iterable(self._body)
            self._release(error)
            raise
        close_iterable(self._body)
        self._release(Cancelled(self) if getattr(self._body, "is_cut", False) else None)

    def _release(self, error: BaseException | None) -> None:
        stack, self._stack = self._stack, None
        if self._keeps_error:
            self._error = error
        if stack is not None:
            release(stack, error)


def release(stack: ExitStack, error: BaseException | None) -> None:
    """Exit a stack with an error, which is not raised again; `None` for a success.

    Raises:
        RuntimeError: A context manager does not pass the error on.
    """
    if error is None:
        stack.close()
        return
    try:
        with stack:
            raise error  # noqa: TRY301 - into the stack
    except BaseException as raised:
        if raised is not error:
            raise
        return
    raise RuntimeError(f"a dependency {SWALLOWED}: {error!r}") from error


def release_after(stack: ExitStack, request: Request, body: object) -> Callable[[], None]:
    """Return a call for after the response that exits a stack, with the error of sending it."""
    if isinstance(body, HeldBody | Upgrade):
        body.keep_error()

    def release_late() -> None:
        error = request.failure
        if isinstance(body, HeldBody | Upgrade):
            error = body.take_error()
        sending = sys.exc_info()[1]  # the connection makes the call while the error propagates
        if error is None and sending is not None:
            error = Cancelled(request)
        release(stack, error)

    return release_late


def close_iterable(items: object) -> None:
    """Close a generator, or any other object with ``close``; errors are logged.

    The response is being sent or its client has disconnected, so the error cannot be returned.
    """
    close = getattr(items, "close", None)
    if close is not None:
        try:
            close()
        except BaseException as error:
            _log.error("%r failed at its end", items, exc_info=as_failure(error))
