"""Parameter markers: the source of a handler's argument, and its constraints.

``Query[int]`` is ``Annotated[int, In("query")]``. A type-checker therefore sees ``int`` and nothing
else, and the router finds the marker in the annotation. Constraints are written the same way, as a
:class:`Param` (or a ``msgspec.Meta``) inside ``Annotated``, in any order and at any depth::

    def list_items(page: Query[Annotated[int, Param(ge=1, name="page-no")]] = 1) -> list[Item]: ...

:func:`split_annotation` splits such an annotation once, at start-up; no code of this module runs
per request.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeAlias, TypeVar

import attrs

from photon_openapi.annotations import BareMarker, Param, SignatureError, SourceMarker, origin_of
from photon_openapi.annotations import split_annotation as read_annotation
from photon_openapi.errors import Location

Media: TypeAlias = Literal["json", "form", "raw"]

_T = TypeVar("_T")
_OTHER_NAMES = {"alias": "name", "regex": "pattern"}
"""Keywords of other frameworks, and their names here."""


@attrs.frozen
class In(SourceMarker):
    """The marker of the source of an argument.

    Attributes:
        location: The part of the request.
        media: The encoding of a body: JSON, a form, or raw bytes; ``None`` for other locations.
    """

    location: Location
    media: Media | None = None

    @property
    def name(self) -> str:
        """Name of its marker."""
        return "Body" if self.media == "raw" else (self.media or self.location).capitalize()

    @property
    def origin(self) -> str:
        """The location, or ``form`` for a field of the body."""
        return "form" if self.media == "form" else self.location


@attrs.frozen
class Marker(BareMarker):
    """The run-time value of ``Query``: ``Query[int]`` is ``Annotated[int, In("query")]``.

    Attributes:
        marker: The marker that it attaches to a type.
    """

    marker: In

    @property
    def source(self) -> In:
        """The marker that it attaches to a type."""
        return self.marker

    @property
    def name(self) -> str:
        """Name of the marker."""
        return self.marker.name

    def __getitem__(self, type_: Any) -> Any:
        """Return the type with the marker on it."""
        if isinstance(type_, tuple):
            raise SignatureError(
                f"{self.name} takes one type: write {self.name}[Annotated[..., Param(...)]] for "
                f"constraints, {self.name}[tuple[...]] for a tuple"
            )
        return Annotated[type_, self.marker]

    def __or__(self, other: Any) -> Any:
        """Return the union of a marker without a type, which accepts any, and another type."""
        return self[Any] | other

    def __call__(self, *_: object, **keywords: object) -> NoReturn:
        """Reject a call, which other frameworks have for markers, and name the correct form."""
        constraints = {_OTHER_NAMES.get(name, name): value for name, value in keywords.items()}
        options = ", ".join(
            f"{field.name}={constraints[field.name]!r}"
            for field in attrs.fields(Param)
            if field.name in constraints
        )
        inner = f"Annotated[..., Param({options})]" if options else "..."
        json = f" (Json[{inner}] for JSON)" if self.name == "Body" else ""
        raise SignatureError(
            f"{self.name} is not called: it takes the type in brackets. Write {self.name}[{inner}]"
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
    """The argument is a field of the form in the body; of a class, each member is a field."""
    Body = Annotated[_T, In("body", "raw")]
    """The argument is the raw body: ``Body[bytes]``, ``Body[str]``, or, in parts as they are
    received, ``Body[Iterator[bytes]]``."""
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
    """The annotation of an argument, split into its parts.

    Attributes:
        type: The plain type, without the outer ``Annotated``. Annotations of elements
            (``list[Annotated[int, ...]]``) are not changed.
        marker: The source of the value, or ``None`` if the annotation has no marker.
        param: Constraints and description, merged from every ``Param`` and ``msgspec.Meta``, or
            ``None`` without any.
        metadata: All other metadata.
    """

    type: Any
    marker: In | None = None
    param: Param | None = None
    metadata: tuple[object, ...] = ()

    @property
    def annotated(self) -> Any:
        """The type with its constraints but without the marker: the input of the schema."""
        return self.type if self.param is None else Annotated[self.type, self.param]


def split_annotation(annotation: object) -> Annotation:
    """Split the annotation of an argument into its parts.

    ``Query[int] | None`` means the same as ``Query[int | None]``, and likewise for ``Annotated``.

    Raises:
        TypeError: Two markers contradict each other.
    """
    plain = read_annotation(annotation)
    if not plain.metadata:
        return Annotation(plain.type, None, plain.param)
    markers = [item for item in plain.metadata if isinstance(item, In)]
    return Annotation(
        plain.type,
        markers[0] if markers else None,
        plain.param,
        tuple(item for item in plain.metadata if not isinstance(item, In)),
    )


def is_stream(type_: object) -> bool:
    """Return true for a body in parts: ``Iterator[bytes]`` or ``Iterable[bytes]``."""
    return origin_of(type_) in (Iterator, Iterable) and typing.get_args(type_) == (bytes,)
