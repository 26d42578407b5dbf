"""The response cases of a handler: the possible responses according to its return annotation.

``-> Item`` is one *case*. A union has several: ``-> Item | Annotated[NotFound, Status(404)]``,
or the same with the decorator, ``responses={404: NotFound}``. A kind of response has its own status
and media type (``-> Redirect``), and ``tuple[Item, int]`` is an item with its status. An iterator
is streamed.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias

import attrs

from photon_openapi.annotations import origin_of, plain_type, strip_alias, union_members
from photon_runtime.callables import location
from photon_runtime.http import DescribedResponse, Response
from photon_runtime.media_types import (
    ANYTHING,
    BYTES,
    EVENT_STREAM,
    JSON_LINES,
    TEXT,
    essence,
    is_json,
)

from ..annotations import foreign_result
from ..errors import SignatureError
from ..signatures import MISSING, is_generator
from ..streaming import ServerSentEvent

Form: TypeAlias = Literal["value", "raw", "chunks", "lines", "events", "response", "none"]
"""The encoding of a result: JSON, raw, one of three streams, a response, or no body."""
STREAMS: Final[tuple[Form, ...]] = ("chunks", "lines", "events")
_ITERATORS: Final = (Iterator, Generator)


def _check_status(instance: object, attribute: attrs.Attribute[Any], value: int) -> None:
    if not isinstance(value, int) or not 200 <= value <= 599:
        raise ValueError(f"a status must be a number from 200 to 599, not {value!r}")


@attrs.frozen
class Status:
    """The status of a response, in a return annotation: ``Annotated[NotFound, Status(404)]``.

    Attributes:
        code: Status code, 200 to 599.
    """

    code: int = attrs.field(validator=_check_status)


@attrs.frozen
class ResponseCase:
    """One of the possible responses of a handler.

    Attributes:
        type: Annotation of the body; `MISSING` without one.
        form: Encoding of the body.
        status: Status; ``None`` for the default of the operation.
        media: Media type; ``None`` for the default of the operation.
        response: Class of the response, if the handler returns one.
        is_pair: True if the result is a tuple of body and status.
        omit_none: True to leave out members that are ``None`` and not required.
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
        """The class of results with this case; ``None`` without such a class."""
        plain = self.response if self.response is not None else plain_type(self.type)
        origin = origin_of(plain) or plain
        return origin if isinstance(origin, type) and origin is not object else None

    @property
    def may_be_file(self) -> bool:
        """True unless results with this case can only be values of another kind."""
        if self.form in ("none", *STREAMS):
            return False
        return _may_be_response(self.type if self.response is None else self.response)


