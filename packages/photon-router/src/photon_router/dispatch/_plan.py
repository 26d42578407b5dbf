"""The plan of one operation: the closure that binds, calls and encodes.

An operation compiler settles, for each argument of the handler and of its dependencies, where in
the request it comes from; the plan that it makes binds them all, calls, and encodes the result.

Arguments fill a row of values: first those from the request, and only if none of them is at
fault, those from dependencies, each made once from earlier places of the row; the handler's own
are picked from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from photon_openapi.document import Document, Operation
from photon_runtime.http import Handler

from .._background import BackgroundTasks, with_background
from ..annotations._depends import Dependency, Overrides
from ..arguments._form import FormSettings
from ..arguments._parameters import Binder
from ..arguments._strict_query import checking_alone, checking_first, query_check
from ..handlers._arguments import Arguments
from ..handlers._operation import Places, default_status
from ..handlers._surroundings import Surroundings
from ..responses import (
    Declared,
    Encoder,
    ResolvedCase,
    ResponseCase,
    content_for,
    encoder_of,
    resolve_case,
    resolve_union,
    response_cases_of,
)
from ..signatures._signature import Argument, Signature, all_arguments, read_signature
from ._provide import ApplicationValues, as_context_manager, replaced
from ._steps import Step, plan_of

Function = Callable[..., Any]


@attrs.frozen
class Bound:
    """A handler, bound to an operation by its name.

    Attributes:
        function: The handler.
        signature: Its signature.
        status: Status of its answers; ``None`` leaves it to the document.
        places: Where its arguments have their values, settled when the operation was written
            from the signature; ``None`` where the document was there first.
        surroundings: What its router puts around it.
        outcomes: What its results may become; ``None`` leaves it to the annotation.
    """

    function: Function
    signature: Signature
    status: int | None
    places: Places | None
    surroundings: Surroundings = attrs.field(factory=Surroundings)
    outcomes: Sequence[ResponseCase] | None = None


@attrs.define
class OperationCompiler:
    """Makes the plan of one operation; what is wrong goes to ``problems``.

    Attributes:
        document: The document.
        operation: The operation.
        bound: The handler.
        problems: What is wrong.
        forms: The limits of forms.
        strict_content_type: Whether JSON is only read from a body whose media type says so.
        strict_query: Whether parameters that the operation does not have are refused.
        application: The values that live as long as the application.
        overrides: What stands in for the functions of dependencies.
        binders: What gives the first values of the row.
        steps: What gives the others.
        provided: Where in the row a value stands, by argument or dependency.
    """

    document: Document
    operation: Operation
    bound: Bound
    problems: list[str]
    forms: FormSettings = attrs.field(factory=FormSettings)
    strict_content_type: bool = True
    strict_query: bool = False
    application: ApplicationValues = attrs.field(factory=ApplicationValues)
    overrides: Overrides = attrs.field(factory=dict)
    binders: list[Binder] = attrs.field(factory=list)
    steps: list[Step] = attrs.field(factory=list)
    provided: dict[Any, int] = attrs.field(factory=dict)

    def plan(self) -> Handler:
        """Return the plan.

        Raises:
            SignatureError: A dependency cannot be one, or needs itself.
        """
        function, signature = self.bound.function, self.bound.signature
        outer = self.bound.surroundings.dependencies
        asked = list(all_arguments(function, signature, outer, self.overrides))
        arguments = Arguments(
            self.document,
            self.operation,
            asked,
            self.bound.places,
            self.problems,
            self.forms,
            self.strict_content_type,
        )
        for owner, argument in asked:
            self.provided[owner, argument.name] = len(self.binders)
            self.binders.append(arguments.binder(owner, argument))
        self.binders += arguments.unclaimed(function)
        for dependency in outer:
            self._provide(dependency)
        handler = self._step(function, signature)
        check = query_check(self.document, self.operation) if self.strict_query else None
        if check is not None and self.binders:
            self.binders[0] = checking_first(self.binders[0], check)
        plan = plan_of(tuple(self.binders), self.steps, handler, self._encoder())
        if any(argument.annotation.type is BackgroundTasks for _, argument in asked):
            plan = with_background(plan)
        return plan if check is None or self.binders else checking_alone(plan, check)

    def _encoder(self) -> Encoder:
        bound, data = self.bound, self.operation.data
        responses = {
            code: self.document.resolve(answer) or {}
            for code, answer in data.get("responses", {}).items()
        }
        outcomes = bound.outcomes
        if outcomes is None:
            outcomes = response_cases_of(bound.function, bound.signature.result)
        usual = bound.status
        if usual is None:
            # Code first the usual status is known; else the document's first success counts.
            good = sorted(code for code in responses if code.isdecimal() and code[0] == "2")
            is_own = bound.places is not None or not good
            usual = default_status(bound.signature.result) if is_own else int(good[0])
        resolved = []
        for case in outcomes:
            try:
                resolved += self._resolved(case, usual, responses)
            except TypeError as error:
                self.problems.append(f"{self.operation.name}: the result: {error}")
        has_content = usual != 204 and bool(content_for(responses, usual))
        return encoder_of(resolved, usual=usual, has_content=has_content)

    def _resolved(self, case: ResponseCase, usual: int, responses: Declared) -> list[ResolvedCase]:
        if self.bound.places is not None:  # the operation was written from it
            asked = self.document.definitions if case.omit_none else None
            return [resolve_case(case, usual, responses, asked)]
        is_sse = bool(self.operation.data.get("x-sse"))
        definitions = self.document.definitions
        return resolve_union(case, usual, responses, definitions, is_sse=is_sse)

    # -- the row of values ------------------------------------------------------------------

    def _step(self, function: Function, signature: Signature) -> Step:
        """Return the step that calls ``function``, adding those of its dependencies before."""
        places, names = [], []
        for argument in signature.arguments:
            place = self._place(function, argument)
            if argument.is_keyword:
                names.append((argument.name, place))
            else:
                places.append(place)
        return Step(function, tuple(places), tuple(names), is_scoped=False)

    def _place(self, function: Function, argument: Argument) -> int:
        if argument.dependency is None:
            return self.provided[function, argument.name]
        return self._provide(argument.dependency)

    def _provide(self, dependency: Dependency) -> int:
        """Return the place of a dependency's value, adding the step that makes it."""
        provider = replaced(dependency.provider, self.overrides)
        key = dependency.scope, provider  # not the other way: an argument may be named like a scope
        if key in self.provided and dependency.use_cache:
            return self.provided[key]
        self.steps.append(self._provider_step(provider, dependency))
        place = len(self.binders) + len(self.steps) - 1
        if dependency.use_cache:
            self.provided[key] = place
        return place

    def _provider_step(self, provider: Function, dependency: Dependency) -> Step:
        if dependency.scope == "application":
            cell = self.application.cell(provider, self.overrides)
            return Step(lambda: cell.value, (), (), is_scoped=False)
        step = self._step(provider, read_signature(provider))
        scoped = as_context_manager(provider)
        if scoped is not None:
            return attrs.evolve(step, function=scoped, is_scoped=True)
        return step
