"""The members of a class: one description for attrs, dataclasses, TypedDict and NamedTuple."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import attrs


@attrs.frozen(kw_only=True)
class Member:
    """One member of a class with named members.

    Attributes:
        name: Name of the attribute, and on the wire.
        type: Its annotation, with the type variables of the class filled in.
        required: Whether it has no default.
        default: The default, a ``attrs.Factory`` of it, or ``attrs.NOTHING``.
        argument: The name that ``__init__`` gives it; ``None`` when ``__init__`` does not take it.
        validator: The attrs validator.
        converts: Whether attrs passes what it is given through a converter.
        metadata: ``description`` and ``example`` are read from it.
        attribute: The attrs attribute, where the class is one of attrs.
    """

    name: str
    type: Any
    required: bool
    default: object = attrs.field(factory=lambda: attrs.NOTHING)
    argument: str | None = None
    validator: Any = None
    converts: bool = False
    metadata: Mapping[Any, Any] = attrs.Factory(dict)
    attribute: Any = None

    @property
    def is_private(self) -> bool:
        """Whether the wire never sees it."""
        return self.name.startswith("_")


def members_of(type_: object) -> tuple[Member, ...] | None:
    """List the members of an attrs class, a dataclass, a TypedDict or a NamedTuple.

    Returns:
        The members in their order, or ``None`` when the type is none of these.

    Raises:
        TypeError: An annotation of the class cannot be resolved.
    """
    cls = typing.get_origin(type_) or type_
    if not isinstance(cls, type):
        return None
    if attrs.has(cls):
        return _attrs_members(cls, _hints(type_, cls))
    if dataclasses.is_dataclass(cls):
        return _dataclass_members(cls, _hints(type_, cls))
    if typing.is_typeddict(cls):
        return _typed_dict_members(cls, _hints(type_, cls))
    if is_named_tuple(cls):
        return _named_tuple_members(cls, _hints(type_, cls))
    return None


def is_named_tuple(type_: object) -> bool:
    """Whether it is a class made by ``NamedTuple``: an array in JSON."""
    return isinstance(type_, type) and issubclass(type_, tuple) and hasattr(type_, "_fields")


def _hints(type_: object, cls: type) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"cannot resolve the annotations of {cls.__qualname__}: {error}."
            " Define the name at the top of the module, outside of `if TYPE_CHECKING`"
        ) from error
    filled = _type_variables(type_, cls)
    return {name: _fill(hint, filled) for name, hint in hints.items()}


def _type_variables(type_: object, cls: type) -> dict[Any, Any]:
    """What each type variable of the class and of its generic bases stands for."""
    parameters = getattr(cls, "__parameters__", ())
    filled = dict(zip(parameters, typing.get_args(type_), strict=False))
    for base in getattr(cls, "__orig_bases__", ()):
        origin = typing.get_origin(base)
        if isinstance(origin, type) and origin not in (typing.Generic, typing.Protocol):
            inherited = _type_variables(base, origin)
            filled.update({key: _fill(value, filled) for key, value in inherited.items()})
    return filled


def _fill(hint: Any, filled: dict[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return filled.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if not parameters or isinstance(hint, type):
        return hint
    return hint[tuple(filled.get(parameter, parameter) for parameter in parameters)]


def _attrs_members(cls: type, hints: dict[str, Any]) -> tuple[Member, ...]:
    return tuple(
        Member(
            name=field.name,
            type=hints.get(field.name, Any),
            required=field.init and field.default is attrs.NOTHING,
            default=field.default,
            argument=field.alias if field.init else None,
            validator=field.validator,
            converts=field.converter is not None,
            metadata=field.metadata,
            attribute=field,
        )
        for field in attrs.fields(cls)
    )


def _dataclass_members(cls: Any, hints: dict[str, Any]) -> tuple[Member, ...]:
    members = []
    for field in dataclasses.fields(cls):
        default: object = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = attrs.Factory(field.default_factory)
        elif default is dataclasses.MISSING:
            default = attrs.NOTHING
        members.append(
            Member(
                name=field.name,
                type=hints[field.name],
                required=field.init and default is attrs.NOTHING,
                default=default,
                argument=field.name if field.init else None,
                metadata=field.metadata,
                attribute=field,
            )
        )
    return tuple(members)


def _typed_dict_members(cls: Any, hints: dict[str, Any]) -> tuple[Member, ...]:
    return tuple(
        Member(
            name=name,
            type=_without_qualifier(hint),
            required=name in cls.__required_keys__,
            argument=name,
        )
        for name, hint in hints.items()
    )


def _without_qualifier(hint: Any) -> Any:
    """``Required[int]`` is ``int``."""
    while typing.get_origin(hint) in (typing.Required, typing.NotRequired):
        hint = typing.get_args(hint)[0]
    return hint


def _named_tuple_members(cls: Any, hints: dict[str, Any]) -> tuple[Member, ...]:
    return tuple(
        Member(
            name=name,
            type=hints.get(name, Any),
            required=name not in cls._field_defaults,
            default=cls._field_defaults.get(name, attrs.NOTHING),
            argument=name,
        )
        for name in cls._fields
    )
