"""The arguments of tasks: from a call to JSON, and back to the call in a worker.

Theory of operation. A call is a JSON object with the arguments that were passed, by name, so that
parameters can be reordered, and get defaults, while jobs wait. It is decoded as strictly as the
body of a request: a member that is not a parameter is an error, too, because it would be dropped
otherwise. What is encoded is decoded at once, so a wrong value fails where it is passed and not in
a worker. Parameters with `provided` are not sent: the worker fills them in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, final

import attrs

from photon_openapi.annotations import ClassRules, closed, using_class_rules
from photon_openapi.codec import JsonDecoder, encode, projection_of
from photon_openapi.errors import ValidationError
from photon_openapi.schema import SchemaBuilder
from photon_runtime.callables import location
from photon_runtime.errors import SignatureError
from photon_runtime.signatures import CallableParameter, Parameter, read_callable

from .errors import ArgumentsError, TaskDefinitionError


@final
class _Provided:
    """The default of a parameter that is not sent; see `provided`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "provided"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{name!r} of a parameter with the default `provided`: it is filled in when a job or "
            "`photon task` runs the function, so pass a value when you call it yourself"
        )


provided: Final[Any] = _Provided()
"""The default of a parameter of a task that the worker fills in when the job runs.

::

    @task
    def charge(order_id: int, db: Session = provided, job: Job = provided) -> None: ...

The annotation is `Job`, or a class that the application provides to handlers, such as ``Session``.
A session is committed when the task returns, and rolled back if it raises.
"""


def explained(error: ValidationError) -> str:
    """Return what is wrong with arguments, in words of calls and not of requests."""
    return "; ".join(
        f"{each.pointer.removeprefix('/')}: {each.message}" if each.pointer else each.message
        for each in error.errors
    )


