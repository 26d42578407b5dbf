"""Assertions of ``format`` when they are enabled."""

import pytest

from photon_router import Application, Body, Json
from photon_runtime.testing import send_request


@pytest.mark.parametrize("assert_formats", [True, False])
def test_an_application_asserts_the_formats_of_its_document(assert_formats: bool) -> None:
    small = {"type": "integer", "format": "int32"}
    router = Application(
        assert_formats=assert_formats,
        spec={
            "openapi": "3.1.0",
            "info": {"title": "T", "version": "1"},
            "paths": {
                "/": {
                    "post": {
                        "operationId": "add",
                        "parameters": [{"name": "n", "in": "query", "schema": small}],
                        "requestBody": {
                            "required": True,
                            "content": {
                                "application/json": {
                                    "schema": {"type": "object", "properties": {"n": small}}
                                }
                            },
                        },
                        "responses": {"204": {"description": "Added."}},
                    }
                }
            },
        },
    )

    @router.operation("add")
    def add(n: int, data: Json[dict[str, int]]) -> None:
        pass

    response = send_request(router, "POST", f"/?n={2**31}", json={"n": 2**31})
    if not assert_formats:
        assert response.status == 204
        return
    assert response.json()["errors"] == [
        {"in": "query", "name": "n", "message": "is not a valid int32"},
        {"in": "body", "pointer": "/n", "message": "is not a valid int32"},
    ]


@pytest.mark.parametrize("assert_formats", [True, False])
def test_formats_of_plain_text_bodies_are_asserted_too(assert_formats: bool) -> None:
    operation = {
        "operationId": "greet",
        "requestBody": {
            "required": True,
            "content": {"text/plain": {"schema": {"type": "string", "format": "email"}}},
        },
        "responses": {"204": {"description": "Greeted."}},
    }
    router = Application(
        assert_formats=assert_formats,
        spec={
            "openapi": "3.1.0",
            "info": {"title": "T", "version": "1"},
            "paths": {"/": {"post": operation}},
        },
    )

    @router.operation("greet")
    def greet(address: Body[str]) -> None:
        pass

    response = send_request(
        router, "POST", "/", headers={"content-type": "text/plain"}, body="nobody"
    )
    assert response.status == (422 if assert_formats else 204)


@pytest.mark.parametrize("assert_formats", [True, False])
def test_the_formats_of_responses_are_asserted_in_development(assert_formats: bool) -> None:
    day = {"type": "object", "properties": {"day": {"type": "string", "format": "date"}}}
    response = {"description": "It.", "content": {"application/json": {"schema": day}}}
    router = Application(
        assert_formats=assert_formats,
        spec={
            "openapi": "3.1.0",
            "info": {"title": "T", "version": "1"},
            "paths": {"/": {"get": {"operationId": "it", "responses": {"200": response}}}},
        },
    )

    @router.operation("it")
    def it() -> dict[str, str]:
        return {"day": "tomorrow"}

    with router.start(development=True) as handler:
        assert send_request(handler, "GET", "/").status == (500 if assert_formats else 200)
