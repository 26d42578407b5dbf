"""The members of the class of a form: what the fields are made of.

Constraints are read from every object in ``Annotated`` that has attributes of their names, as
``Param`` and ``msgspec.Meta`` have, and the rule for names from ``__photon_rename__``: this package
does not know the classes of the router.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import attrs

_NAMES: Final = (
    "name", "title", "ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Member:
    """A member of the class of a form.

    Attributes:
        name: Name of the attribute.
        type: Its type, without ``None``, ``Annotated`` and aliases.
        is_optional: True if it may be ``None``.
        is_required: True if it has no default.
        default: The default, ``None`` without one.
        factory: A function that makes the default.
        is_secret: True for ``repr=False``.
        constraints: Constraints, the name on the wire (``name``) and the label (``title``).
        named: The name on the wire by an attrs ``alias`` or the rule of the class.
    """

    name: str
    type: Any = str
    is_optional: bool = False
    is_required: bool = False
    default: object = None
    factory: Callable[[], object] | None = None
    is_secret: bool = False
    constraints: Mapping[str, Any] = attrs.field(factory=dict)
    named: str | None = None

    @property
    def wire_name(self) -> str:
        """The name on the wire."""
        return str(self.constraints.get("name", self.named or self.name))

    def initial(self) -> object:
        """Return the value of a new form, ``None`` without one."""
        return self.default if self.factory is None else self.factory()


@functools.lru_cache(maxsize=1024)
def members_of(cls: Any) -> Mapping[str, Member]:
    """Return the members of an attrs class, a dataclass or a TypedDict by name.

    The classes of forms are few, and reading one takes longer than rendering it.

    Raises:
        TypeError: The class is of another kind, or an annotation of it cannot be resolved.
    """
    origin = typing.get_origin(cls) or cls
    try:
        hints = typing.get_type_hints(origin, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"the annotations of {cls!r} cannot be resolved: {error}; define the name at the top "
            "of the module, outside of `if TYPE_CHECKING`"
        ) from error
    if attrs.has(origin):
        fields = [_of_attrs(each, hints.get(each.name, str)) for each in attrs.fields(origin)]
    elif dataclasses.is_dataclass(origin):
        fields = [_of_dataclass(each, hints[each.name]) for each in dataclasses.fields(origin)]
    elif typing.is_typeddict(origin):
        required = origin.__required_keys__
        fields = [_member(name, hint, name in required) for name, hint in hints.items()]
    else:
        raise TypeError(f"a form is made of an attrs class or a dataclass, not of {cls!r}")
    rule = getattr(origin, "__photon_rename__", None)
    present = [field for field in fields if field is not None]
    if rule is not None:
        present = [attrs.evolve(each, named=each.named or rule(each.name)) for each in present]
    return {field.name: field for field in present}


def _of_attrs(field: attrs.Attribute[Any], hint: Any) -> Member | None:
    if not field.init or field.name.startswith("_"):
        return None
    member = _member(field.name, hint, field.default is attrs.NOTHING, field.repr is False)
    if field.alias != field.name:
        member = attrs.evolve(member, named=field.alias)
    default: Any = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class in all but its stub
        return attrs.evolve(member, factory=None if default.takes_self else default.factory)
    return attrs.evolve(member, default=None if default is attrs.NOTHING else default)


def _of_dataclass(field: dataclasses.Field[Any], hint: Any) -> Member | None:
    if not field.init or field.name.startswith("_"):
        return None
    missing = dataclasses.MISSING
    made = field.default_factory
    factory = None if made is missing else made
    is_required = field.default is missing and factory is None
    return attrs.evolve(
        _member(field.name, hint, is_required, not field.repr),
        default=None if field.default is missing else field.default,
        factory=factory,
    )


def _member(name: str, hint: Any, is_required: bool, is_secret: bool = False) -> Member:
    constraints: dict[str, Any] = {}
    type_, is_optional = _read(hint, constraints)
    return Member(
        name=name,
        type=type_,
        is_optional=is_optional,
        is_required=is_required,
        is_secret=is_secret,
        constraints=constraints,
    )


def _read(hint: Any, constraints: dict[str, Any]) -> tuple[Any, bool]:
    """Return the type in an annotation, and whether it may be ``None``; collect constraints."""
    if isinstance(hint, typing.NewType):
        return _read(hint.__supertype__, constraints)
    if type(hint).__name__ == "TypeAliasType":
        return _read(hint.__value__, constraints)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Required, typing.NotRequired):
        return _read(arguments[0], constraints)
    if origin is Annotated:
        result = _read(arguments[0], constraints)
        for item in arguments[1:]:
            if hasattr(item, "min_length") and hasattr(item, "ge"):
                own = {name: getattr(item, name, None) for name in _NAMES}
                constraints.update({key: each for key, each in own.items() if each is not None})
        return result
    if origin in (typing.Union, types.UnionType):
        present = [each for each in arguments if each is not type(None)]
        inner = _read(present[0], constraints)[0] if len(present) == 1 else str
        return inner, len(present) < len(arguments)
    return hint, False
