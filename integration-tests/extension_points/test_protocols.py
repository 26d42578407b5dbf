"""A foreign protocol after an upgrade: arguments, security and middleware before, release after."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Annotated, Any, ClassVar

import attrs
import pytest
from toy_protocol import LineProtocol, Lines

from photon import Depends, Photon, Request, Response, SignatureError
from photon_router.security import BearerToken
from photon_runtime import spawn
from photon_runtime.http import Handler
from photon_runtime.parts import Host
from photon_runtime.settings import section
from photon_runtime.testing import (
    LiveServer,
    in_hub,
    live_server,
    make_request,
    memory_pair,
    send_request,
    serve_upgrade,
)


@section("switchboard")
@attrs.frozen
class SwitchboardSettings:
    """The section of the part below."""


OFFER = {"connection": "upgrade", "upgrade": "lines"}
TOKEN = {"authorization": "Bearer ada"}


def resource(request: Request) -> Iterator[list[str]]:
    log: list[str] = request.state["log"]  # type: ignore[assignment]
    log.append("opened")
    try:
        yield log
    except ZeroDivisionError:
        log.append("failed")
        raise
    finally:
        log.append("released")


def chat(log: list[str]) -> Photon:
    app = Photon(title="Chat", version="1.0.0")

    @app.middleware
    def noting(request: Request, call_next: Handler) -> Response:
        request.state["log"] = log
        response = call_next(request)
        log.append(f"passed {response.status}")
        return response

    verifier = BearerToken(lambda token: token if token == "ada" else None)

    @app.get("/rooms/{room}", adapter=LineProtocol(), security=[verifier])
    def talk(
        lines: Lines[str],
        room: int,
        log: Annotated[list[str], Depends(resource)],
        greeting: str = "hello",
    ) -> None:
        lines.send(f"{greeting} {room}")
        for line in lines:
            if line == "fail":
                1 / 0  # noqa: B018
            lines.send(line.upper())
        log.append("left")

    return app


@in_hub
def test_arguments_are_bound_before_and_dependencies_live_as_long_as_the_protocol() -> None:
    log: list[str] = []
    with chat(log).start() as handler:
        response = handler(make_request("GET", "/rooms/7?greeting=hi", headers=OFFER | TOKEN))
        assert response.status == 101
        assert log == ["opened", "passed 101"]
        client, server = memory_pair()
        speaking = spawn(serve_upgrade, response, server)
        assert client.recv(100) == b"hi 7\n"
        client.sendall(b"one\n")
        assert client.recv(100) == b"ONE\n"
        assert log == ["opened", "passed 101"]
        client.close()
        speaking.result()
    assert log == ["opened", "passed 101", "left", "released"]


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/rooms/7", TOKEN, 426),
        ("/rooms/7", OFFER, 401),
        ("/rooms/7", OFFER | {"authorization": "Bearer eve"}, 401),
        ("/rooms/x", OFFER | TOKEN, 422),
        ("/rooms", OFFER | TOKEN, 404),
    ],
)
def test_refusals_are_plain_responses(target: str, headers: dict[str, str], status: int) -> None:
    log: list[str] = []
    response = send_request(chat(log), "GET", target, headers=headers)
    assert response.status == status
    assert response.headers["content-type"] == "application/problem+json"
    assert log.count("opened") == log.count("released") == (1 if status == 426 else 0)


def test_an_upgrade_that_does_not_begin_releases_all_the_same() -> None:
    log: list[str] = []
    send_request(chat(log), "GET", "/rooms/7", headers=OFFER | TOKEN)
    assert log == ["opened", "passed 101", "released"]


def connect(server: LiveServer) -> socket.socket:
    client = socket.create_connection((server.host, server.port), timeout=10)
    client.sendall(
        b"GET /rooms/7 HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: lines\r\n"
        b"Authorization: Bearer ada\r\n\r\nearly\n"
    )
    return client


def read_until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        part = client.recv(4096)
        if not part:
            break
        data += part
    return data


def test_behind_a_real_server_bytes_that_come_early_are_kept() -> None:
    log: list[str] = []
    with live_server(chat(log)) as server, connect(server) as client:
        received = read_until(client, b"EARLY\n")
        assert received.startswith(b"HTTP/1.1 101 ")
        assert received.endswith(b"\r\n\r\nhello 7\nEARLY\n")
        assert "released" not in log
        client.shutdown(socket.SHUT_WR)
        assert read_until(client, b"never") == b""
    assert log == ["opened", "passed 101", "left", "released"]


def test_an_error_of_the_handler_is_seen_by_its_dependencies() -> None:
    log: list[str] = []
    with live_server(chat(log)) as server, connect(server) as client:
        read_until(client, b"EARLY\n")
        client.sendall(b"fail\n")
        assert read_until(client, b"never") == b""
    assert log == ["opened", "passed 101", "failed", "released"]


def test_a_server_that_stops_ends_the_protocol() -> None:
    log: list[str] = []
    with live_server(chat(log)) as server:
        client = connect(server)
        read_until(client, b"EARLY\n")
    client.close()
    assert log[-1] == "released"


def test_the_adapter_completes_the_document() -> None:
    operation: dict[str, Any] = chat([]).document()["paths"]["/rooms/{room}"]["get"]
    assert operation["x-protocol"] == {"lines": {"type": "string"}}
    assert {"101", "401", "422", "426"} <= set(operation["responses"])
    assert [each["name"] for each in operation["parameters"]] == ["room", "greeting"]


@in_hub
def test_the_adapter_knows_the_type_of_the_argument() -> None:
    app = Photon()

    @app.get("/sum", adapter=LineProtocol())
    def add(lines: Lines[int] | None) -> None:
        total = 0
        for number in lines or ():
            total += number
            lines.send(str(total))  # type: ignore[union-attr]

    operation = app.document()["paths"]["/sum"]["get"]
    assert operation["x-protocol"] == {"lines": {"type": "integer"}}
    with app.start() as handler:
        response = handler(make_request("GET", "/sum", headers=OFFER))
        client, server = memory_pair()
        speaking = spawn(serve_upgrade, response, server)
        client.sendall(b"20\n22\n")
        received = b""
        while received.count(b"\n") < 2:
            received += client.recv(100)
        assert received == b"20\n42\n"
        client.close()
        speaking.result()


def test_a_type_that_the_adapter_refuses_is_refused_at_registration() -> None:
    def talk(lines: Lines[bytes]) -> None: ...

    message = rf"{__file__}:\d+\), argument lines: lines are int or str, not <class 'bytes'>"
    with pytest.raises(SignatureError, match=message):
        Photon().get("/", adapter=LineProtocol())(talk)


def test_a_handler_without_the_connection_is_refused_at_registration() -> None:
    def nothing(room: int = 0) -> None: ...

    with pytest.raises(SignatureError, match="one argument of the class Lines"):
        Photon().get("/", adapter=LineProtocol())(nothing)


class Switchboard:
    """The part that `CountedLines` needs."""

    settings = SwitchboardSettings
    installed: ClassVar[list[Switchboard]] = []

    def install(self, host: Host, settings: SwitchboardSettings) -> None:
        self.installed.append(self)


class CountedLines(LineProtocol):
    """An adapter that needs a part."""

    part = "switchboard:Switchboard"


def test_an_application_adds_the_part_that_an_adapter_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("switchboard")
    monkeypatch.setattr(module, "Switchboard", Switchboard, raising=False)
    monkeypatch.setitem(sys.modules, "switchboard", module)
    monkeypatch.setattr(Switchboard, "installed", [])
    app = Photon()

    @app.get("/first", adapter=CountedLines())
    def first(lines: Lines[str]) -> None: ...

    @app.get("/second", adapter=CountedLines())
    def second(lines: Lines[str]) -> None: ...

    app.document()
    assert len(Switchboard.installed) == 1
    own = Switchboard()
    app.add(own)
    app.document()
    assert Switchboard.installed[1:] == [own]
