"""What binds the arguments of an operation: where each has its value, and how that is read.

Code first the places were settled when the operation was written. Spec first arguments are fitted
to the document, whose schemas then give the verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs

from photon_openapi.document import Operation
from photon_openapi.errors import ErrorDetail
from photon_runtime.callables import location
from photon_runtime.http import Request

from ..annotations._types import Annotation
from ..arguments._parameter_models import class_of, spread, spread_binder
from ..arguments._parameters import Binder, bind_parameter
from ..dependencies import Owned
from ..signatures._signature import ABSENT, MISSING, Argument
from ._body_arguments import BodyArguments, fields_of_form
from ._compilation import CompilationContext
from ._entry import HandlerEntry, ParameterKey, ParameterKeys
from ._operation import BODY, parameter_key
from ._parameter_matching import fit


@attrs.define
class Arguments:
    """Binds the arguments of one operation; what is wrong goes to the problems of the context.

    Attributes:
        context: What all operations share.
        operation: The operation.
        entry: Its handler.
        arguments: All arguments from the request, each with its function.
    """

    context: CompilationContext
    operation: Operation
    entry: HandlerEntry
    arguments: Sequence[Owned]
    sources: ParameterKeys = attrs.field(init=False)
    _body: BodyArguments = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Decide where each argument has its value."""
        if self.entry.sources is not None:
            self.sources = self.entry.sources
        else:
            unmatched = [each for each in self.arguments if not each[1].is_request]
            self.sources = fit(unmatched, self.operation, self._fields_of_form())
        self._body = BodyArguments(
            self.context,
            self.operation.body or {},
            self.arguments,
            self.sources,
            is_written=self.entry.is_written,
        )

    def _fields_of_form(self) -> list[str]:
        return fields_of_form(self.operation.body or {}, self.context.document.definitions)

    def binder(self, function: Callable[..., Any], argument: Argument) -> Binder:
        """Return the binder of an argument."""
        if argument.is_request:
            return _request_binder
        try:
            if (function, argument.key) not in self.sources:
                parts = spread(argument)
                if parts is not None:
                    return self._spread(function, argument, parts)
            return self._single(function, argument)
        except (TypeError, ValueError) as error:
            self._add_problem(function, argument, str(error))
            return _request_binder

    def unclaimed(self, handler: Callable[..., Any]) -> Iterator[Binder]:
        """Yield what judges the parameters and the body of a document that no argument takes."""
        if self.entry.is_written:
            return
        taken = set(self.sources.values())
        places = {parameter_key(each): each["name"] for each in self.operation.parameters}
        if self._body.content and not self._is_body_taken(handler):
            places[BODY] = "body"
        for place, name in places.items():
            if place in taken:
                continue
            nobody = Argument(name, Annotation(object), MISSING, False, None, False)
            try:
                yield self._placed(nobody, place)
            except (TypeError, ValueError) as error:
                what = "the body" if place == BODY else f"parameter {name!r}"
                self.context.problems.append(f"{self.operation.name}: {what}: {error}")

    def _is_body_taken(self, handler: Callable[..., Any]) -> bool:
        """Say whether fields of the body are taken, or the handler may read it by itself."""
        return any(place == "form" for place, _ in self.sources.values()) or any(
            owner is handler and argument.annotation.type is Request
            for owner, argument in self.arguments
        )

    def _single(self, function: Callable[..., Any], argument: Argument) -> Binder:
        place = self.sources.get((function, argument.key))
        if place is None:
            if argument.is_required:
                self._add_problem(function, argument, self._lacking(argument))
            return _with_factory(lambda request, faults: argument.default, argument)
        return _with_factory(self._placed(argument, place), argument)

    def _lacking(self, argument: Argument) -> str:
        marker = argument.annotation.marker
        noun, names = "parameter", [str(each["name"]) for each in self.operation.parameters]
        if marker is not None and marker.place == "form":
            noun, names = "field of a form", self._fields_of_form()
        return f"the operation has no such {noun} (it has: {', '.join(names) or '-'})"

    def _placed(self, argument: Argument, place: ParameterKey) -> Binder:
        if place == BODY:
            return self._body.whole(argument)
        if place[0] == "form":
            return self._body.field(argument, place[1])
        parameter = next(each for each in self.operation.parameters if parameter_key(each) == place)
        definitions, is_typed = self.context.document.definitions, self.entry.is_written
        return bind_parameter(argument, parameter, self.operation, definitions, is_typed=is_typed)

    def _spread(
        self, function: Callable[..., Any], argument: Argument, parts: Sequence[Argument]
    ) -> Binder:
        bound = []
        for part in parts:
            name = self.sources.get((function, part.key), ("", part.name))[1]
            bound.append((part, name, self._single(function, part)))
        marker = argument.annotation.marker
        location = "body" if marker is None else marker.location
        return spread_binder(class_of(argument), bound, location)

    def _add_problem(self, function: Callable[..., Any], argument: Argument, text: str) -> None:
        self.context.problems.append(
            f"{self.operation.name}: argument {argument.key!r} of {location(function)}: {text}"
        )


def _request_binder(request: Request, faults: list[ErrorDetail]) -> Request:
    return request


def _with_factory(bind: Binder, argument: Argument) -> Binder:
    """Make the default of an argument that has a factory for it."""
    param = argument.annotation.param
    factory = None if param is None else param.default_factory
    if factory is None:
        return bind

    def bind_or_make(request: Request, faults: list[ErrorDetail]) -> object:
        value = bind(request, faults)
        return factory() if value is ABSENT else value

    return bind_or_make
