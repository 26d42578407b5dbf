"""Values from strings and from JSON: the only cattrs configuration of the project.

Scalars in strings are read by the closures of ``_text``. cattrs converts the types that need more:
structures inside one parameter, and JSON texts that msgspec cannot decode (unions of classes,
attrs converters). Only :func:`make_converter` configures it. It has two modes, since a form has
only strings while JSON has numbers: for JSON nothing is coerced, for strings the closures read
scalars.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import itertools
import operator
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import cattrs
import msgspec
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from ..annotations import (
    ClassRules,
    Param,
    class_rules,
    origin_of,
    plain_type,
    split_annotation,
    union_members,
    using_class_rules,
)
from ..messages import choices
from ..schema import (
    Member,
    conversion_message,
    is_named_tuple,
    is_pydantic,
    json_type,
    members_of,
    plain_choice,
    read_duration,
)
from ._pydantic_values import ClassErrors, reader_of
from ._text import SCALARS, flag_converter, maker_of, same, takes_strings, text_converter

_Hook: TypeAlias = Callable[[Any, Any], Any]
_ABSENT = (type(None), msgspec.UnsetType)


def make_converter(*, text: bool = False) -> cattrs.Converter:
    """Make a converter: the only cattrs configuration of the project.

    Args:
        text: True if scalars are strings, as in forms and parameters. Otherwise values are JSON
            values, and nothing is coerced: ``"1"`` is not an integer and ``1`` is not a boolean.

    It has the rules for classes that are being used now.
    """
    converter = cattrs.Converter(prefer_attrib_converters=True)
    rules = class_rules()
    made: dict[Any, _Hook] = {}
    pending: set[Any] = set()
    for type_ in SCALARS:
        if isinstance(type_, type) and type_ is not object:
            converter.register_structure_hook(type_, _scalar_hook(type_, text=text))

    def register(predicate: Callable[[Any], bool], make: Callable[[Any], _Hook]) -> None:
        def make_by_rules(type_: Any) -> _Hook:
            if type_ in pending:  # a class that contains itself
                return lambda value, target: made[type_](value, target)
            pending.add(type_)
            try:
                with using_class_rules(rules):  # some hooks are made when a value needs them
                    made[type_] = make(type_)
            finally:
                pending.discard(type_)
            return made[type_]

        converter.register_structure_hook_factory(predicate, make_by_rules)

    register(_is_object, lambda _: same)
    register(_is_choice, lambda type_: _choice_hook(type_, text=text))
    register(_is_mapping, lambda type_: _mapping_hook(type_, converter))
    register(takes_strings, lambda type_: _list_hook(type_, converter, text=text))
    register(_is_class, lambda type_: _class_hook(type_, converter))
    register(_is_union, lambda type_: _union_hook(type_, converter))
    register(_is_annotated, lambda type_: _annotated_hook(type_, converter))
    register(_is_read_by_pydantic, _pydantic_hook)
    return converter


def json_converter() -> cattrs.Converter:
    """Return the shared converter for JSON by the rules for classes that are being used.

    Callers must not register hooks with it.
    """
    return _shared_converter(class_rules())


@functools.lru_cache(maxsize=64)
def _shared_converter(rules: ClassRules) -> cattrs.Converter:
    with using_class_rules(rules):
        return make_converter()


def structuring_errors(
    error: BaseException, *, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Split the exception of a converter into single errors.

    Yields:
        Path and message of each error.

    Raises:
        Exception: A validator or converter of the application raised something other than
            ``ValueError``, ``TypeError`` or ``KeyError``: that is a bug in it, not an error of the
            value, and is raised again.
    """
    if isinstance(error, ClassValidationError | IterableValidationError):
        with_notes, without_notes = error.group_exceptions()
        for inner, note in with_notes:
            key = note.name if isinstance(note, AttributeValidationNote) else note.index
            yield from structuring_errors(inner, path=(*path, key))
        for inner in without_notes:
            yield from structuring_errors(inner, path=path)
    elif isinstance(error, ClassErrors):
        for inner_path, message in error.errors:
            yield (*path, *inner_path), message
    elif isinstance(error, ValueError | TypeError):
        yield path, str(error.args[0]) if error.args else "is not allowed"
    elif isinstance(error, KeyError):
        yield path, "is required"
    else:
        raise error


