"""Projections: what is sent has the members of the annotation, and no others.

A handler annotated ``-> PublicUser`` may return a ``User`` with more members, an object of a
database, or a mapping: the members of ``PublicUser`` are sent. The annotation alone
decides, at every depth that it describes; values that it does not describe (``object``,
``dict[str, object]``) are sent unchanged.

Theory of operation. For each class in the annotation, a `Projection` is made at start-up. It first
checks whether a value is *exact*, an instance of exactly the annotated classes: then the value is
encoded unchanged, which for a class of scalars costs one comparison. Only a value that is not exact
is projected, to a new object with the members of the annotated class; exact parts are not copied.
If the document does not allow a member that is ``None`` (`_null_policy`), an object with such a
member is not exact, and the member is left out.

Objects of a class whose members have other names on the wire, or that the encoder would write in
another order than the declared one, are never exact: the projection has those names, in that order
(`_objects`). Objects of SQLAlchemy are never exact, also as results of their own class: the encoder
does not know them, or takes them for dataclasses. They are read without a statement
(`_mapped_objects`).
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import operator
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

import attrs
from msgspec import UNSET

from ..annotations import origin_of, plain_type, union_members
from ..schema import (
    Member,
    is_list_like,
    is_named_tuple,
    is_pydantic,
    mapper_of,
    members_of,
    short_name,
)
from ._mapped_objects import mapped_reader
from ._null_policy import SEND_NULL, NullPolicy
from ._objects import is_native, object_projector
from ._pydantic_values import projector_of
from ._undescribed import Undescribed

_MISSING = object()
_MAX_NESTED = 16
"""Classes within classes whose projections are made by recursion, which has a limit."""
_OPEN = (Any, object)
_BARE = (dict, list, tuple, set, frozenset)
_ARRAYS = (list, tuple, set, frozenset)  # known to the encoder; others are converted to lists


@attrs.define(eq=False)
class Projection:
    """The projection of values to one annotated type.

    Attributes:
        is_exact: Returns true if a value can be sent unchanged.
        project: Returns the projection of a value that is not exact.
        score: Returns how well a value that is not exact matches, to choose in a union: 0 for not
            at all, more for better.
        cls: The class whose instances are all exact, regardless of their members; ``None`` if
            members must be checked.
        own: The class whose instances ``project`` makes into mappings at once, as none is exact.
    """

    is_exact: Callable[[Any], bool]
    project: Callable[[Any], object]
    score: Callable[[Any], int]
    cls: type | None = None
    own: type | None = None

    def __call__(self, value: object) -> object:
        """Return the projection of ``value``.

        Raises:
            TypeError: A member of the annotated class is missing.
        """
        return value if self.is_exact(value) else self.project(value)


def projection_of(
    type_: object, policy: NullPolicy = SEND_NULL, *, known: Projections | None = None
) -> Projection | None:
    """Return the projection to ``type_``; ``None`` if values are sent unchanged.

    Args:
        type_: The annotation.
        policy: The policy of the document for ``None``.
        known: The projections of other annotations and the same document, to share those of
            classes.

    Raises:
        ValueError: A schema of the document is invalid.
    """
    projections = Projections() if known is None else known
    try:
        return projections.of(type_, policy)
    except BaseException:
        projections.forget_all()  # some are incomplete, and the next one must fail, too
        raise


@attrs.frozen
class _ProjectedMember:
    """A member of a projected class.

    Attributes:
        member: The member.
        projection: The projection of its values; ``None`` if they are sent unchanged.
        is_absent: True to leave it out if it is ``None``.
    """

    member: Member
    projection: Projection | None
    is_absent: bool


class Projections:
    """Makes projections, one for each class and its policy."""

    def __init__(self, *, looks_into_undescribed: bool = False) -> None:
        """Begin without projections.

        Args:
            looks_into_undescribed: True to project objects that no annotation describes to their
                own classes, for their names on the wire.
        """
        # With the policy, whose key has the ids of its schemas: these must not be used anew.
        self._classes: dict[object, tuple[Projection, NullPolicy]] = {}
        self._deferred: list[tuple[Projection, Any, type, NullPolicy]] = []
        self._depth = 0
        self._undescribed: Projection | None = None
        if looks_into_undescribed:
            undescribed = Undescribed(lambda cls: self._single(cls, SEND_NULL, False))
            self._undescribed = Projection(
                undescribed.is_exact, undescribed.project, lambda value: 0
            )

    def forget_all(self) -> None:
        """Make all projections anew, after an error."""
        self._classes.clear()
        self._deferred.clear()

    def of(
        self, type_: Any, policy: NullPolicy, *, is_distinguished: bool = False
    ) -> Projection | None:
        """Return the projection to a type; ``None`` if values are sent unchanged.

        Args:
            type_: The type.
            policy: The policy for ``None``.
            is_distinguished: True to always return a projection, to distinguish the members of a
                union.
        """
        plain = plain_type(type_)
        if self._undescribed is not None and _is_open(plain):
            return self._undescribed
        members = union_members(plain)
        if members is not None:
            projection = self._union(
                [plain_type(member) for member in members], policy, is_distinguished
            )
        else:
            projection = self._single(plain, policy, is_distinguished)
        return (
            _any_of(_classes_of(plain)) if projection is None and is_distinguished else projection
        )

    def _single(self, plain: Any, policy: NullPolicy, is_distinguished: bool) -> Projection | None:
        origin = origin_of(plain) or plain
        if not isinstance(origin, type) or issubclass(origin, enum.Enum):
            return None
        if is_pydantic(origin) and mapper_of(origin) is None:
            return _pydantic(plain, policy.of_class(short_name(plain)))
        if members_of(plain) is not None:
            return self._class(plain, origin, policy.of_class(short_name(plain)))
        if not typing.get_args(plain):
            return self._undescribed if plain in _BARE else None
        return self._container(plain, origin, policy, is_distinguished)

    def _container(
        self, plain: Any, origin: type, policy: NullPolicy, is_distinguished: bool
    ) -> Projection | None:
        arguments = typing.get_args(plain)
        if issubclass(origin, Mapping):
            inner = self.of(arguments[1], policy.value(), is_distinguished=is_distinguished)
            return None if inner is None else _mapping(inner)
        if issubclass(origin, tuple) and arguments[-1] is not Ellipsis:
            inners = [
                self.of(each, policy.item(index), is_distinguished=is_distinguished)
                for index, each in enumerate(arguments)
            ]
            return _tuple(inners) if any(inner is not None for inner in inners) else None
        if is_list_like(plain):
            inner = self.of(arguments[0], policy.item(), is_distinguished=is_distinguished)
            return None if inner is None else _list(inner)
        return None

    def _class(self, plain: Any, cls: type, policy: NullPolicy) -> Projection:
        key = plain, policy.key, policy.omit_none
        known = self._classes.get(key)
        if known is not None:
            return known[0]
        # For references of the class to itself, and from the end of a long chain of classes.
        projection = Projection(_never, _mismatch, lambda value: 0)
        self._classes[key] = projection, policy
        self._deferred.append((projection, plain, cls, policy))
        if self._depth < _MAX_NESTED:
            self._complete()
        while self._depth == 0 and self._deferred:
            self._complete()
        return projection

    def _complete(self) -> None:
        """Complete the projection that was begun last."""
        projection, plain, cls, policy = self._deferred.pop()
        self._depth += 1
        try:
            self._fill(projection, plain, cls, policy)
        finally:
            self._depth -= 1

    def _fill(self, projection: Projection, plain: Any, cls: type, policy: NullPolicy) -> None:
        every = members_of(plain) or ()
        members = [member for member in every if not member.is_private]
        parts = [self._member(cls, *each, policy) for each in enumerate(members)]
        inner = [
            (each.member.name, each.projection) for each in parts if each.projection is not None
        ]
        absent = [part.member.name for part in parts if part.is_absent]
        is_renamed = any(member.is_renamed for member in members)
        is_plain = mapper_of(cls) is None and not is_named_tuple(cls)
        is_object = is_plain and not typing.is_typeddict(cls)
        has_other_form = is_renamed or (is_object and not is_native(cls, every))
        never = any(each.own is not None for _, each in inner)
        if mapper_of(cls) is not None or (is_plain and (has_other_form or never)):
            projection.is_exact = _never
        elif typing.is_typeddict(cls):
            names = tuple(member.name for member in members)
            projection.is_exact = _exact_mapping(names, inner, absent)
        else:
            is_open = bool(getattr(cls, "__dictoffset__", 0)) and not is_named_tuple(cls)
            projection.is_exact = _exact_object(cls, len(every) if is_open else None, inner, absent)
            projection.cls = None if is_open or inner or absent else cls
        project = _projector(cls, parts)
        if is_object:
            projection.own = cls if projection.is_exact is _never else None
            sent = [(each.member, each.projection, each.is_absent) for each in parts]
            other = project
            if projection.own is None:  # few objects of the class need it, and it takes 0.3 ms
                project = _made_once(lambda: object_projector(cls, sent, other))
            else:
                project = object_projector(cls, sent, other)
        projection.project = project
        projection.score = _scorer(cls, [member for member in members if member.required])

    def _member(
        self, cls: type, index: int, member: Member, policy: NullPolicy
    ) -> _ProjectedMember:
        if is_named_tuple(cls):  # an array, whose items cannot be left out
            return _ProjectedMember(member, self.of(member.type, policy.item(index)), False)
        wire_name = member.wire_name
        projection = self.of(member.type, policy.member(wire_name))
        return _ProjectedMember(
            member, projection, _may_be_none(member) and policy.leaves_out(wire_name)
        )

    def _union(
        self, members: list[Any], policy: NullPolicy, is_distinguished: bool
    ) -> Projection | None:
        if any(map(_is_open, members)):
            return self._undescribed
        projections = [
            self.of(member, policy, is_distinguished=is_distinguished) for member in members
        ]
        if all(projection is None for projection in projections):
            return None
        present = [each for each in projections if each is not None]
        if len(members) == 2 and type(None) in members and len(present) == 1:
            return _optional(present[0])
        # The members of ``list[int] | list[Public]`` are distinguished by their items.
        distinguished = [self.of(member, policy, is_distinguished=True) for member in members]
        return _union([projection for projection in distinguished if projection is not None])


def _made_once(make: Callable[[], Callable[[Any], object]]) -> Callable[[Any], object]:
    """Return a function that is made when it is called for the first time."""
    made: Callable[[Any], object] | None = None

    def call(value: Any) -> object:
        nonlocal made
        if made is None:
            made = make()
        return made(value)

    return call


def _is_open(plain: Any) -> bool:
    return plain in _OPEN or isinstance(plain, TypeVar)


def _may_be_none(member: Member) -> bool:
    classes = _classes_of(plain_type(member.type))
    return member.default is None or type(None) in classes or object in classes


def _classes_of(type_: Any) -> tuple[type, ...]:
    """Return the classes of values of a plain type; ``object`` for any class."""
    if origin_of(type_) is Literal:
        return tuple(type(value) for value in typing.get_args(type_))
    if type_ is float:
        return (float, int)
    members = union_members(type_)
    if members is not None:
        return tuple(cls for member in members for cls in _classes_of(plain_type(member)))
    origin = origin_of(type_) or type_
    return (origin if isinstance(origin, type) else object,)


def _never(value: object) -> bool:
    return False


def _mismatch(value: object) -> object:
    raise TypeError(
        f"a result of type {type(value).__qualname__} does not match the handler's return type"
    )


# -- classes ------------------------------------------------------------------------------------


def _exact_object(
    cls: type, count: int | None, inner: list[tuple[str, Projection]], absent: list[str]
) -> Callable[[Any], bool]:
    """Return the check for exact objects.

    Args:
        cls: The class.
        count: Number of members of the class, if an object can have others; else ``None``.
        inner: The members that must be exact themselves.
        absent: The members that must not be ``None``.
    """

    def has_class(value: Any) -> bool:
        return type(value) is cls and (count is None or len(vars(value)) <= count)

    def is_exact(value: Any) -> bool:
        return has_class(value) and all(each.is_exact(getattr(value, name)) for name, each in inner)

    check = is_exact if inner else has_class
    return _without_none(check, absent) if absent else check


def _without_none(is_exact: Callable[[Any], bool], absent: list[str]) -> Callable[[Any], bool]:
    read = operator.attrgetter(absent[0], *absent)  # for one name it would not return a tuple

    def is_whole(value: Any) -> bool:
        if not is_exact(value):
            return False
        for part in read(value):  # noqa: SIM110 - twice as fast as all()
            if part is None:
                return False
        return True

    return is_whole


def _exact_mapping(
    names: tuple[str, ...], inner: list[tuple[str, Projection]], absent: list[str]
) -> Callable[[Any], bool]:
    def is_exact(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and (tuple(value) == names or _is_within(value, names))
            and all(name not in value or each.is_exact(value[name]) for name, each in inner)
        )

    def is_whole(value: Any) -> bool:
        return is_exact(value) and all(value.get(name, _MISSING) is not None for name in absent)

    return is_whole if absent else is_exact


def _is_within(some: Iterable[str], names: Iterable[str]) -> bool:
    """Return whether names are among others, in their order."""
    rest = iter(names)
    return all(name in rest for name in some)  # each search continues after the one before


def _projector(cls: type, parts: list[_ProjectedMember]) -> Callable[[Any], object]:
    is_array = is_named_tuple(cls)
    members = [
        (
            part.member.name,
            part.member.wire_name,
            part.projection,
            part.is_absent,
            part.member.required,
        )
        for part in parts
    ]

    def project(value: Any) -> object:
        result = {}
        read = _reader_of(value)
        for name, wire_name, projection, is_absent, is_required in members:
            part = read(name, _MISSING)
            if part is _MISSING and name != wire_name:  # a mapping with the names on the wire
                part = read(wire_name, _MISSING)
            if part is _MISSING:
                if is_required:
                    raise TypeError(
                        f"a result of type {type(value).__qualname__} has no {name!r}, "
                        f"a required member of {cls.__qualname__}"
                    )
            elif part is not UNSET and (part is not None or not is_absent):
                result[wire_name] = part if projection is None else projection(part)
        return list(result.values()) if is_array else result

    return project


def _reader_of(value: Any) -> Callable[[str, object], Any]:
    """Return a function that reads members by name, with a default for missing ones."""
    mapper = mapper_of(type(value))
    if mapper is not None:
        return mapped_reader(value, mapper)
    return value.get if isinstance(value, Mapping) else functools.partial(getattr, value)


def _has(value: Any, name: str) -> bool:
    """Return true if a value has a member; reads no member of an object of SQLAlchemy."""
    if mapper_of(type(value)) is not None:
        return name in vars(value) or any(name in vars(base) for base in type(value).__mro__)
    return _reader_of(value)(name, _MISSING) is not _MISSING


def _scorer(cls: type, required: list[Member]) -> Callable[[Any], int]:
    names = [{member.name, member.wire_name} for member in required]
    if typing.is_typeddict(cls):
        cls = dict

    def score(value: Any) -> int:
        ancestors = type(value).__mro__
        if cls in ancestors and cls is not dict:
            return 1000 - ancestors.index(cls)
        has_all = all(any(_has(value, name) for name in each) for each in names)
        return 1 + min(len(required), 100) if has_all else 0

    return score


def _pydantic(plain: Any, policy: NullPolicy) -> Projection:
    """Return the projection to a class of pydantic, whose encoder is pydantic's own."""
    cls = origin_of(plain) or plain
    required = [member for member in members_of(plain) or () if member.required]
    project = projector_of(plain, policy)
    # The encoder would take a dataclass of pydantic for a plain one.
    if policy.schemas or dataclasses.is_dataclass(cls):
        return Projection(_never, project, _scorer(cls, required))
    return Projection(lambda value: type(value) is cls, project, _scorer(cls, required), cls)


