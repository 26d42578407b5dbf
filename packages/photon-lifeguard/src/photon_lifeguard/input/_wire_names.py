"""The names of members on the wire, for the pointers of errors.

The router decides what members are called, and this package does not know its classes. So names are
read from what a class has: the ``name`` of an object in ``Annotated`` that also has constraints, as
``Param`` does; an attrs ``alias`` or msgspec's name; the rule in ``__photon_rename__``. The rule of
an application is not known here, nor the class of a mapping.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any

import attrs


def wire_name_of(cls: type, name: str) -> str:
    """Return the name on the wire of a member of a class."""
    own = _in_annotation(cls, name) or _by_library(cls, name)
    rule = getattr(cls, "__photon_rename__", None)
    return own or (name if rule is None else str(rule(name)))


def _in_annotation(cls: type, name: str) -> str | None:
    try:
        hint = typing.get_type_hints(cls, include_extras=True).get(name)
    except (NameError, TypeError):  # a name that exists for type checkers only
        return None
    return next(_names_in(hint), None)


def _names_in(hint: Any) -> Iterator[str]:
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is Annotated:
        arguments, metadata = arguments[:1], arguments[1:]
        for each in metadata:
            if hasattr(each, "min_length") and isinstance(getattr(each, "name", None), str):
                yield each.name
    for each in arguments:
        if typing.get_origin(each) in (Annotated, typing.Union, types.UnionType):
            yield from _names_in(each)


def _by_library(cls: Any, name: str) -> str | None:
    if attrs.has(cls):
        alias = getattr(attrs.fields_dict(cls).get(name), "alias", name)
        return None if alias == name else alias
    names = dict(
        zip(
            getattr(cls, "__struct_fields__", ()),
            getattr(cls, "__struct_encode_fields__", ()),
            strict=False,
        )
    )
    encoded = names.get(name, name)
    return None if encoded == name else str(encoded)
