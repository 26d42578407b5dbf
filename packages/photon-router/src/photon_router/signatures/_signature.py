"""Handler signatures, read once at registration.

A handler is a plain function. Each argument says by annotation, default and name what it wants;
where it comes from is decided against the operation (`_operation` writes it, `_compile` reads
it), so here only the signature itself is judged. Mistakes are told with the place of the
function.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from photon_openapi.schema import Member
from photon_runtime.callables import CallableKind, kind_of, location, signature_target
from photon_runtime.http import Request

from .._upload import takes_files
from ..annotations import Annotation, Dependency, In, split_annotation
from ..errors import SignatureError
from ._signature_checks import mistake_in


class _Missing:
    """The type of `MISSING` and `ABSENT`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


MISSING: Final = _Missing("MISSING")
"""Stands for "no default value", which ``None`` cannot."""
ABSENT: Final = _Missing("ABSENT")
"""Stands for a value that was not sent and whose default is made elsewhere."""


@attrs.frozen
class Argument:
    """One argument of a handler or dependency.

    Attributes:
        name: As in the signature.
        annotation: What it wants, taken apart.
        default: Its value where the request has none; `MISSING` where there must be one.
        is_keyword: Whether it can be given by name only.
        dependency: What makes its value, ``None`` for values from the request.
        is_request: Whether it is the request itself.
        member: The member of a class that it stands for, where the class is spread over
            parameters; see `arguments`.
        owner: The name of the argument that has the class.
    """

    name: str
    annotation: Annotation
    default: object
    is_keyword: bool
    dependency: Dependency | None
    is_request: bool
    member: Member | None = None
    owner: str = ""

    @property
    def key(self) -> str:
        """What it is known by within its function."""
        return f"{self.owner}.{self.name}" if self.owner else self.name

    @property
    def is_file(self) -> bool:
        """Whether it takes a file that was uploaded, or several."""
        return takes_files(self.annotation.type)

    @property
    def wire_name(self) -> str | None:
        """The name on the wire where the annotation gives one."""
        return None if self.annotation.param is None else self.annotation.param.name

    @property
    def is_required(self) -> bool:
        """Whether the request must have a value."""
        return self.default is MISSING


@attrs.frozen
class Signature:
    """What a handler or dependency takes and gives.

    Attributes:
        arguments: In order.
        result: The return annotation; `MISSING` where there is none.
    """

    arguments: Sequence[Argument]
    result: Any


def read_signature(function: Callable[..., object]) -> Signature:
    """Read the signature of a handler or dependency.

    Raises:
        SignatureError: It is a coroutine function, takes ``*args`` or ``**kwargs``, or has an
            annotation that cannot be resolved or contradicts itself.
    """
    kind_of(function)  # refuses what is asynchronous
    try:
        signature = inspect.signature(function)
        hints = typing.get_type_hints(signature_target(function), include_extras=True)
    except NameError as error:
        raise SignatureError(
            f"{location(function)}: an annotation names {error.name!r}, which is not defined at "
            "module level; import it there (not under TYPE_CHECKING)"
        ) from error
    except (AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise SignatureError(f"{location(function)}: {error}") from error
    arguments = [
        _read_argument(function, parameter, hints.get(name, Any))
        for name, parameter in signature.parameters.items()
    ]
    return Signature(arguments, hints.get("return", MISSING))


def is_generator(function: Callable[..., object]) -> bool:
    """Say whether calling ``function`` gives a generator, also where a decorator wraps it."""
    return kind_of(function) in (CallableKind.GENERATOR, CallableKind.WRAPS_GENERATOR)


def _read_argument(
    function: Callable[..., object], parameter: inspect.Parameter, hint: object
) -> Argument:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise SignatureError(
            f"{location(function)} takes *{parameter.name}: name each argument, they are bound by "
            "name"
        )
    try:
        annotation = split_annotation(hint)
    except TypeError as error:
        raise SignatureError(f"{location(function)}, argument {parameter.name}: {error}") from error
    is_missing = parameter.default is parameter.empty
    default = MISSING if is_missing else parameter.default
    dependency = default if isinstance(default, Dependency) else None
    for item in annotation.metadata:
        if isinstance(item, Dependency):
            dependency = item
    mistake = mistake_in(annotation, default, is_missing=is_missing)
    if mistake is not None:
        raise SignatureError(f"{location(function)}, argument {parameter.name}: {mistake}")
    if takes_files(annotation.type):
        annotation = attrs.evolve(annotation, marker=In("body", "form"))
    if annotation.param is not None and annotation.param.default_factory is not None:
        default = ABSENT
    return Argument(
        name=parameter.name,
        annotation=annotation,
        default=default,
        is_keyword=parameter.kind is parameter.KEYWORD_ONLY,
        dependency=dependency,
        is_request=annotation.type is Request,
    )
