"""Results to responses: the result of a handler, encoded according to the document.

At start-up each case of a handler (`_cases`) is resolved: its status, its media type and its
encoding. Code first the document was written from the cases, spec first they are looked up in it:
by the name of the class, which is that of a schema, and by the media types of the response.

Per request the case is chosen by the class of the result. Most handlers have one case, and need no
choice.
"""

from __future__ import annotations

import operator
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs
from msgspec import UNSET

from photon_openapi.annotations import origin_of, plain_type, union_members
from photon_openapi.codec import (
    SEND_NULL,
    NullPolicy,
    Projection,
    Projections,
    encode,
    projection_of,
)
from photon_openapi.document import Definitions, OpenApi, code_for
from photon_openapi.schema import is_list_like, members_of
from photon_runtime import speedups
from photon_runtime.callables import require_value
from photon_runtime.http import Response, forbids_body
from photon_runtime.media_types import (
    BYTES,
    EVENT_STREAM,
    JSON,
    TEXT,
    essence,
    is_json,
    may_be_json,
)

from ..signatures import MISSING
from ..streaming import ServerSentEvent, StreamBody
from ._cases import STREAMS, Form, ResponseCase, form_of_stream
from ._kinds import Created, EventStream, JsonLines, PendingBody, Stream
from ._null_policy import null_policy_of

Encoder: TypeAlias = Callable[[Any], Response]
"""Returns the response for a handler's result."""
Declared: TypeAlias = Mapping[str, OpenApi]
"""The response objects of an operation by status, references resolved."""

_WITH_STATUS: Final = 2


@attrs.frozen
class ResolvedCase:
    """A response case with its status, media type and encoding.

    Attributes:
        case: The case of the annotation.
        status: Status.
        media: Media type; empty without a body.
        form: Encoding of the body.
        null_policy: The policy of the document for ``None``.
    """

    case: ResponseCase
    status: int
    media: str
    form: Form
    null_policy: NullPolicy = SEND_NULL


def content_for(responses: Declared, status: int) -> Mapping[str, OpenApi]:
    """Return the media type objects of responses with ``status``, by media type."""
    code = code_for(responses, status)
    return {} if code is None else responses[code].get("content") or {}


def resolve_case(
    case: ResponseCase,
    usual: int,
    responses: Declared,
    definitions: Definitions | None,
    *,
    is_sse: bool = False,
) -> ResolvedCase:
    """Resolve a case, spec first or code first.

    Args:
        case: The case.
        usual: The default status.
        responses: The response objects of the operation.
        definitions: The targets of references in their schemas; ``None`` if they need not be read,
            because they were written from the case.
        is_sse: True if the operation declares that it sends events.

    Raises:
        TypeError: The document has the class under a range of statuses, or several, and the
            annotation does not choose one; or the response has no body for the result.
    """
    status, named = case.status, _codes_naming(case.type, responses)
    if status is None:
        status = _status_of(case, usual, named, responses)
    content = content_for(responses, status)
    if case.is_pair and named:  # its status is part of the result
        content = responses[named[0]].get("content") or {}
    if case.form == "none" and not forbids_body(status) and any(map(is_json, content)):
        case = attrs.evolve(case, form="value")  # null
    media, form = _form_of(case, content, is_sse=is_sse)
    if forbids_body(status) and form not in ("none", "response") and _is_always_sent(case):
        raise TypeError(
            f"a response with the status {status} has no body, and the handler returns "
            f"{_shown_type(case.type)}: choose another status, or write `-> None`"
        )
    if definitions is None:
        return ResolvedCase(case, status, media, form)
    null_policy = null_policy_of(content, media, definitions, omit_none=case.omit_none)
    return ResolvedCase(case, status, media, form, null_policy)


def _is_always_sent(case: ResponseCase) -> bool:
    """Return true if results are known to be values for a body of the status of the case."""
    plain = plain_type(case.type)
    members = union_members(plain) or (plain,)
    is_open = any(each in (MISSING, Any, object, type(None)) for each in members)
    return not case.is_pair and not is_open