# -- containers ---------------------------------------------------------------------------------


def _is_array(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _all_exact(inner: Projection, values: Iterable[Any]) -> bool:
    if inner.cls is not None:
        return {inner.cls}.issuperset(map(type, values))
    return all(map(inner.is_exact, values))


def _list(inner: Projection) -> Projection:
    def is_exact(value: Any) -> bool:
        return isinstance(value, _ARRAYS) and _all_exact(inner, value)

    def project(value: Any) -> object:
        apply = inner if inner.own is None else inner.project
        return [apply(item) for item in value] if _is_array(value) else _mismatch(value)

    return Projection(is_exact, project, lambda value: 1 if _is_array(value) else 0)


def _tuple(inners: list[Projection | None]) -> Projection:
    def is_exact(value: Any) -> bool:
        return isinstance(value, tuple) and all(
            inner is None or inner.is_exact(item)
            for inner, item in zip(inners, value, strict=False)
        )

    def project(value: Any) -> object:
        if not _is_array(value):
            return _mismatch(value)
        return [
            item if inner is None else inner(item)
            for inner, item in zip(inners, value, strict=True)
        ]

    return Projection(is_exact, project, lambda value: 1 if _is_array(value) else 0)


def _mapping(inner: Projection) -> Projection:
    def is_exact(value: Any) -> bool:
        return isinstance(value, dict) and _all_exact(inner, value.values())

    def project(value: Any) -> object:
        if not isinstance(value, Mapping):
            return _mismatch(value)
        return {key: inner(item) for key, item in value.items()}

    return Projection(is_exact, project, lambda value: 1 if isinstance(value, Mapping) else 0)


def _any_of(classes: tuple[type, ...]) -> Projection:
    """Return the projection of values that are sent unchanged."""

    def is_exact(value: Any) -> bool:
        return isinstance(value, classes)

    return Projection(is_exact, _mismatch, lambda value: 0)


def _optional(inner: Projection) -> Projection:
    """Return the projection of values that may be ``None``; with few calls for each level."""

    def is_exact(value: Any) -> bool:
        return value is None or inner.is_exact(value)

    def project(value: Any) -> object:
        return None if value is None else inner.project(value)

    return Projection(is_exact, project, lambda value: int(value is None) or inner.score(value))


def _union(projections: list[Projection]) -> Projection:
    def is_exact(value: Any) -> bool:
        return any(each.is_exact(value) for each in projections)

    def score(value: Any) -> int:
        return max(each.score(value) for each in projections)

    def project(value: Any) -> object:
        for each in sorted(projections, key=lambda each: each.score(value), reverse=True):
            if each.score(value):
                try:
                    return each(value)
                except TypeError:
                    continue  # its items match another list type of the union
        return _mismatch(value)

    return Projection(is_exact, project, score)
