"""What leaves: the members that the annotation names, and no others.

A handler annotated ``-> PublicUser`` may return a ``User`` that knows more, an object of a
database, or a mapping: what is sent has the members of ``PublicUser``. The annotation alone
decides, at any depth that it describes; what it leaves open (``object``, ``dict[str, object]``) is
sent as it is.

Theory of operation. For each class that the annotation names, a `Projection` is made at start. It
first asks whether a value is *exact*, of just the classes that are annotated: then the value is
encoded as it is, which for a class of scalars costs one comparison. Only what is not exact is taken
apart and put together again from the members of the annotated class; parts that are exact stay
whole. Where the document has no place for a member that is ``None`` (`_null_policy`), an object
with such a one is not exact, and the member is left out.
"""

from __future__ import annotations

import enum
import functools
import operator
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

import attrs

from photon_openapi.annotations import strip_alias, union_members
from photon_openapi.schema import Member, is_list_like, is_named_tuple, members_of, short_name

from ._null_policy import SEND_NULL, NullPolicy

_MISSING = object()
_OPEN = (Any, object)
_ARRAYS = (list, tuple, set, frozenset)  # that the encoder knows; others are written as lists


@attrs.define(eq=False)
class Projection:
    """What is sent of values of one annotated type.

    Attributes:
        is_exact: Returns whether a value can be sent as it is.
        project: Returns what is sent of a value that is not exact.
        score: Returns how well a value that is not exact matches, to choose within a union: 0 for
            not at all, more for better.
        cls: The class of which every value is exact, whatever is in it; ``None`` where there is
            more to look at.
    """

    is_exact: Callable[[Any], bool]
    project: Callable[[Any], object]
    score: Callable[[Any], int]
    cls: type | None = None

    def __call__(self, value: object) -> object:
        """Return what is sent of ``value``.

        Raises:
            TypeError: It lacks what the annotation says.
        """
        return value if self.is_exact(value) else self.project(value)


def projection_of(type_: object, policy: NullPolicy = SEND_NULL) -> Projection | None:
    """Return what is sent of values annotated as ``type_``; ``None`` where that is all of them.

    Args:
        type_: The annotation.
        policy: What the document says of the values.

    Raises:
        ValueError: A schema of the document is wrong.
    """
    return _Projections().of(type_, policy)


@attrs.frozen
class _Part:
    """A member of a class that is sent.

    Attributes:
        member: The member.
        projection: What is sent of its values; ``None`` for all of them.
        is_absent: Whether it is left out where it is ``None``.
    """

    member: Member
    projection: Projection | None
    is_absent: bool


