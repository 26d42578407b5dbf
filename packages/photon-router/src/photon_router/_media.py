"""Bodies by their media type: which are accepted, and how each is read."""

from __future__ import annotations

import functools
from collections.abc import Callable

from photon_runtime.http import HttpError, Request

from ._faults import Fault, MalformedBody, ValidationFailed
from ._operation import BYTES, JSON, TEXT
from ._parameters import Binder, Call


def is_json(media: str) -> bool:
    """Say whether a media type is JSON: ``application/json`` or ``…+json`` (RFC 6839)."""
    kind = media.partition(";")[0].strip().lower()
    return kind == JSON or kind.endswith("+json")


def media_check(declared: tuple[str, ...]) -> Callable[[Request], None]:
    """Return a check that refuses a body of a type that the operation does not declare."""

    @functools.lru_cache(maxsize=64)
    def is_accepted(content_type: bytes) -> bool:
        sent = content_type.decode("latin-1").partition(";")[0].strip().lower()
        return any(_media_fits(sent, media) for media in declared)

    def check(request: Request) -> None:
        sent = request.raw_header(b"content-type")
        if sent is not None and not is_accepted(sent):
            kinds = ", ".join(declared)
            raise HttpError(
                415, f"the body must be of type {kinds}", headers={"accept-post": kinds}
            )

    return check


def _media_fits(sent: str, declared: str) -> bool:
    kind = declared.partition(";")[0].strip().lower()
    if kind in ("*/*", BYTES, TEXT) or sent == kind:
        return True
    if kind.endswith("/*"):
        return sent.startswith(kind[:-1])
    return kind == JSON and is_json(sent)


def json_binder(
    accepts: Callable[[Request], None],
    decode: Callable[[bytes], object],
    *,
    is_required: bool,
    default: object,
) -> Binder:
    """Return the binder of a JSON body; ``default`` stands for one that may be missing."""

    def bind(call: Call) -> object:
        request = call.request
        accepts(request)
        body = request.body
        if not body:
            if is_required:
                call.faults.append(Fault("body", "a body is required", pointer=""))
            return default
        try:
            return decode(body)
        except MalformedBody:
            raise
        except ValidationFailed as error:
            call.faults.extend(error.faults)
            return None

    return bind


def raw_binder(accepts: Callable[[Request], None], *, as_text: bool) -> Binder:
    """Return the binder of a body that is taken as it came, or as a text in UTF-8."""

    def bind(call: Call) -> object:
        accepts(call.request)
        body = call.request.body
        if not as_text:
            return body
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedBody("the body is not text in UTF-8") from None

    return bind