def _shown_type(type_: Any) -> str:
    plain = plain_type(type_)
    return plain.__name__ if isinstance(plain, type) and origin_of(plain) is None else str(plain)


def _form_of(
    case: ResponseCase, content: Mapping[str, OpenApi], *, is_sse: bool
) -> tuple[str, Form]:
    """Return media type and form of a result."""
    if case.form not in STREAMS:
        return _form_of_value(case, content)
    media = case.media
    if is_sse:
        media = EVENT_STREAM
    elif content and media not in content:
        media = next(iter(content))
    media = _concrete(media, case.type)
    return media, form_of_stream(media)


def _form_of_value(case: ResponseCase, content: Mapping[str, OpenApi]) -> tuple[str, Form]:
    """Return media type and form of a result that is not streamed."""
    media, form = case.media, case.form
    if form == "value" and media is None:
        is_value = may_be_json if is_composed(case.type) else is_json
        media = next(filter(is_value, content), None)
        if media is None and content:
            media, form = next(iter(content)), "raw"
        elif media is not None and not is_json(media):  # a range
            media = JSON
    if form == "value" and not content and plain_type(case.type) is type(None):
        form = "none"
    return (_concrete(media, case.type) if form == "raw" else media or JSON), form


def is_composed(type_: Any) -> bool:
    """Return true if values of a type are encoded as an object or a list."""
    plain = plain_type(type_)
    members = union_members(plain)
    if members is not None:
        return any(map(is_composed, members))
    origin = origin_of(plain) or plain
    is_mapping = isinstance(origin, type) and issubclass(origin, Mapping)
    return is_mapping or is_list_like(plain) or members_of(plain) is not None


def resolve_union(
    case: ResponseCase,
    usual: int,
    responses: Declared,
    definitions: Definitions,
    *,
    is_sse: bool = False,
) -> list[ResolvedCase]:
    """Resolve a case of a handler, spec first.

    The document may have the members of a union under different statuses; see `resolve_case`.
    """
    members = union_members(plain_type(case.type)) or ()
    member_cases = [
        attrs.evolve(case, type=member, form=_form(member, responses)) for member in members
    ]
    resolved = [
        resolve_case(each, usual, responses, definitions, is_sse=is_sse) for each in member_cases
    ]
    if case.status is None and len({each.status for each in resolved}) > 1:
        return resolved
    return [resolve_case(case, usual, responses, definitions, is_sse=is_sse)]


def _form(member: Any, responses: Declared) -> Form:
    return "none" if plain_type(member) is type(None) and "204" in responses else "value"


def _concrete(media: str | None, type_: Any) -> str:
    """Return a concrete media type for one that may be a range."""
    if media is None or "*" in essence(media):
        media = TEXT if plain_type(type_) is str else BYTES
    is_bare_text = media.startswith("text/") and "charset" not in media
    return f"{media}; charset=utf-8" if is_bare_text and media != EVENT_STREAM else media


def _status_of(case: ResponseCase, usual: int, named: Sequence[str], responses: Declared) -> int:
    """Return the status of a case without a status in its annotation."""
    if case.form == "none" and "204" in responses:
        return 204
    exact = [int(code) for code in named if code.isdecimal()]
    if not named or usual in exact or case.is_pair:
        return usual
    if len(exact) == 1:
        return exact[0]
    name = _name_of_type(case.type)
    raise TypeError(
        f"the document has {name} under {', '.join(named)}: choose a status with "
        f"Annotated[{name}, Status(...)] or with a tuple of body and status"
    )


def _codes_naming(type_: Any, responses: Declared) -> list[str]:
    """Return the codes under which a document has the schema of a type."""
    name = _name_of_type(type_)
    if name is None:
        return []
    return [
        code
        for code, response in responses.items()
        if any(
            _name_of_schema(media.get("schema", {})) == name
            for media in (response.get("content") or {}).values()
        )
    ]


