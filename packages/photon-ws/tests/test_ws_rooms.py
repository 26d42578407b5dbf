"""Rooms of one process: members, order, history, resuming, presence, limits."""

from __future__ import annotations

import gc
import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import attrs
import msgspec
import pytest

import photon_runtime as rt
from photon_runtime.observability import Meter, Readiness
from photon_runtime.testing import in_hub, in_virtual_time
from photon_ws import WebSocketsSettings
from photon_ws.protocol import Deflater, FrameDecoder, Inflater
from photon_ws.rooms import Room, RoomLimitReached, Rooms, RoomsMissing


class FakeConnection:
    """A connection whose client reads when the test says so."""

    def __init__(self, deflater: Deflater | None = None, *, reads: bool = True) -> None:
        self.deflater = deflater
        self.is_open = True
        self.frames: list[bytes] = []
        self.reads = rt.Event()
        self.callbacks: list[Callable[[], object]] = []
        if reads:
            self.reads.set()

    def post(self, frame: bytes, slow: str) -> bool:
        if self.is_open:
            self.frames.append(frame)
        return self.is_open

    def send(self, message: str | bytes) -> None:
        self.reads.wait()
        if not self.is_open:
            raise self.closed_error()
        payload = message.encode() if isinstance(message, str) else message
        opcode = 0x81 if isinstance(message, str) else 0x82
        assert len(payload) < 126
        self.frames.append(bytes([opcode, len(payload)]) + payload)

    def closed_error(self) -> Exception:
        return ConnectionError("closed")

    def on_close(self, callback: Callable[[], object]) -> None:
        if not self.is_open:
            callback()
        else:
            self.callbacks.append(callback)

    def forget_on_close(self, callback: Callable[[], object]) -> None:
        if callback in self.callbacks:
            self.callbacks.remove(callback)

    def close(self) -> None:
        self.is_open = False
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback()


class FakeSocket:
    """The part of a `PhotonWebSocket` that rooms use."""

    def __init__(self, deflater: Deflater | None = None, *, reads: bool = True) -> None:
        self.connection = FakeConnection(deflater, reads=reads)
        self.message_check: Callable[[str | bytes], None] | None = None

    def received(self) -> list[Any]:
        """Return the messages that arrived so far."""
        inflater = None if self.connection.deflater is None else Inflater()
        decoder = FrameDecoder(is_client=True, max_message_size=10**6, inflater=inflater)
        events: list[Any] = []
        for frame in self.connection.frames:
            decoder.feed(frame, events)
        return events


def socket(deflater: Deflater | None = None, *, reads: bool = True) -> Any:
    return FakeSocket(deflater, reads=reads)


@contextmanager
def application(max_rooms: int = 100, **options: Any) -> Iterator[Rooms]:
    rooms = Rooms(WebSocketsSettings(max_rooms=max_rooms), Meter(), Readiness(), **options)
    with rooms.running():
        yield rooms


@attrs.frozen
class Posted:
    text: str
    type: str = "posted"


@in_hub
def test_members_get_what_is_broadcast() -> None:
    lobby, ada, bob = Room("lobby"), socket(), socket()
    with application(), lobby.join(ada):
        lobby.broadcast("one")
        with lobby.join(bob):
            lobby.broadcast(b"two")
            lobby.broadcast({"three": 3})
            lobby.broadcast(Posted("four"))
        lobby.broadcast("five")
    assert ada.received()[:2] == ["one", b"two"]
    assert ada.received()[4:] == ["five"]
    assert bob.received() == [b"two", '{"three":3}', '{"text":"four","type":"posted"}']


@in_hub
def test_a_message_is_compressed_once_for_members_with_equal_parameters() -> None:
    class CountingDeflater(Deflater):
        calls = 0

        def deflate(self, payload: bytes) -> bytes:
            CountingDeflater.calls += 1
            return super().deflate(payload)

    shared, other = CountingDeflater(), CountingDeflater(10)
    sockets = [socket(shared), socket(shared), socket(), socket(other)]
    lobby = Room("lobby")
    with application():
        for each in sockets:
            lobby.join(each)
        lobby.broadcast("a" * 1000)
    assert CountingDeflater.calls == 2
    assert [each.received() for each in sockets] == [["a" * 1000]] * 4


