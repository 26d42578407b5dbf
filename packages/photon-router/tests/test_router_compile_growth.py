"""Starting an application takes time in proportion to its routes.

What is counted is the number of lines of Python that run, which does not depend on the machine: a
loop over all routes for each route shows in it, and so does each further one of its steps.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import attrs
import pytest

import photon_runtime as rt
from photon_router import Application, Json, Router
from photon_router.dispatch._match import PathTree

Register = Callable[[int], Application]

pytestmark = pytest.mark.slow


@attrs.frozen
class Item:
    name: str
    price: float = 0.0


def named(function: Callable[..., object], number: int) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = f"handler{number}"
    return function


def handler(number: int) -> Callable[..., Any]:
    def handle(key: int, q: str = "x") -> Item:
        return Item(q)

    return named(handle, number)


def lines_of(function: Callable[[], object]) -> int:
    """Return the number of lines that run in a call, and of calls."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        lines += 1
        return trace

    before = sys.gettrace()
    gc.collect()  # finalizers of other tests are not counted
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return lines


def start(app: Application) -> None:
    def main() -> None:
        with app.start():
            app.url_for(next(iter(app._url_templates())), key=1)

    rt.run(main)


def with_parameters(count: int) -> Application:
    app = Application()
    for number in range(count):
        app.get(f"/r{number}/{{key}}")(handler(number))
    return app


def with_one_function(count: int) -> Application:
    app, function = Application(), handler(0)
    for number in range(count):
        app.get(f"/r{number}/{{key}}")(function)
    return app


def with_partial_segments(count: int) -> Application:
    app = Application()
    for number in range(count):
        app.get(f"/r{number}-{{key}}")(handler(number))
    return app


def with_routers(count: int) -> Application:
    app = Application()
    for first in range(0, count, 10):
        router = Router(prefix=f"/p{first}", tags=[f"t{first}"])
        for number in range(first, first + 10):
            router.get(f"/r{number}/{{key}}")(handler(number))
        outer = Router(prefix="/outer")
        outer.include(router)
        app.include(outer)
    return app


def with_deep_routers(count: int, levels: int = 10) -> Application:
    app = Application()
    for first in range(0, count, 20):
        router = Router(prefix=f"/p{first}")
        for number in range(first, first + 20):
            router.get(f"/r{number}/{{key}}")(handler(number))
        for level in range(levels - 1):
            outer = Router(prefix=f"/level{level}", tags=[f"t{level}"])
            outer.include(router)
            router = outer
        app.include(router)
    return app


def with_models(count: int) -> Application:
    app = Application()
    for number in range(count):
        model: Any = attrs.make_class(
            f"Model{number}", {"a": attrs.field(type=int), "b": attrs.field(type=str, default="")}
        )

        def handle(body: Any) -> Any:
            return body

        handle.__annotations__ = {"body": model, "return": model}
        app.post(f"/m{number}")(named(handle, number))
    return app


def with_document(count: int) -> Application:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    key = {"name": "key", "in": "path", "required": True, "schema": {"type": "integer"}}
    paths = {
        f"/r{number}/{{key}}": {
            "parameters": [key],
            "post": {
                "operationId": f"op{number}",
                "requestBody": {"required": True, "content": content},
                "responses": {"200": {"description": "It.", "content": content}},
            },
        }
        for number in range(count)
    }
    info = {"title": "Things", "version": "1"}
    components = {"schemas": {"Thing": schema}}
    app = Application(
        spec={"openapi": "3.1.0", "info": info, "components": components, "paths": paths}
    )
    for number in range(count):

        def handle(key: int, body: Json[dict[str, Any]]) -> dict[str, Any]:
            return body

        app.operation(f"op{number}")(named(handle, number))
    return app


@pytest.mark.parametrize(
    "register",
    [
        with_parameters,
        with_one_function,
        with_partial_segments,
        with_routers,
        with_deep_routers,
        with_models,
        with_document,
    ],
)
def test_work_of_a_start_grows_with_the_routes_and_not_faster(register: Register) -> None:
    start(register(10))  # imports, and what is computed once
    few, more, many = (
        lines_of(lambda: start(register(count)))  # noqa: B023 - called at once
        for count in (40, 80, 160)
    )
    assert (many - more) / (more - few) < 2.02


def test_a_further_level_of_routers_costs_little_for_each_route() -> None:
    with_deep_routers(20)
    few, many = (lines_of(lambda: with_deep_routers(40, levels)) for levels in (2, 12))  # noqa: B023
    assert (many - few) / 40 / 10 < 150  # lines of Python, for each route and level; 430 at first


def test_work_of_the_document_grows_with_the_routes_and_not_faster() -> None:
    with_parameters(10).document()
    few, more, many = (lines_of(with_parameters(count).document) for count in (40, 80, 160))
    assert (many - more) / (more - few) < 2.02


def test_errors_of_many_operations_are_found_in_proportion_to_them() -> None:
    def wrong(count: int) -> Callable[[], None]:
        app = with_document(count)
        for item in app._base["paths"].values():  # type: ignore[index]
            item["post"]["responses"] = {"200": {"$ref": "#/components/responses/Missing"}}

        def check() -> None:
            with pytest.raises(Exception, match="does not exist"):
                start(app)

        return check

    wrong(10)()
    few, more, many = (lines_of(wrong(count)) for count in (40, 80, 160))
    assert (many - more) / (more - few) < 2.02


def test_partial_segments_are_ordered_by_their_literal_text() -> None:
    tree: PathTree[str] = PathTree()
    for template in ("/a{x}", "/ab{x}", "/b{x}c", "/{x}c", "/abc{x}"):
        tree.add(template, "GET", template)
    found = {path: tree.find(path) for path in ("/abcd", "/abd", "/ad", "/bdc", "/dc")}
    assert {path: match[0]["GET"] for path, match in found.items() if match is not None} == {
        "/abcd": "/abc{x}",
        "/abd": "/ab{x}",
        "/ad": "/a{x}",
        "/bdc": "/b{x}c",
        "/dc": "/{x}c",
    }
