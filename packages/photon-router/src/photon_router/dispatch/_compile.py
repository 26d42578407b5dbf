"""A document and its handlers compiled to endpoints, once, at start-up.

For every operation `EndpointCompiler` (`_endpoint`) makes a handler: one closure from a request to
its response. It is wrapped, from the inside, in the middleware of its router, its limits, and its
guard, which rejects every request that the security of the document does not allow. Everything that
depends only on the operation is computed here.

A `PathTree` has the endpoints by their templates, and the pages and mounts of the application,
which are not operations. `Dispatch` does the work per request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from photon_openapi.document import CATCH_ALL, Document, Operation
from photon_openapi.errors import DocumentError
from photon_openapi.serving import serving_errors
from photon_runtime.callables import location
from photon_runtime.errors import SignatureError
from photon_runtime.escapes import as_failure
from photon_runtime.http import Handler, Request, Response, Route
from photon_runtime.parts import ProblemPage

from ..handlers import CompilationContext, ErrorHandler, HandlerEntry, RouteScope
from ..responses import (
    ResponseCheck,
    TimesOfDocument,
    logging_naive_times,
    responding_with_files,
)
from ..security import (
    Guard,
    Guards,
    absent_identity_errors,
    identity_arguments,
    optional_identity_errors,
)
from ._dispatch import Endpoint
from ._endpoint import EndpointCompiler
from ._extensions import HANDLER, with_extensions
from ._limits import limited
from ._match import PathTree
from ._middleware import ErrorResponses, wrap
from ._mount import Mount


def compile_routes(
    context: CompilationContext,
    handlers: Mapping[str, HandlerEntry],
    mounts: Sequence[Mount] = (),
    *,
    guards: Guards | None = None,
    error_handlers: Mapping[type[BaseException], ErrorHandler] | None = None,
    validation_status: int = 422,
    problem_pages: Sequence[ProblemPage] = (),
    checks: Callable[[Document, Operation], ResponseCheck] | None = None,
) -> PathTree[Endpoint]:
    """Make the endpoints of all operations.

    Args:
        context: The state that all operations share, including the document.
        handlers: The handlers, by the names of their operations.
        mounts: The handlers of paths that are not operations.
        guards: The guards of the security that the document requires.
        error_handlers: The application's error handlers.
        validation_status: Status of the response to requests with invalid values.
        problem_pages: Functions that may replace problem documents by pages.
        checks: Makes the check of an operation's responses; ``None`` for no checks.

    Raises:
        DocumentError: Lists all problems: operations without handler, handlers without operation,
            arguments that the operation does not provide, security without a verifier, and errors
            of the document itself.
    """
    document, problems = context.document, context.problems
    guards = guards if guards is not None else Guards({})
    errors = serving_errors(document)
    problems += errors.texts
    is_partial = context.substitute is not None and not document.is_unreadable
    unservable = errors.by_operation(with_handlers=not is_partial) if errors.listed else {}
    operations = list(document.operations())
    handlers = with_extensions(operations, handlers, problems)
    if not problems or operations:  # an invalid document without operations matches no handler
        checked = [each for each in operations if not is_partial or each.pointer not in unservable]
        problems += _unmatched(operations, checked, handlers)
    operation_guards = guards.compile(document, operations, problems)
    error_responses = _ErrorResponsesFactory(error_handlers or {}, validation_status, problem_pages)
    # Generated responses have none.
    times = TimesOfDocument(document) if context.substitute is None else None
    endpoints = []
    for operation, guard in zip(operations, operation_guards, strict=True):
        reasons = list(map(str, unservable.get(operation.pointer, ())))
        entry, found = handlers.get(operation.name), len(problems)
        if entry is not None and not reasons:
            handler = _compiled(context, operation, entry, checks, times)
            reasons = problems[found:]
            if handler is not None and not reasons:
                wrapped = _wrap_operation(handler, operation, entry, guard, error_responses)
                endpoints.append((operation, wrapped))
        if reasons and is_partial and context.substitute is not None:
            endpoints.append((operation, context.substitute(operation, reasons)))
    problems += context.fillings.problems()
    if problems and not is_partial:
        raise DocumentError(list(dict.fromkeys(problems)))
    return _tree(endpoints, mounts, error_responses, is_partial=is_partial)


def _compiled(
    context: CompilationContext,
    operation: Operation,
    entry: HandlerEntry,
    checks: Callable[[Document, Operation], ResponseCheck] | None,
    times: TimesOfDocument | None,
) -> Handler | None:
    """Return the handler of an operation; ``None`` after adding a problem."""
    try:
        return _compile_operation(context, operation, entry, checks, times)
    except (SignatureError, ValueError) as error:  # of a dependency, of a schema
        context.problems.append(f"{operation.name}: {error}")
    except RecursionError:
        context.problems.append(f"{operation.name}: its types or schemas are nested too deeply")
    return None


def _compile_operation(
    context: CompilationContext,
    operation: Operation,
    entry: HandlerEntry,
    checks: Callable[[Document, Operation], ResponseCheck] | None,
    times: TimesOfDocument | None,
) -> Handler:
    handler = EndpointCompiler(context, operation, entry).endpoint()
    _check_users(context, operation, entry)
    naive = {} if times is None else times.checks(operation)
    if checks is not None:
        check = checks(context.document, operation)
        check.times = naive
        handler = check.wrap(handler)
    elif naive:
        handler = logging_naive_times(handler, operation, naive)
    may_be_file = any(case.may_be_file for case in entry.response_cases)
    return responding_with_files(handler) if may_be_file else handler


def _check_users(context: CompilationContext, operation: Operation, entry: HandlerEntry) -> None:
    """Note the arguments for the user that may be missing, or always are."""
    users = identity_arguments(
        entry.function, entry.signature, entry.scope.dependencies, context.providers
    )
    if not users:
        return
    if context.document.required_security(operation):
        for owner, argument in users:
            context.fillings.note_filled(owner, argument.key)
    else:
        for (owner, argument), problem in absent_identity_errors(users):
            text = f"{operation.name}: {problem}"
            context.fillings.note_unfilled(owner, argument.key, text)
    if context.document.is_open(operation):
        problems = optional_identity_errors(users)
        context.problems.extend(f"{operation.name}: {each}" for each in problems)


@attrs.frozen
class _ErrorResponsesFactory:
    """Makes the error responses of a router, with the application's handlers as fallback."""

    application: Mapping[type[BaseException], ErrorHandler]
    validation_status: int
    pages: Sequence[ProblemPage]

    def of(self, scope: RouteScope) -> ErrorResponses:
        handlers = {**self.application, **scope.error_handlers}
        return ErrorResponses(handlers, validation_status=self.validation_status, pages=self.pages)