@in_hub
def test_excluded_sockets_do_not_get_a_message() -> None:
    lobby, ada, bob, eve = Room("lobby"), socket(), socket(), socket()
    with application(), lobby.join(ada), lobby.join(bob), lobby.join(eve):
        lobby.broadcast("1", exclude=ada)
        lobby.broadcast("2", exclude=[ada, bob])
    assert [each.received() for each in (ada, bob, eve)] == [[], ["1"], ["1", "2"]]


@in_hub
def test_a_member_leaves_however_its_socket_ends() -> None:
    lobby = Room("lobby", history=10)
    with application():
        closed, left, raised = socket(), socket(), socket()
        membership = lobby.join(closed, user="ada")
        lobby.join(left, user="ada")
        assert lobby.presence() == {"ada": 2}
        closed.connection.close()
        lobby.leave(left)
        lobby.leave(left)
        with suppress(ZeroDivisionError), lobby.join(raised, user="bob"):
            assert lobby.presence() == {"bob": 1}
            raise ZeroDivisionError
        assert not membership.is_member
        assert lobby.presence() == {}
        lobby.broadcast("nothing")
        assert [each.received() for each in (closed, left, raised)] == [[], [], []]
        assert not left.connection.callbacks


@in_hub
def test_a_socket_that_is_closed_or_cancelled_while_it_joins_is_not_a_member() -> None:
    lobby = Room("lobby", history=10)
    with application() as rooms:
        lobby.broadcast("missed")
        cancelled, closed = socket(reads=False), socket(reads=False)
        first = rt.spawn(lobby.join, cancelled, user="ada", after="")
        second = rt.spawn(lobby.join, closed, user="bob", after="")
        rt.yield_now()
        first.cancel()
        closed.connection.close()
        closed.connection.reads.set()
        first.join()
        with pytest.raises(ConnectionError):
            second.result()
        assert lobby.presence() == {}
        assert not rooms._states["lobby"].memberships


@in_hub
def test_rooms_are_empty_and_memory_is_free_after_many_ended_sockets() -> None:
    def visit(number: int, lobby: Room) -> None:
        is_stuck = number % 3 == 0
        visitor = socket(reads=not is_stuck)
        with (
            suppress(rt.DeadlineExceeded, ZeroDivisionError),
            rt.deadline(0 if is_stuck else 9),
            lobby.join(visitor, user="ada", after=""),
        ):
            if number % 3 == 1:
                raise ZeroDivisionError
            visitor.connection.close()

    with application() as rooms:
        Room("lobby", history=3).broadcast("missed")
        for number in range(500):
            visit(number, Room("lobby", history=3))
        gc.collect()
        before = len(gc.get_objects())
        for number in range(1000):
            visit(number, Room("lobby", history=3))
            visit(number, Room(f"room-{number}", history=3))
        gc.collect()
        assert len(gc.get_objects()) - before < 100
        assert list(rooms._states) == ["lobby"]
        assert not rooms._states["lobby"].is_used


@in_hub
def test_a_socket_joins_a_room_once() -> None:
    lobby, ada = Room("lobby"), socket()
    with application(), lobby.join(ada), pytest.raises(ValueError, match="is a member of the room"):
        lobby.join(ada)


@in_hub
def test_a_room_with_other_options_is_refused() -> None:
    with application(), Room("lobby").join(socket()):
        Room("lobby").broadcast("the same")
        with pytest.raises(ValueError, match="the room 'lobby' has other options already"):
            Room("lobby", history=5).broadcast("another")


@in_hub
def test_a_room_outside_of_an_application_says_so() -> None:
    lobby = Room("lobby")
    with pytest.raises(RoomsMissing, match="'lobby' is used outside of a running application"):
        lobby.broadcast("hello")
    with application():
        pass
    with pytest.raises(RoomsMissing):
        lobby.join(socket())


@in_hub
def test_two_applications_do_not_meet() -> None:
    lobby, ada, bob = Room("lobby", history=5), socket(), socket()

    def serve(ws: Any, text: str) -> None:
        with application(), lobby.join(ws):
            rt.yield_now()
            lobby.broadcast(text)
            rt.sleep(0.01)
            assert [each.data for each in lobby.history()] == [text]

    with rt.scope() as tasks:
        tasks.spawn(serve, ada, "one")
        tasks.spawn(serve, bob, "two")
    assert (ada.received(), bob.received()) == (["one"], ["two"])


