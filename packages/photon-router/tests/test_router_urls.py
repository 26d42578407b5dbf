"""Addresses of operations."""

import enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_router import Application
from photon_router.dispatch._urls import build_url
from photon_runtime.http import Request


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("template", "values", "url"),
    [
        ("/items/{id}", {"id": 7}, "/items/7"),
        ("/items/{id}", {"id": "a/b ?#%ä"}, "/items/a%2Fb%20%3F%23%25%C3%A4"),
        ("/v{major}/{name}.{ext}", {"major": 1, "name": "a", "ext": "b"}, "/v1/a.b"),
        ("/{rest:path}", {"rest": "a/b c"}, "/a/b%20c"),
        ("/x", {"q": "a&b", "tag": [1, 2], "none": None}, "/x?q=a%26b&tag=1&tag=2"),
        ("/{c}", {"c": Colour.RED, "flag": True}, "/red?flag=true"),
        ("/x", {}, "/x"),
        ("/{a}/{a}", {"a": 1, "q": 2}, "/1/1?q=2"),
    ],
)
def test_a_template_and_values_make_an_address(
    template: str, values: dict[str, object], url: str
) -> None:
    assert build_url(template, values) == url


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("/{id}/x", None),
        ("/{id}/x", ""),
        ("/{id}/x", "."),
        ("/{id}/x", ".."),
        ("/{id:path}", "a/../b"),
        ("/{id:path}", "./b"),
    ],
)
def test_no_value_leads_elsewhere(template: str, value: str | None) -> None:
    with pytest.raises(ValueError, match="needs a value for 'id'"):
        build_url(template, {"id": value})


@given(st.text(min_size=1), st.integers())
def test_an_address_leads_to_its_operation(name: str, number: int) -> None:
    seen: list[tuple[str, int]] = []
    router = Application(servers=["https://shop.example/api"])

    @router.get("/items/{name}/{number}")
    def read(name: str, number: int) -> None:
        seen.append((name, number))

    try:
        url = router.url_for("read", name=name, number=number)
    except ValueError:
        assert name in (".", "..") or not name.isprintable()
        return
    with router.start() as handler:
        assert handler(Request("GET", url, [])).status == 204
    assert seen == [(name, number)]


def test_operations_of_a_document_have_addresses() -> None:
    response = {"description": "x"}
    operation = {"operationId": "read", "responses": {"200": response}}
    router = Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "a", "version": "1"},
            "servers": [{"url": "/api"}],
            "paths": {"/pets/{petId}": {"get": operation}},
        }
    )
    assert router.url_for("read", petId="7") == "/api/pets/7"
    with pytest.raises(LookupError, match="the operation 'write' does not exist"):
        router.url_for("write")


def test_an_operation_that_comes_later_is_found() -> None:
    router = Application()
    with pytest.raises(LookupError):
        router.url_for("read")

    @router.get("/x")
    def read() -> None: ...

    assert router.url_for("read") == "/x"
