"""From a document and its handlers to plans, once, at start.

For every operation `EndpointCompiler` (`_endpoint`) makes a *plan*: one closure from a request to
its response. Around it lie, from the inside: the layers of its router, its limits, and its guard,
which lets nobody in whom the document's security does not allow. All that depends on the operation
alone is settled here; a request runs straight through.

The plans hang in a `PathTree` under their templates, beside the pages and mounts of the
application, which are no operations; `Dispatch` is what remains to do per request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from photon_openapi.document import CATCH_ALL, Document, Operation
from photon_openapi.errors import DocumentError
from photon_runtime.callables import location
from photon_runtime.errors import SignatureError
from photon_runtime.http import Handler, Request, Response, Route

from ..handlers import CompilationContext, ErrorHandler, HandlerEntry, RouteScope
from ..responses import AnswerCheck
from ..security import Guard, Guards, optional_identity_errors
from ._dispatch import Endpoint
from ._endpoint import EndpointCompiler
from ._extensions import HANDLER, with_extensions
from ._layers import ErrorAnswers, wrap
from ._limits import limited, wrong_limits
from ._match import PathTree
from ._mount import Mount


def compile_routes(
    context: CompilationContext,
    handlers: Mapping[str, HandlerEntry],
    mounts: Sequence[Mount] = (),
    *,
    guards: Guards | None = None,
    error_handlers: Mapping[type[BaseException], ErrorHandler] | None = None,
    validation_status: int = 422,
    checks: Callable[[Document, Operation], AnswerCheck] | None = None,
) -> PathTree[Endpoint]:
    """Make the endpoints of all operations.

    Args:
        context: What they share, the document among it.
        handlers: The handlers, by the names of their operations.
        mounts: What answers paths that are no operations.
        guards: What verifies the security that the document requires.
        error_handlers: The application's error handlers.
        validation_status: Status of the response to requests with invalid values.
        checks: Makes the check of an operation's responses; ``None`` for no checks.

    Raises:
        DocumentError: Operations without handler, handlers without operation, arguments that
            the operation does not provide, security that nothing verifies, and whatever is wrong
            with the document itself; all at once.
    """
    document, problems = context.document, context.problems
    guards = guards if guards is not None else Guards({})
    problems += document.problems()
    operations = list(document.operations())
    problems += wrong_limits(document)
    handlers = with_extensions(operations, handlers, problems)
    if not problems or operations:  # else there is no document, and no more can be known
        problems += _unmatched(operations, handlers)
    guarding = guards.compile(document, operations, problems)
    answers = _Answers(error_handlers or {}, validation_status)
    endpoints = []
    for operation, guard in zip(operations, guarding, strict=True):
        if not operation.is_well_formed or operation.name not in handlers:
            continue
        entry = handlers[operation.name]
        try:
            handler = _compile_operation(context, operation, entry, checks)
        except (SignatureError, ValueError) as error:  # of a dependency, of a schema
            problems.append(f"{operation.name}: {error}")
            continue
        endpoints.append((operation, _surround(handler, operation, entry, guard, answers)))
    if problems:
        raise DocumentError(problems)
    return _tree(endpoints, mounts, answers)


def _compile_operation(
    context: CompilationContext,
    operation: Operation,
    entry: HandlerEntry,
    checks: Callable[[Document, Operation], AnswerCheck] | None,
) -> Handler:
    handler = EndpointCompiler(context, operation, entry).endpoint()
    if context.document.is_open(operation):
        wrong = optional_identity_errors(
            entry.function, entry.signature, entry.scope.dependencies, context.providers
        )
        context.problems.extend(f"{operation.name}: {each}" for each in wrong)
    if checks is not None:
        handler = checks(context.document, operation).around(handler)
    return handler


@attrs.frozen
class _Answers:
    """Makes the answers for errors, those of the application below those of a router."""

    application: Mapping[type[BaseException], ErrorHandler]
    validation_status: int

    def of(self, scope: RouteScope) -> ErrorAnswers:
        handlers = {**self.application, **scope.error_handlers}
        return ErrorAnswers(handlers, validation_status=self.validation_status)


def _surround(
    plan: Handler, operation: Operation, entry: HandlerEntry, guard: Guard | None, answers: _Answers
) -> Handler:
    """Put around a plan what belongs to its router and its operation."""
    plan = limited(_within(plan, entry.scope, answers), operation)
    return plan if guard is None else guard.wrap(plan, answers.of(RouteScope()))


def _within(plan: Handler, scope: RouteScope, answers: _Answers) -> Handler:
    """Put the layers of routers around a plan, and their answers for errors."""
    if not (scope.error_handlers or scope.middleware):
        return plan
    own = answers.of(scope)
    return wrap(_answering(plan, own), scope.middleware, own)


def _answering(plan: Handler, answers: ErrorAnswers) -> Handler:
    def run(request: Request) -> Response:
        try:
            return plan(request)
        except Exception as error:
            return answers(request, error)

    return run


def _hang_operations(
    tree: PathTree[Endpoint], endpoints: Sequence[tuple[Operation, Handler]]
) -> list[str]:
    """Hang operations below the paths of their servers; return which have no place of their own."""
    problems = []
    for operation, plan in endpoints:
        is_rest = any(parameter.get(CATCH_ALL) for parameter in operation.parameters)
        endpoint = Endpoint(plan, Route(operation.base_paths[0] + operation.path, operation.data))
        for base in operation.base_paths:
            try:
                method = operation.method.upper()
                tree.add(base + operation.path, method, endpoint, is_catch_all=is_rest)
            except ValueError as error:
                problems.append(f"{operation.pointer}: {error}, below the path of a server")
    return problems


def _tree(
    endpoints: Sequence[tuple[Operation, Handler]], mounts: Sequence[Mount], answers: _Answers
) -> PathTree[Endpoint]:
    tree: PathTree[Endpoint] = PathTree()
    problems = _hang_operations(tree, endpoints)
    for mount in mounts:
        handler = _within(mount.handler, mount.scope, answers)
        endpoint = Endpoint(handler, Route(mount.template))
        for method in mount.methods:
            try:
                tree.add(mount.template, method, endpoint, is_catch_all=mount.is_catch_all)
            except ValueError:
                if mount.gives_way:
                    continue
                problems.append(
                    f"{method} {mount.template} is taken, and {mount.name} wants it, too: move "
                    f"one of them"
                )
    if problems:
        raise DocumentError(problems)
    return tree


def _unmatched(operations: Sequence[Operation], handlers: Mapping[str, HandlerEntry]) -> list[str]:
    """Return the operations without handler and the handlers without operation."""
    problems = []
    for operation in operations:
        if operation.name in handlers or HANDLER in operation.data:
            continue
        if operation.data.get("operationId") is None:
            problems.append(f"{operation.name}: the operation needs an operationId or {HANDLER}")
        else:
            problems.append(f"{operation.name}: the operation has no handler")
    names = {operation.name for operation in operations}
    return problems + [
        f"{location(entry.function)}: there is no operation {name!r} in the document"
        for name, entry in handlers.items()
        if name not in names
    ]
