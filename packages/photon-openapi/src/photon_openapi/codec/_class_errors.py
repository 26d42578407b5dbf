"""The errors of a refused value that its classes report, beside those of its schema.

Theory of operation. A decoder stops at the first class that refuses its arguments. `RuleErrors`
lists the others: it walks the value by the type, makes the parts that the schema accepts, from the
inside, and calls the rules of each class on the members that could be made (`refused_members`). A
class whose members are all valid is made, and what its ``__init__`` or ``__post_init__`` raises is
an error of the whole object. Parts with an error of the schema are not made, so no value has two
errors for one reason.

It runs for refused values only, and makes a bounded number of parts.
"""

from __future__ import annotations

import itertools
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs
import cattrs

from ..annotations import (
    ClassRules,
    class_rules,
    origin_of,
    plain_type,
    split_annotation,
    strip_alias,
    union_members,
    using_class_rules,
)
from ..errors import MAX_ERRORS, ErrorDetail
from ..messages import pointer_of
from ..schema import (
    REFUSALS,
    Member,
    decode_message,
    has_own_rules,
    in_order,
    is_list_like,
    is_named_tuple,
    members_of,
    plain_choice,
    reason_of,
    refused_members,
)
from ._convert import structuring_errors
from ._strategy import parts_of
from ._text import maker_of

_FAILED = object()
_MOST_PARTS = 10_000
_Path = tuple[str | int, ...]


class RuleErrors:
    """Lists the errors of the classes of a type.

    Attributes:
        is_needed: True if a class of the type has rules of its own.
    """

    __slots__ = ("_converter", "_has_rules", "_rules", "_type", "is_needed")

    def __init__(self, type_: Any, converter: cattrs.Converter) -> None:
        """Look for rules in the classes of a type."""
        self._type = type_
        self._converter = converter
        self._rules: ClassRules = class_rules()
        self._has_rules: dict[Any, bool] = {}
        self.is_needed = self.has_rules(type_)

    def has_rules(self, type_: Any) -> bool:
        """Return whether a class of a type has rules of its own."""
        if type_ not in self._has_rules:
            self._has_rules[type_] = any(
                has_own_rules(origin_of(part) or part, members_of(part) or ())
                for part in parts_of(type_)
                if members_of(part)
            )
        return self._has_rules[type_]

    def beside(self, plain: object, errors: Sequence[ErrorDetail]) -> list[ErrorDetail]:
        """Return the errors of a schema, and those of classes in the other parts of the value.

        Args:
            plain: The value, as decoded from JSON.
            errors: The errors of its schema.
        """
        listed = [
            ErrorDetail("body", decode_message(message), pointer=pointer_of(path))
            for path, message in self.listed(plain, [each.pointer or "" for each in errors])
        ]
        return in_order(plain, [*errors, *listed])[:MAX_ERRORS] if listed else list(errors)

    def listed(self, plain: object, invalid: Sequence[str] = ()) -> list[tuple[_Path, str]]:
        """Return paths and messages of the errors of classes.

        Args:
            plain: The value.
            invalid: The pointers of values that do not match the schema.
        """
        walk = _Walk(self, self._converter, _prefixes(invalid))
        with using_class_rules(self._rules):
            walk.make(plain, self._type, ())
        return walk.errors[:MAX_ERRORS]


def _prefixes(pointers: Sequence[str]) -> set[str]:
    """Return the pointers of all values that contain an invalid one."""
    return {
        "/".join(steps[:count])
        for steps in (pointer.split("/") for pointer in pointers)
        for count in range(1, len(steps) + 1)
    }


