"""The binders of an operation's arguments: the parameter or body of each, and its conversion.

Code first the parameter of each argument was chosen when the operation was written. Spec first the
arguments are matched to the document, whose schemas then validate the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from photon_openapi.agreement import nearest
from photon_openapi.annotations import without_none
from photon_openapi.document import Operation
from photon_openapi.errors import ErrorDetail
from photon_runtime.callables import location
from photon_runtime.http import Request

from ..annotations import Annotation
from ..arguments import (
    Binder,
    bind_parameter,
    class_of,
    model_arguments,
    model_binder,
    submitted_binder,
)
from ..dependencies import Owned
from ..signatures import ABSENT, MISSING, Argument
from ._body_arguments import BodyArguments, form_fields
from ._compilation import CompilationContext, naming
from ._entry import HandlerEntry, ParameterKey, ParameterKeys
from ._operation import BODY, parameter_key
from ._parameter_matching import match_arguments


@attrs.define
class Arguments:
    """Binds the arguments of one operation; adds errors to the problems of the context.

    Attributes:
        context: The state that all operations share.
        operation: The operation.
        entry: The entry of its handler.
        arguments: All arguments from the request, each with its function.
        sources: The parameter of each argument.
    """

    context: CompilationContext
    operation: Operation
    entry: HandlerEntry
    arguments: Sequence[Owned]
    sources: ParameterKeys = attrs.field(init=False)
    _body: BodyArguments = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Choose the parameter of each argument."""
        if self.entry.sources is not None:
            self.sources = self.entry.sources
        else:
            unmatched = [each for each in self.arguments if not each[1].is_request]
            self.sources = match_arguments(unmatched, self.operation, self._form_fields())
        self._body = BodyArguments(
            self.context,
            self.operation.body or {},
            self.arguments,
            self.sources,
            is_written=self.entry.is_written,
            pointer=f"{self.operation.pointer}/requestBody",
        )

    def _form_fields(self) -> list[str]:
        return form_fields(self.operation.body or {}, self.context.document.definitions)

    def binder(self, function: Callable[..., Any], argument: Argument) -> Binder:
        """Return the binder of an argument."""
        if argument.is_request:
            return _request_binder
        try:
            if (function, argument.key) not in self.sources:
                parts = model_arguments(argument)
                if parts is not None:
                    return self._model(function, argument, parts)
            return self._single(function, argument)
        except (TypeError, ValueError) as error:
            self._add_problem(function, argument, str(error))
            return _request_binder

    def unclaimed(self, handler: Callable[..., Any]) -> Iterator[Binder]:
        """Yield binders that validate the parameters and the body without an argument."""
        if self.entry.is_written:
            return
        bound_keys = set(self.sources.values())
        unbound = {parameter_key(each): each["name"] for each in self.operation.parameters}
        if self._body.content and not self._is_body_taken(handler):
            unbound[BODY] = "body"
        for key, name in unbound.items():
            if key in bound_keys:
                continue
            unused = Argument(name, Annotation(object), MISSING, False, None, False)
            try:
                yield self._keyed_binder(unused, key)
            except (TypeError, ValueError) as error:
                subject = "the body" if key == BODY else f"parameter {name!r}"
                self.context.problems.append(f"{self.operation.name}: {subject}: {error}")

    def _is_body_taken(self, handler: Callable[..., Any]) -> bool:
        """Return true if arguments take fields of the body, or the handler takes the request."""
        return any(key == "form" for key, _ in self.sources.values()) or any(
            owner is handler and argument.annotation.type is Request
            for owner, argument in self.arguments
        )

    def _single(self, function: Callable[..., Any], argument: Argument) -> Binder:
        key = self.sources.get((function, argument.key))
        if key is None:
            if argument.is_required:
                self._add_problem(function, argument, self._missing_parameter(argument))
            else:
                text = f"it would always have its default: {self._missing_parameter(argument)}"
                problem = self._problem(function, argument, text)
                self.context.fillings.note_unfilled(function, argument.key, problem)
            return _with_factory(lambda request, errors: argument.default, argument)
        self.context.fillings.note_filled(function, argument.key)
        if not self.entry.is_written:
            for text in self._differences(argument, key):
                self._add_problem(function, argument, text)
        return _with_factory(self._keyed_binder(argument, key), argument)

    def _differences(self, argument: Argument, key: ParameterKey) -> list[str]:
        """Return what is known not to fit in the type of an argument."""
        if key == BODY:
            return self._body.differences(argument)
        if key[0] == "form":
            return self._body.field_differences(argument, key[1])
        for index, parameter in enumerate(self.operation.parameters):
            if parameter_key(parameter) == key and "schema" in parameter:
                pointer = f"{self.operation.pointer}/parameters/{index}/schema"
                type_ = argument.annotation.type
                return self.context.agreement.parameter_differences(
                    parameter["schema"], type_, pointer
                )
        return []

    def _missing_parameter(self, argument: Argument) -> str:
        marker = argument.annotation.marker
        kind, names = "parameter", [str(each["name"]) for each in self.operation.parameters]
        if marker is not None and marker.origin == "form":
            kind, names = "field of a form", self._form_fields()
        near = nearest(argument.wire_name or argument.name, names)
        listed = f"the nearest is {near!r}" if near else f"it has: {', '.join(names) or '-'}"
        return f"the operation has no such {kind} ({listed})"

    def _keyed_binder(self, argument: Argument, key: ParameterKey) -> Binder:
        if key == BODY:
            return self._body.whole(argument)
        if key[0] == "form":
            return self._body.field(argument, key[1])
        found = [each for each in self.operation.parameters if parameter_key(each) == key]
        if not found:  # another operation has the same name
            raise TypeError(self._missing_parameter(argument))
        parameter = found[0]
        definitions, is_typed = self.context.document.definitions, self.entry.is_written
        with naming({} if is_typed else self._names(argument, parameter)):
            return bind_parameter(
                argument, parameter, self.operation, definitions, is_typed=is_typed
            )

    def _names(
        self, argument: Argument, parameter: Mapping[str, Any]
    ) -> dict[Any, Mapping[str, str]]:
        """Return the names in the document of the members of an object in a parameter."""
        media = [parameter, *parameter.get("content", {}).values()][-1]
        type_ = without_none(argument.annotation.type)
        pointer = f"{self.operation.pointer}/parameters"
        return self.context.agreement.spellings(
            media.get("schema", {}), type_, "received", pointer, opaque=(bytes,)
        )

    def _model(
        self, function: Callable[..., Any], argument: Argument, parts: Sequence[Argument]
    ) -> Binder:
        if argument.is_submitted:
            return self._submitted(function, argument, parts)
        binders = []
        for part in parts:
            name = self.sources.get((function, part.key), ("", part.name))[1]
            binders.append((part, name, self._single(function, part)))
        marker = argument.annotation.marker
        location = "body" if marker is None else marker.location
        return model_binder(class_of(argument), binders, location)

    def _submitted(
        self, function: Callable[..., Any], argument: Argument, parts: Sequence[Argument]
    ) -> Binder:
        """Return the binder of a submitted form.

        Raises:
            TypeError: The operation is that of a loaded document, or has no form.
        """
        if not self.entry.is_written:
            raise TypeError(
                "Submitted is for handlers that declare their operation in code (@app.post): with "
                "a loaded document, write Form[...]"
            )
        binders = [(part, self._single(function, part)) for part in parts]
        return submitted_binder(class_of(argument), binders, self._body.form_reader())

    def _add_problem(self, function: Callable[..., Any], argument: Argument, text: str) -> None:
        self.context.problems.append(self._problem(function, argument, text))

    def _problem(self, function: Callable[..., Any], argument: Argument, text: str) -> str:
        where = f"argument {argument.key!r} of {location(function)}"
        return f"{self.operation.name}: {where}: {text}"


def _request_binder(request: Request, errors: list[ErrorDetail]) -> Request:
    return request


def _with_factory(bind: Binder, argument: Argument) -> Binder:
    """Return the binder with the default factory of its argument."""
    param = argument.annotation.param
    factory = None if param is None else param.default_factory
    if factory is None:
        return bind

    def bind_or_make(request: Request, errors: list[ErrorDetail]) -> object:
        value = bind(request, errors)
        return factory() if value is ABSENT else value

    return bind_or_make
