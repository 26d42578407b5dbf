"""The parameters of classes: of the ``__call__`` of a metaclass, of ``__new__`` and ``__init__``.

A call of a class passes its arguments to all of these, one after another, so that they are merged
like the layers of decorators.

The ``__init__`` of attrs classes and dataclasses is generated, and the text of an annotation was
written in the body of the class, or of one that it inherits from, possibly in another module.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any

from ._merging import merged
from ._parameter import Layer, Note
from ._scopes import Origin

_CONSTRUCTORS = (types.FunctionType, staticmethod, classmethod)


def class_layer(cls: type, read: Callable[[Any, type], Layer]) -> Layer:
    """Return the signature of the calls of a class.

    Args:
        cls: The class.
        read: Reads a constructor as a method of the class.

    Raises:
        SignatureError: A constructor cannot be read.
    """
    layers = [_without_first(read(each, cls)) for each in _constructors(cls)]
    found = layers.pop()
    for own in reversed(layers):
        found = merged(cls, own, found)
    parameters = [
        each._replace(notes=tuple(_placed(note, each.name, cls) for note in each.notes))
        for each in found.parameters
    ]
    return Layer(parameters)


def has_constructors(cls: type) -> bool:
    """Return true if a call of a class runs a function that is written in Python."""
    return bool(_constructors(cls))


def _constructors(cls: type) -> list[Any]:
    found = []
    for owner, name in ((type(cls), "__call__"), (cls, "__new__"), (cls, "__init__")):
        each = inspect.getattr_static(owner, name, None)
        if isinstance(each, _CONSTRUCTORS) or (each is not None and hasattr(each, "__wrapped__")):
            found.append(each.__func__ if isinstance(each, staticmethod | classmethod) else each)
    return found


def _without_first(layer: Layer) -> Layer:
    return Layer(layer.parameters[1:], layer.results)


def _placed(note: Note, name: str, cls: type) -> Note:
    """Return an annotation with the class that it was written in, if that has it."""
    written = list(_classes_with(note.value, name, cls))
    is_generated = any(_is_generated(each.definition) for each in note.origins)
    origins = (*written, *note.origins) if is_generated else (*note.origins, *written)
    return Note(note.value, (*origins, Origin(cls)))


def _classes_with(annotation: object, name: str, cls: type) -> Iterator[Origin]:
    for base in cls.__mro__:
        own = inspect.get_annotations(base)
        if any(own.get(each) == annotation for each in (name, f"_{name}")):
            yield Origin(base)


def _is_generated(definition: object) -> bool:
    code = getattr(definition, "__code__", None)
    return code is not None and code.co_filename.startswith("<")