def _wrap_operation(
    handler: Handler,
    operation: Operation,
    entry: HandlerEntry,
    guard: Guard | None,
    error_responses: _ErrorResponsesFactory,
) -> Handler:
    """Wrap a handler in the middleware, limits and guard of its router and its operation."""
    handler = limited(_wrap_in_scope(handler, entry.scope, error_responses), operation)
    return handler if guard is None else guard.wrap(handler, error_responses.of(RouteScope()))


def _wrap_in_scope(
    handler: Handler, scope: RouteScope, error_responses: _ErrorResponsesFactory
) -> Handler:
    """Wrap a handler in the middleware and the error responses of routers."""
    if not (scope.error_handlers or scope.middleware):
        return handler
    responses = error_responses.of(scope)
    return wrap(_handling_errors(handler, responses), scope.middleware, responses)


def _handling_errors(handler: Handler, error_responses: ErrorResponses) -> Handler:
    def run(request: Request) -> Response:
        try:
            return handler(request)
        except BaseException as error:
            return error_responses(request, as_failure(error))

    return run


def _add_operations(
    tree: PathTree[Endpoint], endpoints: Sequence[tuple[Operation, Handler]]
) -> list[str]:
    """Add operations below the paths of their servers; return the conflicts.

    Those of the document are errors of the document, and were reported before.
    """
    problems = []
    for operation, handler in endpoints:
        is_catch_all = any(parameter.get(CATCH_ALL) for parameter in operation.parameters)
        endpoint = Endpoint(
            handler, Route(operation.base_paths[0] + operation.path, operation.data)
        )
        for base in operation.base_paths:
            try:
                method = operation.method.upper()
                tree.add(base + operation.path, method, endpoint, is_catch_all=is_catch_all)
            except ValueError as error:
                problems.append(f"{operation.pointer}: {error}, below the path of a server")
    return problems


def _tree(
    endpoints: Sequence[tuple[Operation, Handler]],
    mounts: Sequence[Mount],
    error_responses: _ErrorResponsesFactory,
    *,
    is_partial: bool,
) -> PathTree[Endpoint]:
    tree: PathTree[Endpoint] = PathTree()
    conflicts = _add_operations(tree, endpoints)
    problems = [] if is_partial else conflicts
    for mount in mounts:
        handler = responding_with_files(mount.handler)
        handler = _wrap_in_scope(handler, mount.scope, error_responses)
        endpoint = Endpoint(handler, Route(mount.template))
        for method in mount.methods:
            try:
                tree.add(mount.template, method, endpoint, is_catch_all=mount.is_catch_all)
            except ValueError:
                if mount.is_optional:
                    continue
                problems.append(
                    f"{method} {mount.template} has a handler already, and {mount.name} has the "
                    "same path: move one of them"
                )
    if problems:
        raise DocumentError(problems)
    return tree


def _unmatched(
    operations: Sequence[Operation],
    checked: Sequence[Operation],
    handlers: Mapping[str, HandlerEntry],
) -> list[str]:
    """Return the operations without handler, of those to check, and the handlers without one."""
    problems = []
    for operation in checked:
        if operation.name in handlers or HANDLER in operation.data:
            continue
        if operation.data.get("operationId") is None:
            problems.append(f"{operation.name}: the operation needs an operationId or {HANDLER}")
        else:
            problems.append(f"{operation.name}: the operation has no handler")
    names = {operation.name for operation in operations}
    return problems + [
        f"{location(entry.function)}: the document has no operation {name!r}"
        for name, entry in handlers.items()
        if name not in names
    ]
