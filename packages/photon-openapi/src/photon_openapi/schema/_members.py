"""The members of a class: one description for attrs, dataclasses and the like.

TypedDict, NamedTuple, the Struct of msgspec and classes of pydantic (`_pydantic_models`) are
supported, too, and for results classes that SQLAlchemy maps (`_mapped_classes`).

The name of a member on the wire is the first of these:

1. the ``name`` of its `Param`;
2. the name that it has by its library: an attrs ``alias``, msgspec's ``rename`` or ``name``, and
   the only one of a class of pydantic;
3. the name by the rule of its class, see `rename`;
4. the name by the rules of the application that is being compiled, see `ClassRules`;
5. the name of the attribute.

An alias that differs from the one that attrs makes by itself was set by the application. attrs
leaves out leading underscores for its own, and such attributes are private whatever their alias is:
before attrs 25.4, an alias that was set to the same text cannot be distinguished from it.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import attrs
import msgspec

from photon_runtime.callables import require_function
from photon_runtime.signatures import substitute_of

from ..annotations import (
    NameRule,
    Names,
    class_rules,
    origin_of,
    plain_type,
    rename_rule,
    renamed,
    split_annotation,
    union_members,
    without_unset,
)
from ._mapped_classes import mapped_columns, mapper_of
from ._pydantic_models import (
    PydanticAttribute,
    is_loaded,
    is_pydantic,
    is_root_model,
    pydantic_fields,
    pydantic_sent_fields,
    refuse_unusable,
)
from ._scalars import SCALARS


@attrs.frozen(kw_only=True)
class Member:
    """One member of a class with named members.

    Attributes:
        name: Name of the attribute.
        type: The annotation, with the type variables of the class substituted, and without
            msgspec's ``UnsetType``: a value that is not set is not sent.
        required: Whether the member has no default.
        default: The default, an ``attrs.Factory`` of it, or ``attrs.NOTHING``.
        argument: The name of the argument of ``__init__``; ``None`` if there is no such argument.
        validator: The attrs validator.
        converts: Whether attrs passes the argument through a converter.
        metadata: The metadata, from which ``description`` and ``example`` are read.
        attribute: The attribute of an attrs class, a dataclass or a class of pydantic.
        wire_name: The name on the wire, by default that of the attribute.
        has_own_name: Whether the member or its class states the name on the wire, and not only the
            application.
        may_be_unset: Whether its value may be msgspec's ``UNSET``.
        encoded_name: The name that msgspec reads and writes by itself; ``None`` if it is that of
            the attribute.
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
    wire_name: str = attrs.field(default=attrs.Factory(lambda member: member.name, takes_self=True))
    has_own_name: bool = False
    may_be_unset: bool = False
    encoded_name: str | None = None

    @property
    def is_renamed(self) -> bool:
        """Whether the name on the wire is not the one that msgspec uses by itself."""
        return self.wire_name != (self.encoded_name or self.name)

    @property
    def is_private(self) -> bool:
        """Whether the member is never sent or received."""
        return self.name.startswith("_")


def members_of(type_: object) -> tuple[Member, ...] | None:
    """List the members of an attrs class, a dataclass, a TypedDict, a NamedTuple or a Struct.

    A class that SQLAlchemy maps has the members that a result may have, also if it is a dataclass.
    A ``RootModel`` of pydantic has no members, but the form of its root.

    Returns:
        The members in order, or ``None`` for any other type.

    Raises:
        TypeError: An annotation of the class cannot be resolved, the JSON form of a Struct differs
            from its members, or two members have one name on the wire.
    """
    cls = origin_of(type_) or type_
    if not isinstance(cls, type) or cls in SCALARS:
        return None
    rules = class_rules()
    rule, names = rules.rename, rules.names_of(cls)
    if mapper_of(cls) is not None:
        members = [
            Member(name=name, type=column, required=True)
            for name, column in mapped_columns(cls).items()
        ]
        return _named(members, cls, rule, names)
    is_hashable = type(type_) is type or isinstance(type_, typing.Hashable)
    read = _read if is_hashable else _read.__wrapped__
    return read(type_, rule, names)


@functools.lru_cache(maxsize=16_384)
def _read(type_: object, rule: NameRule | None, names: Names) -> tuple[Member, ...] | None:
    """Read a class, once while it is in use: an application asks for its members again and again.

    An error is not stored, as names may be defined later; a mapped class is never read here.
    """
    cls = typing.cast("type", origin_of(type_) or type_)
    if is_loaded():
        refuse_unusable(cls)
        if is_pydantic(cls):
            return None if is_root_model(cls) else _pydantic_members(cls)
    read = next((read for is_kind, read in _KINDS if is_kind(cls)), None)
    return None if read is None else _named(read(cls, _hints(type_, cls)), cls, rule, names)


