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

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias, cast

import attrs

from photon_runtime.http import Request, Response

from ._body import JsonBody, SchemaBody, encode
from ._dispatch import Plan
from ._document import CATCH_ALL, Document, OpenApi, Operation
from ._faults import ValidationFailed
from ._fit import fit
from ._match import PathTree
from ._media import is_json, json_binder, media_check, raw_binder
from ._operation import BODY, JSON, Place, Places, default_status, place_of
from ._parameters import Binder, Call, bind_parameter
from ._signature import (
    MISSING,
    Argument,
    Signature,
    all_arguments,
    is_generator,
    read_signature,
    where,
)
from .errors import DocumentError, SignatureError

Function = Callable[..., Any]
_Generator: TypeAlias = Callable[..., Iterator[object]]


@attrs.frozen
class Bound:
    """A handler, bound to an operation by its name.

    Attributes:
        function: The handler.
        signature: Its signature.
        status: Status of its answers; ``None`` leaves it to the document.
        places: Where its arguments have their values, settled when the operation was written
            from the signature; ``None`` where the document was there first.
    """

    function: Function
    signature: Signature
    status: int | None
    places: Places | None


def compile_routes(
    document: Document, handlers: Mapping[str, Bound], pages: Mapping[str, Plan]
) -> PathTree[Plan]:
    """Make the plans of all operations.

    Args:
        document: The document.
        handlers: The handlers, by the names of their operations.
        pages: Answers to GET that are no operations, by path template.

    Raises:
        DocumentError: Operations without handler, handlers without operation, arguments that
            the operation does not provide, security that nothing verifies, and whatever is wrong
            with the document itself; all at once.
    """
    problems = document.problems()
    operations = list(document.operations())
    if not problems or operations:  # else the document is none, and nothing more can be said
        problems += _unmatched(operations, handlers)
    plans = []
    for operation in operations:
        problems += _unverified(document, operation)
        if operation.is_sound and operation.name in handlers:
            compiler = _OperationCompiler(document, operation, handlers[operation.name], problems)
            try:
                plans.append((operation, compiler.plan()))
            except SignatureError as error:  # of a dependency
                problems.append(f"{operation.name}: {error}")
    if problems:
        raise DocumentError(problems)
    return _tree(document.base_path, plans, pages)


def _tree(
    base: str, plans: Sequence[tuple[Operation, Plan]], pages: Mapping[str, Plan]
) -> PathTree[Plan]:
    tree: PathTree[Plan] = PathTree()
    for operation, plan in plans:
        is_rest = any(parameter.get(CATCH_ALL) for parameter in operation.parameters)
        method = operation.method.upper()
        tree.add(base + operation.path, method, plan, is_catch_all=is_rest)
    problems = []
    for path, page in pages.items():
        try:
            tree.add(path, "GET", page)
        except ValueError:
            problems.append(
                f"GET {path} is an operation and a page about the application: move the page "
                "with docs_url or openapi_url"
            )
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


