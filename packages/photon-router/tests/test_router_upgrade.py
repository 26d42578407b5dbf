from typing import Any

import pytest

from photon_openapi.document._upgrade import upgraded
from photon_router import Application, DocumentError


def document(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "openapi": "3.0.3",
        "info": {"title": "T", "version": "1"},
        "paths": {},
        "components": {"schemas": {"A": schema}} | more,
    }


def test_a_document_that_is_wrong_is_reported_in_the_words_of_its_version() -> None:
    spec = document({"type": ["string", "null"]})
    assert upgraded(spec) == (spec, [])
    with pytest.raises(DocumentError, match="/components/schemas/A/type"):
        Application(spec=spec).document()
