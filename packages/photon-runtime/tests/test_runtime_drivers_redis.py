"""Connections to a real Redis that wait in the hub; with TLS: packages/photon-ws/tests."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis
from redis.connection import AbstractConnection, Connection, SSLConnection

import photon_runtime as rt
from photon_runtime.drivers.redis import (
    Connections,
    RedisError,
    ResponseError,
    Script,
    _subscription,
    connect,
    next_message,
)
from photon_runtime.testing import in_hub
from servers.valkey import run_valkey


@pytest.fixture
def connections(redis_url: str) -> Iterator[Connections]:
    with closing(Connections(redis_url, limit=2)) as connections:
        yield connections


def test_redis_has_what_is_replaced_and_used() -> None:
    assert list(inspect.signature(Connection._connect).parameters) == ["self"]
    wrap = inspect.signature(SSLConnection._wrap_socket_with_ssl)
    assert list(wrap.parameters) == ["self", "sock"]
    assert "self._sock = " in inspect.getsource(AbstractConnection)
    names = {"pack_commands", "send_packed_command", "send_command", "read_response", "disconnect"}
    assert names <= set(dir(Connection))


@in_hub
def test_replies_are_in_the_order_of_the_commands_errors_too(connections: Connections) -> None:
    first, error, last = connections.call([("ECHO", "a"), ("NOSUCH",), ("ECHO", b"\xff")])
    assert (first, last) == (b"a", b"\xff")
    assert isinstance(error, ResponseError)


@in_hub
def test_a_script_that_the_server_does_not_know_is_loaded(
    connections: Connections, redis_url: str
) -> None:
    script = Script("return ARGV[1] .. '!'")
    assert connections.run(script, [(0, "a"), (0, "b")]) == [b"a!", b"b!"]
    with redis.Redis.from_url(redis_url) as client:
        client.script_flush()
    assert connections.run(script, [(0, "c")]) == [b"c!"]
    assert connections.run(script, []) == []
    with pytest.raises(ResponseError):
        connections.run(script, [(0, "d"), (0,)])
    with pytest.raises(ResponseError):
        connections.run(Script("not Lua"), [(0,)])


@in_hub
def test_calls_wait_for_a_connection_and_an_interrupted_one_is_closed(
    connections: Connections,
) -> None:
    def wait() -> None:
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.05):
            connections.call([("BLPOP", "nothing", 0)])

    with rt.scope() as tasks:
        for _ in range(4):
            tasks.spawn(wait)
    assert connections.call([("ECHO", "a")]) == [b"a"]


@in_hub
def test_an_idle_connection_that_the_server_has_closed_is_not_used(
    connections: Connections, redis_url: str
) -> None:
    [own] = connections.call([("CLIENT", "ID")])
    assert connections.call([("CLIENT", "ID")]) == [own]
    with redis.Redis.from_url(redis_url) as client:
        client.client_kill_filter(_id=own)
    assert connections.call([("CLIENT", "ID")]) != [own]


@in_hub
def test_a_server_that_cannot_be_reached_is_an_error_of_redis() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(RedisError):
        Connections(f"redis://127.0.0.1:{port}", limit=1).call([("PING",)])
    with pytest.raises(ValueError, match="Port"):
        Connections("redis://127.0.0.1:x", limit=1)


@pytest.mark.slow
@in_hub
def test_a_listening_connection_notices_a_server_that_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_subscription, "_SILENCE", 0.1)
    monkeypatch.setattr(_subscription, "_ANSWER", 0.3)
    with run_valkey() as server:
        connection = connect(server.url)
        connection.send_command("SUBSCRIBE", "news")
        assert next_message(connection) == [b"subscribe", b"news", 1]
        assert next_message(connection) == [b"pong", b""]
        with redis.Redis.from_url(server.url) as client:
            client.publish("news", "a")
        assert next_message(connection) == [b"message", b"news", b"a"]
        with server.paused(), pytest.raises(RedisError, match="ping"):
            next_message(connection)
        connection.disconnect()
