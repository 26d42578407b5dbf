"""Views: the methods of one resource in one class.

An instance is made for each request. The class is a dependency like any other: the arguments of its
``__init__``, for an attrs class its attributes, are bound like the arguments of a handler, and are
shared by all of its methods.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from photon_openapi.document import METHODS
from photon_runtime.callables import location

from .annotations import Dependency
from .errors import SignatureError
from .signatures import Signature, read_signature

_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@attrs.frozen
class ViewMethod:
    """One method of a view, as a handler.

    Attributes:
        method: Method in capitals.
        function: The function, whose first argument is the instance.
        signature: Its signature.
        operation_id: Its name, from those of the method and the class: ``get_item``.
    """

    method: str
    function: Callable[..., object]
    signature: Signature
    operation_id: str


def methods_of(view: type) -> Iterator[ViewMethod]:
    """Yield the handlers of a view.

    Raises:
        SignatureError: The view has no handlers, or one of them is invalid.
    """
    if not isinstance(view, type):
        raise SignatureError(
            f"{location(view)} is not a class: write @app.get(path) above a function"
        )
    methods = [name for name in METHODS if _is_method(view, name)]
    if not methods:
        names = ", ".join(METHODS)
        raise SignatureError(
            f"{view.__qualname__} has no handlers: name its methods after those of HTTP, {names}"
        )
    subject = _WORD.sub("_", view.__name__.removesuffix("View") or view.__name__).lower()
    for name in methods:
        function: Callable[..., Any] = getattr(view, name)
        signature = _with_instance(view, function, read_signature(function, owner=view))
        yield ViewMethod(name.upper(), function, signature, f"{name}_{subject}")


def _is_method(view: type, name: str) -> bool:
    """Return true if a class has a method of this name, whatever decorates it.

    Raises:
        SignatureError: It has one that does not get the instance.
    """
    found = inspect.getattr_static(view, name, None)
    if isinstance(found, staticmethod | classmethod):
        raise SignatureError(
            f"{view.__qualname__}.{name} is a {type(found).__name__}: a handler of a view is a "
            "plain method, whose first argument is the instance"
        )
    is_value = isinstance(found, type | types.MemberDescriptorType | property)
    return callable(found) and not is_value


def _with_instance(view: type, function: Callable[..., object], signature: Signature) -> Signature:
    if not signature.arguments or signature.arguments[0].is_keyword:
        raise SignatureError(
            f"{location(function)} takes no instance of {view.__qualname__}: write `self` as its "
            "first argument"
        )
    first, *others = signature.arguments
    instance = attrs.evolve(first, dependency=Dependency(view))
    return attrs.evolve(signature, arguments=[instance, *others])