def _may_be_response(type_: Any) -> bool:
    plain = plain_type(type_)
    members = union_members(plain)
    if members is not None:
        return any(map(_may_be_response, members))
    origin = origin_of(plain) or plain
    if isinstance(origin, type) and origin is not object:
        return issubclass(origin, Response)
    return origin in (MISSING, Any, object)


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
        media: The media type in the decorator's options.
        responses: The responses in the decorator's options, by status; classes are cases.
        omit_none: True to leave out members that are ``None``.

    Raises:
        SignatureError: Two cases have the same class and different statuses, or the annotation is
            a class of another framework, or a response in a tuple.
    """
    error = foreign_result(result)
    if error is not None:
        raise SignatureError(f"{location(function)}, its result: {error}")
    declared = {
        plain_type(kind): status
        for status, kind in (responses or {}).items()
        if not isinstance(kind, str | Mapping)
    }
    reader = _Reader(media, declared, is_generator(function), location(function))
    if not declared and not reader.yields and _is_value(result):
        cases = [reader.value(result, None)]  # most handlers
    else:
        cases = reader.read(result, None)
        _check_statuses(function, cases)
    if not omit_none:
        return cases
    return [attrs.evolve(case, omit_none=True) for case in cases]


@attrs.frozen
class _Reader:
    """Reads an annotation.

    Attributes:
        media: The media type in the decorator's options.
        declared: The statuses of classes in the decorator's options.
        yields: True if the handler is a generator function.
        place: The handler, for messages.
    """

    media: str | None
    declared: Mapping[Any, int]
    yields: bool
    place: str

    def read(self, type_: Any, status: int | None) -> list[ResponseCase]:
        """Return the cases of an annotation; ``status`` is the default for their status."""
        plain = plain_type(type_)
        annotated = _status_in(type_)
        status = status if annotated is None else annotated
        members = union_members(plain)
        if members is None:
            return self._one(type_, plain, status)
        own = [member for member in members if self._is_case(member)]
        rest = tuple(member for member in members if member not in own)
        cases = [case for member in own for case in self.read(member, status)]
        if rest and rest != (type(None),):
            joined: Any = typing.Union[rest]  # noqa: UP007 - computed
            cases.insert(0, self.value(joined, status))
        elif rest:
            cases.append(ResponseCase(None, "none", 204 if status is None else status))
        return cases

    def _is_case(self, member: Any) -> bool:
        """Return true if a member of a union is a case of its own."""
        plain = plain_type(member)
        return (
            _status_in(member) is not None
            or plain in self.declared
            or (plain is type(None) and 204 in self.declared.values())
            or _response_class(plain) is not None
            or origin_of(plain) in _ITERATORS
            or _pair(member) is not None
        )

    def _one(self, type_: Any, plain: Any, status: int | None) -> list[ResponseCase]:
        pair = _pair(type_) if status is None else None
        if pair is not None:
            return self._pairs(*pair)
        kind = _response_class(plain)
        if kind is not None:
            return [_response_case(kind, plain, status, self.media)]
        status = self.declared.get(plain) if status is None else status
        if origin_of(plain) in _ITERATORS or plain in _ITERATORS or self.yields:
            return [self._stream(plain, status)]
        if plain is type(None):
            return [ResponseCase(None, "none", status)]
        return [self.value(type_, status)]

    def value(self, type_: Any, status: int | None) -> ResponseCase:
        """Return the case of a value of a type."""
        if self.media is None or is_json(self.media):
            return ResponseCase(type_, "value", status, self.media)
        return ResponseCase(type_, "raw", status, self.media)

    def _pairs(self, body: Any, statuses: Sequence[int | None]) -> list[ResponseCase]:
        bare = self.read(body, None)
        kind = bare[0].response
        if kind is not None and all(case.response is not None for case in bare):
            name = kind.__name__
            raise SignatureError(
                f"{self.place}, its result: {name} has its status and header fields itself, so it "
                f"cannot be in a tuple: write -> {name}, and pass them to {name}(...)"
            )
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


def _is_value(result: object) -> bool:
    """Return true for a class that can only be the class of a value, seen without reading it."""
    return type(result) is type and result is not type(None) and not issubclass(result, Response)


def form_of_stream(media: str | None) -> Form:
    """Return the encoding of the items of a stream with a media type; ``None`` for any type."""
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


def _response_case(
    kind: type[Response], plain: Any, status: int | None, media: str | None
) -> ResponseCase:
    arguments = typing.get_args(plain)
    item = arguments[0] if arguments else MISSING
    if not issubclass(kind, DescribedResponse):
        return ResponseCase(MISSING, "response", status, None, kind)
    if item is MISSING and kind.body_type is not None:
        item = kind.body_type
    own = kind.usual_status if status is None else status
    is_open = kind.media_type == ANYTHING and media is not None
    return ResponseCase(item, "response", own, media if is_open else kind.media_type, kind)


def _response_class(plain: Any) -> type[Response] | None:
    origin = origin_of(plain) or plain
    return origin if isinstance(origin, type) and issubclass(origin, Response) else None


def _status_in(type_: Any) -> int | None:
    type_ = strip_alias(type_)
    if origin_of(type_) is not Annotated:
        return None
    inner, *metadata = typing.get_args(type_)
    codes = [item.code for item in metadata if isinstance(item, Status)]
    return codes[-1] if codes else _status_in(inner)


def _pair(type_: Any) -> tuple[Any, Sequence[int | None]] | None:
    """Return body and statuses of ``tuple[Body, int]``; ``None`` for other types.

    A body that is a pair of numbers itself is annotated with its status:
    ``Annotated[tuple[int, int], Status(200)]``.
    """
    if _status_in(type_) is not None:
        return None
    plain = plain_type(type_)
    arguments = typing.get_args(plain)
    if origin_of(plain) is not tuple or len(arguments) not in (2, 3):
        return None
    if len(arguments) == 3 and not _is_mapping(arguments[2]):
        return None
    if arguments[1] in (int, HTTPStatus):
        return arguments[0], [None]
    statuses = typing.get_args(arguments[1])
    if origin_of(arguments[1]) is Literal and all(map(_can_be_status, statuses)):
        return arguments[0], [int(status) for status in statuses]
    return None


def _is_mapping(type_: Any) -> bool:
    origin = origin_of(type_) or type_
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _can_be_status(value: object) -> bool:
    return isinstance(value, int) and 200 <= value <= 599


def _check_statuses(function: Callable[..., object], cases: Sequence[ResponseCase]) -> None:
    statuses: dict[type, int | None] = {}
    for case in cases:
        cls = case.cls
        if cls is None or case.is_pair:
            continue
        if statuses.setdefault(cls, case.status) != case.status:
            raise SignatureError(
                f"{location(function)}: results of the class {cls.__name__} have two statuses, "
                f"{statuses[cls] or 'the default'} and {case.status or 'the default'}: "
                "return a tuple of body and status, or distinct classes"
            )
