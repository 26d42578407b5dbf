"""Handler signatures, read once at registration.

A handler is a plain function. Annotation, default and name of an argument describe its value; its
source is chosen by the operation (`_operation` writes it, `_compile` reads it), so this module
checks the signature alone. Errors name the location of the function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Never, NoReturn

import attrs

from photon_openapi.annotations import SourceMarker, without_none
from photon_openapi.schema import Member
from photon_runtime.callables import CallableKind, kind_of, location
from photon_runtime.http import Request
from photon_runtime.signatures import CallableParameter, Parameter, read_callable

from .._submitted import takes_submitted
from .._upload import takes_files
from ..annotations import Annotation, Dependency, In, split_annotation
from ..errors import SignatureError
from ._signature_checks import signature_error_of


class _Missing:
    """The type of `MISSING` and `ABSENT`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


MISSING: Final = _Missing("MISSING")
"""The default of an argument without one, since ``None`` is a valid default."""
ABSENT: Final = _Missing("ABSENT")
"""The value of a parameter that was not sent and whose default is made later."""


@attrs.frozen
class Argument:
    """One argument of a handler or dependency.

    Attributes:
        name: Name in the signature.
        annotation: Annotation, split into its parts.
        default: Value for requests without one; `MISSING` if it is required.
        is_keyword: True for an argument that is passed by its name.
        dependency: Dependency that makes its value, ``None`` for values from the request.
        is_request: True for the request itself. A provider may have a default for it, and is used
            outside of requests then.
        member: Member of a parameter model that the argument represents; see `arguments`.
        owner: Name of the argument that is annotated with the model.
        is_submitted: True for a `Submitted` form, and for the members of its class.
    """

    name: str
    annotation: Annotation
    default: object
    is_keyword: bool
    dependency: Dependency | None
    is_request: bool
    member: Member | None = None
    owner: str = ""
    is_submitted: bool = False

    @property
    def key(self) -> str:
        """Its key within its function."""
        return f"{self.owner}.{self.name}" if self.owner else self.name

    @property
    def is_file(self) -> bool:
        """True if it takes an uploaded file, or several."""
        return takes_files(self.annotation.type)

    @property
    def wire_name(self) -> str | None:
        """The name on the wire in the annotation; ``None`` without one."""
        return None if self.annotation.param is None else self.annotation.param.name

    @property
    def is_required(self) -> bool:
        """True if the request must have a value."""
        return self.default is MISSING


_NO_RESULT: Final = (Parameter.empty, NoReturn, Never)


@attrs.frozen
class Signature:
    """The arguments and the result of a handler or dependency.

    Attributes:
        arguments: The arguments in order.
        result: The return annotation; `MISSING` without one, or if it never returns.
    """

    arguments: Sequence[Argument]
    result: Any


def read_signature(function: Callable[..., object], *, owner: type | None = None) -> Signature:
    """Read the signature of a handler or dependency.

    Args:
        function: The handler or dependency.
        owner: The class that has it as a method; the instance is the first argument then.

    Raises:
        SignatureError: It is a coroutine function, takes ``*args`` or ``**kwargs``, or has an
            annotation that cannot be resolved or contradicts itself.
    """
    kind_of(function)  # rejects asynchronous functions
    read = read_callable(function, owner=owner)
    arguments = [
        _read_argument(function, parameter)
        for parameter in read.parameters
        if not parameter.is_bound or isinstance(parameter.default, SourceMarker)
    ]
    return Signature(arguments, MISSING if read.result in _NO_RESULT else read.result)


def is_generator(function: Callable[..., object]) -> bool:
    """Return true if calling ``function`` returns a generator, even through a decorator."""
    return kind_of(function) in (CallableKind.GENERATOR, CallableKind.WRAPS_GENERATOR)


def _read_argument(function: Callable[..., object], parameter: CallableParameter) -> Argument:
    if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
        stars = "*" if parameter.kind is Parameter.VAR_POSITIONAL else "**"
        raise SignatureError(
            f"{location(function)} takes {stars}{parameter.name}: arguments are bound by name, "
            "declare each of them"
        )
    hint = Any if parameter.annotation is Parameter.empty else parameter.annotation
    try:
        annotation = split_annotation(hint)
    except TypeError as error:
        raise SignatureError(f"{location(function)}, argument {parameter.name}: {error}") from error
    is_missing = parameter.default is Parameter.empty
    default = MISSING if is_missing else parameter.default
    dependency = default if isinstance(default, Dependency) else None
    for item in annotation.metadata:
        if isinstance(item, Dependency):
            dependency = item
    error_text = signature_error_of(annotation, default, is_missing=is_missing)
    if error_text is not None:
        raise SignatureError(f"{location(function)}, argument {parameter.name}: {error_text}")
    is_submitted = takes_submitted(annotation.type)
    if is_submitted or takes_files(annotation.type):
        annotation = attrs.evolve(annotation, marker=In("body", "form"))
    if annotation.param is not None and annotation.param.default_factory is not None:
        default = ABSENT
    return Argument(
        name=parameter.name,
        annotation=annotation,
        default=default,
        is_keyword=parameter.is_by_name or parameter.kind is Parameter.KEYWORD_ONLY,
        dependency=dependency,
        is_request=without_none(annotation.type) is Request,
        is_submitted=is_submitted,
    )
