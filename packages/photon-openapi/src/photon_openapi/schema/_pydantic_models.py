"""Classes of pydantic: models, and dataclasses with pydantic's decorator.

Theory of operation. pydantic validates such a class, writes its schema and encodes its objects; it
does so completely, with aliases, validators and serializers that the class declares. So members are
read here only for their names and types, as parameters, documents and results need them.

This module does not import pydantic: a class of it exists only in programs that have imported it.
What needs the library is in `_pydantic_schemas`, which is imported when the first class is met.
"""

from __future__ import annotations

import functools
import sys
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@attrs.frozen
class PydanticField:
    """One field of a class of pydantic.

    Attributes:
        name: Name of the attribute.
        alias: Its name in JSON, if the class declares another one.
        type: Its annotation.
        default: The default, an ``attrs.Factory`` of it, or ``attrs.NOTHING``.
        is_required: Whether it has no default.
        is_shown: Whether its values may be shown.
    """

    name: str
    alias: str | None
    type: Any
    default: object
    is_required: bool
    is_shown: bool


@attrs.frozen
class PydanticAttribute:
    """A member in the schema of its class, which pydantic writes.

    Attributes:
        cls: The class.
        name: The name of the member in the schema.
        repr: Whether its values may be shown, as for attributes of attrs.
    """

    cls: Any
    name: str
    repr: bool = True


def is_pydantic(cls: object) -> bool:
    """Return true for a class that pydantic validates: a model, or a dataclass of pydantic."""
    return isinstance(cls, type) and hasattr(cls, "__pydantic_validator__")


def is_loaded() -> bool:
    """Return whether the program has imported pydantic, and so may have such classes."""
    return "pydantic" in sys.modules


def refuse_unusable(cls: type) -> None:
    """Refuse a class of pydantic that cannot describe a value.

    Raises:
        TypeError: The class is a model of pydantic 1, the base of all models, or has annotations
            that cannot be resolved.
    """
    name = cls.__qualname__
    if is_version_1(cls):
        raise TypeError(
            f"{name} is a model of pydantic 1: derive it from `pydantic.BaseModel` of pydantic 2, "
            "not from `pydantic.v1`"
        )
    if not is_pydantic(cls):
        return
    if cls.__module__ in {"pydantic.main", "pydantic.root_model"}:
        raise TypeError(f"{name} has no members: name the model itself")
    if not cls.__dict__.get("__pydantic_complete__", True):
        _complete(cls)


def is_version_1(cls: type) -> bool:
    """Return true for a model of pydantic 1, which pydantic 2 has under ``pydantic.v1``."""
    return not is_pydantic(cls) and any(
        base.__module__ in ("pydantic.v1.main", "pydantic.main") and base.__name__ == "BaseModel"
        for base in cls.__mro__
    )


def _complete(cls: Any) -> None:
    """Resolve annotations that referred to names which were defined later."""
    from pydantic.dataclasses import rebuild_dataclass
    from pydantic.errors import PydanticUndefinedAnnotation

    try:
        if hasattr(cls, "model_rebuild"):
            cls.model_rebuild()
        else:
            rebuild_dataclass(cls)
    except (PydanticUndefinedAnnotation, NameError) as error:
        reason = str(error).splitlines()[0]
        raise TypeError(
            f"cannot resolve the annotations of {cls.__qualname__}: {reason}. Define the name "
            "at the top of the module, outside of `if TYPE_CHECKING`, or call "
            f"{cls.__qualname__}.model_rebuild() where it is defined"
        ) from error


@functools.lru_cache(maxsize=4096)
def adapter_of(cls: Any) -> TypeAdapter[Any]:
    """Return pydantic's validator and encoder of a class.

    Raises:
        TypeError: The class cannot describe a value.
    """
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    refuse_unusable(cls)
    try:
        return TypeAdapter(cls)
    except PydanticUserError as error:
        reason = str(error).splitlines()[0]
        raise TypeError(f"{cls.__qualname__} cannot be validated: {reason}") from error


def accepts_more(attribute: PydanticAttribute) -> bool:
    """Return whether a member may accept more than the schema of its class says.

    Its validators run before the value is converted, and do not declare their input.
    """
    from ._pydantic_schemas import ClassSchema

    enforced = ClassSchema(attribute.cls, "enforced").schema.get("properties", {})
    return set(enforced.get(attribute.name, ())) <= {"title", "description", "default"}


def is_root_model(cls: Any) -> bool:
    """Return true for a ``RootModel``, whose form in JSON is that of its only field."""
    return bool(getattr(cls, "__pydantic_root_model__", False))


def pydantic_fields(cls: Any) -> Iterator[PydanticField]:
    """Yield the fields of a class of pydantic that are received, in order.

    Raises:
        TypeError: The class cannot describe a value; see `refuse_unusable`.
    """
    refuse_unusable(cls)
    for name, field in cls.__pydantic_fields__.items():
        default: object = field.default
        if field.default_factory is not None:
            default = attrs.Factory(field.default_factory)
        elif field.is_required():
            default = attrs.NOTHING
        yield PydanticField(
            name=name,
            alias=_name_in_json(field),
            type=field.annotation,
            default=default,
            is_required=field.is_required(),
            is_shown=field.repr,
        )


def pydantic_sent_fields(cls: Any) -> Iterator[PydanticField]:
    """Yield the fields of a class of pydantic that are sent, with computed ones.

    The type of a field that is sent in another form than it is received in is ``object``: its
    serializer decides.
    """
    from ._pydantic_schemas import ClassSchema

    received, sent = (
        ClassSchema(cls, purpose).schema.get("properties", {}) for purpose in ("received", "sent")
    )
    by_name = {field.name: field for field in pydantic_fields(cls)}
    for name, field in cls.__pydantic_fields__.items():
        if field.exclude is not True:
            alias = field.serialization_alias or field.alias
            own = by_name[name]
            forms = received.get(own.alias or name, {}), sent.get(alias or name, {})
            is_same = {**forms[0], "title": ""} == {**forms[1], "title": ""}
            yield attrs.evolve(own, alias=alias, type=own.type if is_same else object)
    for name, computed in cls.__pydantic_decorators__.computed_fields.items():
        yield PydanticField(
            name=name,
            alias=computed.info.alias,
            type=object,
            default=attrs.NOTHING,
            is_required=False,
            is_shown=computed.info.repr,
        )


def takes_others(cls: Any) -> bool:
    """Return whether a class of pydantic keeps members that it does not declare."""
    config = getattr(cls, "model_config", None) or getattr(cls, "__pydantic_config__", None) or {}
    return config.get("extra") == "allow"


def _name_in_json(field: Any) -> str | None:
    """Return the name that the schema of pydantic has for a field, if it is not the attribute's."""
    for alias in (field.validation_alias, field.alias):
        choices = getattr(alias, "choices", [alias])
        found = next((choice for choice in choices if isinstance(choice, str)), None)
        if found is not None:
            return found
    return None


def generic_parts(cls: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """Return origin and arguments of a generic model with arguments, such as ``Page[Item]``.

    pydantic makes a class for it, of which `typing.get_origin` knows nothing.
    """
    metadata = getattr(cls, "__pydantic_generic_metadata__", None)
    if not isinstance(cls, type) or not metadata or metadata["origin"] is None:
        return None
    return metadata["origin"], typing.cast("tuple[Any, ...]", metadata["args"])