def _is_object(type_: object) -> bool:
    return type_ is object or type_ is Any or isinstance(type_, TypeVar)


def _is_choice(type_: object) -> bool:
    if origin_of(type_) is Literal:
        return True
    return isinstance(type_, type) and issubclass(type_, enum.Enum)


def _is_mapping(type_: object) -> bool:
    origin = origin_of(type_) or type_
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _is_class(type_: object) -> bool:
    return members_of(type_) is not None


def _is_read_by_pydantic(type_: object) -> bool:
    return is_pydantic(origin_of(type_) or type_)


def _pydantic_hook(type_: Any) -> _Hook:
    read = reader_of(type_)
    return lambda value, _: read(value, None)


def _is_union(type_: object) -> bool:
    return union_members(type_) is not None


def _is_annotated(type_: object) -> bool:
    return origin_of(type_) is Annotated


def _scalar_hook(type_: Any, *, text: bool) -> _Hook:
    read = SCALARS[type_]

    def hook(value: Any, target: Any) -> object:
        if target is not type_ and isinstance(target, type) and issubclass(target, enum.Enum):
            return _choice_hook(target, text=text)(value, target)  # cattrs treats IntEnum as int
        if text and isinstance(value, str):
            return read(value)
        converted = _convert_exactly(value, type_)
        if isinstance(converted, decimal.Decimal) and not converted.is_finite():
            raise ValueError("expected a finite number")
        return converted

    return hook


def _expected(expected: str, value: object) -> ValueError:
    return ValueError(f"expected {expected}, got {json_type(value)}")


def _convert_exactly(value: object, type_: Any) -> object:
    if type_ is int and isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON Schema 2020-12, section 4.2.3: 1.0 is an integer
    if type_ is datetime.timedelta and isinstance(value, str):
        return read_duration(value)
    try:
        return msgspec.convert(value, type_)
    except msgspec.MsgspecError as error:
        raise ValueError(conversion_message(error)) from None


def _choice_hook(type_: Any, *, text: bool) -> _Hook:
    if isinstance(type_, type) and issubclass(type_, enum.Flag):
        read_flag = flag_converter(type_)
        return lambda value, _: read_flag(value)
    read = text_converter(type_)
    options = typing.get_args(type_) if origin_of(type_) is Literal else type_
    values = [(plain_choice(option), option) for option in options]
    choices_by_value = {_choice_key(value): option for value, option in values}
    message = f"must be one of {choices(value for value, _ in values)}"

    def hook(value: Any, _: object) -> object:
        if text and isinstance(value, str):
            return read(value)
        try:
            return choices_by_value[_choice_key(value)]
        except KeyError:
            raise ValueError(message) from None

    return hook


def _choice_key(value: Any) -> tuple[type, object]:
    """Return the key of a JSON value: with its type, since true equals 1, but 1.0 is 1 in JSON."""
    if isinstance(value, list | dict):
        return type(value), msgspec.json.encode(value, order="deterministic")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return type(value), value


def _list_hook(type_: Any, converter: cattrs.Converter, *, text: bool) -> _Hook:
    arguments = typing.get_args(type_) or (Any,)
    count = None
    if issubclass(origin_of(type_) or type_, tuple) and arguments[-1] is not Ellipsis:
        count = len(arguments)
    types = arguments if count is not None else (arguments[0],)
    hooks = [(converter.get_structure_hook(item), item) for item in types]
    make = maker_of(type_)

    def hook(value: Any, _: object) -> object:
        if text and isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            raise _expected("array", value)
        if count is not None and len(value) != count:
            raise ValueError(f"expected {count} items, got {len(value)}")
        return make(_structured(value, itertools.cycle(hooks), type_))

    return hook


