"""Parameter markers: where a handler's argument comes from, and what it must satisfy.

``Query[int]`` is ``Annotated[int, In("query")]``. A type-checker therefore sees ``int`` and nothing
else, and the router finds the marker in the annotation. Constraints travel the same way, as a
:class:`Param` (or a ``msgspec.Meta``) inside ``Annotated``, in any order and at any depth::

    def list_items(page: Query[Annotated[int, Param(ge=1, name="page-no")]] = 1) -> list[Item]: ...

:func:`split_annotation` takes such an annotation apart once, at start; nothing here runs per
request.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeAlias, TypeVar

import attrs

from photon_openapi.annotations import BareMarker, Param, SignatureError, SourceMarker
from photon_openapi.annotations import split_annotation as read_annotation
from photon_openapi.errors import Location

Media: TypeAlias = Literal["json", "form", "raw"]

_T = TypeVar("_T")
_SAID_ELSEWHERE = {"alias": "name", "regex": "pattern"}
"""Keywords that other frameworks have, and what they are called here."""


@attrs.frozen
class In(SourceMarker):
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
class Marker(BareMarker):
    """What ``Query`` is when the program runs: ``Query[int]`` is ``Annotated[int, In("query")]``.

    Attributes:
        place: What it puts on a type.
    """

    place: In

    @property
    def source(self) -> In:
        """What it attaches to the type."""
        return self.place

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


@attrs.frozen
class Annotation:
    """The annotation of an argument, taken apart.

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
    """Take the annotation of an argument apart.

    ``Query[int] | None`` means the same as ``Query[int | None]``, and so it is with ``Annotated``.

    Raises:
        TypeError: Two markers contradict each other.
    """
    plain = read_annotation(annotation)
    markers = [item for item in plain.metadata if isinstance(item, In)]
    if len(set(markers)) > 1:
        names = " and ".join(marker.name for marker in dict.fromkeys(markers))
        raise TypeError(f"{annotation!r} is marked {names}: a value has one place, keep one")
    return Annotation(
        plain.type,
        markers[0] if markers else None,
        plain.param,
        tuple(item for item in plain.metadata if not isinstance(item, In)),
    )


def is_stream(type_: object) -> bool:
    """Say whether it is a body in parts: ``Iterator[bytes]`` or ``Iterable[bytes]``."""
    return typing.get_origin(type_) in (Iterator, Iterable) and typing.get_args(type_) == (bytes,)
