"""Compressed request bodies.

Theory of operation. The body is decoded while it is read: as JSON, as a form, in parts or as bytes.
Handlers see a request without ``Content-Encoding`` and ``Content-Length``. The limit of the body
(`BodyLimit`, ``x-photon-body-limit``, ``max_body_size`` of the server) applies to the received
bytes and to the decoded ones: a body that would become larger is refused with 413 as soon as it
does, and is never in memory as a whole.

It is not enabled by default. Without it a compressed body is refused with 415: few clients send
one, decoding costs many times what receiving does, and a proxy in front may count received bytes
only.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import attrs

from photon_runtime.http import Handler, HttpError, Request, Response

from ._checks import is_strings
from ._codings import available_codings, coding_of
from ._decodings import decoded
from ._layer import Layer

_NONE = ("", "identity")
_ALIASES = {b"x-gzip": "gzip"}  # RFC 9110, section 8.4.1.3


def available_decodings() -> list[str]:
    """Return the codings that can be decoded: those of responses, and ``deflate``."""
    return [*available_codings(), "deflate"]


def _are_codings(layer: Decompression, field: attrs.Attribute[Any], value: Sequence[str]) -> None:
    is_strings(layer, field, value)
    if not value:
        raise ValueError("name at least one coding, or remove the middleware")
    for name in value:
        if name != "deflate":
            coding_of(name, 1)  # refuses unknown names and missing libraries


@attrs.define(kw_only=True, eq=False)
class Decompression(Layer):
    """Decodes compressed request bodies, within the limit of bodies.

    A body in another coding is refused with 415, which names the accepted ones in
    ``Accept-Encoding`` (RFC 9110, section 15.5.16), a body that decodes to more than the limit with
    413, and a malformed one with 400.

    Attributes:
        codings: The accepted codings; by default all that are installed: ``zstd``, ``br`` (the
            extras ``zstd`` and ``brotli`` of photon-router), ``gzip`` and ``deflate``.

    Raises:
        ValueError: A coding is unknown or not installed.
    """

    codings: Sequence[str] = attrs.field(factory=available_decodings, validator=_are_codings)
    _by_name: dict[bytes, str] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Prepare the names in fields of requests."""
        self._by_name = {name.encode(): name for name in self.codings}
        aliases = {alias: name for alias, name in _ALIASES.items() if name in self.codings}
        self._by_name.update(aliases)

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Let the body be decoded when it is read.

        Raises:
            HttpError: 415, the body has another coding, or several.
        """
        if request.raw_header(b"content-encoding") is not None:
            coding = self._coding_of(request)
            if coding is not None:
                request.decode_body(functools.partial(decoded, coding))
        return call_next(request)

    def _coding_of(self, request: Request) -> str | None:
        """Return the coding of a body, ``None`` if it is not encoded."""
        lines = ",".join(request.headers.getlist("content-encoding")).lower()
        names = [
            name for each in lines.split(",") if (name := each.strip()) not in ("", "identity")
        ]
        if not names:
            return None
        coding = self._by_name.get(names[0].encode("latin-1", "replace"))
        if coding is None or len(names) > 1:
            raise HttpError(
                415,
                f"the body may have one of the content codings {', '.join(self.codings)}",
                headers={"accept-encoding": ", ".join(self.codings)},
            )
        return coding
