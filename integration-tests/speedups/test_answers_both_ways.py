"""A server answers and logs the same with the C module and without it.

Two processes serve the same application; the bytes that they send and the records that they log are
compared. The frames of the application in tracebacks are the same; frames of Photon may differ.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import framework_application
import plain_application
import pytest
from generated_requests import samples
from two_servers import Conversation, TwoServers, two_servers
from usual_requests import LEFT_TO_PYTHON, PLAIN

from photon_runtime import speedups

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not speedups.status().is_used, reason=f"without the C module: {speedups.status().reason}"
    ),
]

PATHS = list(plain_application.HANDLERS)
# A cancelled request, and a response that fails with an OSError: as if the client had left.
CLOSED = {"/cancel", "/fields-28", "/fields-29"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoServers]:
    with two_servers("plain_application", tmp_path_factory.mktemp("plain")) as both:
        yield both


def get(path: str, *, method: str = "GET", fields: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n".encode()


def post(path: str, body: bytes = b"hello") -> bytes:
    return get(path, method="POST", fields=f"Content-Length: {len(body)}\r\n") + body


@pytest.mark.parametrize("path", PATHS)
def test_every_kind_of_answer_is_the_same(servers: TwoServers, path: str) -> None:
    answer = servers.hold(Conversation([get(path), get("/json")]))
    assert answer.startswith(b"HTTP/1.1 ") or path in CLOSED
    # Requests that follow at once, and those of a method whose answers have no body.
    servers.hold(Conversation([get(path) + get(path) + get("/json")]))
    servers.hold(Conversation([get(path, method="HEAD"), get(path)]))
    servers.hold(Conversation([post(path), get(path, fields="Connection: close\r\n")], False))


def cut(data: bytes, source: random.Random) -> list[bytes]:
    """Cut bytes into pieces at some places."""
    places = sorted(source.randrange(len(data) + 1) for _ in range(source.choice((0, 0, 1, 2, 5))))
    pieces = [data[i:j] for i, j in zip([0, *places], [*places, len(data)], strict=True)]
    return [piece for piece in pieces if piece] or [data]


def conversations(seed: int, count: int) -> Iterator[Conversation]:
    """Make conversations of several requests, each in any pieces."""
    source = random.Random(seed)
    for _ in range(count):
        requests = [
            source.choice((get, post))(source.choice(PATHS)) for _ in range(source.randint(1, 4))
        ]
        if source.random() < 0.5:
            pieces = cut(b"".join(requests), source)
        else:
            pieces = [piece for request in requests for piece in cut(request, source)]
        yield Conversation(pieces)


@pytest.mark.parametrize("seed", range(10))
def test_requests_in_any_pieces_are_answered_alike(servers: TwoServers, seed: int) -> None:
    for conversation in conversations(seed, 150):
        servers.hold(conversation)


@pytest.mark.parametrize("seed", range(10))
def test_generated_requests_are_answered_alike(servers: TwoServers, seed: int) -> None:
    source = random.Random(seed)
    for sample in samples(seed=1000 + seed, count=300):
        servers.hold(Conversation(cut(sample.data, source)))


@pytest.mark.parametrize("name", [*PLAIN, *LEFT_TO_PYTHON])
def test_requests_of_usual_clients_are_answered_alike(servers: TwoServers, name: str) -> None:
    data = {**PLAIN, **LEFT_TO_PYTHON}[name]
    servers.hold(Conversation([data]))
    servers.hold(Conversation([get("/json"), data]))
    servers.hold(Conversation([data[: len(data) // 2], data[len(data) // 2 :], get("/json")]))


# -- an application with routes -----------------------------------------------------------------


@pytest.fixture(scope="module")
def framework(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoServers]:
    with two_servers("framework_application", tmp_path_factory.mktemp("framework")) as both:
        yield both


BROWSER = "Origin: https://shop.example\r\nCookie: theme=dark\r\nX-User: eve\r\n"
FRAMEWORK_REQUESTS = [
    *(get(path) for path in framework_application.GETS),
    *(get(path, fields=BROWSER) for path in framework_application.GETS),
    *(get(path, method="HEAD") for path in framework_application.GETS),
    *(
        get(path, method=method, fields=f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n")
        + body
        for method, path, body in framework_application.OTHERS
        for kind in ("application/json", "text/plain")
    ),
    get(
        "/form",
        method="POST",
        fields="Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 14\r\n",
    )
    + b"name=tea&age=5",
    get(
        "/items/1",
        method="OPTIONS",
        fields="Access-Control-Request-Method: PUT\r\n" + BROWSER,
    ),
]


def test_every_route_answers_alike(framework: TwoServers) -> None:
    answers = [framework.hold(Conversation([request])) for request in FRAMEWORK_REQUESTS]
    statuses = Counter(answer[9:12].decode() for answer in answers)
    assert statuses["200"] > 60, statuses
    wanted = {"201", "204", "303", "304", "402", "403", "404", "405", "409", "415", "418", "422"}
    assert wanted <= statuses.keys(), statuses


@pytest.mark.parametrize("seed", range(5))
def test_routes_answer_requests_in_any_pieces_alike(framework: TwoServers, seed: int) -> None:
    source = random.Random(seed)
    for _ in range(100):
        requests = source.choices(FRAMEWORK_REQUESTS, k=source.randint(1, 4))
        pieces = cut(b"".join(requests), source) if source.random() < 0.5 else requests
        framework.hold(Conversation(pieces))


def searches(seed: int, count: int) -> Iterator[bytes]:
    """Make requests with any parameters, in the path and in the query."""
    source = random.Random(seed)
    names = ("text", "page", "price", "is_new", "PAGE", "pag", "pages", "te%78t", "", "page[]")
    for _ in range(count):
        number, kind = source.choices(framework_application.NUMBERS, (4, 4, 4, *[1] * 43), k=2)
        pairs = [
            source.choice(names[: source.choice((4, 10))])
            + source.choice(("=", "=", "=", "", "=="))
            + source.choice(framework_application.NUMBERS)
            for _ in range(source.choice((0, 1, 1, 2, 3)))
        ]
        query = source.choice(("&", "&", "&&", ";")).join(pairs)
        yield get(f"/search/{number}/{kind}" + ("?" if query else "") + query)


@pytest.mark.parametrize("seed", range(5))
def test_parameters_are_bound_alike(framework: TwoServers, seed: int) -> None:
    statuses = Counter(
        framework.hold(Conversation([request]))[9:12] for request in searches(seed, 300)
    )
    assert statuses[b"200"] > 30
    assert statuses[b"422"] > 30
