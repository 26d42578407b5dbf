"""Tests of the handlers: a valid request for each operation.

A stub responds with 501, and that is what its test expects; an operation with security responds
with 401, since the request has no credentials. So the tests pass at once, and the test of a handler
fails when its stub is replaced: then it is time to write what the handler should do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from photon_openapi.document import Document

from ._code_layout import expression, signature
from ._handler_source import HandlerCode
from ._module_code import Definition
from ._sample_requests import sample_request


def test_definitions(document: Document, handlers: Sequence[HandlerCode]) -> Iterator[Definition]:
    """Yield the tests of handlers; none where a valid request cannot be built."""
    for handler in handlers:
        request = sample_request(document, handler.operation)
        if request is None:
            continue
        required = document.required_security(handler.operation)
        status = 401 if required and {} not in required else 501
        name = f"test_{handler.name.rstrip('_')}"
        lines = [
            signature(name, ["client: Client"], "None"),
            expression(request.call(), indent=4, before="response = "),
            f"    assert response.status_code == {status}",
        ]
        yield Definition(name, "\n".join(lines))
