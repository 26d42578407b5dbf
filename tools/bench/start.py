"""What the start of an application with many routes costs.

``PYTHONPATH=tools python -m bench.start [ROUTES ...]`` registers that many routes of each kind (by
default 1,000, 2,000, 4,000 and 10,000), starts the application, and prints the CPU time of both in
seconds, that of each route in microseconds, and the resident memory. Every figure is of a process
of its own, without its imports. The time of a route must not grow with their number.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import attrs

_COUNTS = (1_000, 2_000, 4_000, 10_000)


@attrs.frozen
class Item:
    """The result of most handlers."""

    name: str
    price: float = 0.0


def main(arguments: list[str]) -> None:
    """Measure, and print; with a kind and a number only that, in this process."""
    if arguments and arguments[0] in KINDS:
        print(_measured(arguments[0], int(arguments[1])))
        return
    counts = [int(each) for each in arguments] or _COUNTS
    print(f"{'routes':<12}{'number':>8}{'register':>10}{'start':>8}{'each':>9}{'memory':>9}")
    for kind in KINDS:
        for count in counts:
            command = [sys.executable, "-m", "bench.start", kind, str(count)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            print(done.stdout, end="", flush=True)


def _measured(kind: str, count: int) -> str:
    import photon_runtime as rt
    from photon_router import Application

    KINDS[kind](Application(), 10)  # imports, and what is computed once
    app, began = Application(), time.process_time()
    KINDS[kind](app, count)
    registered = time.process_time()

    def start() -> None:
        with app.start():
            pass

    rt.run(start)
    ended = time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    each = (ended - began) / count * 1e6
    return (
        f"{kind:<12}{count:>8,}{registered - began:>9.2f}s{ended - registered:>7.2f}s"
        f"{each:>6,.0f} µs{memory:>6,.0f} MB"
    )


def _plain(app: Any, count: int) -> None:
    for number in range(count):

        def read() -> str:
            return "it"

        app.get(f"/r{number}")(_named(read, number))


def _typed(app: Any, count: int) -> None:
    for number in range(count):
        app.get(f"/r{number}/{{key}}")(_reader(number))


def _included(app: Any, count: int) -> None:
    from photon_router import Router

    for first in range(0, count, 50):
        router, outer = Router(prefix=f"/p{first}", tags=["p"]), Router(prefix="/outer")
        for number in range(first, min(first + 50, count)):
            router.get(f"/r{number}/{{key}}")(_reader(number))
        outer.include(router)
        app.include(outer)


def _models(app: Any, count: int) -> None:
    for number in range(count):
        members = {"a": attrs.field(type=int), "b": attrs.field(type=str, default="")}
        model = attrs.make_class(f"Model{number}", members)

        def change(body: Any) -> Any:
            return body

        change.__annotations__ = {"body": model, "return": model}
        app.post(f"/m{number}")(_named(change, number))


def _nested(app: Any, count: int) -> None:
    from photon_router import Router

    for first in range(0, count, 100):
        router = Router(prefix=f"/p{first}", tags=["p"])
        for number in range(first, min(first + 100, count)):
            router.get(f"/r{number}/{{key}}")(_reader(number))
        for level in range(9):
            outer = Router(prefix=f"/level{level}", tags=[f"t{level}"])
            outer.include(router)
            router = outer
        app.include(router)


def _spec(app: Any, count: int) -> None:
    from photon_openapi.document import load_document

    schema = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string", "minLength": 1}, "price": {"type": "number"}},
    }
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}
    key = {"name": "key", "in": "path", "required": True, "schema": {"type": "integer"}}
    query = {"name": "q", "in": "query", "schema": {"type": "string", "default": "x"}}
    paths = {
        f"/r{number}/{{key}}": {
            "get": {
                "operationId": f"read{number}",
                "parameters": [key, query],
                "responses": {"200": {"description": "It.", "content": content}},
            }
        }
        for number in range(count)
    }
    app._base = load_document(
        {
            "openapi": "3.1.0",
            "info": {"title": "Many", "version": "1"},
            "components": {"schemas": {"Item": schema}},
            "paths": paths,
        }
    )
    for number in range(count):
        app.operation(f"read{number}")(_reader(number))


def _reader(number: int) -> Callable[..., Any]:
    def read(key: int, q: str = "x") -> Item:
        return Item(q)

    return _named(read, number)


def _named(function: Callable[..., Any], number: int) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = f"{function.__name__}{number}"
    return function


KINDS: dict[str, Callable[[Any, int], None]] = {
    "plain": _plain,
    "typed": _typed,
    "included": _included,
    "nested": _nested,
    "models": _models,
    "spec": _spec,
}
"""Functions that register routes, by the kind of the routes."""


if __name__ == "__main__":
    main(sys.argv[1:])
