"""The calls of an endpoint: dependencies and handler, with arguments from a row of slots.

The row begins with the values from the request. Each dependency appends its value and takes its
arguments from earlier slots; the handler takes its own, and its result is encoded.

A dependency that yields is entered, and released in reverse order: before a whole response is sent,
after a streamed response was sent (`HeldBody`), or after an upgraded protocol has ended
(`Upgrade.hold`). A dependency whose release is ``after_response`` always resumes after the response
was sent, unless the request has failed before: then it gets the error at once. A response that is
cut while it is sent ends them as cancelled. Endpoints without such dependencies are compiled
without this code.

A dependency with `finish` is finished between the handler and the encoding of its result. What
`finish` returns is entered around the encoding; for a streamed result, around that of each item.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from photon_openapi.errors import ErrorDetail, ValidationError
from photon_runtime import speedups
from photon_runtime.callables import require_value
from photon_runtime.http import FileBody, Handler, Request, Response, Upgrade
from photon_runtime.parts import Finish

from ..arguments import Binder
from ..streaming import SWALLOWED, HeldBody, Releasing, StreamBody, release_after

E = TypeVar("E")

_MOST_BINDERS: Final = 16
"""As many fit into the row of C code."""

Respond: TypeAlias = Callable[[Request, list[Any]], Response]
"""Calls the handler with values from the row, and makes the response."""


@attrs.frozen
class Call:
    """A call of a dependency, or of the handler.

    Attributes:
        function: The function.
        slots: The slots of its positional arguments.
        names: The slots of its keyword arguments, by name.
        is_scoped: True if the function returns a context manager, which is entered.
        is_late: True if the context manager is exited after the response.
        finish: Function that is called with the value before the handler's result is encoded; it
            may return a context manager for the time of the encoding.
    """

    function: Callable[..., Any]
    slots: tuple[int, ...]
    names: tuple[tuple[str, int], ...] = ()
    is_scoped: bool = False
    is_late: bool = False
    finish: Finish[Any] | None = None

    def run(self, row: list[Any]) -> Any:
        """Call with arguments from ``row``."""
        arguments = [row[slot] for slot in self.slots]
        if not self.names:
            if len(arguments) == 1:  # without a stack frame of C, which a WebSocket would hold
                return self.function(arguments[0])
            return self.function(*arguments)
        return self.function(*arguments, **{name: row[slot] for name, slot in self.names})


def endpoint_of(
    binders: tuple[Binder, ...],
    calls: Sequence[Call],
    handler: Call,
    encoded: Callable[[Any], Response],
) -> Handler:
    """Return the endpoint that binds, makes the dependencies, calls the handler and encodes."""
    if any(call.finish for call in calls):
        return with_response(binders, calls, _finishing(len(binders), calls, handler, encoded))
    if calls or handler.names or len(handler.slots) < len(binders):
        return with_response(binders, calls, lambda request, row: encoded(handler.run(row)))
    return _direct(binders, handler.function, encoded)


def _finishing(
    first: int, calls: Sequence[Call], handler: Call, encoded: Callable[[Any], Response]
) -> Respond:
    """Return the function that finishes values between the handler and the encoding."""
    finishers = [
        (first + index, call.finish) for index, call in enumerate(calls) if call.finish is not None
    ]

    def respond(request: Request, row: list[Any]) -> Response:
        result = handler.run(row)
        scopes = [scope for slot, finish in finishers if (scope := finish(row[slot])) is not None]
        if not scopes:
            return encoded(result)
        encoded_within = _within(scopes, encoded)
        response = encoded_within(result)
        if isinstance(response.body, StreamBody):
            response.body.encode = _within(scopes, response.body.encode)
        return response

    return respond


def _within(
    scopes: Sequence[AbstractContextManager[object]], encode: Callable[[Any], E]
) -> Callable[[Any], E]:
    """Return a function that encodes inside of context managers, which are entered each time."""
    for scope in scopes:
        encode = functools.partial(_encode_within, scope, encode)
    return encode


def _encode_within(
    scope: AbstractContextManager[object], encode: Callable[[Any], E], value: Any
) -> E:
    with Releasing(scope, type(scope)):
        return encode(value)
    raise RuntimeError(SWALLOWED)


def with_response(binders: tuple[Binder, ...], calls: Sequence[Call], respond: Respond) -> Handler:
    """Return the endpoint that binds, makes the dependencies, and responds."""
    if any(call.is_scoped for call in calls):
        return _with_scopes(binders, calls, respond)

    def run(request: Request) -> Response:
        row = _row(binders, request)
        for call in calls:
            row.append(require_value(call.run(row), call.function))
        return respond(request, row)

    return run


def _direct(
    binders: tuple[Binder, ...],
    function: Callable[..., Any],
    encoded: Callable[[Any], Response],
) -> Handler:
    """Return the endpoint of a handler whose arguments are the row."""
    if not binders:
        return speedups.step(
            "direct", lambda request: encoded(function()), binders, function, encoded
        )

    def run(request: Request) -> Response:
        errors: list[ErrorDetail] = []  # inlined from `_row`: most requests take this path
        row = [bind(request, errors) for bind in binders]
        if errors:
            raise ValidationError(errors)
        return encoded(function(*row))

    return (
        run
        if len(binders) > _MOST_BINDERS
        else speedups.step("direct", run, binders, function, encoded)
    )


def _row(binders: tuple[Binder, ...], request: Request) -> list[Any]:
    """Return the values from the request.

    Raises:
        ValidationError: A value is invalid; lists every error.
    """
    errors: list[ErrorDetail] = []
    row = [bind(request, errors) for bind in binders]
    if errors:
        raise ValidationError(errors)
    return row


def _with_scopes(binders: tuple[Binder, ...], calls: Sequence[Call], respond: Respond) -> Handler:
    """Return the endpoint of a handler with dependencies that are released."""
    is_any_late = any(call.is_late for call in calls)

    def respond_within(request: Request, early: ExitStack, late: ExitStack) -> Response:
        row = _row(binders, request)
        with early as stack:
            for call in calls:
                value = call.run(row)
                if call.is_scoped:
                    released = Releasing(value, _provider_of(call.function))
                    value = (late if call.is_late else stack).enter_context(released)
                row.append(require_value(value, call.function))
            response = respond(request, row)
            body = response.body
            if isinstance(body, Upgrade):
                body.hold(stack.pop_all())
            elif not isinstance(body, bytes | FileBody):
                response.body = HeldBody(body, stack.pop_all())
            return response
        raise RuntimeError(SWALLOWED)

    if not is_any_late:
        return lambda request: respond_within(request, ExitStack(), ExitStack())

    def run(request: Request) -> Response:
        with ExitStack() as late:
            response = respond_within(request, ExitStack(), late)
            request.after_response(release_after(late.pop_all(), request, response.body))
            return response
        raise RuntimeError(SWALLOWED)

    return run


def _provider_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the provider that a function which makes a context manager calls."""
    if isinstance(function, functools.partial) and function.args:
        provider: Callable[..., Any] = function.args[0]
        return provider
    return function
