"""From http to https, for those who came without."""

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
    """Answers requests that came by http with 308 to the same place by https.

    Behind a proxy that ends TLS, name it in ``[server] trusted_proxies``: what it tells of the
    scheme counts then; else every request would be redirected for ever.

    Attributes:
        port: Where https is to be had.
        exempt_paths: Paths that are answered by http, too.
    """

    port: int = attrs.field(default=443, validator=[ge(1), le(65535)])
    exempt_paths: Sequence[str] = attrs.field(default=HEALTH, validator=is_paths)
    _exempt: PathSet = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Sort the paths."""
        self._exempt = PathSet(self.exempt_paths)

    def __call__(self, request: Request, call_next: Handler) -> Response:
        """Let requests by https pass."""
        if request.scheme == "https" or request.raw_path in self._exempt:
            return call_next(request)
        name = name_of_host(request.host)
        if name is None:
            raise HttpError(400, "the Host field does not say which host is meant")
        port = "" if self.port == 443 else f":{self.port}"
        query = f"?{request.raw_query}" if request.raw_query else ""
        place = f"https://{name}{port}{request.raw_path}{query}"
        return Response(308, headers={"location": place})