def _name_of_type(type_: Any) -> str | None:
    """Return the name of a type in a document: that of the class, or of a list's items."""
    plain = plain_type(type_)
    arguments = typing.get_args(plain)
    if is_list_like(plain) and arguments:
        inner = _name_of_type(arguments[0])
        return None if inner is None else f"list of {inner}"
    return plain.__name__ if isinstance(plain, type) else None


def _name_of_schema(schema: Any) -> str | None:
    if not isinstance(schema, dict):
        return None
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        inner = _name_of_schema(schema.get("items"))
        return None if inner is None else f"list of {inner}"
    return None


# -- encoders -----------------------------------------------------------------------------------


def encoder_of(
    resolved: Sequence[ResolvedCase],
    *,
    usual: int,
    has_content: bool,
    projections: Projections | None = None,
) -> Encoder:
    """Return the encoder of a handler's results.

    Args:
        resolved: Its cases.
        usual: The status of results without a case.
        has_content: True if the document declares a body under that status; otherwise ``None`` is
            a response without a body.
        projections: The projections of other handlers with the same document, to share them.
    """
    shared = Projections() if projections is None else projections
    bare = [each for each in resolved if not each.case.is_pair]
    pairs = [each for each in resolved if each.case.is_pair]
    if len(resolved) == 1 and not pairs and resolved[0].form in ("value", "raw", *STREAMS):
        return _encoder(resolved[0], shared, has_content=has_content)
    fallback = _json_encoder(usual, JSON, None, has_content=has_content)
    encoder = _choosing_encoder([*bare, *pairs], fallback, shared, has_content=has_content)
    return _pair_encoder(encoder) if pairs else encoder


def _choosing_encoder(
    resolved: Sequence[ResolvedCase],
    fallback: Encoder,
    projections: Projections,
    *,
    has_content: bool,
) -> Encoder:
    by_class: dict[type, Encoder] = {Response: _complete}
    values: list[tuple[Projection, Encoder]] = []
    for each in resolved:
        encoded = _encoder(each, projections, has_content=has_content)
        projection = _projection_of(each, projections) if each.form == "value" else None
        if projection is not None:
            values.append((projection, encoded))
        for cls in _classes(each):
            by_class.setdefault(cls, encoded)
        if each.form in STREAMS or (each.form in ("value", "raw") and each.case.cls is None):
            fallback = encoded

    def find(result: object) -> Encoder:
        bases = type(result).__mro__
        encoded = next((by_class[base] for base in bases if base in by_class), fallback)
        return _best_match(values, result, fallback) if encoded is fallback else encoded

    def encoded_by_class(result: Any) -> Response:
        return (by_class.get(type(result)) or find(result))(result)

    return encoded_by_class


def _best_match(
    values: Sequence[tuple[Projection, Encoder]], result: object, fallback: Encoder
) -> Encoder:
    """Return the encoder of the case whose members a result has: its class is that of no case.

    This is so for objects of a database, for mappings, and for objects of classes with more
    members. A single case refuses what does not match it.
    """
    if not isinstance(result, Mapping) and members_of(type(result)) is None:
        return fallback
    scored = [(projection.score(result), each) for projection, each in values]
    score, best = max(scored, key=operator.itemgetter(0), default=(0, fallback))
    return best if score or len(scored) == 1 else fallback


def _classes(resolved: ResolvedCase) -> list[type]:
    case = resolved.case
    members = union_members(plain_type(case.type)) if case.response is None else None
    parts = [case] if members is None else [ResponseCase(each, "value") for each in members]
    return [part.cls for part in parts if part.cls is not None]


def _pair_encoder(encoder: Encoder) -> Encoder:
    def encoded(result: Any) -> Response:
        if type(result) is not tuple:
            return encoder(result)
        response = encoder(result[0])
        response.status = int(result[1])
        if len(result) > _WITH_STATUS:
            for name, value in result[2].items():
                response.add_header(name, value)
        return response

    return encoded


