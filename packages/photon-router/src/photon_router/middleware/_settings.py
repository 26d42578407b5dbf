"""The ``[middleware]`` section of photon.toml, and the order in which its layers lie."""

from __future__ import annotations

import attrs

from photon_runtime.settings import section

from ._compression import Compression
from ._conditional import Conditional
from ._cors import Cors
from ._csrf import Csrf
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
        raise ValueError("its token is kept in the session: add [middleware.sessions]")


@section("middleware")
@attrs.frozen(kw_only=True)
class MiddlewareSettings:
    """The built-in layers around an application, the outermost first.

    A table switches a layer on, ``enabled = false`` in it off again. The order is fixed: names and
    fields for every answer first, then refusals that cost nothing, then limits, then what changes
    the body, then what handlers use. They lie around the layers that the code adds.

    Attributes:
        request_id: A name for each request.
        security_headers: What browsers must not use answers for.
        trusted_hosts: Which hosts are served.
        https_redirect: From http to https.
        cors: Pages of other origins.
        rate_limit: So many requests per time.
        body_limit: How large bodies may be.
        deadline: How long answers may take.
        compression: Compressed answers.
        conditional: Entity tags, and 304.
        sessions: Signed cookies.
        csrf: Protection against requests that other sites cause; needs ``sessions``.
    """

    request_id: RequestId | None = None
    security_headers: SecurityHeaders | None = None
    trusted_hosts: TrustedHosts | None = None
    https_redirect: HttpsRedirect | None = None
    cors: Cors | None = None
    rate_limit: RateLimit | None = None
    body_limit: BodyLimit | None = None
    deadline: Deadline | None = None
    compression: Compression | None = None
    conditional: Conditional | None = None
    sessions: Sessions | None = None
    csrf: Csrf | None = attrs.field(default=None, validator=_needs_sessions)

    def layers(self) -> list[Layer]:
        """Return the layers that are switched on, the outermost first."""
        chosen = [getattr(self, field.name) for field in attrs.fields(type(self))]
        return [layer for layer in chosen if layer is not None and layer.enabled]
