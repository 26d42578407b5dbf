"""Which argument takes what, where the document was there before the handler.

An argument takes the parameter whose name on the wire is its own; else one that is spelt so in
Python. A marker (``Query[...]``) must agree with the parameter's place. Each parameter belongs to
the arguments that fit it best: of ``itemId`` and ``item_id`` each takes its own. What has no
parameter takes the body, but only one argument can.

Code first nothing is left to fit: each argument's place was settled when its operation was
written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from photon_openapi.document import OpenApi, Operation

from ..arguments import spread
from ..dependencies import Owned
from ..signatures import Argument
from ._entry import ParameterKey, ParameterKeys
from ._operation import BODY, is_body, parameter_key

_EXACT, _SPELT = 0, 1
_ORDER: Final = ("path", "query", "querystring", "header", "cookie", "form")


def fit(
    arguments: Sequence[Owned], operation: Operation, fields: Sequence[str] = ()
) -> ParameterKeys:
    """Return the place of each argument; those that fit nothing are left out.

    Args:
        arguments: The arguments. Of one that is a class spread over parameters its members are
            fitted, unless the operation has a parameter of the argument's own name.
        operation: The operation.
        fields: The fields of its form, which are fitted like parameters.
    """
    known = [*operation.parameters, *({"in": "form", "name": name} for name in fields)]
    parameters = sorted(known, key=lambda parameter: _ORDER.index(parameter["in"]))
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
        place
        for place, takers in ranks.items()
        for function, argument in arguments
        if argument.annotation.marker is not None and (function, argument.key) in takers
    }
    places: dict[tuple[Callable[..., Any], str], ParameterKey] = {}
    for function, argument in arguments:
        key = function, argument.key
        fitting = [
            (takers[key], argument.annotation.marker is None and place in marked, index, place)
            for index, (place, takers) in enumerate(ranks.items())
            if key in takers and takers[key] == min(takers.values())
        ]
        if fitting:
            places[key] = min(fitting)[-1]
    body = _taker_of_body(arguments, places) if operation.body is not None else None
    return places if body is None else places | {body: BODY}


def _parts(argument: Argument, parameters: Sequence[OpenApi]) -> Sequence[Argument]:
    if any(_rank(argument, parameter) is not None for parameter in parameters):
        return [argument]
    return spread(argument) or [argument]


def _rank(argument: Argument, parameter: OpenApi) -> int | None:
    """Say how well an argument fits a parameter, ``None`` where it does not."""
    marker = argument.annotation.marker
    if marker is not None and marker.place != parameter["in"]:
        return None
    wire = parameter["name"]
    name = argument.wire_name or argument.name
    if name == wire or (parameter["in"] == "header" and name.lower() == wire.lower()):
        return _EXACT
    return _SPELT if argument.wire_name is None and argument.name == python_name(wire) else None


def _taker_of_body(
    arguments: Sequence[Owned], places: Mapping[tuple[Callable[..., Any], str], ParameterKey]
) -> tuple[Callable[..., Any], str] | None:
    """Return the argument that takes the body: a marked one, else of a fitting type, else any."""
    candidates = [
        (_strangeness(argument), index, (function, argument.key))
        for index, (function, argument) in enumerate(arguments)
        if (function, argument.key) not in places and _may_take_body(argument)
    ]
    return min(candidates)[-1] if candidates else None


def _may_take_body(argument: Argument) -> bool:
    marker = argument.annotation.marker
    if argument.member is not None or (marker is not None and marker.location != "body"):
        return False
    # Of a form only a class or a mapping takes the whole.
    return marker is None or marker.place != "form" or is_body(argument.annotation.type)


def _strangeness(argument: Argument) -> int:
    if argument.annotation.marker is not None:
        return 0
    return 1 if is_body(argument.annotation.type) else 2


def python_name(wire: str) -> str:
    """Return ``petId``, ``pet-id`` or ``Pet-ID`` as ``pet_id``."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", wire)
    return re.sub(r"\W", "_", apart).lower()
