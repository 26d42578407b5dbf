from typing import Any

import pytest

from photon_router import Application, DocumentError

ANSWERS = {"200": {"description": "Fine."}}


def document(version: str = "3.1.0", **operation: Any) -> dict[str, Any]:
    return {
        "openapi": version,
        "info": {"title": "Things", "version": "1"},
        "paths": {"/x": {"get": {"operationId": "read", "responses": ANSWERS} | operation}},
    }


def test_shape_and_handlers_are_reported_at_once() -> None:
    data = document(parameters=[{"in": "query"}])
    data["paths"]["/y"] = {"get": {"operationId": "other", "responses": ANSWERS}}
    router = Application(spec=data)
    router.operation("other")(lambda limit: limit)
    router.operation("ghost")(lambda: None)
    with pytest.raises(DocumentError) as caught, router.start():
        pass
    text = str(caught.value)
    for part in (
        "/paths/~1x/get/parameters/0: lacks 'name'",
        "read: the operation has no handler",
        "the document has no operation 'ghost'",
        "other: argument 'limit'",
    ):
        assert part in text
    with pytest.raises(DocumentError, match="lacks 'name'"):
        router.document()
