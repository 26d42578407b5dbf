from typing import Annotated, Any

import attrs
import pytest

from photon_router import Application, Depends, Query
from photon_runtime.testing import HandlerResponse, send_request


def faults(response: HandlerResponse) -> list[tuple[str, str]]:
    assert response.status == 422
    return [(each["name"], each["message"]) for each in response.json()["errors"]]


def strict() -> Application:
    router = Application(strict_query=True)

    def paging(page: int = 1) -> int:
        return page

    @router.get("/items/{id}")
    def read(id: int, page: Annotated[int, Depends(paging)], word: str = "") -> object:
        return [id, page, word]

    @router.get("/nothing")
    def nothing() -> str:
        return "nothing"

    return router


def test_an_unknown_parameter_is_refused_with_the_nearest_name() -> None:
    router = strict()
    assert send_request(router, "GET", "/items/1?page=2&word=x").status == 200
    assert faults(send_request(router, "GET", "/items/x?wrod=x&zzz=1&page=y")) == [
        ("wrod", "is unknown: did you mean 'word'?"),
        ("zzz", "is unknown: the operation has no such parameter"),
        ("id", "expected an integer"),
        ("page", "expected an integer"),
    ]


def test_a_handler_without_arguments_refuses_too() -> None:
    assert send_request(strict(), "GET", "/nothing").status == 200
    assert faults(send_request(strict(), "GET", "/nothing?a=1")) == [
        ("a", "is unknown: the operation has no such parameter")
    ]


def test_unknown_parameters_are_passed_over_where_nobody_asked() -> None:
    router = Application()

    @router.get("/")
    def read(a: int = 1) -> int:
        return a

    assert send_request(router, "GET", "/?b=2").status == 200


def test_the_list_of_unknown_names_is_bounded() -> None:
    target = "/nothing?" + "&".join(f"{'n' * 500}{number}=1" for number in range(3000))
    found = faults(send_request(strict(), "GET", target))
    assert len(found) == 100
    assert all(len(name) <= 80 for name, _ in found)


def spec(parameter: dict[str, Any]) -> Application:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {
            "/": {
                "get": {
                    "operationId": "read",
                    "parameters": [parameter],
                    "responses": {"204": {"description": "Done."}},
                }
            }
        },
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "api_key"}}
        },
    }
    router = Application(spec=document, strict_query=True)

    @router.operation("read")
    def read(a: Any = None) -> None: ...

    return router


PROPERTIES = {"x": {"type": "string"}, "y": {"type": "string"}}


@pytest.mark.parametrize(
    ("parameter", "known", "unknown"),
    [
        ({"style": "deepObject", "schema": {"type": "object"}}, "a[x]=1", "x=1"),
        (
            {"schema": {"type": "object", "properties": PROPERTIES, "additionalProperties": False}},
            "x=1&y=2",
            "z=1",
        ),
        ({"schema": {"type": "string"}}, "a=1&api_key=2", "b=1"),
    ],
)
def test_objects_and_keys_in_the_query_are_known(
    parameter: dict[str, Any], known: str, unknown: str
) -> None:
    router = spec({"name": "a", "in": "query", **parameter})
    assert send_request(router, "GET", f"/?{known}").status == 204
    assert send_request(router, "GET", f"/?{unknown}").status == 422


def test_an_object_that_may_have_any_member_makes_every_name_known() -> None:
    router = spec({"name": "a", "in": "query", "schema": {"type": "object"}})
    assert send_request(router, "GET", "/?anything=1").status == 204


def test_members_of_a_class_are_known() -> None:
    @attrs.frozen
    class Filters:
        page: int = 1

    router = Application(strict_query=True)

    @router.get("/")
    def read(filters: Query[Filters]) -> int:
        return filters.page

    assert send_request(router, "GET", "/?page=2").status == 200
    assert faults(send_request(router, "GET", "/?pag=2")) == [
        ("pag", "is unknown: did you mean 'page'?")
    ]