def _structured(
    values: Iterable[Any], hooks: Iterable[tuple[_Hook, Any]], type_: Any
) -> list[object]:
    """Structure each item, and report all errors."""
    results: list[object] = []
    errors: list[Exception] = []
    for index, (value, (hook, item_type)) in enumerate(zip(values, hooks, strict=False)):
        try:
            results.append(hook(value, item_type))
        except Exception as error:  # split by structuring_errors
            error.add_note(IterableValidationNote(f"item {index}", index, item_type))
            errors.append(error)
    if errors:
        raise IterableValidationError(f"while structuring {type_!r}", errors, type_)
    return results


def _mapping_hook(type_: Any, converter: cattrs.Converter) -> _Hook:
    key_type, value_type = typing.get_args(type_) or (str, Any)
    read_key = text_converter(key_type)
    read_value = converter.get_structure_hook(value_type)

    def hook(value: Any, _: object) -> object:
        if not isinstance(value, dict):
            raise _expected("object", value)
        result: dict[object, object] = {}
        errors: list[Exception] = []
        for name, item in value.items():
            try:
                result[read_key(name)] = read_value(item, value_type)
            except Exception as error:  # split by structuring_errors
                error.add_note(IterableValidationNote(f"member {name}", name, value_type))
                errors.append(error)
        if errors:
            raise IterableValidationError(f"while structuring {type_!r}", errors, type_)
        return result

    return hook


def _class_hook(type_: Any, converter: cattrs.Converter) -> _Hook:
    cls = origin_of(type_) or type_
    members = members_of(type_) or ()
    if is_named_tuple(cls):
        return _named_tuple_hook(cls, members, converter)
    _refuse_private_arguments(cls, members)
    if typing.is_typeddict(cls):
        return _members_hook(type_, members, converter, dict)
    if issubclass(cls, msgspec.Struct):
        return _members_hook(type_, members, converter, cls)
    overrides = {member.name: override(omit=True) for member in members if member.is_private}
    renamed = {
        member.name: member.wire_name
        for member in members
        if member.wire_name != member.name and member.name not in overrides
    }
    for member in members:
        if member.name in overrides:
            continue
        overrides[member.name] = override(
            rename=renamed.get(member.name), struct_hook=_hook_of(member, converter)
        )
    inner: _Hook = make_dict_structure_fn(type_, converter, **overrides)  # type: ignore[arg-type]

    def hook(value: Any, target: Any) -> object:
        if not isinstance(value, dict):
            raise _expected("object", value)
        return inner(value, target)

    return _with_wire_names(hook, renamed) if renamed else hook


def _hook_of(member: Member, converter: cattrs.Converter) -> _Hook | None:
    """Return the hook of a member whose type cattrs would read otherwise; ``None`` for others."""
    if member.converts or getattr(member.attribute, "type", member.type) == member.type:
        return None
    hook = converter.get_structure_hook(member.type)
    return lambda value, _: hook(value, member.type)


def _refuse_private_arguments(cls: Any, members: Sequence[Member]) -> None:
    """Refuse a class that cannot be made from what is received.

    Raises:
        TypeError: A private member, which is not received, has no default.
    """
    for member in members:
        if member.is_private and member.required:
            raise TypeError(
                f"{cls.__qualname__}.{member.name} is private, so it is not received, and has no "
                "default: give it one, or another name"
            )


def _with_wire_names(hook: _Hook, renamed: Mapping[str, str]) -> _Hook:
    """Report errors of members by their names on the wire."""

    def hook_with_names(value: Any, target: Any) -> object:
        try:
            return hook(value, target)
        except ClassValidationError as error:
            for inner, note in error.group_exceptions()[0]:
                wire = renamed.get(note.name)
                if wire is not None:
                    inner.__notes__.remove(note)
                    inner.add_note(AttributeValidationNote(str(note), wire, note.type))
            raise

    return hook_with_names


