"""Bodies that are sent as they come: when their generators run, wait and are closed."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any

import pytest

from photon_router import Application, Depends, EventStream, Header, HttpError, ServerSentEvent
from photon_router.streaming._events import encode_event
from photon_router.streaming._held import HeldBody
from photon_router.streaming._stream import EventBody, StreamBody
from photon_runtime import Cancelled, sleep, spawn
from photon_runtime.http import ServerSettings
from photon_runtime.testing import VirtualClock, live_server, run


def encode(item: Any) -> bytes:
    return str(item).encode()


def test_a_stream_gives_bytes_and_closes_what_it_reads() -> None:
    log: list[str] = []

    def items() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            log.append("closed")

    body = StreamBody(items(), encode)
    assert next(iter(body)) == b"1"
    assert log == []
    body.close()
    body.close()
    assert log == ["closed"]
    assert list(body) == []


def test_what_fails_in_closing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def items() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise ValueError("at the end")

    body = StreamBody(items(), encode)
    next(iter(body))
    body.close()
    assert "failed at its end" in caplog.text


# Events


def events_in_time(times: list[float], *, keep_alive: float = 15.0) -> list[tuple[float, bytes]]:
    """Return what is sent, and when, of a stream with an event after each time."""
    clock = VirtualClock()

    def events() -> Iterator[str]:
        for number, seconds in enumerate(times):
            sleep(seconds)
            yield str(number)

    def main() -> list[tuple[float, bytes]]:
        body = EventBody(events(), encode_event, keep_alive=keep_alive)
        try:
            begin = clock()
            return [(round(clock() - begin, 2), part) for part in body]
        finally:
            body.close()

    return run(main, clock=clock)


def test_a_stream_says_something_while_there_is_nothing_to_tell() -> None:
    assert events_in_time([0.05, 40, 1]) == [
        (0.05, b"data: 0\n\n"),
        (15.05, b": keep-alive\n\n"),
        (30.05, b": keep-alive\n\n"),
        (40.05, b"data: 1\n\n"),
        (41.05, b"data: 2\n\n"),
    ]


def test_a_stream_opens_before_its_first_event() -> None:
    parts = [part for _, part in events_in_time([20])]
    assert parts == [b":\n\n", b": keep-alive\n\n", b"data: 0\n\n"]


def test_an_error_of_the_generator_is_that_of_the_stream() -> None:
    def events() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    def main() -> bytes:
        body = EventBody(events(), encode_event, keep_alive=15)
        parts = iter(body)
        first = next(parts)
        with pytest.raises(ValueError, match="broken"):
            next(parts)
        body.close()
        return first

    assert run(main) == b"data: 1\n\n"


def test_a_stream_that_is_closed_cancels_its_generator_and_waits_for_its_end() -> None:
    log: list[str] = []

    def events() -> Iterator[int]:
        try:
            yield 1
            sleep(1000)
        except Cancelled:
            log.append("cancelled")
            raise
        finally:
            log.append("closed")

    def main() -> None:
        body = EventBody(events(), encode_event, keep_alive=15)
        assert next(iter(body)) == b"data: 1\n\n"
        sleep(0)
        body.close()
        log.append("after")

    run(main)
    assert log == ["cancelled", "closed", "after"]


def test_a_generator_that_waits_for_its_reader_is_closed_there() -> None:
    log: list[str] = []

    def events() -> Iterator[int]:
        try:
            for number in range(1000):
                log.append(f"made {number}")
                yield number
        finally:
            log.append("closed")

    def main() -> None:
        body = EventBody(events(), encode_event, keep_alive=15)
        next(iter(body))
        sleep(1)
        body.close()

    run(main)
    assert log == ["made 0", "made 1", "closed"]


def test_a_stream_can_be_ended_from_elsewhere() -> None:
    def events() -> Iterator[int]:
        yield 1
        sleep(1000)
        yield 2

    def main() -> list[bytes]:
        with ExitStack() as stack:
            held = HeldBody(EventBody(events(), encode_event, keep_alive=15), stack)

            def end() -> None:
                sleep(5)
                held.stop()

            spawn(end)
            parts = list(held)
            held.close()
            return parts

    assert run(main) == [b"data: 1\n\n"]


def test_without_a_hub_events_are_sent_as_they_come() -> None:
    body = EventBody(iter([1, 2]), encode_event, keep_alive=15)
    assert list(body) == [b"data: 1\n\n", b"data: 2\n\n"]
    body.close()


# Over a server


def read_until(client: socket.socket, mark: bytes) -> bytes:
    data = b""
    while mark not in data:
        part = client.recv(65536)
        assert part, data
        data += part
    return data


class Shop:
    """An application that tells of offers until its visitor leaves."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.log: list[str] = []
        self.router = Application()

        def offers(
            db: Annotated[str, Depends(self.session)], last_event_id: Header[str | None] = None
        ) -> Iterator[ServerSentEvent]:
            yield ServerSentEvent({"from": last_event_id}, id="8")
            sleep(1000)

        self.router.get("/offers")(offers)
        self.router.get("/broken")(self.broken)
        self.router.get("/refused")(self.refused)

    def session(self) -> Iterator[str]:
        self.log.append("open")
        try:
            yield "session"
        finally:
            self.log.append("close")
            self.ended.set()

    def broken(self) -> Iterator[ServerSentEvent]:
        yield ServerSentEvent(1)
        raise ValueError("broken")

    def refused(self) -> EventStream[int]:
        def events() -> Iterator[int]:
            if not self.log:
                raise HttpError(409, "too many")
            yield 1

        return EventStream(events())


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_first_event_comes_at_once_and_knows_the_last_of_before(shop: Shop) -> None:
    settings = ServerSettings(shutdown_timeout=0.2)
    with live_server(shop.router, settings=settings) as server, server.connect() as client:
        client.sendall(b"GET /offers HTTP/1.1\r\nhost: a\r\nlast-event-id: 7\r\n\r\n")
        data = read_until(client, b"\n\n\r\n")
        assert b"content-type: text/event-stream\r\n" in data
        assert b"transfer-encoding: chunked\r\n" in data
        assert b'id: 8\ndata: {"from":"7"}\n\n' in data
        assert shop.log == ["open"]
    assert shop.log[-1] == "close"  # the server's stop ended it


