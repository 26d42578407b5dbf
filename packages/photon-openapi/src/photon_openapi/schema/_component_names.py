"""Names of components: short names, and qualified names for classes that share a short name.

A class has one component, and its key is the class. Classes of pydantic have further ones, with the
keys here.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable
from typing import Any, Literal

import attrs

from ..annotations import origin_of, split_annotation, strip_alias, union_members
from ._pydantic_models import generic_parts
from ._scalars import SCALARS


@attrs.frozen
class SentForm:
    """The key of a class in the form in which it is sent, if it is received in another one."""

    cls: Any


@attrs.frozen
class PydanticForm:
    """The key of a class that is not of pydantic, inside a class whose schema pydantic writes."""

    cls: Any


@attrs.frozen
class Definition:
    """The key of what the schema of a class of pydantic defines, and is not a class."""

    owner: Any
    name: str


def class_of_key(key: object) -> object:
    """Return the class of a component; a definition itself."""
    while isinstance(key, SentForm | PydanticForm):
        key = key.cls
    return key


def short_name(type_: object) -> str:
    """Return ``Page_Item`` for ``Page[Item]``."""
    return _compose_name(type_, lambda cls: cls.__name__)


def qualified_name(type_: object) -> str:
    """Return the name with modules: ``shop.models.Item``."""
    return _compose_name(type_, lambda cls: f"{cls.__module__}.{cls.__qualname__}")


def _compose_name(type_: object, name: Callable[[Any], str]) -> str:
    """Return ``Page_Item`` for ``Page[Item]``, with only the characters of component names."""
    if isinstance(type_, Definition):
        return re.sub(r"[^A-Za-z0-9._-]+", "_", type_.name)
    plain = strip_alias(split_annotation(class_of_key(type_)).type)
    plain, arguments = generic_parts(plain) or (plain, typing.get_args(plain))
    members = union_members(plain)
    if members is not None:
        text = "_or_".join(_compose_name(member, name) for member in members)
    elif origin_of(plain) is Literal:
        text = "_".join(str(argument) for argument in arguments)
    elif plain in (None, type(None), Ellipsis):
        text = "None" if plain is not Ellipsis else "etc"
    else:
        cls: Any = origin_of(plain) or plain
        own = cls.__name__ if cls in SCALARS or not hasattr(cls, "__qualname__") else name(cls)
        text = "_".join([own, *(_compose_name(argument, name) for argument in arguments)])
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text.replace("<locals>.", ""))
