"""Annotations, split into the plain type, its constraints, and other metadata.

Constraints are written as a `Param` (or a ``msgspec.Meta``) inside ``Annotated``, at any depth.
Markers of the source of a value derive from `SourceMarker`: they are found in the same way, but do
not affect the schema. None of this runs per request.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import attrs
import msgspec

from ._foreign_constraints import foreign_params, is_foreign
from ._param import Param, as_param, merge_params

_ABSENT = (type(None), msgspec.UnsetType)
"""The types of values that stand for an absent one."""


class SourceMarker:
    """The base of markers that name the source of a value.

    Attributes:
        is_whole: Whether the marker must not be attached to one of several members of a union.
    """

    __slots__ = ()
    is_whole: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Name of the marker for messages."""
        return type(self).__name__


class BareMarker:
    """The base of markers that are written without a type: the annotation is then `Any`."""

    __slots__ = ()

    @property
    def source(self) -> SourceMarker:
        """The marker that is attached to the type."""
        raise NotImplementedError


@attrs.frozen
class Annotation:
    """An annotation, split into its parts.

    Attributes:
        type: The plain type, without the outer ``Annotated``. Annotations of elements
            (``list[Annotated[int, ...]]``) are not changed.
        param: Constraints and description, merged from every ``Param`` and ``msgspec.Meta``, or
            ``None`` when there are none.
        metadata: All other metadata.
    """

    type: Any
    param: Param | None = None
    metadata: tuple[object, ...] = ()

    @property
    def annotated(self) -> Any:
        """The type with its constraints only, from which the schema is built."""
        return self.type if self.param is None else Annotated[self.type, self.param]


def split_annotation(annotation: object) -> Annotation:
    """Split an annotation into its parts.

    ``Annotated[int, Param(ge=1)] | None`` means the same as ``Annotated[int | None, Param(ge=1)]``.

    Raises:
        TypeError: A marker that must apply to the whole is attached to one of several members of a
            union, or two markers contradict each other.
    """
    if type(annotation) is type:
        return Annotation(annotation)
    plain, metadata = _flatten(annotation)
    if not metadata:
        return Annotation(plain)
    sources = [item for item in metadata if isinstance(item, SourceMarker) and not item.is_whole]
    if len(set(sources)) > 1:
        names = " and ".join(source.name for source in dict.fromkeys(sources))
        raise TypeError(f"{annotation!r} is marked {names}: a value has one source, keep one")
    params = list(_params_in(metadata))
    return Annotation(
        plain,
        merge_params(params) if params else None,
        tuple(item for item in metadata if not _is_constraint(item)),
    )


def _is_constraint(item: object) -> bool:
    return isinstance(item, Param | msgspec.Meta) or is_foreign(item)


def _params_in(metadata: tuple[object, ...]) -> Iterator[Param]:
    for item in metadata:
        if isinstance(item, Param | msgspec.Meta):
            yield as_param(item)
        elif is_foreign(item):
            yield from foreign_params(item)


def origin_of(type_: object) -> Any:
    """Return the origin of a generic type, ``None`` for others: `typing.get_origin`, faster.

    At the start of an application it is asked for thousands of annotations, most of them classes.
    """
    return None if type(type_) is type else typing.get_origin(type_)


def strip_alias(type_: object) -> object:
    """Return the type behind ``NewType`` and ``type X = ...``; ``Annotated`` is not changed."""
    while type(type_) is not type:  # most annotations are classes
        if isinstance(type_, typing.NewType):
            type_ = type_.__supertype__
        elif type(type_).__name__ == "TypeAliasType" and hasattr(type_, "__value__"):
            type_ = type_.__value__
        else:
            break
    return type_


def union_members(type_: object) -> tuple[Any, ...] | None:
    """Return the members of ``A | B`` or ``Optional[A]``, or ``None`` for other types."""
    if type(type_) is not type and typing.get_origin(type_) in (typing.Union, types.UnionType):
        return typing.get_args(type_)
    return None


def without_none(type_: Any) -> Any:
    """Return ``T`` for ``T | None``: a parameter that is absent has no value.

    msgspec's ``UnsetType`` stands for an absent value as ``None`` does.
    """
    members = union_members(type_)
    if members is None:
        return type_
    present = tuple(member for member in members if member not in _ABSENT)
    return typing.Union[present] if present else type_  # noqa: UP007 - of a computed tuple


def without_unset(type_: Any) -> Any:
    """Return ``T`` for ``T | UnsetType``, also inside of ``Annotated``; other types unchanged."""
    if type(type_) is type:
        return type_
    if origin_of(type_) is Annotated:
        inner, *metadata = typing.get_args(type_)
        present = without_unset(inner)
        return type_ if present is inner else Annotated[(present, *metadata)]
    members = union_members(strip_alias(type_)) or ()
    if msgspec.UnsetType not in members:
        return type_
    return typing.Union[tuple(each for each in members if each is not msgspec.UnsetType)]  # noqa: UP007 - of a computed tuple


def plain_type(type_: Any) -> Any:
    """Return a type without outer ``Annotated`` and aliases; ``NoneType`` for ``None``."""
    while type(type_) is not type:
        type_ = strip_alias(type_)
        if origin_of(type_) is not Annotated:
            return type(None) if type_ is None else type_
        type_ = typing.get_args(type_)[0]
    return type_


def value_type(type_: Any) -> Any:
    """Return the plain type of a value that is present: ``T`` for ``Annotated[T | None, ...]``."""
    if type(type_) is type:
        return type_
    return plain_type(without_none(plain_type(type_)))


def _flatten(annotation: object) -> tuple[Any, tuple[object, ...]]:
    if type(annotation).__name__ == "TypeAliasType":
        return _flatten(strip_alias(annotation))
    if typing.get_origin(annotation) is Annotated:
        inner, *metadata = typing.get_args(annotation)
        plain, deeper = _flatten(inner)
        return plain, (*deeper, *metadata)
    if isinstance(annotation, BareMarker):  # a bare `Query`, without a type in brackets
        return Any, (annotation.source,)
    members = union_members(annotation)
    if members is not None:
        return _flatten_optional(annotation, members)
    return annotation, ()


def _flatten_optional(
    annotation: object, members: tuple[Any, ...]
) -> tuple[Any, tuple[object, ...]]:
    """Move marker and `Param` out of ``Query[int] | None``; do not change other unions.

    A dependency in another union is refused: otherwise the client could send a value in its place.
    """
    present = [member for member in members if member not in _ABSENT]
    if len(present) != 1:
        flattened = (_flatten(member) for member in present)
        attached = (item for _, metadata in flattened for item in metadata)
        if any(isinstance(item, SourceMarker) and item.is_whole for item in attached):
            raise TypeError(f"{annotation!r}: a dependency must apply to the whole annotation")
        return annotation, ()
    plain, metadata = _flatten(present[0])
    if not any(isinstance(item, SourceMarker | Param) for item in metadata):
        return annotation, ()
    absent = tuple(member for member in members if member in _ABSENT)
    return typing.Union[(plain, *absent)], metadata
