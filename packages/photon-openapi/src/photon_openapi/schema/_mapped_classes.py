"""Classes that SQLAlchemy maps to tables: the members that a response may have.

Theory of operation. A mapped class has a *mapper*, in ``__mapper__``, which describes its columns
completely. Only public attributes of mappers are read, and SQLAlchemy is not imported: a class with
a mapper exists only in programs that have imported it. There is nothing to register, so a class has
the same schema in every application and in a command without one.

The members are the attributes of the columns, in the order of the mapper, without

- relationships: whether one is loaded depends on the query, so that a schema with them would be
  true of some results only, and two that refer to each other have no end. A class for the result
  itself, such as an attrs class, names those that are sent;
- columns declared ``deferred()``: they are not loaded unless a query asks for them;
- columns with ``info={"private": True}``, and attributes with a leading underscore.

The type of a member is that of ``Mapped[T]``. Annotations may have names that exist for type
checkers only; where one cannot be evaluated, or does not exist (imperative mappings), the type of
the column decides. A column that may be NULL is ``None``, too, whatever its annotation says.

Mapped classes describe results only: a body that is decoded into one would let clients set columns
such as ``is_admin``, and its object would be attached to sessions through its relationships.
"""

from __future__ import annotations

import importlib
import sys
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from ..annotations import origin_of, plain_type, union_members

PRIVATE = "private"
"""The key in ``info`` of a column, or of its attribute, that leaves it out of results."""


def mapper_of(cls: object) -> Any:
    """Return the mapper of a class that SQLAlchemy maps; ``None`` for any other class."""
    mapper = getattr(cls, "__mapper__", None) if isinstance(cls, type) else None
    return mapper if hasattr(mapper, "column_attrs") else None


def mapped_columns(cls: type) -> dict[str, Any]:
    """Return the types of the members of a mapped class by name.

    Raises:
        TypeError: The class has no members: all of its columns are deferred or private.
    """
    hints = _Annotations(cls)
    columns = {
        attribute.key: _type_of(attribute, hints)
        for attribute in mapper_of(cls).column_attrs
        if not _is_private(attribute)
    }
    if not columns:
        raise TypeError(f"{cls.__qualname__} has no column that may be sent")
    return columns


def _is_private(attribute: Any) -> bool:
    infos = [attribute.info, *(getattr(column, "info", {}) for column in attribute.columns)]
    return (
        attribute.deferred
        or attribute.key.startswith("_")
        or any(info.get(PRIVATE) for info in infos)
    )


# -- types --------------------------------------------------------------------------------------


def _type_of(attribute: Any, hints: _Annotations) -> Any:
    column = attribute.columns[0]
    type_ = hints.of(attribute.key)
    if type_ is None:
        type_ = _type_of_column(column.type)
    # Expressions such as aggregates have no `nullable`, and may be NULL unless annotated.
    is_nullable = getattr(column, "nullable", hints.of(attribute.key) is None)
    return type_ | None if is_nullable and not _allows_none(type_) else type_


def _allows_none(type_: Any) -> bool:
    plain = plain_type(type_)
    members = union_members(plain) or (plain,)
    return any(plain_type(member) in (type(None), Any, object) for member in members)


def _type_of_column(type_: Any) -> Any:
    """Return the Python type of the values of a column, ``Any`` if it cannot be known."""
    names = getattr(type_, "enums", None)
    if names and getattr(type_, "enum_class", None) is None:
        return Literal[tuple(names)]
    items = getattr(type_, "item_type", None)
    if items is not None:
        return list[_type_of_column(items)]  # type: ignore[misc]  # computed
    try:
        python_type = type_.python_type
    except NotImplementedError:
        return Any
    # JSON columns have any JSON value, and say that they have mappings.
    return Any if python_type in (dict, list) else python_type


class _Annotations:
    """The annotations of a class, each evaluated on its own.

    Args:
        cls: The class.
    """

    def __init__(self, cls: type) -> None:
        self._sources = {
            name: (annotation, base)
            for base in reversed(cls.__mro__)
            for name, annotation in _annotations(base).items()
        }

    def of(self, name: str) -> Any:
        """Return the type of an attribute; ``None`` if it is not known."""
        annotation, owner = self._sources.get(name, (None, object))
        if isinstance(annotation, typing.ForwardRef):
            annotation = annotation.__forward_arg__
        if isinstance(annotation, str):
            annotation = _evaluated(annotation, owner)
        return None if annotation is None else _unwrapped(annotation, owner)


def _annotations(cls: type) -> Mapping[str, Any]:
    own: Mapping[str, Any] = vars(cls).get("__annotations__", {})  # without those of bases
    if sys.version_info >= (3, 14):  # they are evaluated when they are read
        annotationlib = importlib.import_module("annotationlib")
        own = annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return own


def _evaluated(text: str, owner: type) -> Any:
    """Return the value of an annotation; ``None`` if a name in it does not exist."""
    module = sys.modules.get(owner.__module__)
    try:
        # As typing.get_type_hints does; the text is code of the application.
        return eval(text, vars(module or typing), dict(vars(owner)))
    except (NameError, AttributeError, TypeError, SyntaxError):
        return None


def _unwrapped(annotation: Any, owner: type) -> Any:
    """Return ``T`` for ``Mapped[T]``, without what declares the column inside of ``Annotated``."""
    origin = origin_of(annotation)
    names = {base.__name__ for base in getattr(origin, "__mro__", ())}
    if "Mapped" not in names:
        return annotation
    (type_,) = typing.get_args(annotation)
    if isinstance(type_, typing.ForwardRef):
        type_ = _evaluated(type_.__forward_arg__, owner)
    elif isinstance(type_, str):
        type_ = _evaluated(type_, owner)
    if any(isinstance(each, typing.ForwardRef) for each in _parts(type_)):
        return None
    return None if type_ in (Any, object) else type_


def _parts(type_: Any) -> Iterator[Any]:
    yield type_
    for each in typing.get_args(type_):
        if origin_of(type_) is not Annotated or each is typing.get_args(type_)[0]:
            yield from _parts(each)
