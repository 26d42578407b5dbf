from typing import Literal

import attrs
import pytest

from photon_openapi.codec._json import JsonDecoder
from photon_openapi.errors import ValidationError
from photon_openapi.schema._schema import SchemaBuilder


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
    body = JsonDecoder(Circle | Square | None, schema=schema, components=builder.components)
    assert body.decode(b'{"shape":"square","side":2}') == Square(2)
    assert body.decode(b"null") is None
    with pytest.raises(ValidationError) as refused:
        body.decode(b'{"shape":"line","side":2}')
    assert [detail.pointer for detail in refused.value.errors] == ["/shape"]
