"""Where the microseconds of a request go: each stage of its road, timed alone.

``python tools/bench/stages.py`` prints a table. The stages run on one request in this process,
without sockets, so what the kernel and the switches cost is the difference to the benchmark.
"""

from __future__ import annotations

import contextvars
import runpy
import timeit
from collections.abc import Callable
from pathlib import Path

from photon import Photon
from photon_runtime import current_task, run
from photon_runtime.http import Request, Response, ServerSettings
from photon_runtime.http._encode import date_field, encode_whole
from photon_runtime.http._parser import RequestParser

_APPLICATION = Path(__file__).parent / "servers" / "photon_app.py"

_HEAD = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"
_NUMBER = 50_000
_REPEAT = 7


class _NoBody:
    """A body source for requests without one."""

    def receive_body(self, request: Request) -> bytes:
        """Return the end of the body."""
        return b""


def _microseconds(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=_NUMBER, repeat=_REPEAT)) / _NUMBER * 1e6


def _stages() -> list[tuple[str, float]]:
    app: Photon = runpy.run_path(str(_APPLICATION))["app"]
    settings = ServerSettings()
    parser = RequestParser(_NoBody(), None, settings)

    def request_of(target: bytes) -> Request:
        parser.feed(_HEAD % target)
        return parser.pending.pop(0)

    def parse(target: bytes) -> Callable[[], object]:
        data = memoryview(_HEAD % target)

        def once() -> Request:
            parser.feed(data)
            return parser.pending.pop(0)

        return once

    task = current_task()
    base = contextvars.copy_context()
    date = date_field()
    answer = Response(body=b'{"message":"Hello, World!"}', content_type="application/json")
    body = b'{"message":"Hello, World!"}'
    with app.start() as handler:
        plain = request_of(b"/json")

        def typed() -> Response:
            # A fresh request each time: what it decodes it keeps.
            request = Request("GET", "/items/42?q=abc", [(b"host", b"a")])
            return handler(request)

        return [
            ("parse the head, make the request (/json)", _microseconds(parse(b"/json"))),
            ("fresh context variables", _microseconds(lambda: task.use_context(base.copy()))),
            ("match, bind, call, encode JSON (/json)", _microseconds(lambda: handler(plain))),
            ("the same with a Request made, typed (/items/42?q=abc)", _microseconds(typed)),
            (
                "head and body to bytes",
                _microseconds(lambda: encode_whole(answer, body, date, closes=False)),
            ),
        ]


def main() -> None:
    """Print the table."""
    print("| stage | µs |\n|---|---:|")
    for name, cost in run(_stages):
        print(f"| {name} | {cost:.2f} |")


if __name__ == "__main__":
    main()
