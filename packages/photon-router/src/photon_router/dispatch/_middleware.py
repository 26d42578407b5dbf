"""Middleware, and the responses to the errors of handlers.

Theory of operation. Middleware is a function ``def middleware(request, call_next) -> Response``.
Middleware of the application wraps everything, including error responses like 404; middleware of a
router or of one operation wraps the handler of the operation, inside authentication, so that it can
rely on the identity of the client.

``call_next`` never raises anything but cancellation: an error inside is immediately turned into a
response, by the error handler for its class, or as a problem document. So all middleware sees every
response, and adds its header fields to error responses, too. The error itself is available as
``request.failure``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from inspect import isfunction

from photon_openapi.errors import MalformedBody, ValidationError
from photon_runtime import speedups
from photon_runtime.callables import location, require_value
from photon_runtime.escapes import as_failure
from photon_runtime.http import (
    PROBLEM_TYPE,
    Handler,
    HttpError,
    Request,
    Response,
    failure_response,
    problem_response,
)
from photon_runtime.parts import ProblemPage

from ..handlers import ErrorHandler, Middleware
from ..responses import File

_log = logging.getLogger("photon.router")


class ErrorResponses:
    """Turns errors into responses.

    Args:
        handlers: The error handlers of the application, by class.
        validation_status: Status of the response to requests with invalid values.
        pages: Functions that may replace problem documents by pages.
    """

    __slots__ = ("_handlers", "_pages", "_validation_status")

    def __init__(
        self,
        handlers: Mapping[type[BaseException], ErrorHandler],
        *,
        validation_status: int,
        pages: Sequence[ProblemPage] = (),
    ) -> None:
        """Store the handlers."""
        self._handlers = dict(handlers)
        self._validation_status = validation_status
        self._pages = tuple(pages)

    def __call__(self, request: Request, error: Exception) -> Response:
        """Return the response to ``error``; an unexpected error is logged."""
        response = self._response(request, error)
        for page in self._pages:
            if response.content_type == PROBLEM_TYPE:
                try:
                    response = as_response(page(request, response), page)
                except BaseException as raised:
                    _log.error(
                        "the page of an error %d failed",
                        response.status,
                        exc_info=as_failure(raised),
                    )
        return response

    def _response(self, request: Request, error: Exception) -> Response:
        handler = self.declared(error)
        if handler is not None:
            try:
                return as_response(handler(request, error), handler)
            except BaseException as another:
                error = as_failure(another)
        if isinstance(error, HttpError):
            return problem_response(error)
        if isinstance(error, ValidationError):
            return problem_response(as_http_error(error, self._validation_status))
        return failure_response(request, error)

    def declared(self, error: Exception) -> ErrorHandler | None:
        """Return the handler that was declared for the class of ``error`` or its nearest base."""
        if not self._handlers:
            return None
        handlers = (self._handlers.get(base) for base in type(error).__mro__)
        return next((handler for handler in handlers if handler is not None), None)


def as_http_error(error: ValidationError, validation_status: int) -> HttpError:
    """Return the error whose response lists the errors of a request."""
    errors = [detail.as_dict() for detail in error.errors]
    if isinstance(error, MalformedBody):
        return HttpError(error.status, error.errors[0].message, extensions={"errors": errors})
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    detail = f"request validation failed: {count}"
    return HttpError(validation_status, detail, extensions={"errors": errors})


def wrap(
    handler: Handler, middleware: Sequence[Middleware], error_responses: ErrorResponses
) -> Handler:
    """Wrap ``handler`` in ``middleware``, the first one outermost.

    Args:
        handler: The innermost handler; its errors are not handled here.
        middleware: The middleware.
        error_responses: Turns the errors of middleware into responses for the next outer one.
    """
    for each in reversed(middleware):
        direct = getattr(each, "_wrap_handler", None)  # of Photon's own that raise no errors
        handler = _calling(each, handler, error_responses) if direct is None else direct(handler)
    return handler


def _calling(
    middleware: Middleware, call_next: Handler, error_responses: ErrorResponses
) -> Handler:
    # An object is called by its method: to find `__call__` anew takes as long as the call.
    is_object = isfunction(getattr(type(middleware), "__call__", None))  # noqa: B004 - its own
    call: Middleware = middleware.__call__ if is_object else middleware  # type: ignore[operator]

    def checked(request: Request, result: object) -> Response:
        response = as_response(result, middleware)
        return response.respond(request) if isinstance(response, File) else response

    def answer(request: Request, error: BaseException) -> Response:
        return error_responses(request, as_failure(error))

    def call_middleware(request: Request) -> Response:
        try:
            response = call(request, call_next)
            return response if type(response) is Response else checked(request, response)
        except BaseException as error:
            return answer(request, error)

    return speedups.step("middleware", call_middleware, call, call_next, checked, answer)


def as_response(result: object, function: Callable[..., object]) -> Response:
    """Return the response that a function of the application returned.

    Raises:
        TypeError: The result is not a response.
    """
    if isinstance(result, Response):
        return result
    require_value(result, function)
    raise TypeError(f"{location(function)} returned {result!r}, not a Response")
