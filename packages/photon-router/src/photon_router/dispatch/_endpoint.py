"""The endpoint of one operation: the closure that binds, calls and encodes.

`EndpointCompiler` chooses the source of each argument of the handler and of its dependencies; the
endpoint that it makes binds all arguments, calls the handler, and encodes the result.

Arguments fill a row of slots: first the values from the request, and only if all of them are valid,
the values of dependencies, each made once from earlier slots of the row. The handler takes its own
arguments from the row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from photon_openapi.document import Operation
from photon_runtime.callables import location
from photon_runtime.http import CallAdapter, Handler, Request, Response

from ..annotations import Dependency
from ..arguments import Binder, checking_alone, checking_first, query_check
from ..dependencies import as_context_manager
from ..handlers import Arguments, CompilationContext, HandlerEntry, default_status, naming
from ..responses import (
    Declared,
    Encoder,
    ResolvedCase,
    ResponseCase,
    content_for,
    encoder_of,
    resolve_case,
    resolve_union,
    result_differences,
    result_spellings,
)
from ..signatures import Argument, Signature
from ._calls import Call, endpoint_of, with_response

Function = Callable[..., Any]
_LAST: Final = -1
"""The slot of an upgraded connection, which is appended to the row."""


@attrs.define
class EndpointCompiler:
    """Makes the endpoint of one operation; adds errors to the problems of the context.

    Attributes:
        context: The state that all operations share.
        operation: The operation.
        entry: The entry of its handler.
        binders: The binders of the first values of the row.
        calls: The calls that make the other values.
        slots: The slot of each value, by argument or dependency.
        connection: The handler's argument that an adapter supplies.
    """

    context: CompilationContext
    operation: Operation
    entry: HandlerEntry
    binders: list[Binder] = attrs.field(factory=list)
    calls: list[Call] = attrs.field(factory=list)
    slots: dict[Any, int] = attrs.field(factory=dict)
    connection: Argument | None = None

    def endpoint(self) -> Handler:
        """Return the endpoint.

        Raises:
            SignatureError: A dependency is invalid or depends on itself; the handler has no
                argument for the connection of an adapter.
        """
        context, entry = self.context, self.entry
        owned = entry.request_arguments(context.providers)
        arguments = Arguments(context, self.operation, entry, owned)
        for owner, argument in owned:
            self.slots[owner, argument.name] = len(self.binders)
            self.binders.append(arguments.binder(owner, argument))
        self.binders += arguments.unclaimed(entry.function)
        for dependency in entry.scope.dependencies:
            self._provide(context.providers.overridden(dependency))
        strict = context.settings.strict_query
        check = query_check(context.document, self.operation) if strict else None
        if check is None:
            return self._endpoint()
        if self.binders:
            self.binders[0] = checking_first(self.binders[0], check)
            return self._endpoint()
        return checking_alone(self._endpoint(), check)

    def _endpoint(self) -> Handler:
        entry = self.entry
        adapter = entry.resolved_adapter()
        if adapter is not None:
            return self._adapted(adapter)
        handler = self._call(entry.function, entry.signature)
        return endpoint_of(tuple(self.binders), self.calls, handler, self._encoder())

    def _adapted(self, adapter: CallAdapter) -> Handler:
        """Return the endpoint of a handler that is called with a connection."""
        self.connection = self.entry.connection
        handler = self._call(self.entry.function, self.entry.signature)

        def respond(request: Request, row: list[Any]) -> Response:
            return adapter.respond(request, lambda connection: handler.run([*row, connection]))

        return with_response(tuple(self.binders), self.calls, respond)

    def _encoder(self) -> Encoder:
        entry, document = self.entry, self.context.document
        responses = {
            code: document.resolve(response) or {}
            for code, response in self.operation.data.get("responses", {}).items()
        }
        usual = entry.status
        if usual is None:
            # Code first the usual status is known; spec first it is the first success status.
            success_codes = sorted(
                code for code in responses if code.isdecimal() and code[0] == "2"
            )
            is_default = entry.is_written or not success_codes
            usual = default_status(entry.signature.result) if is_default else int(success_codes[0])
        resolved = []
        for case in entry.response_cases:
            try:
                resolved += self._resolved(case, usual, responses)
            except TypeError as error:
                self.context.problems.append(f"{self.operation.name}: the result: {error}")
        with naming({} if entry.is_written else self._names(resolved, responses)):
            has_content = usual != 204 and bool(content_for(responses, usual))
            return encoder_of(
                resolved,
                usual=usual,
                has_content=has_content,
                projections=self.context.projections,
            )

    def _names(
        self, resolved: Sequence[ResolvedCase], responses: Declared
    ) -> Mapping[Any, Mapping[str, str]]:
        """Return the names of members in the document; add what is not valid to the problems."""
        agreement, pointer = self.context.agreement, f"{self.operation.pointer}/responses"
        found = list(result_differences(resolved, responses, agreement, pointer))
        names: Mapping[Any, Mapping[str, str]] = {}
        try:
            names = result_spellings(resolved, responses, agreement, pointer)
        except TypeError as error:
            found.append(str(error))
        subject = f"{self.operation.name}: the result of {location(self.entry.function)}"
        self.context.problems.extend(f"{subject}: {each}" for each in found)
        return names

    def _resolved(self, case: ResponseCase, usual: int, responses: Declared) -> list[ResolvedCase]:
        definitions = self.context.document.definitions
        if self.entry.is_written:
            needed = definitions if case.omit_none else None
            return [resolve_case(case, usual, responses, needed)]
        is_sse = bool(self.operation.data.get("x-sse"))
        return resolve_union(case, usual, responses, definitions, is_sse=is_sse)

    # -- the row ------------------------------------------------------------------------------

    def _call(self, function: Function, signature: Signature) -> Call:
        """Return the call of ``function``, after adding the calls of its dependencies."""
        slots, names = [], []
        for argument in signature.arguments:
            slot = self._slot(function, argument)
            if argument.is_keyword:
                names.append((argument.name, slot))
            else:
                slots.append(slot)
        return Call(function, tuple(slots), tuple(names))

    def _slot(self, function: Function, argument: Argument) -> int:
        if argument is self.connection:
            return _LAST
        dependency = self.context.providers.dependency_of(argument)
        if dependency is None:
            return self.slots[function, argument.name]
        return self._provide(dependency)

    def _provide(self, dependency: Dependency) -> int:
        """Return the slot of a dependency's value, after adding the call that makes it."""
        # The scope makes the key distinct from those of arguments: (function, name).
        key = dependency.scope, dependency.provider
        if key in self.slots and dependency.use_cache:
            return self.slots[key]
        self.calls.append(self._provider_call(dependency))
        slot = len(self.binders) + len(self.calls) - 1
        if dependency.use_cache:
            self.slots[key] = slot
        return slot

    def _provider_call(self, dependency: Dependency) -> Call:
        providers, provider = self.context.providers, dependency.provider
        if dependency.scope == "application":
            cell = providers.cell(provider)
            return Call(lambda: cell.value, ())
        call = self._call(provider, providers.signature_of(provider))
        call = attrs.evolve(call, finish=dependency.finish)
        scoped = as_context_manager(provider)
        if scoped is None:
            return call
        is_late = dependency.release == "after_response"
        return attrs.evolve(call, function=scoped, is_scoped=True, is_late=is_late)
