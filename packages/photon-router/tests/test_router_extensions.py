import sys
import types
from typing import Any

import pytest

from photon_router import Application, DocumentError
from photon_runtime.http import Handler, Request, Response
from photon_runtime.testing import send_request


def get_pet(pet_id: int) -> dict[str, int]:
    return {"id": pet_id}


class Pets:
    @staticmethod
    def list_pets() -> list[str]:
        return ["Rex"]


async def asynchronous() -> None:
    pass


def outer(request: Request, call_next: Handler) -> Response:
    request.state["seen"] = ["outer"]
    return call_next(request)


def inner(request: Request, call_next: Handler) -> Response:
    request.state["seen"].append("inner")  # type: ignore[attr-defined]  # of any kind
    response = call_next(request)
    seen = request.state["seen"]
    assert isinstance(seen, list)
    response.headers = [*response.headers, ("x-seen", "-".join(seen))]
    return response


@pytest.fixture(autouse=True)
def _shop(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("shop_of_tests")
    for thing in (get_pet, Pets, asynchronous, outer, inner):
        setattr(module, thing.__name__, thing)
    module.NUMBER = 3  # type: ignore[attr-defined]  # made here
    monkeypatch.setitem(sys.modules, "shop_of_tests", module)


def document(**operation: Any) -> dict[str, Any]:
    path = {"name": "petId", "in": "path", "required": True, "schema": {"type": "integer"}}
    described = {"parameters": [path], "responses": {"200": {"description": "A pet."}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {"/pets/{petId}": {"get": described | operation}},
    }


def problems(router: Application) -> list[str]:
    with pytest.raises(DocumentError) as raised, router.start():
        pass
    return list(raised.value.problems)


@pytest.mark.parametrize("more", [{}, {"operationId": "getPet"}])
def test_a_document_names_its_handler(more: dict[str, Any]) -> None:
    router = Application(spec=document(**{"x-handler": "shop_of_tests:get_pet"}, **more))
    assert send_request(router, "GET", "/pets/7").body == b'{"id":7}'


def test_a_handler_may_be_in_a_class() -> None:
    spec = document(**{"x-handler": "shop_of_tests:Pets.list_pets"})
    del spec["paths"]["/pets/{petId}"]["get"]["parameters"]
    spec["paths"] = {"/pets": spec["paths"]["/pets/{petId}"]}
    assert send_request(Application(spec=spec), "GET", "/pets").body == b'["Rex"]'


def test_a_decorator_goes_before_the_document() -> None:
    router = Application(spec=document(operationId="getPet", **{"x-handler": "nowhere:at_all"}))
    router.operation("getPet")(lambda pet_id: {"own": pet_id})
    assert send_request(router, "GET", "/pets/7").body == b'{"own":7}'


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (3, "3 does not name a function; write package.module:function"),
        ("shop_of_tests", "does not name a function"),
        ("shop_of_tests:get pet", "does not name a function"),
        ("nowhere.at.all:get", "cannot be imported: No module named 'nowhere'"),
        ("shop_of_tests:missing", "cannot be imported"),
        ("shop_of_tests:NUMBER", "is not a function"),
        ("shop_of_tests:asynchronous", "is an async function"),
    ],
)
def test_a_handler_that_cannot_be_one_is_reported_at_start(path: object, words: str) -> None:
    [problem] = problems(Application(spec=document(**{"x-handler": path})))
    assert problem.startswith("/paths/~1pets~1{petId}/get/x-handler: ")
    assert words in problem


def test_a_document_names_middleware_of_an_operation() -> None:
    middlewares = ["shop_of_tests:outer", "shop_of_tests:inner"]
    more = {"x-handler": "shop_of_tests:get_pet", "x-photon-middleware": middlewares}
    assert ("x-seen", "outer-inner") in send_request(
        Application(spec=document(**more)), "GET", "/pets/7"
    ).headers.pairs()


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("shop_of_tests:outer", "x-photon-middleware: write a list of package.module:name"),
        (["shop_of_tests:gone"], "x-photon-middleware/0: 'shop_of_tests:gone' cannot be imported"),
    ],
)
def test_middleware_that_cannot_be_one_is_reported_at_start(layers: object, words: str) -> None:
    more = {"x-handler": "shop_of_tests:get_pet", "x-photon-middleware": layers}
    [problem] = problems(Application(spec=document(**more)))
    assert words in problem
