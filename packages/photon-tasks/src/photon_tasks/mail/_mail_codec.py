"""Mails as JSON, in the folder of the inbox."""

from __future__ import annotations

from typing import cast

from photon_openapi.codec import JsonDecoder, encode
from photon_openapi.schema import SchemaBuilder

from .outgoing import OutgoingMail


class MailCodec:
    """Encodes mails as JSON, and decodes them."""

    def __init__(self) -> None:
        """Build the decoder."""
        builder = SchemaBuilder()
        schema = builder.schema(OutgoingMail)
        self._decoder = JsonDecoder(OutgoingMail, schema=schema, components=builder.components)

    def encode(self, mail: OutgoingMail) -> bytes:
        """Return a mail as JSON."""
        return encode(mail)

    def decode(self, data: bytes) -> OutgoingMail:
        """Return the mail of a JSON text.

        Raises:
            ValidationError: It is not that of a mail of this version.
            MalformedBody: It is not JSON.
        """
        return cast("OutgoingMail", self._decoder.decode(data))
