"""Spec first: results of a handler that are known not to be valid responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from photon_openapi.agreement import Agreement
from photon_openapi.annotations import plain_type, union_members
from photon_openapi.document import ITEM_SCHEMA, OpenApi, code_for
from photon_openapi.messages import pointer_of
from photon_runtime.http import forbids_body
from photon_runtime.media_types import EVENT_STREAM, is_json, may_be_json

from ..signatures import MISSING
from ..streaming import ServerSentEvent
from ._cases import STREAMS
from ._check import declared_media
from ._encoders import Declared, ResolvedCase, is_composed


def result_differences(
    resolved: Sequence[ResolvedCase], responses: Declared, agreement: Agreement, pointer: str
) -> Iterator[str]:
    """Yield what is known not to fit the document.

    Args:
        resolved: The cases of the handler.
        responses: The response objects of the operation by status.
        agreement: The comparison of the document with types.
        pointer: The location of the response objects.
    """
    for each in resolved:
        code = code_for(responses, each.status)
        if code is None or (each.case.is_pair and each.case.status is None):
            continue
        content = responses[code].get("content") or {}
        own = pointer + pointer_of([code, "content"])
        if each.form == "none":
            if content and not forbids_body(each.status):
                yield (
                    f"{own}: the document has a body of the type {', '.join(content)}, and the "
                    "handler returns None: annotate the value that it returns"
                )
        elif each.form in ("raw", "chunks") and content and _is_no_text(each.case.type):
            what = "items of the stream" if each.form == "chunks" else "result"
            yield f"{own}: the {what} must be str or bytes to be sent as {each.media}"
        elif _has_no_type(each, content):
            yield (
                f"{own}: {', '.join(content)} does not say which type a "
                f"{plain_type(each.case.type).__name__} is sent as: return a Response with its type"
            )
        elif each.case.type not in (MISSING, ServerSentEvent):
            yield from _value_differences(each, content, agreement, own)


def result_spellings(
    resolved: Sequence[ResolvedCase], responses: Declared, agreement: Agreement, pointer: str
) -> dict[Any, Mapping[str, str]]:
    """Return the names in the document of members that are spelled otherwise, by class.

    Args:
        resolved: The cases of the handler.
        responses: The response objects of the operation by status.
        agreement: The comparison of the document with types.
        pointer: The location of the response objects.

    Raises:
        TypeError: One class has two schemas with different spellings.
    """
    result: dict[Any, Mapping[str, str]] = {}
    for each in resolved:
        code = code_for(responses, each.status)
        content = {} if code is None else responses[code].get("content") or {}
        found = _schema_of(each, content)
        if found is None or each.case.type in (MISSING, ServerSentEvent):
            continue
        names = agreement.spellings(found[0], each.case.type, "sent", pointer)
        for cls, own in names.items():
            if result.setdefault(cls, own) != own:
                raise TypeError(
                    f"{pointer}: two responses spell the members of {cls.__qualname__} "
                    "differently: write a class for each"
                )
    return result


def _has_no_type(resolved: ResolvedCase, content: Mapping[str, OpenApi]) -> bool:
    """Return true for text or bytes of which the document names ranges of types only."""
    is_bare = resolved.case.media is None and plain_type(resolved.case.type) in (str, bytes)
    is_bare &= resolved.form == "raw" and bool(content)
    return is_bare and declared_media(content, resolved.media) is None


def _is_no_text(type_: Any) -> bool:
    """Return true if no value of a type is text or bytes."""
    plain = plain_type(type_)
    members = union_members(plain)
    if members is not None:
        return all(map(_is_no_text, members))
    return plain in (int, float, bool, type(None)) or is_composed(plain)


def _value_differences(
    resolved: ResolvedCase, content: Mapping[str, OpenApi], agreement: Agreement, pointer: str
) -> Iterator[str]:
    found = _schema_of(resolved, content)
    if found is not None:
        schema, tokens = found
        yield from agreement.differences(
            schema, resolved.case.type, "sent", pointer + pointer_of(tokens)
        )


def _schema_of(
    resolved: ResolvedCase, content: Mapping[str, OpenApi]
) -> tuple[Any, list[str]] | None:
    """Return the schema of a result, with its location; ``None`` if it is not JSON."""
    media = resolved.media
    if media not in content:
        usual = sorted(filter(may_be_json, content), key=is_json, reverse=True)
        media = usual[0] if usual else media
    declared = content.get(media)
    if declared is None or media.startswith(EVENT_STREAM) or resolved.form == "chunks":
        return None
    if resolved.form in STREAMS:
        key = next((key for key in (ITEM_SCHEMA, "itemSchema") if key in declared), None)
        return None if key is None else (declared[key], [media, key])
    is_value = resolved.form == "value" or (resolved.form == "response" and is_json(media))
    if not is_value or "schema" not in declared or not may_be_json(media):
        return None
    if resolved.case.response is not None and not _is_item(resolved):
        return None
    return declared["schema"], [media, "schema"]


def _is_item(resolved: ResolvedCase) -> bool:
    """Return true for a response whose type is that of its whole body."""
    return plain_type(resolved.case.type) is not Any