def _named(
    members: Sequence[Member], cls: type, rule: NameRule | None, names: Names
) -> tuple[Member, ...]:
    """Return the members with their names on the wire.

    Raises:
        TypeError: Two members have one name, or a private one has a name.
    """
    own_rule, by_document = rename_rule(cls), dict(names)
    result: list[Member] = []
    owners: dict[str, str] = {}
    for each in members:
        present = without_unset(each.type)
        member = attrs.evolve(each, type=present, may_be_unset=present is not each.type)
        param = split_annotation(present).param
        own = None if param is None else param.name
        if member.is_private:
            if own is not None:
                raise TypeError(
                    f"{cls.__qualname__}.{member.name} is private, so it is neither sent nor "
                    f"received, and has the name {own!r} on the wire: name the attribute without "
                    "a leading underscore"
                )
            result.append(member)
            continue
        if own is None and member.has_own_name:
            own = member.wire_name
        if own is None and own_rule is not None:
            own = own_rule(member.name)
        wire = own or by_document.get(member.name)
        if wire is None:
            wire = member.name if rule is None else renamed(member.name, rule)
        if wire in owners:
            raise TypeError(
                f"{cls.__qualname__}.{member.name} and {cls.__qualname__}.{owners[wire]} have one "
                f"name on the wire, {wire!r}: give one of them another name"
            )
        owners[wire] = member.name
        result.append(attrs.evolve(member, wire_name=wire, has_own_name=own is not None))
    return tuple(result)


def mapped_class_in(type_: object) -> type | None:
    """Return a class that SQLAlchemy maps and that values of a type consist of or contain.

    Returns:
        ``None`` if there is no such class.

    Raises:
        TypeError: An annotation of a class in it cannot be resolved.
    """
    if "sqlalchemy" not in sys.modules:
        return None  # no class is mapped
    pending, seen = [type_], set[object]()
    while pending:
        plain = plain_type(pending.pop())
        if not isinstance(plain, typing.Hashable) or plain in seen or plain in SCALARS:
            continue
        seen.add(plain)
        if mapper_of(plain) is not None:
            return typing.cast("type", plain)
        inner = [each for each in typing.get_args(plain) if each is not Ellipsis]
        inner += [member.type for member in members_of(plain) or ()]
        pending += reversed(inner)
    return None


def pydantic_classes_in(type_: object) -> Iterator[type]:
    """Yield each class of pydantic that values of a type consist of or contain.

    Classes inside these are not yielded: pydantic reads them itself.

    Raises:
        TypeError: An annotation of a class in it cannot be resolved.
    """
    if is_loaded():
        yield from _find_pydantic(type_, set())


def _find_pydantic(type_: object, seen: set[object]) -> Iterator[type]:
    plain = plain_type(type_)
    if not isinstance(plain, typing.Hashable) or plain in seen or plain in SCALARS:
        return
    seen.add(plain)
    origin = origin_of(plain) or plain
    if is_pydantic(origin):
        yield typing.cast("type", plain)
        return
    if mapper_of(origin) is not None or origin is typing.Literal:
        return
    inner = [each for each in typing.get_args(plain) if each is not Ellipsis]
    for each in (*inner, *(member.type for member in members_of(plain) or ())):
        yield from _find_pydantic(each, seen)


def is_named_tuple(type_: object) -> bool:
    """Whether a type is a class made by ``NamedTuple``, which is an array in JSON."""
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
    return {name: _fill(_with_self(hint, type_), filled) for name, hint in hints.items()}


def _with_self(hint: Any, type_: object) -> Any:
    """Return an annotation with the class itself for ``Self``, at any depth."""
    if hint is typing.Self:
        return type_
    if not refers_to_self(hint):
        return hint
    arguments = typing.get_args(hint)
    if origin_of(hint) is typing.Annotated:
        inner, *metadata = arguments
        return typing.Annotated[(_with_self(inner, type_), *metadata)]
    members = union_members(hint)
    filled = tuple(_with_self(each, type_) for each in arguments)
    return typing.Union[filled] if members is not None else origin_of(hint)[filled]  # noqa: UP007 - of a computed tuple


def refers_to_self(hint: Any) -> bool:
    """Return whether ``Self`` is in an annotation."""
    if type(hint) is type or origin_of(hint) is typing.Literal:
        return False
    if hint is typing.Self:
        return True
    return any(refers_to_self(each) for each in typing.get_args(hint))


def _type_variables(type_: object, cls: type) -> dict[Any, Any]:
    """Return the type of each type variable of the class and of its generic bases."""
    parameters = getattr(cls, "__parameters__", ())
    filled = {each: substitute_of(each) for each in parameters if isinstance(each, TypeVar)}
    filled |= dict(zip(parameters, typing.get_args(type_), strict=False))
    for base in getattr(cls, "__orig_bases__", ()):
        origin = origin_of(base)
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


