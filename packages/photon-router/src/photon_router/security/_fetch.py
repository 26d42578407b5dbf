"""JSON documents from issuers of tokens: over HTTPS, of a bounded size, and from nowhere else."""

from __future__ import annotations

import ipaddress
import json
import urllib.request
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

_LARGEST: Final = 1024 * 1024


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: what an address gives is what its owner put there."""

    def redirect_request(self, *of_the_answer: Any, **named: Any) -> None:
        """Leave the redirection as an error."""


def check_address(url: str) -> str:
    """Return ``url`` if keys may be had from there: HTTPS, or this machine.

    Raises:
        ValueError: They may not.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and _is_here(parts.hostname or ""):
        return url
    raise ValueError(f"keys come over https, not from {url!r}")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def fetch_object(url: str, *, timeout: float) -> dict[str, Any]:
    """Return the JSON object that ``url`` gives.

    Args:
        url: An address that `check_address` takes.
        timeout: Seconds to wait for each part of it.

    Raises:
        OSError: It cannot be had.
        ValueError: It is no JSON object, or too large.

    Blocks: the calling thread.
    """
    asked = urllib.request.Request(url, headers={"Accept": "application/json"})
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(asked, timeout=timeout) as answer:
            data = answer.read(_LARGEST + 1)
    except HTTPException as error:
        raise OSError(f"no HTTP: {type(error).__name__}") from error
    if len(data) > _LARGEST:
        raise ValueError(f"more than {_LARGEST} bytes")
    return read_object(data)


def read_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: It is none.
    """
    try:
        found = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - it came from outside
    return found