class _Projections:
    """Makes projections; one for each class and what the document says of it."""

    def __init__(self) -> None:
        self._classes: dict[object, Projection] = {}

    def of(
        self, type_: Any, policy: NullPolicy, *, is_told_apart: bool = False
    ) -> Projection | None:
        """Return the projection of a type; ``None`` where everything is sent.

        Args:
            type_: The type.
            policy: What the document says of its values.
            is_told_apart: Whether there must be a projection, to tell its values from others.
        """
        plain = _plain(type_)
        members = union_members(plain)
        if members is not None:
            projection = self._union([_plain(member) for member in members], policy, is_told_apart)
        else:
            projection = self._single(plain, policy, is_told_apart)
        return _any_of(_classes_of(plain)) if projection is None and is_told_apart else projection

    def _single(self, plain: Any, policy: NullPolicy, is_told_apart: bool) -> Projection | None:
        origin = typing.get_origin(plain) or plain
        if not isinstance(origin, type) or issubclass(origin, enum.Enum):
            return None
        if members_of(plain) is not None:
            return self._class(plain, origin, policy.of_class(short_name(plain)))
        if not typing.get_args(plain):
            return None
        return self._container(plain, origin, policy, is_told_apart)

    def _container(
        self, plain: Any, origin: type, policy: NullPolicy, is_told_apart: bool
    ) -> Projection | None:
        arguments = typing.get_args(plain)
        if issubclass(origin, Mapping):
            inner = self.of(arguments[1], policy.value(), is_told_apart=is_told_apart)
            return None if inner is None else _mapping(inner)
        if issubclass(origin, tuple) and arguments[-1] is not Ellipsis:
            inners = [
                self.of(each, policy.item(index), is_told_apart=is_told_apart)
                for index, each in enumerate(arguments)
            ]
            return _tuple(inners) if any(inner is not None for inner in inners) else None
        if is_list_like(plain):
            inner = self.of(arguments[0], policy.item(), is_told_apart=is_told_apart)
            return None if inner is None else _list(inner)
        return None

    def _class(self, plain: Any, cls: type, policy: NullPolicy) -> Projection:
        key = plain, policy.key
        known = self._classes.get(key)
        if known is not None:
            return known
        # For the class itself, inside of its own members.
        projection = self._classes[key] = Projection(_never, _refused, lambda value: 0)
        every = members_of(plain) or ()
        members = [member for member in every if not member.is_private]
        parts = [self._part(cls, *each, policy) for each in enumerate(members)]
        inner = [
            (each.member.name, each.projection) for each in parts if each.projection is not None
        ]
        absent = [part.member.name for part in parts if part.is_absent]
        if typing.is_typeddict(cls):
            names = frozenset(member.name for member in members)
            projection.is_exact = _exact_mapping(names, inner, absent)
        else:
            is_open = bool(getattr(cls, "__dictoffset__", 0)) and not is_named_tuple(cls)
            projection.is_exact = _exact_object(cls, len(every) if is_open else None, inner, absent)
            projection.cls = None if is_open or inner or absent else cls
        projection.project = _projector(cls, parts)
        projection.score = _scorer(cls, [member.name for member in members if member.required])
        return projection

    def _part(self, cls: type, index: int, member: Member, policy: NullPolicy) -> _Part:
        if is_named_tuple(cls):  # an array: there is always something in its places
            return _Part(member, self.of(member.type, policy.item(index)), False)
        projection = self.of(member.type, policy.member(member.name))
        return _Part(member, projection, _may_be_none(member) and policy.leaves_out(member.name))

    def _union(
        self, members: list[Any], policy: NullPolicy, is_told_apart: bool
    ) -> Projection | None:
        if any(member in _OPEN or isinstance(member, TypeVar) for member in members):
            return None
        projections = [self.of(member, policy, is_told_apart=is_told_apart) for member in members]
        if all(projection is None for projection in projections):
            return None
        # Of ``list[int] | list[Public]`` only what is in it tells which of both it is.
        apart = [self.of(member, policy, is_told_apart=True) for member in members]
        return _union([projection for projection in apart if projection is not None])


def _may_be_none(member: Member) -> bool:
    classes = _classes_of(_plain(member.type))
    return member.default is None or type(None) in classes or object in classes


def _plain(type_: Any) -> Any:
    """Return a type without what ``Annotated`` and aliases put around it."""
    while True:
        type_ = strip_alias(type_)
        if typing.get_origin(type_) is not Annotated:
            return type(None) if type_ is None else type_
        type_ = typing.get_args(type_)[0]


def _classes_of(type_: Any) -> tuple[type, ...]:
    """Return the classes that values of a plain type have; ``object`` where it may be any."""
    if typing.get_origin(type_) is Literal:
        return tuple(type(value) for value in typing.get_args(type_))
    if type_ is float:
        return (float, int)
    members = union_members(type_)
    if members is not None:
        return tuple(cls for member in members for cls in _classes_of(_plain(member)))
    origin = typing.get_origin(type_) or type_
    return (origin if isinstance(origin, type) else object,)


def _never(value: object) -> bool:
    return False


def _refused(value: object) -> object:
    raise TypeError(f"a result of type {type(value).__qualname__} is not what the handler says")


# -- classes ------------------------------------------------------------------------------------


