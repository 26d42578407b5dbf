"""What lies around a handler: middleware, and the answers for its errors.

Theory of operation. A layer is ``def layer(request, call_next) -> Response``. Layers of the
application lie around everything, refusals like 404 included; layers of a router or of one
operation lie around the handler's plan, inside of authentication, so that they may rely on who
asks.

``call_next`` never raises, short of cancellation: an error of what lies inside is turned into
its answer at once, by the handler that was declared for its class, or as a problem document. So
every layer sees every answer, and puts its header fields also on the answer that stands for a
failure. Who wants to know of the failure itself finds it as ``request.failure``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

from photon_openapi.errors import MalformedBody, ValidationError
from photon_runtime.callables import location, require_value
from photon_runtime.http import (
    Handler,
    HttpError,
    Request,
    Response,
    failure_response,
    problem_response,
)

from ..handlers import ErrorHandler, Middleware


class ErrorAnswers:
    """Turns errors into responses.

    Args:
        handlers: Answers that the application declared, by class.
        validation_status: Status for requests that do not fit.
    """

    __slots__ = ("_handlers", "_validation_status")

    def __init__(
        self, handlers: Mapping[type[BaseException], ErrorHandler], *, validation_status: int
    ) -> None:
        """Keep the handlers."""
        self._handlers = dict(handlers)
        self._validation_status = validation_status

    def __call__(self, request: Request, error: Exception) -> Response:
        """Return the answer for ``error``; one that nobody expected is logged."""
        handler = self.declared(error)
        if handler is not None:
            try:
                return as_response(handler(request, error), handler)
            except Exception as another:
                error = another
        if isinstance(error, HttpError):
            return problem_response(error)
        if isinstance(error, ValidationError):
            return problem_response(as_http_error(error, self._validation_status))
        return failure_response(request, error)

    def declared(self, error: Exception) -> ErrorHandler | None:
        """Return the handler that was declared for the class of ``error`` or its nearest base."""
        if not self._handlers:
            return None
        found = (self._handlers.get(base) for base in type(error).__mro__)
        return next((handler for handler in found if handler is not None), None)


def as_http_error(failed: ValidationError, validation_status: int) -> HttpError:
    """Return the error that tells a request's faults."""
    faults = [fault.as_dict() for fault in failed.errors]
    if isinstance(failed, MalformedBody):
        return HttpError(failed.status, failed.errors[0].message, extensions={"errors": faults})
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return HttpError(validation_status, f"the request has {count}", extensions={"errors": faults})


def wrap(handler: Handler, layers: Sequence[Middleware], answers: ErrorAnswers) -> Handler:
    """Put ``layers`` around ``handler``, the first one outermost.

    Args:
        handler: The innermost; what it raises is not answered here.
        layers: The middleware.
        answers: Turns what a layer raises into the response that the next outer one sees.
    """
    for layer in reversed(layers):
        handler = functools.partial(_call_layer, layer, handler, answers)
    return handler


def _call_layer(
    layer: Middleware, call_next: Handler, answers: ErrorAnswers, request: Request
) -> Response:
    try:
        return as_response(layer(request, call_next), layer)
    except Exception as error:
        return answers(request, error)


def as_response(result: object, function: Callable[..., object]) -> Response:
    """Return the response that a function of the application returned.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(result, Response):
        return result
    require_value(result, function)
    raise TypeError(f"{location(function)} returned {result!r}, not a Response")
