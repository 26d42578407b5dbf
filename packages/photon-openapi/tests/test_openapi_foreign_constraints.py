import re
from typing import Annotated, Any

import annotated_types
import attrs
import pytest
from pydantic import AfterValidator, Field, PositiveInt, StringConstraints

from photon_openapi.annotations import Param, split_annotation
from photon_openapi.codec import JsonDecoder
from photon_openapi.errors import SignatureError, ValidationError
from photon_openapi.schema import SchemaBuilder


@pytest.mark.parametrize(
    ("annotation", "param"),
    [
        (PositiveInt, Param(gt=0)),
        (Annotated[int, annotated_types.Interval(ge=1, lt=9)], Param(ge=1, lt=9)),
        (Annotated[str, annotated_types.Len(0, 3)], Param(max_length=3)),
        (
            Annotated[str, StringConstraints(min_length=1, pattern="^a")],
            Param(min_length=1, pattern="^a"),
        ),
        (
            Annotated[int, Field(ge=1, description="How many.")],
            Param(ge=1, description="How many."),
        ),
        (
            Annotated[str, Field(alias="full-name", pattern="^a")],
            Param(name="full-name", pattern="^a"),
        ),
        (Annotated[int, Field(le=1), annotated_types.Unit("m")], Param(le=1)),
    ],
    ids=str,
)
def test_constraints_with_the_meaning_of_a_param_are_read_as_one(
    annotation: Any, param: Param
) -> None:
    assert split_annotation(annotation).param == param
    assert split_annotation(annotation).metadata == ()


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        (AfterValidator(int), "AfterValidator"),
        (StringConstraints(to_lower=True), "StringConstraints, to_lower"),
        (StringConstraints(pattern=re.compile("a", re.IGNORECASE)), "a pattern with flags"),
        (Field(strict=True), "Strict"),
        (Field(default=1), "the default of a Field"),
        (Field(validation_alias="other"), "an alias of a Field for one direction"),
        (annotated_types.Predicate(bool), "Predicate"),
    ],
    ids=str,
)
def test_what_would_be_ignored_is_refused(metadata: object, text: str) -> None:
    with pytest.raises(
        SignatureError, match=f"{text}.*: pydantic applies it only inside of a model"
    ):
        split_annotation(Annotated[str, metadata])


def test_constraints_are_enforced_in_bodies_at_any_depth() -> None:
    @attrs.frozen
    class Item:
        number: PositiveInt
        names: list[Annotated[str, StringConstraints(max_length=2)]]

    builder = SchemaBuilder()
    decoder = JsonDecoder(Item, schema=builder.schema(Item), components=builder.components)
    assert decoder.decode(b'{"number": 1, "names": ["ab"]}') == Item(1, ["ab"])
    with pytest.raises(ValidationError) as caught:
        decoder.decode(b'{"number": 0, "names": ["ab", "abc"]}')
    assert [each.pointer for each in caught.value.errors] == ["/number", "/names/1"]
