"""What a decorator may say of an operation beside its method and path."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from photon_runtime.callables import require_function
from photon_runtime.http import CallAdapter

from ..annotations._depends import Dependency
from ..errors import SignatureError
from ..security._verifier import Required
from ._route_scope import ErrorHandler, Middleware, RouteScope

DeclaredResponse: TypeAlias = str | type[Any] | Mapping[str, Any]
"""A description (of a problem document), a class that is sent as JSON, or a response object."""


class OperationOptions(TypedDict, total=False):
    """What a decorator may say of a handler, also where the document was there first.

    Attributes:
        omit_none: Whether members of answers that are ``None`` are left out instead of sent as
            ``null``. What the schema requires is sent all the same: code first, members without a
            default.
        dependencies: Functions, perhaps marked by `Depends`, that are run before the handler.
        middleware: Layers around the handler, the outermost first, within those of its router.
        error_handlers: Answers for errors of the handler, by class.
        adapter: What the connection becomes after the request was accepted, such as a WebSocket;
            see `photon_runtime.http.CallAdapter`.
    """

    omit_none: bool
    dependencies: Sequence[object]
    middleware: Sequence[Middleware]
    error_handlers: Mapping[type[BaseException], ErrorHandler]
    adapter: CallAdapter


class RouteOptions(OperationOptions, total=False):
    """What a decorator may say of an operation beside method and path.

    To these come the `OperationOptions`.

    Attributes:
        status: Status of the answer where the handler gives none; 200, or 204 for ``-> None``.
        tags: Groups in the documentation.
        summary: One line; by default the first of the docstring.
        description: Longer text; by default the rest of the docstring.
        operation_id: Name of the operation; by default the function's.
        deprecated: Whether clients should stop using it.
        include_in_schema: Whether it stands in the published document.
        responses: Further responses by status: a description of a problem document, a response
            object, or a class. Results of that class are then sent with that status.
        response_description: What the usual answer is.
        response_headers: Header fields of the usual answer: what they mean, or header objects.
        media_type: Type of the usual answer, where it is not the one that the annotation means. A
            ``str`` or ``bytes`` is then sent as it is, and what an iterator gives as events, JSON
            lines or parts.
        examples: Examples of the usual answer, by name.
        external_docs: URL of a description elsewhere.
        openapi_extra: Merged into the operation object at last.
        security: Who may call it: any of these verifiers, or requirements of several; an empty list
            lets everybody in. By default what its router says.
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
    security: Sequence[Required]


_ELSEWHERE = {
    "response_model": "the return annotation says what the answer is",
    "response_model_exclude_none": "it is called `omit_none`",
    "status_code": "it is called `status`",
    "response_model_exclude_unset": "`omit_none` leaves out what is None",
    "response_model_exclude_defaults": "`omit_none` leaves out what is None",
    "response_class": "return an Html, Text, File ... or state `media_type`",
    "callbacks": "write them into `openapi_extra`",
    "name": "it is called `operation_id`",
}
"""Options that other frameworks have, and what takes their place."""


def check_options(options: Mapping[str, object]) -> None:
    """Refuse an option that decorators do not have.

    Raises:
        SignatureError: There is one; names the nearest valid one.
    """
    known = sorted(RouteOptions.__annotations__)
    for name in options:
        if name not in known:
            if name in _ELSEWHERE:
                raise SignatureError(f"{name!r} is no option of a handler: {_ELSEWHERE[name]}")
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise SignatureError(f"{name!r} is no option of a handler: {hint}")


def check_operation_options(options: Mapping[str, object]) -> None:
    """Refuse what a decorator cannot say where the document was there first.

    Raises:
        SignatureError: There is an option that it does not have, or leaves to the document.
    """
    check_options(options)
    known = sorted(OperationOptions.__annotations__)
    for name in options:
        if name not in known:
            raise SignatureError(
                f"{name!r} is for the document to say; its handler has {', '.join(known)}"
            )


def within(outer: RouteOptions, inner: RouteOptions) -> RouteOptions:
    """Return the options of a handler within those of its router.

    Its own count, but tags and responses of both do, and what is hidden or deprecated as a whole
    stays so.
    """
    merged: RouteOptions = {**outer, **inner}
    if "tags" in outer or "tags" in inner:
        merged["tags"] = list(dict.fromkeys([*outer.get("tags", ()), *inner.get("tags", ())]))
    if "responses" in outer and "responses" in inner:
        merged["responses"] = {**outer["responses"], **inner["responses"]}
    if outer.get("deprecated"):
        merged["deprecated"] = True
    if outer.get("include_in_schema") is False:
        merged["include_in_schema"] = False
    return merged


def scope_of(options: OperationOptions) -> RouteScope:
    """Return what the options wrap a handler in.

    Raises:
        SignatureError: A dependency, middleware or an error handler is not a plain function, or an
            error handler is not for a class of errors.
    """
    check_error_handlers(options.get("error_handlers", {}))
    check_middleware(options.get("middleware", ()))
    return RouteScope(
        tuple(options.get("middleware", ())),
        tuple(map(dependency_of, options.get("dependencies", ()))),
        options.get("error_handlers", {}),
    )


def check_error_handlers(handlers: Mapping[type[BaseException], ErrorHandler]) -> None:
    """Refuse error handlers for what is not a class of exceptions, or that are not functions.

    Raises:
        SignatureError: One of them is not.
    """
    check_error_classes(handlers)
    for handler in handlers.values():
        require_function(handler, "an error handler")


def check_middleware(layers: Iterable[Middleware]) -> None:
    """Refuse what cannot be middleware.

    Raises:
        SignatureError: One is not a function that returns a response.
    """
    for layer in layers:
        require_function(layer, "middleware")


def check_error_classes(classes: Iterable[object]) -> None:
    """Refuse what is no class of exceptions.

    Raises:
        SignatureError: One of them is none.
    """
    for each in classes:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            raise SignatureError(
                f"errors are answered by their class, not by {each!r}: write "
                "@app.error_handler(HttpError), and ask the error for its status"
            )


def dependency_of(dependency: object) -> Dependency:
    """Return a dependency that is run for its effect, marked by `Depends` or a bare function.

    Raises:
        SignatureError: It is neither.
    """
    if isinstance(dependency, Dependency):
        return dependency
    if callable(dependency):
        provider: Callable[..., object] = dependency
        return Dependency(provider)
    raise SignatureError(f"a dependency is a function, not {dependency!r}")


def shared_options(
    tags: Sequence[str],
    responses: Mapping[int, DeclaredResponse] | None,
    *,
    deprecated: bool,
    include_in_schema: bool,
    security: Sequence[Required] | None,
    omit_none: bool | None,
) -> RouteOptions:
    """Return options that several handlers share; what is ``None`` is left to each of them."""
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