def test_a_client_that_leaves_ends_the_stream_and_its_dependencies(shop: Shop) -> None:
    settings = ServerSettings(cancel_on_disconnect=True)
    with live_server(shop.router, settings=settings) as server:
        with server.connect() as client:
            client.sendall(b"GET /offers HTTP/1.1\r\nhost: a\r\n\r\n")
            read_until(client, b"\n\n\r\n")
        assert shop.ended.wait(5)
    assert shop.log[0] == "open"
    assert shop.log[-1] == "close"


def test_a_client_that_leaves_is_found_out_by_a_comment() -> None:
    ended = threading.Event()
    router = Application()

    @router.get("/x")
    def handler() -> EventStream[int]:
        def events() -> Iterator[int]:
            try:
                yield 1
                sleep(1000)
            finally:
                ended.set()

        return EventStream(events(), keep_alive=0.05)

    with live_server(router) as server:
        with server.connect() as client:
            client.sendall(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n")
            read_until(client, b": keep-alive\n\n")
        assert ended.wait(5)


def test_a_stream_that_breaks_ends_the_connection(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "photon.http")
    with live_server(shop.router) as server:
        data = server.exchange(b"GET /broken HTTP/1.1\r\nhost: a\r\n\r\n")
    assert data.endswith(b"data: 1\n\n\r\n")  # no last chunk
    assert "is incomplete" in caplog.text


def test_a_stream_that_is_refused_at_once_is_a_response(shop: Shop) -> None:
    with live_server(shop.router) as server:
        data = server.exchange(b"GET /refused HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert data.startswith(b"HTTP/1.1 409 ")
    assert b"too many" in data


def test_a_commit_that_fails_behind_a_stream_breaks_it_off() -> None:
    def commit() -> Iterator[None]:
        yield
        raise ValueError("not committed")

    router = Application()

    @router.get("/x")
    def handler(_: Annotated[None, Depends(commit)]) -> Iterator[str]:
        yield "done"

    with live_server(router) as server:
        data = server.exchange(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n")
    assert data.endswith(b"done\r\n")


def test_a_dependency_that_swallows_the_error_of_a_stream_is_reported() -> None:
    def swallow() -> Iterator[None]:
        try:
            yield
        except ValueError:
            pass

    def parts() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("x")

    stack = ExitStack()
    stack.enter_context(contextmanager(swallow)())
    with pytest.raises(RuntimeError, match="swallowed"):
        list(HeldBody(parts(), stack))


def test_many_listeners_share_one_hub() -> None:
    router = Application()

    @router.get("/x")
    def handler(number: int) -> Iterator[ServerSentEvent]:
        yield ServerSentEvent(number)
        sleep(0.05)
        yield ServerSentEvent(-number)

    with live_server(router) as server, ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(20)]
        for number, client in enumerate(clients, 1):
            client.sendall(b"GET /x?number=%d HTTP/1.1\r\nhost: a\r\n\r\n" % number)
        for number, client in enumerate(clients, 1):
            data = read_until(client, b"0\r\n\r\n")
            assert b"data: %d\n\n" % number in data
            assert b"data: -%d\n\n" % number in data