def sent_members_of(type_: object) -> tuple[Member, ...] | None:
    """List the members that values of a type are sent with.

    They are those of `members_of`, except for classes of pydantic, which may have other names
    there, computed members, and members that are left out.

    Raises:
        TypeError: See `members_of`.
    """
    members = members_of(type_)
    cls: Any = origin_of(type_) or type_
    if members is None or not is_pydantic(cls) or mapper_of(cls) is not None:
        return members
    return tuple(
        Member(
            name=field.name,
            type=field.type,
            required=field.is_required,
            default=field.default,
            argument=field.name,
            attribute=PydanticAttribute(cls, field.alias or field.name, repr=field.is_shown),
            wire_name=field.alias or field.name,
            has_own_name=True,
        )
        for field in pydantic_sent_fields(cls)
    )


def _pydantic_members(cls: type) -> tuple[Member, ...]:
    return tuple(
        Member(
            name=field.name,
            type=field.type,
            required=field.is_required,
            default=field.default,
            argument=field.alias or field.name,
            attribute=PydanticAttribute(cls, field.alias or field.name, repr=field.is_shown),
            wire_name=field.alias or field.name,
            has_own_name=True,  # pydantic reads and writes no other, whatever rules say
        )
        for field in pydantic_fields(cls)
    )


def _attrs_members(cls: type, hints: dict[str, Any]) -> tuple[Member, ...]:
    _refuse_put_off(cls)
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
            wire_name=field.alias or field.name,
            has_own_name=field.alias != field.name,
        )
        for field in attrs.fields(cls)
    )


def _refuse_put_off(cls: type) -> None:
    """Refuse functions that attrs would call without running them: it discards their results.

    Raises:
        SignatureError: A validator, a converter or ``__attrs_post_init__`` is a coroutine
            function or a generator function.
    """
    name = cls.__qualname__
    for field in attrs.fields(cls):
        for validator in _validators(field.validator):
            require_function(validator, f"a validator of {name}.{field.name}")
        if field.converter is not None:
            # An attrs.Converter holds the function that it passes more arguments to.
            converter = getattr(field.converter, "converter", field.converter)
            require_function(converter, f"a converter of {name}.{field.name}")
    after = getattr(cls, "__attrs_post_init__", None)
    if after is not None:
        require_function(after, f"{name}.__attrs_post_init__")


def _validators(validator: Any) -> Iterator[Callable[..., object]]:
    """Yield a validator, and the validators that ``attrs.validators`` composed it of."""
    if isinstance(validator, tuple | list):
        for each in validator:
            yield from _validators(each)
    elif callable(validator) and not isinstance(validator, type):
        yield validator
        if attrs.has(type(validator)):
            for field in attrs.fields(type(validator)):
                yield from _validators(getattr(validator, field.name, None))


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


def _struct_members(cls: type[msgspec.Struct], hints: dict[str, Any]) -> tuple[Member, ...]:
    fields = msgspec.structs.fields(cls)
    config = cls.__struct_config__
    is_renamed = any(field.name != field.encode_name for field in fields)
    declared = {name: index for index, name in enumerate(hints)}  # msgspec moves keyword-only ones
    if config.tag is not None or config.array_like:
        raise TypeError(
            f"{cls.__qualname__} has `tag` or `array_like`: its form in JSON differs from its "
            "members; use an attrs class"
        )
    return tuple(
        Member(
            name=field.name,
            type=hints.get(field.name, Any),
            required=field.required,
            default=_struct_default(field),
            argument=field.name,
            wire_name=field.encode_name,
            has_own_name=is_renamed,
            encoded_name=field.encode_name,
        )
        for field in sorted(fields, key=lambda field: declared.get(field.name, 0))
    )


def _struct_default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return attrs.Factory(field.default_factory)
    return attrs.NOTHING if field.default is msgspec.NODEFAULT else field.default


def _typed_dict_members(cls: Any, hints: dict[str, Any]) -> tuple[Member, ...]:
    return tuple(
        Member(
            name=name,
            type=_without_qualifier(hint),
            required=_is_required(name, hint, cls),
            argument=name,
        )
        for name, hint in hints.items()
    )


def _is_required(name: str, hint: Any, cls: Any) -> bool:
    """Whether a key of a TypedDict is required; a qualifier of the annotation takes precedence.

    Python does not evaluate annotations that are strings (PEP 563) when it builds
    ``__required_keys__``.
    """
    qualifier = origin_of(hint)
    if qualifier in (typing.Required, typing.NotRequired):
        return qualifier is typing.Required
    return name in cls.__required_keys__


def _without_qualifier(hint: Any) -> Any:
    """Return ``int`` for ``Required[int]``."""
    while origin_of(hint) in (typing.Required, typing.NotRequired):
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


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[..., tuple[Member, ...]]], ...] = (
    (attrs.has, _attrs_members),
    (dataclasses.is_dataclass, _dataclass_members),
    (typing.is_typeddict, _typed_dict_members),
    (lambda cls: issubclass(cls, msgspec.Struct), _struct_members),
    (is_named_tuple, _named_tuple_members),
)