def _encoder(resolved: ResolvedCase, projections: Projections, *, has_content: bool) -> Encoder:
    form, status = resolved.form, resolved.status
    if form == "response":
        return _response_encoder(_projection_of(resolved, projections))
    if form == "none":
        return _bodiless_encoder(status)
    if form == "raw":
        return _raw_encoder(status, resolved.media)
    if form == "value":
        projection = _projection_of(resolved, projections)
        return _json_encoder(status, resolved.media, projection, has_content=has_content)
    return _stream_encoder(resolved, projections)


def _bodiless_encoder(status: int) -> Encoder:
    def encoded(result: object) -> Response:
        if result is not None:  # None is the usual result, and needs no check
            require_value(result, "the handler")
        return Response(status)

    return encoded


def _json_encoder(
    status: int, media: str, projection: Projection | None, *, has_content: bool
) -> Encoder:
    if projection is not None:
        return _projecting_encoder(status, media, projection, has_content=has_content)
    respond = Response.of

    def encoded(result: object) -> Response:
        if isinstance(result, Response):
            return _complete(result)
        if result is None and not has_content:
            return Response(status)
        return respond(status, encode(result), media)

    return speedups.step("encode", encoded, status, media, None)


def _projecting_encoder(
    status: int, media: str, projection: Projection, *, has_content: bool
) -> Encoder:
    cls, own, project, respond = projection.cls, projection.own, projection.project, Response.of

    def encoded(result: object) -> Response:
        if type(result) is own:
            result = project(result)
        elif type(result) is not cls:
            if isinstance(result, Response):
                return _complete(result)
            if result is None and not has_content:
                return Response(status)
            result = projection(result)
        return respond(status, encode(result), media)

    if cls is None or own is not None:
        return encoded
    return speedups.step("encode", encoded, status, media, cls)


def _raw_encoder(status: int, media: str) -> Encoder:
    def encoded(result: object) -> Response:
        if isinstance(result, Response):
            return _complete(result)
        if not isinstance(result, str | bytes):
            raise TypeError(
                f"a response of type {media} must be str or bytes, not {type(result).__qualname__}"
            )
        return Response(status, body=result, content_type=media)

    return encoded


def _response_encoder(projection: Projection | None) -> Encoder:
    if projection is None:
        return _complete
    sent = projection

    def encoded(response: Response) -> Response:
        if isinstance(response, Created):
            if not sent.is_exact(response.item):
                response.body = encode(sent.project(response.item))
            return _complete(response)
        if isinstance(response.body, StreamBody):
            response.body.encode = _projecting_items(sent, response.body.encode)
        return response

    return encoded


def _complete(response: Response) -> Response:
    """Encode the item of a response that could not encode it itself.

    Raises:
        TypeError: It cannot be encoded at all.
    """
    if type(response.body) is PendingBody and isinstance(response, Created):
        response.body = encode(response.item)
    return response


def _projection_of(resolved: ResolvedCase, projections: Projections) -> Projection | None:
    type_ = resolved.case.type
    if type_ is ServerSentEvent:
        return None
    return projection_of(
        object if type_ is MISSING else type_, resolved.null_policy, known=projections
    )


def _projecting_items(
    projection: Projection, encode_item: Callable[[Any], bytes]
) -> Callable[[Any], bytes]:
    def encode_projected(item: Any) -> bytes:
        if not isinstance(item, ServerSentEvent):
            return encode_item(projection(item))
        if item.data is UNSET:
            return encode_item(item)
        return encode_item(attrs.evolve(item, data=projection(item.data)))

    return encode_projected


def _stream_encoder(resolved: ResolvedCase, projections: Projections) -> Encoder:
    status, media = resolved.status, resolved.media
    with_projection = _response_encoder(
        None if resolved.form == "chunks" else _projection_of(resolved, projections)
    )

    def encoded(result: Any) -> Response:
        if isinstance(result, Response):
            return _complete(result)
        response = _streamed(resolved.form, result, media)
        response.status = status
        return with_projection(response)

    return encoded


def _streamed(form: Form, items: Iterator[Any], media: str) -> Response:
    if form == "events":
        return EventStream(items)
    if form == "lines":
        response = JsonLines(items)
        response.content_type = media
        return response
    return Stream(items, content_type=media)