@in_hub
def test_members_and_rooms_are_limited() -> None:
    small = Room("small", max_members=1)
    with application(max_rooms=2), small.join(socket()):
        with pytest.raises(RoomLimitReached, match="its maximum of 1 members"):
            small.join(socket())
        with (
            Room("second").join(socket()),
            pytest.raises(RoomLimitReached, match="all 2 rooms"),
        ):
            Room("third").broadcast("hello")
        Room("third").broadcast("hello")


@in_hub
def test_a_room_that_made_way_for_another_does_not_continue_its_ids() -> None:
    first, other = Room("first", history=5), Room("other", history=5)
    with application(max_rooms=1):
        first.broadcast("a")
        seen = first.last_id()
        other.broadcast("b")
        first.broadcast("c")
        ada = socket()
        assert first.join(ada, after=seen).has_gap
        assert ada.received() == ['{"type":"gap"}', "c"]


@pytest.mark.parametrize("name", ["", "a" * 256, "a\nb", "a\0", "a\ud800"])
@in_hub
def test_names_are_limited(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 255 characters"):
        Room(name)
    with application(), pytest.raises(ValueError, match="the name of a user"):
        Room("lobby").join(socket(), user=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slow": "wait"}, "does not wait for a member"),
        ({"history": -1}, "must be >= 0"),
        ({"history_seconds": 5}, "give its number of messages"),
        ({"envelope": True, "id_member": "id"}, "either an envelope or"),
        ({"max_members": 0}, "must be > 0"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Room("lobby", **options)
    with pytest.raises(TypeError):
        Room(5)  # type: ignore[arg-type]


# -- history -------------------------------------------------------------------------------------


@in_hub
def test_the_history_has_the_newest_messages() -> None:
    lobby = Room("lobby", history=3)
    with application():
        for message in ("a", b"b", {"c": 1}, [2], "e"):
            lobby.broadcast(message)
        assert [each.data for each in lobby.history()] == [{"c": 1}, [2], "e"]
        assert lobby.history()[-1].id == lobby.last_id()


@in_virtual_time
def test_messages_are_forgotten_after_their_time() -> None:
    lobby = Room("lobby", history=10, history_seconds=60)
    with application(now=rt.current_task().hub.time):
        lobby.broadcast("old")
        seen = lobby.last_id()
        rt.sleep(40)
        lobby.broadcast("new")
        rt.sleep(40)
        assert [each.data for each in lobby.history()] == ["new"]
        ada = socket()
        assert not lobby.join(ada, after=seen).has_gap
        assert ada.received() == ["new"]
        rt.sleep(40)
        assert lobby.join(socket(), after=seen).has_gap


@in_hub
def test_a_client_resumes_behind_its_id() -> None:
    lobby = Room("lobby", history=10, envelope=True)
    ada = socket()
    with application():
        with lobby.join(ada):
            lobby.broadcast("a")
        lobby.broadcast({"b": 1})
        lobby.broadcast("c")
        last = msgspec.json.decode(ada.received()[-1])
        assert last["data"] == "a"
        again = socket()
        with lobby.join(again, after=last["id"]):
            lobby.broadcast("d")
    received = [msgspec.json.decode(text) for text in again.received()]
    assert [each["data"] for each in received] == [{"b": 1}, "c", "d"]
    assert received[-1]["id"] != received[-2]["id"]


@pytest.mark.parametrize(
    "seen", ["nonsense", "0123-1", "9-1~a.1", "", "{epoch}-9", "{epoch}-2~x.9"]
)
@in_hub
def test_an_unknown_id_is_a_gap_and_an_empty_one_is_the_beginning(seen: str) -> None:
    lobby, ada = Room("lobby", history=2, envelope=True), socket()
    with application():
        for text in "abc":
            lobby.broadcast(text)
        epoch = lobby.last_id().partition("-")[0]
        membership = lobby.join(ada, after=seen.format(epoch=epoch))
        assert membership.has_gap is (seen != "")
    received = [msgspec.json.decode(text) for text in ada.received()]
    if seen:
        assert received.pop(0)["gap"] is True
    assert [each["data"] for each in received][-1] == "c"


@in_hub
def test_an_id_that_is_too_old_is_a_gap() -> None:
    lobby, ada = Room("lobby", history=2, envelope=True), socket()
    with application():
        start = lobby.last_id()
        lobby.broadcast("a")
        first = lobby.last_id()
        lobby.broadcast("b")
        lobby.broadcast("c")
        assert not lobby.join(socket(), after=first).has_gap
        assert lobby.join(ada, after=start).has_gap
        gap, *messages = (msgspec.json.decode(text) for text in ada.received())
        assert [each["data"] for each in messages] == ["b", "c"]
        assert gap == {"id": first, "gap": True}
        again = socket()
        assert not lobby.join(again, after=gap["id"]).has_gap
        assert len(again.received()) == 2


@in_hub
def test_nothing_is_lost_or_repeated_between_a_page_and_its_connection() -> None:
    lobby, ada = Room("lobby", history=5), socket()
    with application():
        page = lobby.last_id()
        lobby.broadcast("between")
        with lobby.join(ada, after=page):
            lobby.broadcast("after")
    assert ada.received() == ["between", "after"]


def follow(lobby: Room, last: int, chance: random.Random) -> list[int]:
    """Join again and again, each time behind the last id, and return the numbers received."""
    seen: list[int] = []
    last_id = ""
    while last not in seen:
        each = socket()
        with lobby.join(each, after=last_id):
            rt.sleep(chance.random() / 1000)
        for text in each.received():
            message = msgspec.json.decode(text)
            seen.append(message["data"])
            last_id = message["id"]
    return seen


@pytest.mark.parametrize("seed", range(20))
def test_each_message_arrives_once_and_in_order_while_sockets_come_and_go(seed: int) -> None:
    chance = random.Random(seed)
    lobby = Room("lobby", history=1000, envelope=True)
    numbers = itertools.count()

    def talk() -> None:
        for _ in range(20):
            lobby.broadcast(next(numbers))
            if chance.random() < 0.5:
                rt.yield_now()

    def main() -> None:
        with application():
            speakers = [rt.spawn(talk) for _ in range(3)]
            followers = [rt.spawn(follow, lobby, 59, chance) for _ in range(5)]
            for speaker in speakers:
                speaker.join()
            for follower in followers:
                assert follower.result() == list(range(60))

    rt.run(main)


@in_hub
def test_a_large_room_keeps_the_order_and_lets_others_run() -> None:
    lobby = Room("lobby", history=100)
    sockets = [socket() for _ in range(1000)]
    turns = 0

    def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            rt.yield_now()

    with application():
        for each in sockets:
            lobby.join(each)
        counting = rt.spawn(count_turns)
        with rt.scope() as tasks:
            for number in range(10):
                tasks.spawn(lobby.broadcast, str(number))
            start = lobby.last_id()
            rt.yield_now()
            late = socket()
            tasks.spawn(lobby.join, late, after=start)
        counting.cancel()
    texts = [str(number) for number in range(10)]
    assert all(each.received() == texts for each in sockets)
    assert late.received() == texts
    assert turns >= 30


@in_hub
def test_a_cancelled_broadcast_reaches_all_members_or_none() -> None:
    lobby = Room("lobby")
    sockets = [socket() for _ in range(600)]
    with application():
        for each in sockets:
            lobby.join(each)
        first, second = rt.spawn(lobby.broadcast, "1"), rt.spawn(lobby.broadcast, "2")
        rt.yield_now()
        first.cancel()
        second.cancel()
        first.join()
        second.join()
        lobby.broadcast("3")
    assert all(each.received() == ["1", "3"] for each in sockets)


# -- ids in messages -----------------------------------------------------------------------------


@in_hub
def test_the_id_can_be_a_member_of_the_message() -> None:
    lobby, ada = Room("lobby", history=5, id_member="last_id"), socket()
    with application(), lobby.join(ada):
        lobby.broadcast(Posted("hello"))
        lobby.broadcast({})
        last = lobby.last_id()
        with pytest.raises(TypeError, match="sends JSON objects only"):
            lobby.broadcast("text")
    first, second = (msgspec.json.decode(text) for text in ada.received())
    assert first == {"text": "hello", "type": "posted", "last_id": first["last_id"]}
    assert second == {"last_id": last}


@in_hub
def test_an_envelope_does_not_have_bytes() -> None:
    with application(), pytest.raises(TypeError, match="not bytes"):
        Room("lobby", envelope=True).broadcast(b"a")


@in_hub
def test_the_gap_message_can_be_one_of_the_application() -> None:
    lobby, ada = Room("lobby", gap=Posted("reload")), socket()
    with application():
        lobby.join(ada, after="nonsense")
    assert ada.received() == ['{"text":"reload","type":"posted"}']


# -- presence ------------------------------------------------------------------------------------


@in_hub
def test_a_user_joins_with_the_first_socket_and_leaves_with_the_last() -> None:
    calls: list[str] = []

    def joined(room: Room, user: str) -> None:
        calls.append(f"{room.name}: {user} joined")
        room.broadcast(f"{user} joined")
        if user == "eve":
            raise ZeroDivisionError

    def left(room: Room, user: str) -> None:
        calls.append(f"{room.name}: {user} left")

    lobby = Room("lobby", on_user_joined=joined, on_user_left=left)
    tabs = [socket() for _ in range(3)]
    with application():
        for tab in tabs:
            lobby.join(tab, user="ada")
        lobby.join(socket(), user="eve").leave()
        lobby.join(socket())
        assert lobby.presence() == {"ada": 3}
        for tab in tabs:
            tab.connection.close()
        rt.sleep(0)
        rt.yield_now()
    assert calls == ["lobby: ada joined", "lobby: eve joined", "lobby: eve left", "lobby: ada left"]


# -- events --------------------------------------------------------------------------------------


@in_hub
def test_events_have_the_messages_of_the_room_with_their_ids() -> None:
    lobby = Room("lobby", history=5)
    with application():
        lobby.broadcast("missed")
        events = lobby.events()
        lobby.broadcast("a\nb")
        lobby.broadcast({"c": 1})
        lobby.broadcast(b"d")
        start, *others = itertools.islice(events, 4)
        assert [each.encode() for each in others] == [
            f"id: {others[0].id}\ndata: a\ndata: b\n\n".encode(),
            f'id: {others[1].id}\ndata: {{"c":1}}\n\n'.encode(),
            f"event: binary\nid: {others[2].id}\ndata: ZA==\n\n".encode(),
        ]
        assert others[2].id == lobby.last_id()
        again = lobby.events(others[0].id)
        assert next(again) == others[1]
        assert next(lobby.events(start.id)) == others[0]
        gap = next(lobby.events("0-1"))
        assert (gap.event, gap.text) == ("gap", '{"type":"gap"}')


@in_hub
def test_a_stream_waits_for_messages_and_ends_when_the_server_stops() -> None:
    lobby = Room("lobby")
    with application() as rooms:
        stream = rt.spawn(lambda: [each.text for each in lobby.events()])
        rt.yield_now()
        lobby.broadcast("one")
        rt.yield_now()
        lobby.broadcast("two")
        rooms.drain()
        assert stream.result() == [None, "one", "two"]
        assert [each.text for each in lobby.events("")] == []


@in_hub
def test_a_slow_stream_gets_a_gap_and_not_an_endless_queue() -> None:
    lobby = Room("lobby")
    with application():
        events = lobby.events()
        next(events)
        for number in range(1000):
            lobby.broadcast(str(number))
        received = [next(events) for _ in range(65)]
        assert received[0].event == "gap"
        assert [each.text for each in received[1:]] == [str(each) for each in range(936, 1000)]
        events.close()  # type: ignore[attr-defined]
        assert lobby.history() == []


@in_hub
def test_metrics_count_members_and_messages() -> None:
    meter = Meter()
    rooms = Rooms(WebSocketsSettings(), meter, Readiness())
    lobby = Room("lobby")
    with rooms.running(), lobby.join(socket()), lobby.join(socket()):
        lobby.broadcast("one")
        figures = {name: observable.callback() for name, observable in meter._observables.items()}
    assert figures["photon_room_members"] == 2
    assert figures["photon_room_posts"] == 2
    assert figures["photon_room_messages"] == 1


@in_hub
def test_rooms_in_memory_warn_if_there_are_several_workers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with application():
        Room("lobby").broadcast("one worker")
    assert not caplog.records
    monkeypatch.setenv("PHOTON_WORKERS", "4")
    with application():
        Room("lobby").broadcast("four workers")
        Room("another").broadcast("four workers")
    [record] = caplog.records
    assert "4 workers serve the application: set [websockets] rooms" in record.getMessage()
