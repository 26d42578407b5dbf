"""What remains to do per request: find the plan, run it, and answer for what goes wrong.

Errors that are answers (`HttpError`, requests that do not fit) become problem documents here; all
others pass through, for the server to report.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TypeAlias

from photon_runtime.http import Handler, HttpError, Request, Response, problem_response

from ._faults import MalformedBody, ValidationFailed
from ._match import PathTree

Plan: TypeAlias = Callable[[Request, list[str]], Response]
"""Answers a request; the list has the values of the path's parameters."""


class Dispatch:
    """Answers requests by the plans; the innermost handler of an application."""

    __slots__ = ("_find", "_validation_status")

    def __init__(self, tree: PathTree[Plan], *, validation_status: int = 422) -> None:
        """Keep the plans."""
        self._find = tree.find
        self._validation_status = validation_status

    def __call__(self, request: Request) -> Response:
        """Answer ``request``; errors other than `HttpError` and validation pass through."""
        try:
            found = self._find(request.raw_path)
            if found is None:
                return problem_response(HttpError(404, f"there is nothing at {request.path}"))
            plans, path = found
            plan = plans.get(request.method)
            if plan is None:
                return _other_method(plans, request, path)
            return plan(request, path)
        except HttpError as error:
            return problem_response(error)
        except ValidationFailed as failed:
            return problem_response(_as_http_error(failed, self._validation_status))


def _other_method(plans: dict[str, Plan], request: Request, path: list[str]) -> Response:
    """Answer HEAD by the plan of GET, OPTIONS by the methods there are, others with 405."""
    if request.method == "HEAD" and "GET" in plans:
        return plans["GET"](request, path)
    methods = set(plans) | {"OPTIONS"} | ({"HEAD"} if "GET" in plans else set())
    allow = {"allow": ", ".join(sorted(methods))}
    if request.method == "OPTIONS":
        return Response(204, headers=allow)
    raise HttpError(405, f"{request.method} is not possible here", headers=allow)


def _as_http_error(failed: ValidationFailed, validation_status: int) -> HttpError:
    faults = [fault.as_dict() for fault in failed.faults]
    if isinstance(failed, MalformedBody):
        return HttpError(failed.status, failed.faults[0].message, extensions={"errors": faults})
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return HttpError(validation_status, f"the request has {count}", extensions={"errors": faults})


def wrap(handler: Handler, middleware: Sequence[Callable[[Request, Handler], Response]]) -> Handler:
    """Put ``middleware`` around ``handler``, the first one outermost."""
    for layer in reversed(middleware):
        handler = functools.partial(_call_layer, layer, handler)
    return handler


def _call_layer(
    layer: Callable[[Request, Handler], Response], call_next: Handler, request: Request
) -> Response:
    return layer(request, call_next)
