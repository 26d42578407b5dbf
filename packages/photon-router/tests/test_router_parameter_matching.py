from collections.abc import Callable
from typing import Annotated, Any

import attrs
import pytest

from photon_router import Application, Depends, DocumentError, Query
from photon_runtime.testing import send_request

ANSWERS = {"200": {"description": "Fine.", "content": {"application/json": {}}}}


def parameter(name: str, place: str = "query") -> dict[str, Any]:
    schema = {"type": "integer"}
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def ask(handler: Callable[..., object], target: str, *parameters: dict[str, Any]) -> object:
    operation = {"operationId": "read", "parameters": list(parameters), "responses": ANSWERS}
    path = "/x/{id}" if any(each["in"] == "path" for each in parameters) else "/x"
    head = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}}
    router = Application(spec=head | {"paths": {path: {"get": operation}}})
    router.operation("read")(handler)
    with router.start() as handle:
        return send_request(handle, "GET", target).json()


def test_each_spelling_goes_to_the_argument_that_has_it() -> None:
    def handler(item_id: int, itemId: int) -> list[int]:  # noqa: N803 - that is what is tested
        return [item_id, itemId]

    both = parameter("itemId"), parameter("item_id")
    assert ask(handler, "/x?itemId=1&item_id=2", *both) == [2, 1]
    assert ask(handler, "/x?itemId=1&item_id=2", *reversed(both)) == [2, 1]


def test_a_parameter_with_an_argument_of_its_name_is_not_given_to_another_spelling() -> None:
    def handler(item_id: int, itemId: int) -> None: ...  # noqa: N803 - that is what is tested

    with pytest.raises(DocumentError, match=r"argument 'item_id' of .* no such parameter"):
        ask(handler, "/x", parameter("itemId"))


def test_a_marker_takes_its_place_and_leaves_the_other_to_the_unmarked() -> None:
    def marked(id: Query[int]) -> int:
        return id

    def handler(id: int, other: Annotated[int, Depends(marked)]) -> list[int]:
        return [id, other]

    both = parameter("id", "query"), parameter("id", "path")
    assert ask(handler, "/x/1?id=2", *both) == [1, 2]


def test_unmarked_arguments_of_one_name_share_a_parameter() -> None:
    def dependency(number: int) -> int:
        return number

    def handler(number: int, other: Annotated[int, Depends(dependency)]) -> list[int]:
        return [number, other]

    assert ask(handler, "/x?number=7", parameter("number")) == [7, 7]


@attrs.frozen
class Pet:
    name: str


def test_the_body_goes_to_the_argument_whose_type_is_one() -> None:
    def handler(naem: str, pet: Pet) -> object: ...

    body = {"content": {"application/json": {"schema": {"type": "object"}}}}
    operation = {"operationId": "make", "requestBody": body, "responses": ANSWERS}
    router = Application(spec={"openapi": "3.1.0", "paths": {"/x": {"post": operation}}})
    router.operation("make")(handler)
    with pytest.raises(DocumentError) as caught, router.start():
        pass
    [problem] = caught.value.problems
    assert "argument 'naem' of" in problem