def _unverified(document: Document, operation: Operation) -> list[str]:
    """Refuse to serve without the protection that the document promises."""
    required = document.required_security(operation)
    if not required or {} in required:
        return []
    names = sorted({name for option in required for name in option})
    return [f"{operation.name}: requires {', '.join(names)}, which nothing verifies"]


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
    places: Places = attrs.field(factory=dict)
    binders: list[Binder] = attrs.field(factory=list)
    steps: list[_Step] = attrs.field(factory=list)
    provided: dict[Any, int] = attrs.field(factory=dict)

    def plan(self) -> Plan:
        """Return the plan.

        Raises:
            SignatureError: A dependency cannot be one, or needs itself.
        """
        function, signature = self.bound.function, self.bound.signature
        asked = list(all_arguments(function, signature))
        wanting = [(owner, argument) for owner, argument in asked if not argument.is_request]
        fitted = fit(wanting, self.operation) if self.bound.places is None else self.bound.places
        self.places = fitted
        for owner, argument in asked:
            self.provided[owner, argument.name] = len(self.binders)
            self.binders.append(self._binder(owner, argument))
        handler = self._step(function, signature)
        encoded = self._encoder()
        if self.steps:
            return _plan_with_dependencies(tuple(self.binders), self.steps, handler, encoded)
        return _plan(tuple(self.binders), handler, encoded)

    def _encoder(self) -> Callable[[object], Response]:
        responses = self.operation.data.get("responses", {})
        if self.bound.status is None:
            # The first success of the document counts.
            good = sorted(code for code in responses if code.isdecimal() and code[0] == "2")
            status = int(good[0]) if good else default_status(self.bound.signature.result)
        else:
            status = self.bound.status
        declared = responses.get(str(status)) or responses.get("2XX") or responses.get("default")
        answer = self.document.resolve(declared or {}) or {}
        return _encoder(status, has_content=status != 204 and "content" in answer)

    # -- the row of values ------------------------------------------------------------------

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
            return self.provided[function, argument.name]
        provider = argument.dependency.provider
        if provider not in self.provided:
            step = self._step(provider, read_signature(provider))
            if is_generator(provider):
                step = attrs.evolve(
                    step, function=contextmanager(cast(_Generator, provider)), is_scoped=True
                )
            self.steps.append(step)
            self.provided[provider] = len(self.binders) + len(self.steps) - 1
        return self.provided[provider]

    # -- where an argument comes from -------------------------------------------------------

    def _binder(self, function: Function, argument: Argument) -> Binder:
        if argument.is_request:
            return _request_binder
        place = self.places.get((function, argument.name))
        try:
            if place == BODY and self.operation.body is not None:
                return self._bind_body(argument, self.operation.body)
            if place is not None:
                schemas = self._components if self.bound.places is None else None
                parameter = self._parameter(place)
                return bind_parameter(argument, parameter, self.operation.path, schemas)
        except (TypeError, ValueError) as error:
            self._add_problem(function, argument, str(error))
            return _request_binder
        if argument.is_required:
            names = ", ".join(str(parameter["name"]) for parameter in self.operation.parameters)
            self._add_problem(
                function, argument, f"the operation has no such parameter (it has: {names or '-'})"
            )
        return lambda call: argument.default

    def _parameter(self, place: Place) -> OpenApi:
        return next(each for each in self.operation.parameters if place_of(each) == place)

    def _add_problem(self, function: Function, argument: Argument, text: str) -> None:
        self.problems.append(
            f"{self.operation.name}: argument {argument.name!r} of {where(function)}: {text}"
        )

    @property
    def _components(self) -> OpenApi:
        components = self.document.data.get("components")
        schemas = components.get("schemas") if isinstance(components, dict) else None
        return schemas if isinstance(schemas, dict) else {}

    def _bind_body(self, argument: Argument, body: OpenApi) -> Binder:
        content = body.get("content", {})
        accepts = media_check(tuple(content))
        default = None if argument.default is MISSING else argument.default
        is_required = body.get("required", False) and argument.is_required
        json_media = next((media for media in content if is_json(media)), None)
        if json_media is None or argument.annotation.type is bytes:
            return raw_binder(accepts, as_text=argument.annotation.type is str)
        decode = self._body_decoder(argument, content[json_media].get("schema", {}))
        return json_binder(accepts, decode, is_required=is_required, default=default)

    def _body_decoder(self, argument: Argument, schema: OpenApi) -> Callable[[bytes], object]:
        type_ = argument.annotation.annotated
        if self.bound.places is not None:
            return JsonBody(type_, schema=schema, components=self._components).decode
        wanted = None if argument.annotation.type in (Any, object) else type_
        return SchemaBody(schema, components=self._components, type_=wanted).decode


def _request_binder(call: Call) -> Request:
    return call.request


# -- plans ------------------------------------------------------------------------------------


def _encoder(status: int, *, has_content: bool) -> Callable[[object], Response]:
    """Return what makes a response of a handler's result.

    Where the document declares no content, ``None`` is an answer without a body.
    """

    def encoded(result: object) -> Response:
        if isinstance(result, Response):
            return result
        if result is None and not has_content:
            return Response(status)
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
