"""Parameter markers: where a handler's argument comes from, and what it must satisfy.

``Query[int]`` is ``Annotated[int, In("query")]``. A type-checker therefore sees ``int`` and nothing
else, and the router finds the marker in the annotation. Constraints travel the same way, as a
:class:`Param` (or a ``msgspec.Meta``) inside ``Annotated``, in any order and at any depth::

    def list_items(page: Query[Annotated[int, Param(ge=1, name="page-no")]] = 1) -> list[Item]: ...

:func:`split_annotation` takes such an annotation apart once, at start; nothing here runs per
request.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeAlias, TypeVar

import attrs
import msgspec

from photon_runtime.callables import require_function
from photon_runtime.errors import SignatureError

from ._depends import Dependency

Location: TypeAlias = Literal["path", "query", "header", "cookie", "body"]
Media: TypeAlias = Literal["json", "form", "raw"]
Style: TypeAlias = Literal[
    "matrix", "label", "simple", "form", "spaceDelimited", "pipeDelimited", "deepObject"
]

_T = TypeVar("_T")
_NUMBER_LIMITS = ("ge", "gt", "le", "lt", "multiple_of")
_LENGTH_LIMITS = ("min_length", "max_length")
_SAID_ELSEWHERE = {"alias": "name", "regex": "pattern"}
"""Keywords that other frameworks have, and what they are called here."""
_CONSTRAINTS = (*_NUMBER_LIMITS, *_LENGTH_LIMITS, "pattern")


@attrs.frozen
class In:
    """The marker that says where an argument comes from.

    Attributes:
        location: The part of the request.
        media: For a body, how it is read: JSON, a form, or the bytes as they are; else ``None``.
    """

    location: Location
    media: Media | None = None

    @property
    def name(self) -> str:
        """What its marker is called."""
        return "Body" if self.media == "raw" else (self.media or self.location).capitalize()

    @property
    def place(self) -> str:
        """Where it stands: the location, or ``form`` for what is one field of the body."""
        return "form" if self.media == "form" else self.location


@attrs.frozen
class Marker:
    """What ``Query`` is when the program runs: ``Query[int]`` is ``Annotated[int, In("query")]``.

    Attributes:
        place: What it puts on a type.
    """

    place: In

    @property
    def name(self) -> str:
        """What it is called."""
        return self.place.name

    def __getitem__(self, type_: Any) -> Any:
        """Return the type with the marker on it."""
        if isinstance(type_, tuple):
            raise SignatureError(
                f"{self.name} stands around one type: write {self.name}[Annotated[..., Param(...)]]"
                f" for constraints, {self.name}[tuple[...]] for a tuple"
            )
        return Annotated[type_, self.place]

    def __or__(self, other: Any) -> Any:
        """Return the union of a marker without a type, which takes anything, and another type."""
        return self[Any] | other

    def __call__(self, *_: object, **keywords: object) -> NoReturn:
        """Refuse to be called, as markers of other frameworks are, and say what to write."""
        said = {_SAID_ELSEWHERE.get(name, name): value for name, value in keywords.items()}
        options = ", ".join(
            f"{field.name}={said[field.name]!r}"
            for field in attrs.fields(Param)
            if field.name in said
        )
        wanted = f"Annotated[..., Param({options})]" if options else "..."
        json = f" (Json[{wanted}] for JSON)" if self.name == "Body" else ""
        raise SignatureError(
            f"{self.name} is not called: it stands around the type. Write {self.name}[{wanted}]"
            f"{json}, and = for a default"
        )


if TYPE_CHECKING:
    # A subscripted alias is the inner type to every type-checker: Query[int] is int.
    Path = Annotated[_T, In("path")]
    """The argument is a part of the path."""
    Query = Annotated[_T, In("query")]
    """The argument is a query parameter."""
    Header = Annotated[_T, In("header")]
    """The argument is a request header."""
    Cookie = Annotated[_T, In("cookie")]
    """The argument is a cookie."""
    Json = Annotated[_T, In("body", "json")]
    """The argument is the body, decoded from JSON."""
    Form = Annotated[_T, In("body", "form")]
    """The argument is a field of the form that the body is; of a class, each member is one."""
    Body = Annotated[_T, In("body", "raw")]
    """The argument is the body as it came: ``Body[bytes]``, ``Body[str]``, or, in parts while they
    come, ``Body[Iterator[bytes]]``."""
else:
    Path = Marker(In("path"))
    Query = Marker(In("query"))
    Header = Marker(In("header"))
    Cookie = Marker(In("cookie"))
    Json = Marker(In("body", "json"))
    Form = Marker(In("body", "form"))
    Body = Marker(In("body", "raw"))


def _number(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return
    raise SignatureError(f"Param({attribute.name}=...) takes a number, got {value!r}")


def _length(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return
    raise SignatureError(
        f"Param({attribute.name}=...) takes an integer of zero or more, got {value!r}"
    )


@attrs.frozen(kw_only=True)
class Param:
    r"""Name, description and constraints of a parameter or of a member of a body.

    Attributes:
        name: The name on the wire; ``None`` keeps the argument's name. It has no effect on members
            of JSON bodies, which are always called as in the class.
        title: A short name for people, in the document.
        description: Text for the document.
        example: An example value for the document; ``None`` means no example.
        examples: Several of them.
        deprecated: Whether the document marks it as deprecated.
        include_in_schema: Whether a parameter, or a field of a form, stands in the published
            document; what is taken out must not be required.
        style: How a list or an object is written in a parameter, as OpenAPI has it: ``form``,
            ``deepObject``, ``pipeDelimited``, ``matrix`` and so on. A class with a style is one
            parameter; without one each of its members is.
        explode: Whether the parts of a list or an object stand by themselves; ``None`` leaves it
            to the style.
        default_factory: Makes the value of an argument that was not sent, for those that must be
            new each time, such as lists.
        ge: The value must be greater than this or equal.
        gt: The value must be greater than this.
        le: The value must be less than this or equal.
        lt: The value must be less than this.
        multiple_of: The value must be a multiple of this; it is more than zero.
        min_length: Fewest characters, items or members.
        max_length: Most characters, items or members; of an ``UploadFile`` most bytes.
        pattern: A regular expression that must match somewhere in the text. It is an ECMA 262
            expression, as JSON Schema has them: ``\d`` is ``[0-9]``, and ``$`` is the very end.
    """

    name: str | None = None
    title: str | None = None
    description: str | None = None
    example: object = None
    examples: Sequence[object] = attrs.field(default=(), converter=tuple)
    deprecated: bool = False
    include_in_schema: bool = True
    style: Style | None = None
    explode: bool | None = None
    default_factory: Callable[[], object] | None = None
    ge: float | None = attrs.field(default=None, validator=_number)
    gt: float | None = attrs.field(default=None, validator=_number)
    le: float | None = attrs.field(default=None, validator=_number)
    lt: float | None = attrs.field(default=None, validator=_number)
    multiple_of: float | None = attrs.field(default=None, validator=_number)
    min_length: int | None = attrs.field(default=None, validator=_length)
    max_length: int | None = attrs.field(default=None, validator=_length)
    pattern: str | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what can never be meant."""
        if self.default_factory is not None:
            require_function(self.default_factory, "a default_factory")
        if self.multiple_of is not None and self.multiple_of <= 0:
            raise SignatureError(
                f"Param(multiple_of=...) must be above 0, got {self.multiple_of!r}"
            )
        shortest, longest = self.min_length or 0, self.max_length
        if longest is not None and shortest > longest:
            raise SignatureError(
                f"Param(min_length={shortest}, max_length={longest}) allows no value:"
                " make min_length the smaller one"
            )

    @property
    def is_constrained(self) -> bool:
        """Whether it restricts the value, and does not merely describe it."""
        return any(getattr(self, name) is not None for name in _CONSTRAINTS)


