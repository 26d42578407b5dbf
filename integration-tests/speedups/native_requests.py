"""The comparison of a request that the C module reads with that of the Python code."""

from __future__ import annotations

from typing import Any, Final

from generated_requests import Sample

from photon_runtime import speedups
from photon_runtime.http import HttpError, Request
from photon_runtime.http import _server as server_module
from photon_runtime.http._parser import RequestParser

PEER: Final = ("127.0.0.1", 1)
_UNSET: Final = "(unset)"


class NoSource:
    """Gives no body: what a request has was fed."""

    def receive_body(self, request: Request) -> bytes:
        """Refuse."""
        raise HttpError(400, "nothing more comes")


SOURCE: Final = NoSource()


def native_serving() -> speedups.Connections:
    """Return the C module's object of this interpreter.

    Raises:
        RuntimeError: It is not used here.
    """
    if server_module._connections is None:
        raise RuntimeError(f"the C module is not used: {speedups.status().reason}")
    return server_module._connections


def is_plain(serving: speedups.Connections, sample: Sample) -> bool:
    """Return whether C takes a request, after a comparison with the Python code.

    Raises:
        AssertionError: Python makes another request of it, or none.
    """
    parser = RequestParser(SOURCE, PEER, sample.settings, holds_upgrades=True)
    before = state_of(parser)
    request = serving.read_request(parser, sample.settings, sample.data)
    assert state_of(parser) == before, "C has changed the parser"
    if request is None:
        return False
    parser.feed(sample.data)
    assert parser.error is None, f"Python refuses it: {parser.error!r}"
    assert len(parser.pending) == 1, f"Python has {len(parser.pending)} requests"
    expected = parser.pending.pop()
    parser._feed_size = 0  # every feed sets it
    assert state_of(parser) == before, "Python has not come to the end of the request"
    assert type(request) is Request
    assert typed(slots_of(request)) == typed(slots_of(expected))
    return True


def state_of(parser: RequestParser) -> dict[str, Any]:
    """Return the slots of a parser, with copies of lists that it may change."""
    slots = slots_of(parser)
    return {name: value[:] if isinstance(value, list) else value for name, value in slots.items()}


def slots_of(value: object) -> dict[str, Any]:
    """Return the slots of an object by name."""
    return {name: getattr(value, name, _UNSET) for name in type(value).__slots__}  # type: ignore[attr-defined]


def typed(value: Any) -> Any:
    """Return a value with the exact types of all that it contains; other objects as they are."""
    if isinstance(value, dict):
        return type(value), [(typed(key), typed(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [typed(item) for item in value]
    return type(value), value
