import subprocess
import sys
import warnings
from typing import Any, Generic, TypeVar

import attrs
import pydantic
import pydantic.dataclasses
import pytest
from pydantic import AliasChoices, BaseModel, Field

from photon_openapi.schema import (
    SchemaBuilder,
    members_of,
    pydantic_classes_in,
    sent_members_of,
    short_name,
    takes_others,
)

T = TypeVar("T")


class Item(BaseModel):
    name: str
    in_stock: int = Field(default=0, alias="inStock")
    notes: list[str] = Field(default_factory=list, validation_alias=AliasChoices("notes", "texts"))


@pydantic.dataclasses.dataclass
class Size:
    width: int


class Page(BaseModel, Generic[T]):
    items: list[T]


@attrs.define
class Shelf:
    items: list[Item]
    parent: "Shelf | None" = None


def test_the_members_have_the_names_in_json() -> None:
    members = members_of(Item) or ()
    assert [each.name for each in members] == ["name", "in_stock", "notes"]
    assert [each.wire_name for each in members] == ["name", "inStock", "notes"]
    assert [each.required for each in members] == [True, False, False]
    assert [each.argument for each in members] == ["name", "inStock", "notes"]
    assert [each.name for each in members_of(Size) or ()] == ["width"]


def test_classes_of_pydantic_are_found_in_other_types() -> None:
    assert list(pydantic_classes_in(dict[str, list[Item] | None])) == [Item]
    assert list(pydantic_classes_in(Shelf)) == [Item]
    assert list(pydantic_classes_in(list[int])) == []


def test_a_generic_model_is_named_by_its_arguments() -> None:
    assert short_name(Page[Item]) == "Page_Item"
    assert short_name(Page[list[Page[int]]]) == "Page_list_Page_int"


def test_models_of_the_first_version_are_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pydantic.v1 import BaseModel as FirstModel

        class Old(FirstModel):
            name: str

    types: list[Any] = [Old, list[Old], Old | None]
    for type_ in types:
        with pytest.raises(TypeError, match="Old is a model of pydantic 1"):
            SchemaBuilder().schema(type_)


@pytest.mark.slow
def test_importing_the_packages_does_not_import_pydantic() -> None:
    program = (
        "import sys, photon, photon_openapi.codec, photon_openapi.schema\n"
        "import attrs\n"
        "from photon_openapi.schema import SchemaBuilder\n"
        "A = attrs.make_class('A', ['x'])\n"
        "SchemaBuilder().sent_schema(A)\n"
        "assert 'pydantic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_members_that_are_sent_have_their_names_and_computed_ones_belong_to_them() -> None:
    class Sent(BaseModel):
        tag_list: list[str] = Field(validation_alias="tags", serialization_alias="tagList")
        hidden: int = Field(default=0, exclude=True)
        price: int

        @pydantic.computed_field  # type: ignore[prop-decorator]
        @property
        def total(self) -> int:
            return self.price

        @pydantic.field_serializer("price")
        def _written(self, value: int) -> str:
            return str(value)

    sent = {each.wire_name: each.type for each in sent_members_of(Sent) or ()}
    assert sent == {"tagList": list[str], "price": object, "total": object}
    assert [each.wire_name for each in members_of(Sent) or ()] == ["tags", "hidden", "price"]
    assert sent_members_of(Shelf) == members_of(Shelf)
    assert sent_members_of(int) is None


def test_a_class_may_keep_members_that_it_does_not_declare() -> None:
    assert takes_others(type("Open", (BaseModel,), {"model_config": {"extra": "allow"}}))
    assert not takes_others(Item)
