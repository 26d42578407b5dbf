"""Document and handlers to one function that answers requests.

Theory of operation. At start every operation becomes a plan: a closure that binds the
arguments, calls the dependencies and the handler, and encodes the result. All that depends on
the operation alone (which header, which converter, which schema, in which order) is settled
then; a request runs straight through. The plans hang in a `PathTree` under their templates, and
`Dispatch` is what remains to do per request: find, check the method, run, and turn the errors
that are answers into problem documents.

Arguments fill a row of values: first those from the request, and only if none of them is at
fault, those from dependencies, each made once from earlier places of the row; the handler's own
are picked from it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs

from photon_runtime.http import Handler, HttpError, Request, Response, problem_response

from ._body import JsonBody, SchemaBody, encode
from ._document import CATCH_ALL, HIDDEN, Document, OpenApi, Operation
from ._faults import Fault, MalformedBody, ValidationFailed
from ._match import PathTree
from ._operation import BYTES, JSON, TEXT, default_status
from ._parameters import Binder, Call, bind_parameter, takes_parameter
from ._signature import MISSING, Argument, Signature, read_signature, where
from .errors import DocumentError

Plan = Callable[[Request, list[str]], Response]
Function = Callable[..., Any]


@attrs.frozen
class Bound:
    """A handler, bound to an operation by its name.

    Attributes:
        function: The handler.
        signature: Its signature.
        status: Status of its answers; ``None`` leaves it to the document.
        is_code_first: Whether the operation was written from the signature, so that the types
            say all that the schema does.
    """

    function: Function
    signature: Signature
    status: int | None
    is_code_first: bool


def compile_routes(document: Document, handlers: Mapping[str, Bound]) -> PathTree[Plan]:
    """Make the plans of all operations.

    Raises:
        DocumentError: Operations without handler, handlers without operation, arguments that
            the operation does not provide, and whatever is wrong with the document itself; all
            at once.
    """
    problems = document.problems()
    operations = list(document.operations())
    problems += _unmatched(operations, handlers)
    if problems:
        raise DocumentError(problems)
    tree: PathTree[Plan] = PathTree()
    for operation in operations:
        compiler = _OperationCompiler(document, operation, handlers[operation.name], problems)
        # The pages about the application are no part of what its servers offer.
        base = "" if operation.data.get(HIDDEN) else document.base_path
        is_rest = any(parameter.get(CATCH_ALL) for parameter in operation.parameters)
        method = operation.method.upper()
        tree.add(base + operation.path, method, compiler.plan(), is_catch_all=is_rest)
    if problems:
        raise DocumentError(problems)
    return tree


def _unmatched(operations: Sequence[Operation], handlers: Mapping[str, Bound]) -> list[str]:
    """Return the operations without handler and the handlers without operation."""
    problems = []
    for operation in operations:
        if operation.data.get("operationId") is None:
            problems.append(f"{operation.name}: the operation needs an operationId")
        elif operation.name not in handlers:
            problems.append(f"{operation.name}: the operation has no handler")
    names = {operation.name for operation in operations}
    return problems + [
        f"{where(bound.function)}: there is no operation {name!r} in the document"
        for name, bound in handlers.items()
        if name not in names
    ]


@attrs.frozen
class _Step:
    """One call on the way: a dependency, or in the end the handler.

    Attributes:
        function: What to call.
        places: Where in the row the positional arguments stand.
        names: Where in the row the keyword arguments stand, by name.
        is_scoped: Whether it gives a context manager to be entered.
    """

    function: Function
    places: tuple[int, ...]
    names: tuple[tuple[str, int], ...]
    is_scoped: bool

    def run(self, row: list[Any], stack: ExitStack) -> Any:
        """Call with arguments from ``row``."""
        arguments = [row[place] for place in self.places]
        keywords = {name: row[place] for name, place in self.names}
        result = self.function(*arguments, **keywords)
        return stack.enter_context(result) if self.is_scoped else result


@attrs.define
class _OperationCompiler:
    """Makes the plan of one operation; what is wrong goes to ``problems``."""

    document: Document
    operation: Operation
    bound: Bound
    problems: list[str]
    binders: list[Binder] = attrs.field(factory=list)
    steps: list[_Step] = attrs.field(factory=list)
    provided: dict[Function, int] = attrs.field(factory=dict)

    def plan(self) -> Plan:
        """Return the plan."""
        self._refuse_security()
        self._bind_all(self.bound.function, self.bound.signature)
        handler = self._step(self.bound.function, self.bound.signature)
        encoded = _encoder(self._status())
        if self.steps:
            return _plan_with_dependencies(tuple(self.binders), self.steps, handler, encoded)
        return _plan(tuple(self.binders), handler, encoded)

    def _status(self) -> int:
        """Return the status of an answer whose handler gives none: the document's first 2xx."""
        if self.bound.status is not None:
            return self.bound.status
        declared = [str(status) for status in self.operation.data.get("responses", {})]
        good = sorted(status for status in declared if status.isdecimal() and status[0] == "2")
        return int(good[0]) if good else default_status(self.bound.signature.result)

    def _refuse_security(self) -> None:
        """Refuse to serve without the protection that the document promises."""
        required = self.operation.data.get("security", self.document.data.get("security"))
        if required and {} not in required:
            names = sorted({name for option in required for name in option})
            self.problems.append(
                f"{self.operation.name}: requires {', '.join(names)}, which nothing verifies"
            )

    # -- the row of values ------------------------------------------------------------------

    def _bind_all(self, function: Function, signature: Signature) -> None:
        """Add binders for everything that comes from the request, dependencies' needs first."""
        self._bind(function, signature, set())

    def _bind(self, function: Function, signature: Signature, seen: set[Function]) -> None:
        for argument in signature.arguments:
            if argument.dependency is None:
                self.provided[_key(function, argument)] = len(self.binders)
                self.binders.append(self._binder(function, argument))
            elif argument.dependency.provider not in seen:
                provider = argument.dependency.provider
                seen.add(provider)
                self._bind(provider, read_signature(provider), seen)

    def _step(self, function: Function, signature: Signature) -> _Step:
        """Return the step that calls ``function``, adding those of its dependencies before."""
        places, names = [], []
        for argument in signature.arguments:
            place = self._place(function, argument)
            if argument.is_keyword:
                names.append((argument.name, place))
            else:
                places.append(place)
        return _Step(function, tuple(places), tuple(names), is_scoped=False)

    def _place(self, function: Function, argument: Argument) -> int:
        if argument.dependency is None:
            return self.provided[_key(function, argument)]
        provider = argument.dependency.provider
        if provider not in self.provided:
            step = self._step(provider, read_signature(provider))
            if inspect.isgeneratorfunction(provider):
                step = attrs.evolve(step, function=contextmanager(provider), is_scoped=True)
            self.steps.append(step)
            self.provided[provider] = len(self.binders) + len(self.steps) - 1
        return self.provided[provider]

    # -- where an argument comes from -------------------------------------------------------

    def _binder(self, function: Function, argument: Argument) -> Binder:
        if argument.is_request:
            return _request_binder
        try:
            marker = argument.annotation.marker
            if marker is None or marker.location != "body":
                for parameter in self.operation.parameters:
                    if takes_parameter(argument, parameter):
                        schemas = None if self.bound.is_code_first else self._components
                        return bind_parameter(argument, parameter, self.operation.path, schemas)
            if self.operation.body is not None and (marker is None or marker.location == "body"):
                return self._bind_body(argument, self.operation.body)
        except (TypeError, ValueError) as error:
            self._add_problem(function, argument, str(error))
            return _request_binder
        if argument.is_required:
            names = ", ".join(str(parameter["name"]) for parameter in self.operation.parameters)
            self._add_problem(
                function, argument, f"the operation has no such parameter (it has: {names or '-'})"
            )
        return lambda call: argument.default

    def _add_problem(self, function: Function, argument: Argument, text: str) -> None:
        self.problems.append(
            f"{self.operation.name}: argument {argument.name!r} of {where(function)}: {text}"
        )

    @property
    def _components(self) -> OpenApi:
        schemas: OpenApi = self.document.data.get("components", {}).get("schemas", {})
        return schemas

    def _bind_body(self, argument: Argument, body: OpenApi) -> Binder:
        content = body.get("content", {})
        accepts = _media_check(tuple(content))
        default = None if argument.default is MISSING else argument.default
        is_required = body.get("required", False) and argument.is_required
        json_media = next((media for media in content if is_json(media)), None)
        if json_media is None or argument.annotation.type is bytes:
            return _raw_binder(accepts, as_text=argument.annotation.type is str)
        decode = self._body_decoder(argument, content[json_media].get("schema", {}))
        return _json_binder(accepts, decode, is_required=is_required, default=default)

    def _body_decoder(self, argument: Argument, schema: OpenApi) -> Callable[[bytes], object]:
        type_ = argument.annotation.annotated
        if self.bound.is_code_first:
            return JsonBody(type_, schema=schema, components=self._components).decode
        wanted = None if argument.annotation.type in (Any, object) else type_
        return SchemaBody(schema, components=self._components, type_=wanted).decode