def _exact_object(
    cls: type, count: int | None, inner: list[tuple[str, Projection]], absent: list[str]
) -> Callable[[Any], bool]:
    """Return what says whether an object is exact.

    Args:
        cls: Its class.
        count: How many members the class has, if an object can have others; else ``None``.
        inner: The members that must be exact themselves.
        absent: Those that must not be ``None``.
    """

    def has_class(value: Any) -> bool:
        return type(value) is cls and (count is None or len(vars(value)) <= count)

    def is_exact(value: Any) -> bool:
        return has_class(value) and all(each.is_exact(getattr(value, name)) for name, each in inner)

    found = is_exact if inner else has_class
    return _without_none(found, absent) if absent else found


def _without_none(is_exact: Callable[[Any], bool], absent: list[str]) -> Callable[[Any], bool]:
    read = operator.attrgetter(absent[0], *absent)  # of one name it would not give a tuple

    def is_whole(value: Any) -> bool:
        if not is_exact(value):
            return False
        for part in read(value):  # noqa: SIM110 - twice as fast as all()
            if part is None:
                return False
        return True

    return is_whole


def _exact_mapping(
    names: frozenset[str], inner: list[tuple[str, Projection]], absent: list[str]
) -> Callable[[Any], bool]:
    def is_exact(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and value.keys() <= names
            and all(name not in value or each.is_exact(value[name]) for name, each in inner)
        )

    def is_whole(value: Any) -> bool:
        return is_exact(value) and all(value.get(name, _MISSING) is not None for name in absent)

    return is_whole if absent else is_exact


def _projector(cls: type, parts: list[_Part]) -> Callable[[Any], object]:
    is_array = is_named_tuple(cls)
    steps = [
        (part.member.name, part.projection, part.is_absent, part.member.required) for part in parts
    ]

    def project(value: Any) -> object:
        found = {}
        read = _reader_of(value)
        for name, projection, is_absent, is_required in steps:
            part = read(name, _MISSING)
            if part is _MISSING:
                if is_required:
                    raise TypeError(
                        f"a result of type {type(value).__qualname__} has no {name!r}, "
                        f"which {cls.__qualname__} has"
                    )
            elif part is not None or not is_absent:
                found[name] = part if projection is None else projection(part)
        return list(found.values()) if is_array else found

    return project


def _reader_of(value: Any) -> Callable[[str, object], Any]:
    """Return what reads members by their name, with what stands for those that are missing."""
    return value.get if isinstance(value, Mapping) else functools.partial(getattr, value)


def _scorer(cls: type, required: list[str]) -> Callable[[Any], int]:
    if typing.is_typeddict(cls):
        cls = dict

    def score(value: Any) -> int:
        ancestors = type(value).__mro__
        if cls in ancestors and cls is not dict:
            return 1000 - ancestors.index(cls)
        read = _reader_of(value)
        has_all = all(read(name, _MISSING) is not _MISSING for name in required)
        return 1 + min(len(required), 100) if has_all else 0

    return score


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
        return [inner(item) for item in value] if _is_array(value) else _refused(value)

    return Projection(is_exact, project, lambda value: 1 if _is_array(value) else 0)


def _tuple(inners: list[Projection | None]) -> Projection:
    def is_exact(value: Any) -> bool:
        return isinstance(value, tuple) and all(
            inner is None or inner.is_exact(item)
            for inner, item in zip(inners, value, strict=False)
        )

    def project(value: Any) -> object:
        if not _is_array(value):
            return _refused(value)
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
            return _refused(value)
        return {key: inner(item) for key, item in value.items()}

    return Projection(is_exact, project, lambda value: 1 if isinstance(value, Mapping) else 0)


def _any_of(classes: tuple[type, ...]) -> Projection:
    """Return the projection of values that are sent as they are."""

    def is_exact(value: Any) -> bool:
        return isinstance(value, classes)

    return Projection(is_exact, _refused, lambda value: 0)


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
                    continue  # of several kinds of lists, this was another one
        return _refused(value)

    return Projection(is_exact, project, score)