def _members_hook(
    type_: Any, members: Sequence[Member], converter: cattrs.Converter, make: Callable[..., Any]
) -> _Hook:
    """Read the members that are present.

    cattrs does not support Structs, and mistakes which members of a TypedDict are required (see
    ``_members``).
    """
    hooks = [
        (member, member.wire_name, converter.get_structure_hook(member.type))
        for member in members
        if not member.is_private
    ]

    def hook(value: Any, _: object) -> object:
        if not isinstance(value, dict):
            raise _expected("object", value)
        result: dict[str, object] = {}
        errors: list[Exception] = []
        for member, name, structure in hooks:
            try:
                if name in value or member.required:
                    result[member.name] = structure(value[name], member.type)
            except Exception as error:  # split by structuring_errors
                error.add_note(AttributeValidationNote(name, name, member.type))
                errors.append(error)
        if errors:
            raise ClassValidationError(f"while structuring {type_!r}", errors, type_)
        return make(**result)

    return hook


def _named_tuple_hook(cls: Any, members: Sequence[Member], converter: cattrs.Converter) -> _Hook:
    hooks = [(converter.get_structure_hook(member.type), member.type) for member in members]
    least = sum(member.required for member in members)

    def hook(value: Any, _: object) -> object:
        if not isinstance(value, list) or not least <= len(value) <= len(hooks):
            raise ValueError(f"expected array of {least} to {len(hooks)} items")
        return cls(*_structured(value, hooks, cls))

    return hook


def _union_hook(type_: Any, converter: cattrs.Converter) -> _Hook:
    """Try the members of a union, by the number of matching names; ``str`` is the last one."""
    candidates = [
        (member, frozenset(field.wire_name for field in members_of(member) or ()))
        for member in sorted(
            (item for item in union_members(type_) or () if item not in _ABSENT),
            key=lambda item: plain_type(item) is str,
        )
    ]
    optional = type(None) in (union_members(type_) or ())

    def hook(value: Any, _: object) -> object:
        if value is None and optional:
            return None
        ranked = candidates
        if isinstance(value, dict):
            ranked = sorted(candidates, key=lambda candidate: -len(candidate[1] & value.keys()))
        first: Exception | None = None
        for member, _names in ranked:
            try:
                return converter.structure(value, member)
            except Exception as error:  # split by structuring_errors
                list(structuring_errors(error))
                first = first or error
        raise first or _expected("null", value)

    return hook


def _annotated_hook(type_: Any, converter: cattrs.Converter) -> _Hook:
    """Check what a schema does not: the bounds of numbers that are strings, the zones of times."""
    annotation = split_annotation(type_)
    inner = converter.get_structure_hook(annotation.type)
    bounds = _bounds(annotation.param) if annotation.param is not None else []
    has_zone = None if annotation.param is None else annotation.param.tz

    def hook(value: Any, _: object) -> object:
        converted = inner(value, annotation.type)
        if isinstance(converted, decimal.Decimal):
            for sign, is_satisfied, bound in bounds:
                if not is_satisfied(converted, bound):
                    raise ValueError(f"must be {sign} {bound}")
        elif has_zone is not None:
            _check_zone(converted, has_zone=has_zone)
        return converted

    return hook


def _check_zone(value: object, *, has_zone: bool) -> None:
    if isinstance(value, datetime.datetime | datetime.time):
        if has_zone and value.tzinfo is None:
            raise ValueError("must have a time zone")
        if not has_zone and value.tzinfo is not None:
            raise ValueError("must not have a time zone")


def _bounds(param: Param) -> list[tuple[str, Callable[[Any, Any], bool], float]]:
    limits = (
        (">=", operator.ge, param.ge),
        (">", operator.gt, param.gt),
        ("<=", operator.le, param.le),
        ("<", operator.lt, param.lt),
        ("a multiple of", _is_multiple, param.multiple_of),
    )
    return [
        (sign, is_satisfied, bound) for sign, is_satisfied, bound in limits if bound is not None
    ]


def _is_multiple(value: decimal.Decimal, factor: float) -> bool:
    try:
        return value % decimal.Decimal(str(factor)) == 0
    except decimal.InvalidOperation:  # the quotient has more digits than the context
        return False