@attrs.frozen
class Annotation:
    """An annotation, taken apart.

    Attributes:
        type: The plain type, without the outer ``Annotated``. Annotations of elements
            (``list[Annotated[int, ...]]``) stay where they are.
        marker: Where the value comes from, or ``None`` when the annotation does not say.
        param: Constraints and description, merged from every ``Param`` and ``msgspec.Meta``, or
            ``None`` when there are none.
        metadata: Everything else that was attached.
    """

    type: Any
    marker: In | None = None
    param: Param | None = None
    metadata: tuple[object, ...] = ()

    @property
    def annotated(self) -> Any:
        """The type with its constraints but without the marker: what a schema is made of."""
        return self.type if self.param is None else Annotated[self.type, self.param]


def split_annotation(annotation: object) -> Annotation:
    """Take an annotation apart.

    ``Query[int] | None`` means the same as ``Query[int | None]``, and so it is with ``Annotated``.

    Raises:
        TypeError: Two markers contradict each other.
    """
    plain, metadata = _flatten(annotation)
    markers = [item for item in metadata if isinstance(item, In)]
    if len(set(markers)) > 1:
        names = " and ".join(marker.name for marker in dict.fromkeys(markers))
        raise TypeError(f"{annotation!r} is marked {names}: a value has one place, keep one")
    params = [_as_param(item) for item in metadata if isinstance(item, Param | msgspec.Meta)]
    return Annotation(
        plain,
        markers[0] if markers else None,
        _merge(params) if params else None,
        tuple(item for item in metadata if not isinstance(item, In | Param | msgspec.Meta)),
    )


