"""The signature of any callable, from one reader.

Theory of operation. Names, kinds, defaults and annotations come from the same walk over the layers
of a callable: wrappers, ``functools.partial``, bound methods, objects with ``__call__``, classes,
and a ``__signature__`` that a decorator has set, which takes precedence over all below it. Each
annotation is stored with the function or class that it was written in, since only there its text
has a meaning, and is resolved at the end: those of parameters that a wrapper has filled in are not
needed.

A ``__signature__`` in the dictionary of a wrapper may be a copy, which ``functools.update_wrapper``
has made of the whole dictionary. It is the wrapper's own only if it differs.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from ..callables import location, place_of
from ..errors import SignatureError
from ._constructors import class_layer, has_constructors
from ._merging import merged
from ._parameter import (
    EMPTY,
    POSITIONAL,
    VARIADIC,
    Layer,
    Parameter,
    Unresolved,
    in_order,
    note_of,
)
from ._plain import CallableParameter, has_rest, hints_in, is_plain, plain_parameters
from ._resolving import Resolver, resolve_classes
from ._scopes import Origin, Scope

_PARTIAL_METHODS: Final = ("__partialmethod__", "_partialmethod")
_ANYTHING: Final = Layer(
    [Unresolved("args", Parameter.VAR_POSITIONAL, EMPTY), Unresolved("kwargs", VARIADIC[1], EMPTY)]
)


class CallableSignature(NamedTuple):
    """The signature of a callable.

    Attributes:
        parameters: Its parameters in order.
        result: The type of its result, `inspect.Parameter.empty` without an annotation.
    """

    parameters: Sequence[CallableParameter]
    result: Any


def read_callable(
    function: Callable[..., object], *, owner: type | None = None
) -> CallableSignature:
    """Return the signature of a callable, with its annotations resolved.

    Call it where the function is registered: names of enclosing functions are known only there.

    Args:
        function: A function, method, class or object; decorated or not.
        owner: The class, for a function that is a method of it; the instance is a parameter then.

    Raises:
        SignatureError: An annotation cannot be resolved, the type of a parameter of a decorator is
            unknown, or the callable has no signature.
    """
    if is_plain(function) and not has_rest(function):
        hints = hints_in(function)
        if hints is not None:
            if Origin(function).is_local:  # its classes may have texts, as `children: "list[Node]"`
                for hint in hints.values():
                    resolve_classes(hint, Scope({}, {}))
            return CallableSignature(
                plain_parameters(function, hints), hints.get("return", Parameter.empty)
            )
    layer = _layer(function, owner)
    for each in layer.parameters:
        if each.problem:
            raise SignatureError(each.problem)
    resolver = Resolver(function)
    parameters = [
        CallableParameter(
            each.name,
            each.kind,
            each.default,
            # Types of *args are not needed, and a ParamSpec is not a type of a value.
            EMPTY
            if not each.notes or each.kind in VARIADIC
            else resolver.parameter(each.name, each.notes),
            each.is_bound,
            each.is_by_name,
        )
        for each in layer.parameters
    ]
    return CallableSignature(parameters, resolver.result(layer.results) if layer.results else EMPTY)


def read_names(function: Callable[..., object]) -> list[Unresolved]:
    """Return the parameters of a callable without resolving their annotations.

    Raises:
        SignatureError: As `read_callable`, except for annotations.
    """
    return _layer(function, None).parameters


def names_of(function: Callable[..., object]) -> list[str]:
    """Return the names of the parameters of a callable.

    Raises:
        SignatureError: It has no signature.
    """
    return [each.name for each in read_names(function)]


def resolve_local_names(function: Callable[..., object]) -> None:
    """Resolve the annotations of a callable that name what an enclosing function defines.

    For a callable that is stored now and read later, when that function has returned. What cannot
    be resolved now is left for the reader, which reports it.
    """
    try:
        layer = _layer(function, None)
    except SignatureError:
        return
    resolver = Resolver(function)
    for each in layer.parameters:
        if any(origin.is_local for note in each.notes for origin in note.origins):
            _try(resolver.parameter, each.name, each.notes)
    if any(origin.is_local for note in layer.results for origin in note.origins):
        _try(resolver.result, layer.results)


def _try(resolve: Callable[..., object], *arguments: object) -> None:
    try:
        resolve(*arguments)
    except SignatureError:
        return


def _layer(layer: Any, owner: type | None) -> Layer:
    """Return the signature of a callable.

    Raises:
        SignatureError: It cannot be read.
    """
    kind = type(layer)
    if kind is types.MethodType:
        # The function of a method is passed its instance by position, whatever its wrappers take.
        return _without_first(layer, _layer(layer.__func__, _class_of(layer.__self__)))
    if kind in (staticmethod, classmethod):
        return _layer(layer.__func__, owner)
    wrapped = _wrapped(layer)
    declared = _declared(layer)
    if declared is not None:
        return _from_declared(layer, declared, wrapped, owner)
    if issubclass(kind, functools.partial):
        return _bound(layer, _layer(layer.func, owner), layer.args, layer.keywords)
    own = _own(layer, wrapped, owner)
    if wrapped is None:
        return own
    inner = _layer(wrapped, owner)
    is_copied = _is_copied(layer, wrapped)
    return merged(layer, own, inner, is_method=owner is not None, is_copied=is_copied)


def _wrapped(layer: Any) -> Any:
    """Return the callable that a layer wraps, ``None`` without one."""
    if issubclass(type(layer), functools.partial | type):
        return None  # a partial object decides what is left, and of a class the constructors do
    return getattr(layer, "__wrapped__", None)


def _declared(layer: Any) -> inspect.Signature | None:
    """Return the ``__signature__`` of a layer, unless it was copied from what it wraps."""
    declared = getattr(layer, "__signature__", None)
    if not isinstance(declared, inspect.Signature):
        return None
    kind = type(layer)
    if issubclass(kind, type):
        is_own = "__signature__" in layer.__dict__ or hasattr(kind, "__signature__")
        return declared if is_own else None
    wrapped = getattr(layer, "__wrapped__", None)  # of a partial object, too
    others = (getattr(each, "__signature__", None) for each in (wrapped, kind))
    return None if any(declared is each for each in others) else declared


def _from_declared(
    layer: Any, declared: inspect.Signature, wrapped: Any, owner: type | None
) -> Layer:
    """Return the signature that a decorator has set.

    Its annotations have no place. A text is resolved where the wrapped function or the wrapper
    was written. Where it has no annotation, that of the wrapped function applies.
    """
    own = _own(layer, wrapped, owner)
    below = own if wrapped is None else _layer_or_nothing(wrapped, owner)
    notes = {each.name: each.notes for each in (*own.parameters, *below.parameters) if each.notes}
    origins = tuple(_origins(layer, owner))
    parameters = [
        Unresolved(
            each.name,
            _accepted(each, own, layer),
            each.default,
            note_of(each.annotation, *origins) or notes.get(each.name, ()),
            is_by_name=_is_by_name(each, own),
        )
        for each in declared.parameters.values()
    ]
    result = note_of(declared.return_annotation, *origins)
    return Layer(in_order(parameters), result or (*own.results, *below.results))


def _accepted(declared: inspect.Parameter, own: Layer, layer: Any) -> Any:
    """Return how a parameter that a decorator has declared is passed to its wrapper.

    Raises:
        SignatureError: The wrapper does not take it.
    """
    kinds = {each.kind for each in own.parameters}
    by_name = {each.name: each.kind for each in own.parameters}
    kind = declared.kind
    if declared.name in by_name or kind in VARIADIC:
        return by_name.get(declared.name, kind)
    if VARIADIC[0] in kinds and kind in POSITIONAL:
        return kind
    if VARIADIC[1] in kinds and kind is not Parameter.POSITIONAL_ONLY:
        return Parameter.KEYWORD_ONLY
    raise SignatureError(
        f"{place_of(layer)} does not take {declared.name!r}, which its `__signature__` has: add "
        "the parameter to the function, or `**kwargs`"
    )


def _is_by_name(declared: inspect.Parameter, own: Layer) -> bool:
    """Return true if a wrapper takes a parameter by its ``**kwargs``."""
    is_named = any(each.name == declared.name for each in own.parameters)
    has_names = any(each.kind is VARIADIC[1] for each in own.parameters)
    return has_names and not is_named and declared.kind is Parameter.POSITIONAL_OR_KEYWORD


def _origins(layer: Any, owner: type | None) -> list[Origin]:
    """Return the functions of all layers, the innermost first, where texts have a meaning."""
    found: list[Origin] = []
    seen: set[int] = set()
    while layer is not None and id(layer) not in seen:
        seen.add(id(layer))
        if isinstance(layer, type):
            found.append(Origin(layer))
        elif hasattr(layer, "__code__"):
            found.append(Origin(layer, owner))
        elif isinstance(layer, functools.partial):
            found += _origins(layer.func, owner)
        else:
            call = inspect.getattr_static(type(layer), "__call__", None)
            found += [Origin(call, type(layer))] if hasattr(call, "__code__") else []
        layer = getattr(layer, "__wrapped__", None)
    return found[::-1]


def _own(layer: Any, wrapped: Any, owner: type | None) -> Layer:
    """Return the signature of a function or object itself, without what it wraps."""
    if type(layer) is types.FunctionType:
        for name in _PARTIAL_METHODS:
            if name in layer.__dict__:
                return _partial_method(layer.__dict__[name], owner)
        return _function(layer, owner, is_copied=_is_copied(layer, wrapped))
    if issubclass(type(layer), type):
        return class_layer(layer, _layer) if has_constructors(layer) else _opaque(layer)
    call = inspect.getattr_static(type(layer), "__call__", None)
    if call is None or isinstance(call, types.WrapperDescriptorType | types.MethodDescriptorType):
        return _ANYTHING if wrapped is not None else _opaque(layer)
    bound = call.__get__(layer, type(layer)) if hasattr(call, "__get__") else call
    if type(bound) is type(layer):  # a proxy, whose call is another proxy
        return _ANYTHING if wrapped is not None else _opaque(layer)
    return _layer(bound, None)


def _function(function: types.FunctionType, owner: type | None, *, is_copied: bool) -> Layer:
    annotations: dict[str, Any] = {} if is_copied else function.__annotations__
    origin = Origin(function, owner)
    parameters = [
        Unresolved(each.name, each.kind, each.default, note_of(each.annotation, origin))
        for each in plain_parameters(function, annotations)
    ]
    code = function.__code__
    rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount :]
    flags = (inspect.CO_VARARGS, inspect.CO_VARKEYWORDS)
    kinds = [kind for kind, flag in zip(VARIADIC, flags, strict=True) if code.co_flags & flag]
    parameters += [Unresolved(name, kind, EMPTY) for name, kind in zip(rest, kinds, strict=False)]
    result = annotations.get("return", EMPTY)
    return Layer(in_order(parameters), note_of(result, origin))


def _is_copied(layer: Any, wrapped: Any) -> bool:
    """Return true if ``functools.wraps`` has given a wrapper the annotations of the wrapped one."""
    if wrapped is None or type(layer) is not types.FunctionType:
        return False
    return layer.__annotations__ is getattr(wrapped, "__annotations__", None)


def _partial_method(method: functools.partialmethod[Any], owner: type | None) -> Layer:
    inner = _layer(method.func, owner)
    instance, rest = inner.parameters[:1], Layer(inner.parameters[1:], inner.results)
    bound = _bound(method, rest, method.args, method.keywords)
    return Layer([*instance, *bound.parameters], bound.results)


def _bound(layer: Any, inner: Layer, arguments: Sequence[object], names: Any) -> Layer:
    """Return the parameters that a partial function leaves.

    Raises:
        SignatureError: It binds what the function does not take.
    """
    positional = [each for each in inner.parameters if each.kind in POSITIONAL]
    has_rest = any(each.kind is VARIADIC[0] for each in inner.parameters)
    if len(arguments) > len(positional) and not has_rest:
        raise SignatureError(
            f"{location(layer)} takes {len(positional)} arguments by position, and its "
            f"functools.partial binds {len(arguments)}"
        )
    taken = {each.name for each in positional[: len(arguments)]}
    found, is_by_name = [], False
    for each in inner.parameters:
        if each.name in taken:
            continue
        if each.name in names and each.kind not in VARIADIC:
            is_by_name = is_by_name or each.kind in POSITIONAL
            each = each._replace(
                kind=Parameter.KEYWORD_ONLY, default=names[each.name], is_bound=True
            )
        elif is_by_name and each.kind is Parameter.POSITIONAL_OR_KEYWORD:
            each = each._replace(kind=Parameter.KEYWORD_ONLY)
        found.append(each)
    return Layer(in_order(found), inner.results)


def _without_first(method: Any, layer: Layer) -> Layer:
    first = layer.parameters[0] if layer.parameters else None
    if first is None or first.kind not in (*POSITIONAL, VARIADIC[0]):
        raise SignatureError(
            f"{location(method)} is a method and takes no argument for its instance: add `self`"
        )
    kept = layer.parameters if first.kind is VARIADIC[0] else layer.parameters[1:]
    return Layer(kept, layer.results)


def _class_of(instance: object) -> type:
    return instance if isinstance(instance, type) else type(instance)


def _layer_or_nothing(layer: Any, owner: type | None) -> Layer:
    try:
        return _layer(layer, owner)
    except SignatureError:  # what a declared signature hides need not be readable
        return Layer([])


def _opaque(layer: Any) -> Layer:
    """Return the signature of a callable of the interpreter or of an extension.

    Raises:
        SignatureError: It has none.
    """
    try:
        signature = inspect.signature(layer, follow_wrapped=False)
    except (TypeError, ValueError) as error:
        raise SignatureError(f"{location(layer)}: {error}") from error
    origins = tuple(_origins(layer, None))
    parameters = [
        Unresolved(each.name, each.kind, each.default, note_of(each.annotation, *origins))
        for each in signature.parameters.values()
    ]
    return Layer(parameters, note_of(signature.return_annotation, *origins))
