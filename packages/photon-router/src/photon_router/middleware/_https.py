"""Redirects requests from http to https."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from attrs.validators import ge, le

from photon_runtime.http import Handler, HttpError, Request, Response

from ._hosts import name_of_host
from ._layer import Layer
from ._paths import HEALTH, PathSet, is_paths


@attrs.define(kw_only=True, eq=False)
class HttpsRedirect(Layer):
    """Redirects requests over http with 308 to the same address over https.

    Behind a proxy that terminates TLS, name the proxy in ``[server] trusted_proxies``, so that the
    scheme that it forwards is used; otherwise every request would be redirected for ever.

    Attributes:
        port: The port of https.
        exempt_paths: Paths that are also served over http.
    """

    port: int = attrs.field(default=443, validator=[ge(1), le(65535)])
    exempt_paths: Sequence[str] = attrs.field(default=HEALTH, validator=is_paths)
    _exempt: PathSet = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Prepare the exempt paths."""
        self._exempt = PathSet(self.exempt_paths)

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Pass requests over https on."""
        if request.scheme == "https" or request.raw_path in self._exempt:
            return call_next(request)
        name = name_of_host(request.host)
        if name is None:
            raise HttpError(400, "the Host field is not a valid host")
        port = "" if self.port == 443 else f":{self.port}"
        query = f"?{request.raw_query}" if request.raw_query else ""
        location = f"https://{name}{port}{request.public_path}{query}"
        return Response(308, headers={"location": location})
