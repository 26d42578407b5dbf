"""The signature of a wrapper together with that of the function that it wraps.

Theory of operation. ``functools.wraps`` says that a wrapper has the signature of what it wraps, and
copies the annotations. Both are true only if the wrapper takes ``*args, **kwargs`` and nothing
else. What a call can pass is decided by the outermost function alone: its own parameters, and those
below that its ``*args`` and ``**kwargs`` let through. Hence, for each layer:

* a parameter that both have is the wrapper's, with the annotation of the wrapped one, unless the
  wrapper has one of its own;
* a parameter that only the wrapper has is added, if its annotation is known. If ``wraps`` has
  overwritten it, the parameter is refused: its type cannot be known. One with a default and without
  an annotation is an option of the decorator, and left to its default;
* a parameter that only the wrapped function has is passed by its name through ``**kwargs``, or by
  its position through ``*args``. If the wrapper has neither, it makes the value by itself, and the
  parameter is not one of the call.

Parameters that pass through ``**kwargs`` are passed by name, as decorators of other frameworks
expect: they look for ``kwargs["request"]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..callables import place_of
from ._parameter import EMPTY, POSITIONAL, VARIADIC, Layer, Note, Parameter, Unresolved, in_order


def merged(
    wrapper: Any, own: Layer, inner: Layer, *, is_method: bool = False, is_copied: bool = False
) -> Layer:
    """Return the signature of a wrapper.

    Args:
        wrapper: The wrapper, for messages.
        own: Its own signature; without annotations that ``functools.wraps`` has copied.
        inner: The signature of what it wraps.
        is_method: True if the first parameter is the instance, which is passed by its position.
        is_copied: True if ``functools.wraps`` has overwritten the wrapper's annotations.
    """
    kinds = {each.kind for each in own.parameters}
    has_rest, has_names = (each in kinds for each in VARIADIC)
    left = {each.name: each for each in inner.parameters if each.kind not in VARIADIC}
    found: list[Unresolved] = []
    named = [each for each in own.parameters if each.kind not in VARIADIC]
    for index, each in enumerate(named):
        same = _counterpart(each, index, inner.parameters, is_method=is_method)
        if same is not None and left.pop(same.name, None) is not None:
            default = same.default if each.default is EMPTY else each.default
            notes = _own_notes(each.notes, same.notes)
            found.append(each._replace(default=default, notes=(*notes, *same.notes)))
        elif each.notes:
            found.append(each)
        elif each.default is EMPTY:
            found.append(each._replace(problem=_unknown(wrapper, each.name) if is_copied else ""))
    first = inner.parameters[0].name if is_method and inner.parameters else None
    found += [each for each in inner.parameters if each.kind in VARIADIC and each.kind in kinds]
    for each in left.values():
        kind = _passed(each, each.name == first, has_rest=has_rest, has_names=has_names)
        is_by_name = has_names and kind is Parameter.POSITIONAL_OR_KEYWORD and each.name != first
        found += [] if kind is None else [each._replace(kind=kind, is_by_name=is_by_name)]
    results = _own_notes(own.results, inner.results)
    return Layer(in_order(found), (*results, *inner.results))


def _own_notes(own: tuple[Note, ...], inner: tuple[Note, ...]) -> tuple[Note, ...]:
    """Return annotations without the texts that a decorator has copied from inside."""
    texts = [each.value for each in inner if isinstance(each.value, str)]
    return tuple(each for each in own if each.value not in texts)


def _counterpart(
    own: Unresolved, index: int, inner: Sequence[Unresolved], *, is_method: bool
) -> Unresolved | None:
    """Return the parameter of the wrapped function that a parameter of the wrapper is passed as."""
    by_name = next((each for each in inner if each.name == own.name), None)
    is_positional = own.kind is Parameter.POSITIONAL_ONLY or (is_method and index == 0)
    if by_name is not None or not is_positional or index >= len(inner):
        return by_name
    return inner[index] if inner[index].kind in POSITIONAL else None


def _passed(inner: Unresolved, is_instance: bool, *, has_rest: bool, has_names: bool) -> Any:
    """Return the kind of a parameter that a wrapper lets through, ``None`` if it does not."""
    if inner.kind is Parameter.POSITIONAL_ONLY or (is_instance and has_rest):
        return inner.kind if has_rest else None
    if has_rest and inner.kind in POSITIONAL:
        return inner.kind
    return Parameter.KEYWORD_ONLY if has_names else None


def _unknown(wrapper: Any, name: str) -> str:
    return (
        f"{place_of(wrapper)} takes {name!r}, which the function that it wraps does not have, and "
        "functools.wraps has overwritten its annotation: write `@functools.wraps(function, "
        'assigned=("__name__", "__qualname__", "__doc__", "__module__"))`, which keeps it, or set '
        "`__signature__` on the wrapper"
    )
