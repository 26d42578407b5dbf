"""The types of WSGI (PEP 3333)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, TypeAlias

Environ: TypeAlias = dict[str, Any]
ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
)
Write: TypeAlias = Callable[[bytes], object]
StartResponse: TypeAlias = Callable[..., Write]
WsgiApplication: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


def close(body: object) -> None:
    """Close a body, if it has a method ``close``."""
    method = getattr(body, "close", None)
    if method is not None:
        method()
