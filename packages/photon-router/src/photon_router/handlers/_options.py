"""The options of a decorator for an operation, in addition to its method and path."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from photon_runtime.http import CallAdapter

from ..annotations import Dependency, Depends
from ..errors import SignatureError
from ..security import Required
from ._registration_checks import check_error_handlers, check_list, check_middleware
from ._route_scope import ErrorHandler, Middleware, RouteScope

DeclaredResponse: TypeAlias = str | type[Any] | Mapping[str, Any]
"""A description (of a problem document), a class that is sent as JSON, or a response object."""


class OperationOptions(TypedDict, total=False):
    """Options of a handler, spec first and code first.

    Attributes:
        omit_none: True to leave out members of responses that are ``None`` instead of sending
            ``null``. Members that the schema requires are always sent: code first, members without
            a default.
        dependencies: Functions, optionally marked by `Depends`, that run before the handler.
        middleware: Middleware of the handler, the outermost first, inside that of its router.
        error_handlers: Error handlers of the handler, by class.
        adapter: Protocol of the connection after the request was accepted, such as a WebSocket; see
            `photon_runtime.http.CallAdapter`.
        security: Alternatives for authentication: verifiers, requirements of several, or names of
            security schemes of the document; an empty list makes the operation public. By default
            that of its router, spec first that of the document.
    """

    omit_none: bool
    dependencies: Sequence[object]
    middleware: Sequence[Middleware]
    error_handlers: Mapping[type[BaseException], ErrorHandler]
    adapter: CallAdapter
    security: Sequence[Required]


class RouteOptions(OperationOptions, total=False):
    """Options of an operation, in addition to method and path and to the `OperationOptions`.

    Attributes:
        status: Default status of the response; 200, or 204 for ``-> None``.
        tags: Groups in the documentation.
        summary: One line; by default the first of the docstring.
        description: Longer text; by default the rest of the docstring.
        operation_id: Name of the operation; by default the function's.
        deprecated: True if clients should stop using it.
        include_in_schema: False to leave it out of the published document.
        responses: Further responses by status: a description of a problem document, a response
            object, or a class. Results of that class are then sent with that status.
        response_description: Description of the default response.
        response_headers: Header fields of the default response: descriptions, or header objects.
        media_type: Media type of the default response, if it differs from that of the annotation. A
            ``str`` or ``bytes`` is then sent unchanged, and the items of an iterator as events,
            JSON lines or parts.
        examples: Examples of the default response, by name.
        external_docs: URL of external documentation.
        openapi_extra: Members that are merged into the finished operation object.
    """

    status: int
    tags: Sequence[str]
    summary: str
    description: str
    operation_id: str
    deprecated: bool
    include_in_schema: bool
    responses: Mapping[int, DeclaredResponse]
    response_description: str
    response_headers: Mapping[str, str | Mapping[str, Any]]
    media_type: str
    examples: Mapping[str, object]
    external_docs: str
    openapi_extra: Mapping[str, Any]


_LISTS = {
    "tags": '["items"]',
    "security": "[JwtBearer(...)]",
    "dependencies": "[authenticate]",
    "middleware": "[Cors(...)]",
}
_MAPPINGS = {
    "responses": '{404: "the item does not exist"}',
    "response_headers": '{"Location": "URL of the item"}',
    "examples": '{"usual": {"id": 1}}',
    "openapi_extra": '{"x-internal": True}',
}
_EQUIVALENTS = {
    "response_model": "annotate the return type of the handler",
    "response_model_exclude_none": "write `omit_none`",
    "status_code": "write `status`",
    "response_model_exclude_unset": "`omit_none` leaves out members that are None",
    "response_model_exclude_defaults": "`omit_none` leaves out members that are None",
    "response_class": "return an Html, Text, File ... or write `media_type`",
    "callbacks": "write them into `openapi_extra`",
    "name": "write `operation_id`",
    "endpoint": "write `operation_id`",
    "methods": 'write `method="GET"`, and decorate the function once for each method',
    "strict_slashes": "a path matches as it is written; add a second route for the other one",
    "permission_classes": "write `dependencies` or `security`",
}
"""Options of other frameworks, and their equivalents."""


def check_options(options: Mapping[str, object]) -> None:
    """Reject unknown options, and values of another kind.

    Raises:
        SignatureError: An option is unknown, and the message names the nearest valid one; or its
            value would be taken for something else.
    """
    _check_names(options)
    check_values(options)


def _check_names(options: Mapping[str, object]) -> None:
    known = sorted(RouteOptions.__annotations__)
    for name in options:
        if name not in known:
            if name in _EQUIVALENTS:
                raise SignatureError(
                    f"{name!r} is not an option of a handler: {_EQUIVALENTS[name]}"
                )
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"the options are {', '.join(known)}"
            raise SignatureError(f"{name!r} is not an option of a handler: {hint}")


def check_values(options: Mapping[str, object]) -> None:
    """Reject options whose values would be taken for something else.

    Raises:
        SignatureError: A text is in the place of a list, a list in that of a mapping, or a status
            is not a number.
    """
    for name, example in _LISTS.items():
        if name in options:
            check_list(options[name], name, example)
    for name, example in _MAPPINGS.items():
        if name in options and not isinstance(options[name], Mapping):
            raise SignatureError(
                f"{name}=... is a mapping, as in {name}={example}, not {options[name]!r}"
            )
    for name in ("deprecated", "include_in_schema", "omit_none"):
        if not isinstance(options.get(name, False), bool):
            raise SignatureError(f"{name}=... is true or false, not {options[name]!r}")
    _check_statuses(options)


def _check_statuses(options: Mapping[str, object]) -> None:
    statuses = [options["status"]] if "status" in options else []
    responses = options.get("responses", {})
    for status in [*statuses, *(responses if isinstance(responses, Mapping) else ())]:
        if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
            raise SignatureError(f"a status is a number from 100 to 599, not {status!r}")


def check_operation_options(options: Mapping[str, object]) -> None:
    """Reject unknown options, and options that belong to the document (spec first).

    Raises:
        SignatureError: An option is unknown, or belongs to the document.
    """
    _check_names(options)
    known = sorted(OperationOptions.__annotations__)
    for name in options:
        if name not in known:
            raise SignatureError(
                f"{name!r} belongs in the document; the options of its handler are "
                f"{', '.join(known)}"
            )
    check_values(options)


def merge_options(outer: RouteOptions, inner: RouteOptions) -> RouteOptions:
    """Return the options of a handler merged with those of its router.

    The handler's own take precedence, but tags and responses are combined, and a hidden or
    deprecated router hides or deprecates all of its handlers.
    """
    merged: RouteOptions = {**outer, **inner}
    if "tags" in merged:
        merged["tags"] = list(dict.fromkeys([*outer.get("tags", ()), *inner.get("tags", ())]))
    if "responses" in outer and "responses" in inner:
        merged["responses"] = {**outer["responses"], **inner["responses"]}
    if outer.get("deprecated"):
        merged["deprecated"] = True
    if outer.get("include_in_schema") is False:
        merged["include_in_schema"] = False
    return merged


def scope_of(options: OperationOptions) -> RouteScope:
    """Return the scope of a handler with these options.

    Raises:
        SignatureError: A dependency, middleware or an error handler is not a plain function, or an
            error handler is not for a class of errors.
    """
    check_error_handlers(options.get("error_handlers", {}))
    check_middleware(options.get("middleware", ()))
    return RouteScope(
        tuple(options.get("middleware", ())),
        dependencies_of(options.get("dependencies", ())),
        dict(options.get("error_handlers", {})),  # scopes are shared: later changes do not count
    )


def dependency_of(dependency: object) -> Dependency:
    """Return a dependency that runs for its effect: marked by `Depends`, or a bare function.

    Raises:
        SignatureError: It is neither.
    """
    if isinstance(dependency, Dependency):
        return dependency
    if dependency is Depends:
        raise SignatureError("Depends must be called: write dependencies=[Depends(function)]")
    if callable(dependency):
        provider: Callable[..., object] = dependency
        return Dependency(provider)
    raise SignatureError(
        f"a dependency must be a function, not {dependency!r}: pass the function, without calling "
        "it"
    )


def dependencies_of(dependencies: Sequence[object]) -> tuple[Dependency, ...]:
    """Return the dependencies of a router or handler.

    Raises:
        SignatureError: It is not a list, or one of them is not a dependency.
    """
    check_list(dependencies, "dependencies", "[authenticate]")
    return tuple(map(dependency_of, dependencies))


def shared_options(
    tags: Sequence[str],
    responses: Mapping[int, DeclaredResponse] | None,
    *,
    deprecated: bool,
    include_in_schema: bool,
    security: Sequence[Required] | None,
    omit_none: bool | None,
) -> RouteOptions:
    """Return options that several handlers share; ``None`` leaves an option to each of them.

    Raises:
        SignatureError: An option has a value of another kind.
    """
    check_values({"tags": tags, "responses": responses or {}, "security": security or ()})
    shared: RouteOptions = {
        "tags": list(tags),
        "responses": responses or {},
        "deprecated": deprecated,
        "include_in_schema": include_in_schema,
    }
    if security is not None:
        shared["security"] = list(security)
    if omit_none is not None:
        shared["omit_none"] = omit_none
    return shared
