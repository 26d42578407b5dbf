from typing import Literal

import attrs
import pytest

from photon_openapi.errors import ValidationError
from photon_openapi.schema._schema import SchemaBuilder
from photon_router import Application
from photon_router.arguments._body import JsonBody


@attrs.frozen
class Circle:
    radius: float
    shape: Literal["circle"] = "circle"


@attrs.frozen
class Square:
    side: float
    shape: Literal["square", "rectangle"] = "square"


def test_a_union_of_tagged_classes_has_a_discriminator() -> None:
    builder = SchemaBuilder()
    schema = builder.schema(Circle | Square | None)
    assert schema["discriminator"] == {
        "propertyName": "shape",
        "mapping": {
            "circle": "#/components/schemas/Circle",
            "square": "#/components/schemas/Square",
            "rectangle": "#/components/schemas/Square",
        },
    }
    body = JsonBody(Circle | Square | None, schema=schema, components=builder.components)
    assert body.decode(b'{"shape":"square","side":2}') == Square(2)
    assert body.decode(b"null") is None
    with pytest.raises(ValidationError) as refused:
        body.decode(b'{"shape":"line","side":2}')
    assert [detail.pointer for detail in refused.value.errors] == ["/shape"]


def test_a_document_with_tagged_classes_is_in_order() -> None:
    router = Application()

    @router.post("/shapes")
    def add(shape: Circle | Square) -> None: ...

    document = router.document()
    again = Application(spec=document)
    again.operation("add")(lambda shape: None)
    with again.start():
        pass
