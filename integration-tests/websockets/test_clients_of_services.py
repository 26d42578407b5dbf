"""A handler that is itself a client of another server, as a gateway is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from photon import Photon, PhotonWebSocket, deadline, scope
from photon.testing import Client
from photon_runtime.errors import DeadlineExceeded
from photon_runtime.testing import hub_thread, live_server
from photon_ws.client import ClientWebSocket, connect
from photon_ws.errors import ConnectionFailed, HandshakeRefused


def prices(log: list[str]) -> Photon:
    app = Photon()

    @app.websocket("/prices/{name}", subprotocols=["prices"])
    def follow(ws: PhotonWebSocket, name: str) -> None:
        for message in ws:
            if message == "leave":
                ws.close(4000, "sold out")
                return
            ws.send(f"{name} {message}" if isinstance(message, str) else message)
        log.append(f"left with {ws.close_code}")

    return app


def gateway(upstream: str) -> Photon:
    app = Photon()

    @app.websocket("/relay/{name}")
    def relay(ws: PhotonWebSocket, name: str) -> None:
        with connect(f"{upstream}/prices/{name}") as feed, scope() as tasks:
            tasks.spawn(pass_on, feed, ws)
            for message in ws:
                feed.send(message)
            tasks.cancel()

    @app.get("/price/{name}")
    def price(name: str) -> str:
        with deadline(2), connect(f"{upstream}/prices/{name}", subprotocols=["prices"]) as feed:
            feed.send("?")
            return f"{feed.receive_text()} by {feed.subprotocol}"

    @app.get("/nowhere")
    def nowhere() -> None:
        connect(f"{upstream}/nowhere")

    @app.get("/late/{name}")
    def late(name: str) -> str:
        try:
            with deadline(0.1), connect(f"{upstream}/prices/{name}") as feed:
                return feed.receive_text()
        except DeadlineExceeded:
            return f"{feed.close_code} {feed.connected}"

    return app


def pass_on(feed: ClientWebSocket, ws: PhotonWebSocket) -> None:
    for message in feed:
        ws.send(message)
    code = feed.close_code or 1011
    ws.close(code if code >= 3000 else 1011, feed.close_reason)


@contextmanager
def both(log: list[str]) -> Iterator[Client]:
    with (
        live_server(prices(log)) as server,
        Client(gateway(f"ws://127.0.0.1:{server.port}")) as client,
    ):
        yield client


def test_a_gateway_passes_messages_and_the_end_on() -> None:
    log: list[str] = []
    with both(log) as client:
        with client.websocket("/relay/tea") as ws:
            ws.send("300")
            assert ws.receive_text() == "tea 300"
            data = bytes(900_000)
            ws.send(data)
            assert ws.receive_bytes() == data
            ws.send("leave")
            assert ws.wait_closed() == 4000
            assert ws.close_reason == "sold out"
        with client.websocket("/relay/tea") as ws:
            ws.send("300")
            assert ws.receive_text() == "tea 300"
    assert log == ["left with 1000"]


def ask_all(upstream: str) -> list[str]:
    """Ask for many prices, each on a connection of its own."""
    results: list[str] = []

    def ask(number: int) -> None:
        with connect(f"{upstream}/prices/p{number}") as feed:
            for _ in range(5):
                feed.send("?")
            results.extend(feed.receive_text() for _ in range(5))

    with scope() as tasks:
        for number in range(50):
            tasks.spawn(ask, number)
    return sorted(results)


def test_fifty_tasks_have_a_connection_each() -> None:
    with live_server(prices([])) as server, hub_thread() as hub:
        results = hub.call(ask_all, f"ws://127.0.0.1:{server.port}")
    assert results == sorted(f"p{number} ?" for number in range(50) for _ in range(5))


def test_a_deadline_of_the_handler_closes_its_client() -> None:
    with both([]) as client:
        assert client.get("/price/tea").json() == "tea ? by prices"
        assert client.get("/late/tea").json() == "1006 False"


def test_what_the_other_server_refuses_is_an_error_with_its_answer() -> None:
    with both([]) as client, pytest.raises(HandshakeRefused, match="no route matches /nowhere"):
        client.get("/nowhere")


def test_a_server_that_has_ended_is_an_error() -> None:
    with live_server(prices([])) as server:
        upstream = f"ws://127.0.0.1:{server.port}"
    with Client(gateway(upstream)) as client, pytest.raises(ConnectionFailed, match="refused"):
        client.get("/price/tea")


def test_a_server_that_stops_ends_its_clients_with_1001() -> None:
    ready = threading.Event()

    def follow(url: str) -> tuple[int | None, list[object]]:
        with connect(url) as feed:
            feed.send("?")
            received: list[object] = [feed.receive()]
            ready.set()
            received += feed
            return feed.close_code, received

    with hub_thread() as hub:
        with live_server(prices([])) as server:
            following = hub.begin(follow, f"ws://127.0.0.1:{server.port}/prices/tea")
            assert ready.wait(5)
        assert following.result(5) == (1001, ["tea ?"])
