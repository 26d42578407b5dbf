"""Spec first: the matching of arguments to parameters.

An argument takes the parameter whose name on the wire is its own; else one with that name in
Python's spelling. A marker (``Query[...]``) must agree with the location of the parameter. Each
parameter belongs to the arguments that match it best: of ``itemId`` and ``item_id`` each takes its
own. One argument without a parameter takes the body.

Code first there is no matching: the parameter of each argument was chosen when its operation was
written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from photon_openapi.document import OpenApi, Operation
from photon_openapi.schema import python_name

from ..arguments import model_arguments
from ..dependencies import Owned
from ..signatures import Argument
from ._entry import ParameterKey, ParameterKeys
from ._operation import BODY, is_body, parameter_key

_EXACT, _PYTHON_SPELLING = 0, 1
_PRECEDENCE: Final = ("path", "query", "querystring", "header", "cookie", "form")


def match_arguments(
    arguments: Sequence[Owned], operation: Operation, fields: Sequence[str] = ()
) -> ParameterKeys:
    """Return the parameter of each argument; arguments without a match are left out.

    Args:
        arguments: The arguments. The members of a parameter model are matched instead of the model,
            unless the operation has a parameter with the argument's own name.
        operation: The operation.
        fields: The fields of its form, which are matched like parameters.
    """
    parameters_and_fields = [
        *operation.parameters,
        *({"in": "form", "name": name} for name in fields),
    ]
    parameters = sorted(
        parameters_and_fields, key=lambda parameter: _PRECEDENCE.index(parameter["in"])
    )
    arguments = [
        (function, part)
        for function, argument in arguments
        for part in _parts(argument, parameters)
    ]
    ranks = {
        parameter_key(parameter): {
            (function, argument.key): rank
            for function, argument in arguments
            if (rank := _rank(argument, parameter)) is not None
        }
        for parameter in parameters
    }
    marked = {
        key
        for key, ranked in ranks.items()
        for function, argument in arguments
        if argument.annotation.marker is not None and (function, argument.key) in ranked
    }
    sources: dict[tuple[Callable[..., Any], str], ParameterKey] = {}
    for function, argument in arguments:
        owner = function, argument.key
        matches = [
            (ranked[owner], argument.annotation.marker is None and key in marked, index, key)
            for index, (key, ranked) in enumerate(ranks.items())
            if owner in ranked and ranked[owner] == min(ranked.values())
        ]
        if matches:
            sources[owner] = min(matches)[-1]
    body = _body_argument(arguments, sources) if operation.body is not None else None
    return sources if body is None else sources | {body: BODY}


def _parts(argument: Argument, parameters: Sequence[OpenApi]) -> Sequence[Argument]:
    if any(_rank(argument, parameter) is not None for parameter in parameters):
        return [argument]
    return model_arguments(argument) or [argument]


def _rank(argument: Argument, parameter: OpenApi) -> int | None:
    """Return how well an argument matches a parameter, ``None`` if it does not match."""
    marker = argument.annotation.marker
    if marker is not None and marker.origin != parameter["in"]:
        return None
    wire = parameter["name"]
    name = argument.wire_name or argument.name
    if name == wire or (parameter["in"] == "header" and name.lower() == wire.lower()):
        return _EXACT
    return (
        _PYTHON_SPELLING
        if argument.wire_name is None and argument.name == python_name(wire)
        else None
    )


def _body_argument(
    arguments: Sequence[Owned], sources: Mapping[tuple[Callable[..., Any], str], ParameterKey]
) -> tuple[Callable[..., Any], str] | None:
    """Return the argument that takes the body: a marked one, else by its type, else any."""
    candidates = [
        (_body_rank(argument), index, (function, argument.key))
        for index, (function, argument) in enumerate(arguments)
        if (function, argument.key) not in sources and _may_take_body(argument)
    ]
    return min(candidates)[-1] if candidates else None


def _may_take_body(argument: Argument) -> bool:
    marker = argument.annotation.marker
    if argument.member is not None or (marker is not None and marker.location != "body"):
        return False
    # Only a class or a mapping takes a form as a whole.
    return marker is None or marker.origin != "form" or is_body(argument.annotation.type)


def _body_rank(argument: Argument) -> int:
    if argument.annotation.marker is not None:
        return 0
    return 1 if is_body(argument.annotation.type) else 2