def _key(function: Function, argument: Argument) -> Any:
    """Return the place in the row's index of an argument that comes from the request."""
    return function, argument.name


def _request_binder(call: Call) -> Request:
    return call.request


# -- bodies -----------------------------------------------------------------------------------


def is_json(media: str) -> bool:
    """Say whether a media type is JSON: ``application/json`` or ``…+json`` (RFC 6839)."""
    kind = media.partition(";")[0].strip().lower()
    return kind == JSON or kind.endswith("+json")


def _media_check(declared: tuple[str, ...]) -> Callable[[Request], None]:
    """Return a check that refuses a body of a type that the operation does not declare."""

    @functools.lru_cache(maxsize=64)
    def is_accepted(content_type: bytes) -> bool:
        sent = content_type.decode("latin-1").partition(";")[0].strip().lower()
        return any(_media_fits(sent, media) for media in declared)

    def check(request: Request) -> None:
        sent = request.raw_header(b"content-type")
        if sent is not None and not is_accepted(sent):
            kinds = ", ".join(declared)
            raise HttpError(
                415, f"the body must be of type {kinds}", headers={"accept-post": kinds}
            )

    return check


def _media_fits(sent: str, declared: str) -> bool:
    kind = declared.partition(";")[0].strip().lower()
    if kind in ("*/*", BYTES, TEXT) or sent == kind:
        return True
    if kind.endswith("/*"):
        return sent.startswith(kind[:-1])
    return kind == JSON and is_json(sent)