@attrs.define
class _Walk:
    """One walk through a value."""

    owner: RuleErrors
    converter: cattrs.Converter
    invalid: set[str]
    errors: list[tuple[_Path, str]] = attrs.field(factory=list)
    _parts: int = 0

    def make(self, value: Any, type_: Any, path: _Path) -> object:
        """Return the value of a type, ``_FAILED`` if it or a part of it is invalid."""
        self._parts += 1
        if self._parts > _MOST_PARTS:
            return _FAILED
        type_ = strip_alias(type_)
        plain = strip_alias(split_annotation(type_).type)
        options = union_members(plain)
        chosen = plain if options is None else _chosen(value, options)
        if chosen is None or not self.owner.has_rules(chosen):
            return self._converted(value, type_, path)
        if options is not None:
            return self.make(value, chosen, path)
        members = members_of(plain)
        if members is not None:
            return self._object(value, plain, members, path)
        return self._container(value, plain, path)

    def _container(self, value: Any, type_: Any, path: _Path) -> object:
        origin, arguments = origin_of(type_), typing.get_args(type_)
        if isinstance(value, dict) and isinstance(origin, type) and issubclass(origin, Mapping):
            items = [self.make(item, arguments[1], (*path, name)) for name, item in value.items()]
            if self._is_invalid(path) or _FAILED in items:
                return _FAILED
            keys: Any = list.__class_getitem__(arguments[0])
            names = self._converted(list(value), keys, path)
            return dict(zip(names, items, strict=True)) if isinstance(names, list) else _FAILED
        if not isinstance(value, list) or not is_list_like(type_):
            return _FAILED
        is_fixed = issubclass(origin, tuple) and arguments[-1] is not Ellipsis
        types = arguments if is_fixed else itertools.repeat(arguments[0])
        items = [
            self.make(item, each, (*path, index))
            for index, (item, each) in enumerate(zip(value, types, strict=False))
        ]
        is_whole = not self._is_invalid(path) and _FAILED not in items
        return maker_of(type_)(items) if is_whole else _FAILED

    def _is_invalid(self, path: _Path) -> bool:
        return bool(self.invalid) and pointer_of(path) in self.invalid

    def _converted(self, value: Any, type_: Any, path: _Path) -> object:
        if self._is_invalid(path):
            return _FAILED
        try:
            return self.converter.structure(value, type_)
        except Exception as error:
            self.errors += structuring_errors(error, path=path)
            return _FAILED

    def _object(self, value: Any, type_: Any, members: Sequence[Member], path: _Path) -> object:
        cls = origin_of(type_) or type_
        if is_named_tuple(cls) and isinstance(value, list):
            parts: dict[Any, Any] = dict(enumerate(value))
            named: list[tuple[Any, Member]] = list(enumerate(members))
        elif isinstance(value, dict) and not is_named_tuple(cls):
            parts, named = value, [(member.wire_name, member) for member in members]
        else:
            return _FAILED
        arguments, invalid = self._arguments(parts, named, path)
        valid = [(step, member) for step, member in named if member.name not in invalid]
        refused = refused_members(cls, valid, arguments)
        self.errors += [((*path, step), message) for step, message in refused]
        # Other members of the schema may be invalid, which are not arguments.
        if refused or invalid or self._is_invalid(path):
            return _FAILED
        try:
            return cls(**arguments)
        except REFUSALS as error:
            self.errors.append((path, reason_of(error)))
            return _FAILED

    def _arguments(
        self, parts: dict[Any, Any], named: Sequence[tuple[Any, Member]], path: _Path
    ) -> tuple[dict[str, object], set[str]]:
        """Return the arguments of a class, and the names of the members that are invalid."""
        arguments: dict[str, object] = {}
        invalid: set[str] = set()
        for step, member in named:
            if member.is_private or member.argument is None:
                continue
            made = _FAILED
            if step in parts:
                made = self._member(parts[step], member, (*path, step))
            if made is not _FAILED:
                arguments[member.argument] = made
            elif step in parts or member.required:
                invalid.add(member.name)
        return arguments, invalid

    def _member(self, value: Any, member: Member, path: _Path) -> object:
        if member.converts:  # the class converts the value itself
            return _FAILED if self._is_invalid(path) else value
        return self.make(value, member.type, path)


def _chosen(value: Any, options: Sequence[Any]) -> Any:
    """Return the member of a union that a value is meant for; ``None`` for a scalar."""
    if isinstance(value, list):
        lists = [each for each in options if is_list_like(plain_type(each))]
        lists += [each for each in options if is_named_tuple(plain_type(each))]
        return lists[0] if lists else None
    if not isinstance(value, dict):
        return None
    ranked = [(_rank(value, each), each) for each in options]
    best = max(ranked, key=lambda pair: pair[0])
    return best[1] if best[0] >= 0 else None


def _rank(value: dict[str, Any], option: Any) -> int:
    """Return how many members of a class an object has; less than zero if it is of another."""
    plain = plain_type(option)
    members = members_of(plain)
    if members is None or is_named_tuple(plain):
        origin = origin_of(plain) or plain
        return 0 if isinstance(origin, type) and issubclass(origin, Mapping) else -2
    for member in members:
        literal = plain_type(member.type)
        if origin_of(literal) is Literal and member.wire_name in value:
            allowed = [plain_choice(each) for each in typing.get_args(literal)]
            if value[member.wire_name] not in allowed:
                return -1
    return sum(member.wire_name in value for member in members)
