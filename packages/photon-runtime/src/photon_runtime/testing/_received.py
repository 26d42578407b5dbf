"""Responses as clients receive them."""

from __future__ import annotations

import json
from typing import Any

import attrs

from ..http import Headers


@attrs.frozen
class ReceivedResponse:
    """A response as a client receives it.

    Attributes:
        status: The status code.
        headers: The header fields.
        body: The content, with its content coding if it has one.
    """

    status: int
    headers: Headers
    body: bytes

    @property
    def content_type(self) -> str | None:
        """The ``Content-Type`` field, ``None`` without one."""
        return self.headers.get("content-type")

    @property
    def text(self) -> str:
        """The body, read as UTF-8.

        Raises:
            UnicodeDecodeError: The body has another encoding.
        """
        return self.body.decode()

    def json(self) -> Any:
        """Return the value of a JSON body.

        Raises:
            ValueError: The body is not JSON.
        """
        return json.loads(self.body)
