"""The steps of a plan: dependencies and handler, called with values out of a row.

The row begins with what the request gave. Each dependency puts its value at the end and takes its
arguments from earlier places; the handler takes its own, and its result is encoded.

Dependencies that are generators are entered, and left in the reverse order. Around a whole answer
that happens before it is sent; a streamed one takes them along (`HeldBody`). Where there are none
to leave, the plan is without all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import attrs

from photon_openapi.errors import ErrorDetail, ValidationError
from photon_runtime.callables import require_value
from photon_runtime.http import FileBody, Handler, Request, Response

from ..arguments._parameters import Binder
from ..responses import Encoder
from ..streaming._stream import SWALLOWED, HeldBody

_SWITCHING = 101


@attrs.frozen
class Step:
    """One call on the way: a dependency, or in the end the handler.

    Attributes:
        function: What to call.
        places: Where in the row the positional arguments stand.
        names: Where in the row the keyword arguments stand, by name.
        is_scoped: Whether it gives a context manager to be entered.
    """

    function: Callable[..., Any]
    places: tuple[int, ...]
    names: tuple[tuple[str, int], ...]
    is_scoped: bool

    def run(self, row: list[Any]) -> Any:
        """Call with arguments from ``row``."""
        arguments = [row[place] for place in self.places]
        if not self.names:
            return self.function(*arguments)
        return self.function(*arguments, **{name: row[place] for name, place in self.names})


def plan_of(
    binders: tuple[Binder, ...], steps: Sequence[Step], handler: Step, encoded: Encoder
) -> Handler:
    """Return the plan that binds, makes the dependencies, calls the handler and encodes."""
    if any(step.is_scoped for step in steps):
        return _plan_with_scopes(binders, steps, handler, encoded)
    if steps or handler.names or len(handler.places) < len(binders):
        return _plan_with_steps(binders, steps, handler, encoded)
    return _plan(binders, handler.function, encoded)


def _plan(binders: tuple[Binder, ...], function: Callable[..., Any], encoded: Encoder) -> Handler:
    """Return the plan of a handler whose arguments are the row."""
    if not binders:
        return lambda request: encoded(function())

    def run(request: Request) -> Response:
        faults: list[
            ErrorDetail
        ] = []  # as `_row` does it, without a call: most requests come this way
        row = [bind(request, faults) for bind in binders]
        if faults:
            raise ValidationError(faults)
        return encoded(function(*row))

    return run


def _row(binders: tuple[Binder, ...], request: Request) -> list[Any]:
    """Return what the request gives.

    Raises:
        ValidationError: Something of it is at fault.
    """
    faults: list[ErrorDetail] = []
    row = [bind(request, faults) for bind in binders]
    if faults:
        raise ValidationError(faults)
    return row


def _plan_with_steps(
    binders: tuple[Binder, ...], steps: Sequence[Step], handler: Step, encoded: Encoder
) -> Handler:
    """Return the plan of a handler that needs values made by functions that simply return."""

    def run(request: Request) -> Response:
        row = _row(binders, request)
        for step in steps:
            row.append(require_value(step.run(row), step.function))
        return encoded(handler.run(row))

    return run


def _plan_with_scopes(
    binders: tuple[Binder, ...], steps: Sequence[Step], handler: Step, encoded: Encoder
) -> Handler:
    """Return the plan of a handler with dependencies that go on after it."""

    def run(request: Request) -> Response:
        row = _row(binders, request)
        with ExitStack() as stack:
            for step in steps:
                value = step.run(row)
                made = stack.enter_context(value) if step.is_scoped else value
                row.append(require_value(made, step.function))
            response = encoded(handler.run(row))
            body = response.body
            if not isinstance(body, bytes | FileBody) and response.status != _SWITCHING:
                response.body = HeldBody(body, stack.pop_all())
            return response
        raise RuntimeError(SWALLOWED)

    return run
