"""The ``[middleware]`` section of photon.toml, and the order of its middleware."""

from __future__ import annotations

import attrs

from photon_runtime.settings import section

from ._compression import Compression
from ._conditional import Conditional
from ._cors import Cors
from ._csrf import Csrf
from ._decompression import Decompression
from ._hosts import TrustedHosts
from ._https import HttpsRedirect
from ._layer import Layer
from ._limits import BodyLimit, Deadline
from ._rate_limit import RateLimit
from ._request_id import RequestId
from ._security_headers import SecurityHeaders
from ._sessions import Sessions


def _needs_sessions(settings: MiddlewareSettings, field: object, value: Csrf | None) -> None:
    if value is None or not value.enabled:
        return
    if settings.sessions is None or not settings.sessions.enabled:
        raise ValueError("csrf requires a session: add [middleware.sessions]")


@section("middleware")
@attrs.frozen(kw_only=True)
class MiddlewareSettings:
    """The built-in middleware of an application, the outermost first.

    A table enables middleware, ``enabled = false`` in it disables it again. The order is fixed: ids
    and fields of every response first, then cheap refusals, then limits, then middleware that
    changes the body, then middleware that handlers use. Middleware that the code adds is inside of
    it.

    Attributes:
        request_id: Id of each request.
        security_headers: Security fields on every response.
        trusted_hosts: Host names that are served.
        https_redirect: Redirects from http to https.
        cors: Requests of pages of other origins.
        rate_limit: Limit of requests per time window.
        body_limit: Limit of the size of bodies.
        deadline: Limit of the time of requests.
        decompression: Compressed request bodies.
        compression: Compressed responses.
        conditional: Entity tags, and 304.
        sessions: Sessions in signed cookies.
        csrf: Protection against cross-site request forgery; requires ``sessions``.
    """

    request_id: RequestId | None = None
    security_headers: SecurityHeaders | None = None
    trusted_hosts: TrustedHosts | None = None
    https_redirect: HttpsRedirect | None = None
    cors: Cors | None = None
    rate_limit: RateLimit | None = None
    body_limit: BodyLimit | None = None
    deadline: Deadline | None = None
    decompression: Decompression | None = None
    compression: Compression | None = None
    conditional: Conditional | None = None
    sessions: Sessions | None = None
    csrf: Csrf | None = attrs.field(default=None, validator=_needs_sessions)

    def layers(self) -> list[Layer]:
        """Return the middleware that is enabled, the outermost first."""
        values = [getattr(self, field.name) for field in attrs.fields(type(self))]
        return [layer for layer in values if layer is not None and layer.enabled]
