"""Constraints of pydantic and annotated-types beside a type that is not a field of a model.

Inside of a model pydantic reads them itself. Elsewhere, as in
``Query[Annotated[int, Field(ge=1)]]``, those with the meaning of a `Param` are read as one, and the
rest is refused: it would be ignored.
Neither library is imported: their objects exist only in programs that have imported them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from photon_runtime.errors import SignatureError

from ._param import Param

_LIMITS: Final = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")
_WITHOUT_EFFECT: Final = ("Discriminator", "Tag", "DocInfo", "Unit")
"""What describes, or what is found without it, as the tags of a union are."""


def is_foreign(item: object) -> bool:
    """Return true for metadata of pydantic or annotated-types."""
    return type(item).__module__.partition(".")[0] in ("annotated_types", "pydantic")


def foreign_params(item: Any) -> Iterator[Param]:
    """Yield the parameters with the meaning of metadata of these libraries.

    Raises:
        SignatureError: It would have an effect that no parameter has.
    """
    name = type(item).__name__
    if name in _WITHOUT_EFFECT:
        return
    if name == "FieldInfo":
        yield _described(item)
        for each in item.metadata:
            yield from foreign_params(each)
        return
    members = _members_of(item)
    values = {key: _plain(key, members.pop(key, None)) for key in _LIMITS}
    effects = [key for key, value in members.items() if value is not None and value is not False]
    if effects or all(value is None for value in values.values()):
        raise _refusal(", ".join([name, *effects]))
    yield Param(**values)


def _described(field: Any) -> Param:
    if not field.is_required():
        raise _refusal("the default of a Field")
    for alias in (field.validation_alias, field.serialization_alias):
        if alias not in (None, field.alias):
            raise _refusal("an alias of a Field for one direction")
    return Param(
        name=field.alias,
        title=field.title,
        description=field.description,
        examples=field.examples or (),
        deprecated=bool(field.deprecated),
    )


def _members_of(item: Any) -> dict[str, Any]:
    names = getattr(type(item), "__dataclass_fields__", None) or getattr(item, "__dict__", {})
    members = {name: getattr(item, name) for name in names}
    if type(item).__name__ == "Len" and members.get("min_length") == 0:
        members["min_length"] = None
    return members


def _plain(key: str, value: Any) -> Any:
    if key == "pattern" and isinstance(value, re.Pattern):
        if value.flags & ~re.UNICODE:
            raise _refusal("a pattern with flags")
        return value.pattern
    return value


def _refusal(text: str) -> SignatureError:
    return SignatureError(
        f"{text}: pydantic applies it only inside of a model. Move the value into a model, such as "
        "`Query[Filters]`, or write a Param with the constraints that it has"
    )