@attrs.frozen
class CallSignature:
    """The parameters of a task.

    Attributes:
        function: The function of the task.
        provided: Annotations of the parameters that the worker fills in, by name.
        sent: Annotations of the others, by name.
        result: Annotation of the result; ``None`` if it is not kept.
        required: Names of those that a call must have.
        positional: Defaults of the parameters that are passed by position only, by name.
    """

    function: Callable[..., Any]
    provided: Mapping[str, Any]
    sent: Mapping[str, Any]
    result: Any
    _signature: inspect.Signature = attrs.field(repr=False)
    required: frozenset[str] = attrs.field(repr=False)
    positional: Mapping[str, Any] = attrs.field(repr=False)
    _decoder: JsonDecoder = attrs.field(repr=False)
    _result_decoder: JsonDecoder | None = attrs.field(repr=False)
    _projections: Mapping[str, Callable[[Any], Any]] = attrs.field(repr=False)

    def encode(self, args: Sequence[Any], kwargs: Mapping[str, Any], *, limit: int | None) -> str:
        """Return a call as JSON.

        Args:
            args: Positional arguments.
            kwargs: Keyword arguments.
            limit: Maximum size in bytes; ``None`` if `require_size` is called later.

        Raises:
            TypeError: They do not match the signature.
            ArgumentsError: A value has another type than its annotation, or they are too large.
        """
        bound = self._signature.bind(*args, **kwargs).arguments
        missing = self.required.difference(bound)
        if missing:
            raise TypeError(f"{self.function.__qualname__}() lacks {', '.join(sorted(missing))}")
        try:
            data = encode({name: self._projected(name, value) for name, value in bound.items()})
            self._decoder.decode(data)
        except (ValidationError, TypeError, ValueError, OverflowError, RecursionError) as error:
            reason = explained(error) if isinstance(error, ValidationError) else error
            raise ArgumentsError(
                f"{location(self.function)} cannot be enqueued with these arguments: {reason}"
            ) from error
        if limit is not None:
            self._require_size(len(data), limit)
        return data.decode()

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Call the function with arguments by name, and return its result."""
        if not self.positional:
            return self.function(**arguments)
        rest = dict(arguments)
        values = [rest.pop(name, default) for name, default in self.positional.items()]
        return self.function(*values, **rest)

    def require_size(self, arguments: str, limit: int) -> None:
        """Check the size of arguments in JSON.

        Raises:
            ArgumentsError: They have more than ``limit`` bytes.
        """
        self._require_size(len(arguments.encode()), limit)

    def _require_size(self, size: int, limit: int) -> None:
        if size > limit:
            raise ArgumentsError(
                f"{location(self.function)}: the arguments have {size} bytes, more than "
                f"[tasks] max_arguments = {limit}: store the data, and pass its key"
            )

    def without_first(self) -> tuple[str, CallSignature]:
        """Return the name of the first parameter that is sent, and the signature without it.

        Raises:
            TaskDefinitionError: It does not exist, or is not passed by position.
        """
        name, first = next(iter(self._signature.parameters.items()), ("", None))
        if first is None or first.kind is first.KEYWORD_ONLY:
            raise TaskDefinitionError(
                f"{location(self.function)} has no first parameter that could get the result of "
                "another task: let a call of it follow, .call(...)"
            )
        sent = {each: hint for each, hint in self.sent.items() if each != name}
        required = self.required - {name}
        parameters = [each for each in self._signature.parameters.values() if each is not first]
        return name, attrs.evolve(
            self,
            sent=sent,
            signature=inspect.Signature(parameters),
            required=required,
            decoder=_call_decoder(self.function, sent, required),
        )

    def _projected(self, name: str, value: Any) -> Any:
        project = self._projections.get(name)
        return value if project is None else project(value)

    def decode(self, arguments: str) -> dict[str, Any]:
        """Return the arguments of a call by name.

        Raises:
            ValidationError: They do not fit the parameters; has every error.
        """
        call = self._decoder.decode(arguments.encode())
        return {name: value for name in self.sent if (value := getattr(call, name)) is not provided}

    def encode_result(self, value: Any, *, limit: int) -> str | None:
        """Return a result as JSON; ``None`` if it is not kept.

        Raises:
            TypeError: It is not of the annotated type.
            ValueError: It is too large.
        """
        if self.result is None:
            return None
        project = projection_of(self.result)
        if project is not None and type(value) is not project.cls:
            value = project(value)
        data = encode(value)
        if len(data) > limit:
            raise ValueError(
                f"the result has {len(data)} bytes, more than [tasks] max_result = {limit}: store "
                "it, and return its key"
            )
        return data.decode()

    def decode_result(self, result: str) -> Any:
        """Return the value of a result."""
        return (
            None if self._result_decoder is None else self._result_decoder.decode(result.encode())
        )


@using_class_rules(ClassRules())  # a worker decodes what another application has encoded
def read_call_signature(
    function: Callable[..., Any], *, is_provided: Callable[[Any], bool]
) -> CallSignature:
    """Read the signature of a task.

    Args:
        function: The function.
        is_provided: Returns whether an annotation is that of a value which the worker always has.

    Raises:
        TaskDefinitionError: A parameter has no annotation, or one that cannot be sent as JSON.
    """
    try:
        signature = read_callable(function)
    except SignatureError as error:
        raise TaskDefinitionError(str(error)) from error
    filled: dict[str, Any] = {}
    sent: dict[str, Any] = {}
    required: set[str] = set()
    for parameter in signature.parameters:
        _refuse_variadic(function, parameter)
        name, hint = parameter.name, parameter.annotation
        if parameter.is_bound and parameter.default is not provided:
            continue
        if hint is Parameter.empty:
            raise TaskDefinitionError(f"{location(function)}: parameter {name} has no annotation")
        if parameter.default is provided or is_provided(hint):
            filled[name] = hint
            continue
        sent[name] = hint
        if parameter.default is Parameter.empty:
            required.add(name)
    result = signature.result
    result = None if result in (Parameter.empty, type(None)) else result
    calls = inspect.Signature(
        [
            # What is missing is reported by its name.
            Parameter(each.name, each.kind, default=provided)
            for each in signature.parameters
            if each.name in sent
        ]
    )
    return CallSignature(
        function,
        filled,
        sent,
        result,
        calls,
        frozenset(required),
        {
            each.name: each.default
            for each in signature.parameters
            if each.kind is Parameter.POSITIONAL_ONLY
        },
        _call_decoder(function, sent, required),
        None if result is None else _decoder_of(function, "the result", result),
        {name: project for name, hint in sent.items() if (project := projection_of(hint))},
    )


def _refuse_variadic(function: Callable[..., Any], parameter: CallableParameter) -> None:
    if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
        raise TaskDefinitionError(
            f"{location(function)} takes *{parameter.name}: the arguments of jobs are sent by "
            "name, declare each of them"
        )


def _call_decoder(
    function: Callable[..., Any], sent: Mapping[str, Any], required: AbstractSet[str]
) -> JsonDecoder:
    for name, hint in sent.items():
        _decoder_of(function, f"parameter {name}", hint)
    fields = {
        name: attrs.field(type=hint)
        if name in required
        else attrs.field(type=hint, default=provided)
        for name, hint in sorted(sent.items(), key=lambda item: item[0] not in required)
    }
    call = attrs.make_class(function.__name__, fields, kw_only=True)
    return _decoder_of(function, "the arguments", closed(call))


def _decoder_of(function: Callable[..., Any], subject: str, hint: Any) -> JsonDecoder:
    builder = SchemaBuilder()
    try:
        schema = builder.schema(hint)
        return JsonDecoder(hint, schema=schema, components=builder.components)
    except (TypeError, ValueError, attrs.exceptions.NotAnAttrsClassError) as error:
        reason = str(error)
        if hasattr(hint, "__mapper__"):
            reason = f"{hint.__qualname__} is an object of a session: send its id"
        raise TaskDefinitionError(
            f"{location(function)}: {subject} cannot be sent as JSON: {reason}. If the "
            "application provides it, give the parameter the default `provided`"
        ) from error
