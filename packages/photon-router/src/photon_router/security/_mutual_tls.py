"""Client certificates: of this server's own TLS, or forwarded by a proxy (RFC 9440)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from photon_runtime.callables import require_value
from photon_runtime.http import Request

from ._authorization import MAX_LENGTH
from ._verifier import (
    CREDENTIALS,
    BadCredential,
    Binding,
    Challenge,
    Find,
    NoCredential,
    Verified,
    Verifier,
    as_verified,
    is_function,
)


@attrs.frozen(eq=False)
class MutualTls(Verifier):
    """Verifies the certificate that a client presented when it connected.

    Attributes:
        find: A function that takes a certificate in DER and returns the identity of its owner,
            ``None`` if it is unknown. The TLS server has verified the certificate itself: its
            chain, its times and that the client has its key; only the identity is left to find.
        certificate: A function that returns the certificate of a request in DER, ``None`` if it
            has no certificate; by default that of the TLS connection to this server. Behind a
            proxy that terminates TLS, see `client_cert_field`.
    """

    find: Find[bytes] = attrs.field(repr=False, validator=is_function, metadata={CREDENTIALS: 1})
    certificate: Callable[[Request], bytes | None] = attrs.field(
        default=lambda request: request.client_certificate, kw_only=True, validator=is_function
    )
    name: str = attrs.field(default="mutualTLS", kw_only=True)

    def definition(self) -> dict[str, Any]:
        """Return the security scheme object."""
        return {"type": "mutualTLS"}

    def bind(self, definition: Mapping[str, Any]) -> Binding:
        """Return the check of the scheme."""
        if definition.get("type") != "mutualTLS":
            raise ValueError(f"MutualTls verifies mutualTLS, not {definition.get('type')!r}")
        find, certificate = self.find, self.certificate

        def check(request: Request) -> Verified:
            presented = require_value(certificate(request), certificate, is_decision=True)
            if presented is None:
                raise NoCredential
            return as_verified(find(presented), find)

        return Binding(check, Challenge("MutualTLS"))


def client_cert_field(name: str = "client-cert") -> Callable[[Request], bytes | None]:
    """Return a function that reads the client's certificate from a field (RFC 9440, section 2.2).

    The field is ignored unless a proxy that the settings trust (``trusted_proxies``) has sent the
    request. That proxy must verify certificates, set the field, and remove fields of that name
    that clients send.

    Args:
        name: The name of the field.
    """

    def certificate(request: Request) -> bytes | None:
        values = request.headers.getlist(name)
        if not values or not request.is_from_trusted_proxy:
            return None
        if len(values) > 1 or len(values[0]) > MAX_LENGTH:
            raise BadCredential("several certificates, or a certificate that is too long")
        text = values[0].strip()
        if len(text) < 3 or text[0] != ":" or text[-1] != ":":
            raise BadCredential("not a byte sequence")
        try:
            return base64.b64decode(text[1:-1].encode("latin-1"), validate=True)
        except binascii.Error:
            raise BadCredential("not base64") from None

    return certificate