def strip_alias(type_: object) -> object:
    """Follow ``NewType`` and ``type X = ...`` to what they stand for; ``Annotated`` stays."""
    while True:
        if isinstance(type_, typing.NewType):
            type_ = type_.__supertype__
        elif type(type_).__name__ == "TypeAliasType" and hasattr(type_, "__value__"):
            type_ = type_.__value__
        else:
            return type_


def union_members(type_: object) -> tuple[Any, ...] | None:
    """Return the members of ``A | B`` or ``Optional[A]``, or ``None`` when it is no union."""
    if typing.get_origin(type_) in (typing.Union, types.UnionType):
        return typing.get_args(type_)
    return None


def without_none(type_: Any) -> Any:
    """Return ``T`` for ``T | None``: a parameter that is not sent has no value at all."""
    members = union_members(type_)
    if members is None:
        return type_
    present = tuple(member for member in members if member is not type(None))
    return typing.Union[present] if present else type_  # noqa: UP007 - of a computed tuple


def is_stream(type_: object) -> bool:
    """Say whether it is a body in parts: ``Iterator[bytes]`` or ``Iterable[bytes]``."""
    return typing.get_origin(type_) in (Iterator, Iterable) and typing.get_args(type_) == (bytes,)


def _flatten(annotation: object) -> tuple[Any, tuple[object, ...]]:
    if type(annotation).__name__ == "TypeAliasType":
        return _flatten(strip_alias(annotation))
    if typing.get_origin(annotation) is Annotated:
        inner, *metadata = typing.get_args(annotation)
        plain, deeper = _flatten(inner)
        return plain, (*deeper, *metadata)
    if isinstance(annotation, Marker):  # a bare `Query`, without a type in brackets
        return Any, (annotation.place,)
    members = union_members(annotation)
    if members is not None:
        return _flatten_optional(annotation, members)
    return annotation, ()


def _flatten_optional(
    annotation: object, members: tuple[Any, ...]
) -> tuple[Any, tuple[object, ...]]:
    """Lift marker and `Param` out of ``Query[int] | None``; leave every other union alone.

    A dependency is never left behind: a client must not send what it would have made.
    """
    present = [member for member in members if member is not type(None)]
    if len(present) != 1:
        flattened = (_flatten(member) for member in present)
        if any(isinstance(item, Dependency) for _, metadata in flattened for item in metadata):
            raise TypeError(f"{annotation!r}: a dependency is for all of it, or for none")
        return annotation, ()
    plain, metadata = _flatten(present[0])
    if not any(isinstance(item, In | Dependency | Param) for item in metadata):
        return annotation, ()
    return plain | None, metadata


def _as_param(item: Param | msgspec.Meta) -> Param:
    if isinstance(item, Param):
        return item
    examples = item.examples or [None]
    return Param(
        title=item.title,
        description=item.description,
        example=examples[0],
        examples=examples[1:],
        pattern=item.pattern,
        **{name: getattr(item, name) for name in (*_NUMBER_LIMITS, *_LENGTH_LIMITS)},
    )


def _merge(params: list[Param]) -> Param:
    """Later ones win, member by member."""
    merged: dict[str, Any] = {}
    for param in params:
        for field in attrs.fields(Param):
            value = getattr(param, field.name)
            if value != field.default:
                merged[field.name] = value
    return Param(**merged)
