"""JSON documents from token issuers: over HTTPS only, of a bounded size, without redirects."""

from __future__ import annotations

import ipaddress
import json
import urllib.request
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

_LARGEST: Final = 1024 * 1024


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: only the owner of the address decides on its content."""

    def redirect_request(self, *response: Any, **options: Any) -> None:
        """Treat the redirect as an error."""


def check_address(url: str) -> str:
    """Return ``url`` if keys may be loaded from it: over HTTPS, or from this machine.

    Raises:
        ValueError: Keys may not be loaded from it.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and _is_loopback(parts.hostname or ""):
        return url
    raise ValueError(f"keys are loaded over https only, not from {url!r}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def fetch_object(url: str, *, timeout: float) -> dict[str, Any]:
    """Return the JSON object at ``url``.

    Args:
        url: An address that `check_address` accepts.
        timeout: Seconds to wait for each read.

    Raises:
        OSError: The document is unavailable.
        ValueError: The document is not a JSON object, or too large.

    Blocks: the calling thread.
    """
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=timeout) as response:
            data = response.read(_LARGEST + 1)
    except HTTPException as error:
        raise OSError(f"invalid HTTP: {type(error).__name__}") from error
    if len(data) > _LARGEST:
        raise ValueError(f"more than {_LARGEST} bytes")
    return read_object(data)


def read_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: ``data`` is not a JSON object.
    """
    try:
        document = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - external data
    return document
