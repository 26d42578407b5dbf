"""What a handler's return annotation says: the answers that its result may become.

``-> Item`` is one *case*. A union has several: ``-> Item | Annotated[NotFound, Status(404)]``,
or the same by the decorator, ``responses={404: NotFound}``. A kind of response brings its own
status and media type (``-> Redirect``), and ``tuple[Item, int]`` is an item with its status.
An iterator is streamed.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias

import attrs

from photon_openapi.annotations import plain_type, strip_alias, union_members
from photon_runtime.callables import location
from photon_runtime.http import Response
from photon_runtime.media_types import (
    ANYTHING,
    BYTES,
    EVENT_STREAM,
    JSON_LINES,
    TEXT,
    essence,
    is_json,
)

from ..errors import SignatureError
from ..signatures import MISSING, is_generator
from ..streaming import ServerSentEvent
from ._kinds import DescribedResponse

Form: TypeAlias = Literal["value", "raw", "chunks", "lines", "events", "response", "none"]
"""How a result becomes a body: JSON, as it is, streamed in one of three ways, not at all."""
STREAMS: Final[tuple[Form, ...]] = ("chunks", "lines", "events")
_ITERATORS: Final = (Iterator, Generator)


def _is_status(instance: object, attribute: attrs.Attribute[Any], value: int) -> None:
    if not isinstance(value, int) or not 200 <= value <= 599:
        raise ValueError(f"a status is a number from 200 to 599, not {value!r}")


@attrs.frozen
class Status:
    """The status of an answer, in a return annotation: ``Annotated[NotFound, Status(404)]``.

    Attributes:
        code: 200 to 599.
    """

    code: int = attrs.field(validator=_is_status)


@attrs.frozen
class ResponseCase:
    """One of the answers that a handler's result may become.

    Attributes:
        type: The annotation of what is sent; `MISSING` where nothing says it.
        form: How it becomes a body.
        status: Its status; ``None`` for the usual one of the operation.
        media: Its media type; ``None`` for the usual one.
        response: The kind of response, where it is one.
        is_pair: Whether it comes as a tuple, with its status.
        omit_none: Whether members that are ``None`` are left out, as far as none is required.
    """

    type: Any
    form: Form
    status: int | None = None
    media: str | None = None
    response: type[Response] | None = None
    is_pair: bool = False
    omit_none: bool = False

    @property
    def cls(self) -> type | None:
        """The class of results that become it; ``None`` where there is no such class."""
        plain = self.response if self.response is not None else plain_type(self.type)
        origin = typing.get_origin(plain) or plain
        return origin if isinstance(origin, type) and origin is not object else None


def response_cases_of(
    function: Callable[..., object],
    result: Any,
    *,
    media: str | None = None,
    responses: Mapping[int, object] | None = None,
    omit_none: bool = False,
) -> list[ResponseCase]:
    """Return the cases of a handler.

    Args:
        function: The handler.
        result: Its return annotation; `MISSING` for none.
        media: The media type that the decorator names.
        responses: What the decorator declares by status; classes among it are cases.
        omit_none: Whether members that are ``None`` are left out.

    Raises:
        SignatureError: Two cases have the same class and another status.
    """
    declared = {
        plain_type(kind): status
        for status, kind in (responses or {}).items()
        if not isinstance(kind, str | Mapping)
    }
    reader = _Reader(media, declared, is_generator(function))
    found = reader.read(result, None)
    _refuse_twins(function, found)
    return [attrs.evolve(case, omit_none=omit_none) for case in found]


@attrs.frozen
class _Reader:
    """Reads an annotation.

    Attributes:
        media: The media type that the decorator names.
        declared: The statuses of classes that the decorator declares.
        yields: Whether the handler is a generator function.
    """

    media: str | None
    declared: Mapping[Any, int]
    yields: bool

    def read(self, type_: Any, status: int | None) -> list[ResponseCase]:
        """Return the cases of an annotation, whose status is ``status`` if that is known."""
        plain = plain_type(type_)
        told = _status_in(type_)
        status = status if told is None else told
        members = union_members(plain)
        if members is None:
            return self._one(type_, plain, status)
        own = [member for member in members if self._stands_alone(member)]
        rest = tuple(member for member in members if member not in own)
        found = [case for member in own for case in self.read(member, status)]
        if rest and rest != (type(None),):
            joined: Any = typing.Union[rest]  # noqa: UP007 - computed
            found.insert(0, self._value(joined, status))
        elif rest:
            found.append(ResponseCase(None, "none", 204 if status is None else status))
        return found

    def _stands_alone(self, member: Any) -> bool:
        """Say whether a member of a union is a case of its own."""
        plain = plain_type(member)
        return (
            _status_in(member) is not None
            or plain in self.declared
            or (plain is type(None) and 204 in self.declared.values())
            or _response_class(plain) is not None
            or typing.get_origin(plain) in _ITERATORS
            or _pair(member) is not None
        )

    def _one(self, type_: Any, plain: Any, status: int | None) -> list[ResponseCase]:
        pair = _pair(type_) if status is None else None
        if pair is not None:
            return self._pairs(*pair)
        kind = _response_class(plain)
        if kind is not None:
            return [_made(kind, plain, status, self.media)]
        status = self.declared.get(plain) if status is None else status
        if typing.get_origin(plain) in _ITERATORS or plain in _ITERATORS or self.yields:
            return [self._stream(plain, status)]
        if plain is type(None):
            return [ResponseCase(None, "none", status)]
        return [self._value(type_, status)]

    def _value(self, type_: Any, status: int | None) -> ResponseCase:
        if self.media is None or is_json(self.media):
            return ResponseCase(type_, "value", status, self.media)
        return ResponseCase(type_, "raw", status, self.media)

    def _pairs(self, body: Any, statuses: Sequence[int | None]) -> list[ResponseCase]:
        bare = self.read(body, None)
        return [
            attrs.evolve(
                case,
                status=case.status if status is None else status,
                is_pair=case.response is None,
            )
            for case in bare
            for status in statuses
        ]

    def _stream(self, plain: Any, status: int | None) -> ResponseCase:
        arguments = typing.get_args(plain)
        item = arguments[0] if arguments else MISSING
        media = self.media
        if media is None:
            media = _media_of_items(plain_type(item))
        return ResponseCase(item, form_of_stream(media), status, media)


def form_of_stream(media: str | None) -> Form:
    """Return how the items of a stream become its body; ``None`` leaves the media type open."""
    kind = essence(media or "")
    if kind == EVENT_STREAM:
        return "events"
    return "lines" if kind in (JSON_LINES, "application/x-ndjson") else "chunks"


def _media_of_items(item: Any) -> str | None:
    if item is MISSING:
        return None
    if item is ServerSentEvent:
        return EVENT_STREAM
    if item is str:
        return TEXT
    return BYTES if item in (bytes, bytearray, memoryview) else JSON_LINES


def _made(kind: type[Response], plain: Any, status: int | None, media: str | None) -> ResponseCase:
    arguments = typing.get_args(plain)
    item = arguments[0] if arguments else MISSING
    if not issubclass(kind, DescribedResponse):
        return ResponseCase(MISSING, "response", status, None, kind)
    own = kind.usual_status if status is None else status
    is_open = kind.media_type == ANYTHING and media is not None
    return ResponseCase(item, "response", own, media if is_open else kind.media_type, kind)


def _response_class(plain: Any) -> type[Response] | None:
    origin = typing.get_origin(plain) or plain
    return origin if isinstance(origin, type) and issubclass(origin, Response) else None


def _status_in(type_: Any) -> int | None:
    type_ = strip_alias(type_)
    if typing.get_origin(type_) is not Annotated:
        return None
    inner, *metadata = typing.get_args(type_)
    told = [item.code for item in metadata if isinstance(item, Status)]
    return told[-1] if told else _status_in(inner)


def _pair(type_: Any) -> tuple[Any, Sequence[int | None]] | None:
    """Return body and statuses of ``tuple[Body, int]``; ``None`` where it is another type.

    A pair of numbers that is the body itself is annotated with its status:
    ``Annotated[tuple[int, int], Status(200)]``.
    """
    if _status_in(type_) is not None:
        return None
    plain = plain_type(type_)
    arguments = typing.get_args(plain)
    if typing.get_origin(plain) is not tuple or len(arguments) not in (2, 3):
        return None
    if len(arguments) == 3 and not _is_mapping(arguments[2]):
        return None
    if arguments[1] in (int, HTTPStatus):
        return arguments[0], [None]
    statuses = typing.get_args(arguments[1])
    if typing.get_origin(arguments[1]) is Literal and all(map(_can_be_status, statuses)):
        return arguments[0], [int(status) for status in statuses]
    return None


def _is_mapping(type_: Any) -> bool:
    origin = typing.get_origin(type_) or type_
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _can_be_status(value: object) -> bool:
    return isinstance(value, int) and 200 <= value <= 599


def _refuse_twins(function: Callable[..., object], found: Sequence[ResponseCase]) -> None:
    statuses: dict[type, int | None] = {}
    for case in found:
        cls = case.cls
        if cls is None or case.is_pair:
            continue
        if statuses.setdefault(cls, case.status) != case.status:
            raise SignatureError(
                f"{location(function)}: results of the class {cls.__name__} have two statuses, "
                f"{statuses[cls] or 'the usual one'} and {case.status or 'the usual one'}: "
                "return a tuple of body and status, or classes of their own"
            )
