"""Header fields that restrict how browsers use a response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs
from attrs.validators import ge

from photon_runtime.http import Handler, Request, Response

from ._layer import Layer

_EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_NO_DEVICES = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
PRESETS: Mapping[str, Mapping[str, str]] = {
    "strict": _EVERYWHERE
    | {
        "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'",
        "cross-origin-embedder-policy": "require-corp",
        "permissions-policy": _NO_DEVICES,
        "referrer-policy": "same-origin",  # `no-referrer` also hides the origin of forms
        "x-frame-options": "DENY",
    },
    "html": _EVERYWHERE
    | {
        "content-security-policy": "default-src 'self'; img-src 'self' data: https:; "
        "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'self'",
        "referrer-policy": "strict-origin-when-cross-origin",
        "x-frame-options": "SAMEORIGIN",
    },
    "api": _EVERYWHERE
    | {
        "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
    },
}
"""Fields by preset: pages without external resources; ordinary pages; APIs without pages."""


@attrs.define(kw_only=True, eq=False)
class SecurityHeaders(Layer):
    """Adds a preset of security fields to every response, errors included.

    Fields that a handler sets are not replaced.

    Attributes:
        preset: ``strict`` for pages without external resources, ``html`` for ordinary pages, with
            inline styles and images from other sites, ``api`` for APIs without pages.
        headers: Fields that replace those of the preset, or further fields; an empty value removes
            a field of the preset.
        hsts_max_age: Seconds for which browsers use https only; 0 omits the field. It is sent over
            https only.
        hsts_include_subdomains: True to include all subdomains.
        hsts_preload: True to allow browsers to preload the rule; requires an age of a year and the
            subdomains.

    Raises:
        ValueError: A header field is invalid, or options contradict each other.

    Example:
        >>> from photon_router.middleware import SecurityHeaders
        >>> layer = SecurityHeaders(preset="api", headers={"referrer-policy": "same-origin"})
    """

    preset: Literal["strict", "html", "api"] = attrs.field(
        default="strict", validator=attrs.validators.in_(PRESETS)
    )
    headers: Mapping[str, str] = attrs.field(factory=dict)
    hsts_max_age: int = attrs.field(default=31_536_000, validator=ge(0))
    hsts_include_subdomains: bool = False
    hsts_preload: bool = False
    _plain: tuple[tuple[str, str], ...] = attrs.field(init=False, repr=False)
    _secure: tuple[tuple[str, str], ...] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Put the fields together."""
        own = {name.lower(): value for name, value in self.headers.items()}
        fields = {**PRESETS.get(self.preset, {}), **own}
        # A response checks names and values.
        response = Response(headers={name: value for name, value in fields.items() if value})
        self._plain = tuple(response.headers)
        self._secure = (*self._plain, *self._transport_security())

    def _transport_security(self) -> list[tuple[str, str]]:
        """Return the field of RFC 6797, if it is enabled."""
        if self.hsts_preload and not (
            self.hsts_include_subdomains and self.hsts_max_age >= 31_536_000
        ):
            raise ValueError(
                "hsts_preload requires hsts_include_subdomains and an hsts_max_age of at least a "
                "year, 31536000"
            )
        if not self.hsts_max_age:
            return []
        value = f"max-age={self.hsts_max_age}"
        if self.hsts_include_subdomains:
            value += "; includeSubDomains"
        if self.hsts_preload:
            value += "; preload"
        return [("strict-transport-security", value)]

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Add the fields that the response does not have."""
        response = call_next(request)
        fields = self._secure if request.scheme == "https" else self._plain
        present = {name.lower() for name, _ in response.headers}
        response.headers += [pair for pair in fields if pair[0] not in present]
        return response