def _json_binder(
    accepts: Callable[[Request], None],
    decode: Callable[[bytes], object],
    *,
    is_required: bool,
    default: object,
) -> Binder:
    def bind(call: Call) -> object:
        request = call.request
        accepts(request)
        body = request.body
        if not body:
            if is_required:
                call.faults.append(Fault("body", "a body is required", pointer=""))
            return default
        try:
            return decode(body)
        except MalformedBody:
            raise
        except ValidationFailed as error:
            call.faults.extend(error.faults)
            return None

    return bind


def _raw_binder(accepts: Callable[[Request], None], *, as_text: bool) -> Binder:
    def bind(call: Call) -> object:
        accepts(call.request)
        body = call.request.body
        if not as_text:
            return body
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedBody("the body is not text in UTF-8") from None

    return bind


# -- plans ------------------------------------------------------------------------------------


def _encoder(status: int) -> Callable[[object], Response]:
    """Return what makes a response of a handler's result."""

    def encoded(result: object) -> Response:
        if isinstance(result, Response):
            return result
        if result is None and status == 204:
            return Response(204)
        return Response(status, body=encode(result), content_type=JSON)

    return encoded


def _plan(
    binders: tuple[Binder, ...], handler: _Step, encoded: Callable[[object], Response]
) -> Plan:
    """Return the plan of a handler without dependencies."""
    function = handler.function
    if not binders:
        return lambda request, path: encoded(function())
    if not handler.names:

        def run(request: Request, path: list[str]) -> Response:
            call = Call(request, path)
            row = [bind(call) for bind in binders]
            if call.faults:
                raise ValidationFailed(call.faults)
            return encoded(function(*row))

        return run
    names = tuple(name for name, _ in handler.names)
    positional = len(handler.places)

    def run_by_name(request: Request, path: list[str]) -> Response:
        call = Call(request, path)
        row = [bind(call) for bind in binders]
        if call.faults:
            raise ValidationFailed(call.faults)
        return encoded(
            function(*row[:positional], **dict(zip(names, row[positional:], strict=True)))
        )

    return run_by_name


def _plan_with_dependencies(
    binders: tuple[Binder, ...],
    steps: Sequence[_Step],
    handler: _Step,
    encoded: Callable[[object], Response],
) -> Plan:
    """Return the plan of a handler that needs values made by other functions."""

    def run(request: Request, path: list[str]) -> Response:
        call = Call(request, path)
        row = [bind(call) for bind in binders]
        if call.faults:
            raise ValidationFailed(call.faults)
        with ExitStack() as stack:
            for step in steps:
                row.append(step.run(row, stack))
            return encoded(handler.run(row, stack))
        raise RuntimeError("a dependency swallowed the handler's error instead of passing it on")

    return run


# -- per request ------------------------------------------------------------------------------


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
    status = failed.status if isinstance(failed, MalformedBody) else validation_status
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    detail = failed.faults[0].message if status == 400 else f"the request has {count}"
    return HttpError(status, detail, extensions={"errors": faults})


def wrap(handler: Handler, middleware: Sequence[Callable[[Request, Handler], Response]]) -> Handler:
    """Put ``middleware`` around ``handler``, the first one outermost."""
    for layer in reversed(middleware):
        handler = functools.partial(_call_layer, layer, handler)
    return handler


def _call_layer(
    layer: Callable[[Request, Handler], Response], call_next: Handler, request: Request
) -> Response:
    return layer(request, call_next)
