"""`PostgreSQLStore` on a server that is restarted, stopped, or grants too little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

import photon_runtime as rt
from photon_runtime.errors import PhotonError
from photon_runtime.testing import in_hub
from photon_ws.rooms import (
    Batch,
    Entry,
    Record,
    Retention,
    StoreRefused,
    StoreUnavailable,
    postgresql,
)
from photon_ws.rooms.postgresql import PostgreSQLStore
from servers import PostgresServer, run_postgres

pytestmark = pytest.mark.slow
KEEP = Retention(100)


def batch(sequence: int, payload: bytes = b"x", room: str = "room") -> Batch:
    return Batch(room, [Record("a" * 16, sequence, "bytes", payload)], KEEP)


class Hints:
    """What a listener was told."""

    def __init__(self) -> None:
        self.is_listening = rt.Event()
        self.arrived = rt.Channel[list[Entry] | None](100)

    def listening(self) -> None:
        self.is_listening.set()

    def received(self, room: str, epoch: str, entries: Sequence[Entry]) -> None:
        self.arrived.send([*entries])

    def changed(self, room: str) -> None:
        self.arrived.send(None)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that tests may stop."""
    with run_postgres(max_connections=30) as server:
        yield server


@in_hub
def test_small_messages_come_with_the_notification_and_large_ones_are_read(
    empty_postgres_url: str,
) -> None:
    store, hints = PostgreSQLStore(empty_postgres_url), Hints()
    store.open()
    with rt.scope() as tasks:
        listening = tasks.spawn(store.listen, hints)
        hints.is_listening.wait()
        with rt.deadline(5):
            store.append([batch(1, b"\0\xff" * 100)])
            entries = hints.arrived.receive()
            assert entries == store.read("room", 0, 10).entries
            store.append([batch(2, b"x" * 5_000)])
            assert (entries := hints.arrived.receive()) is not None
            assert entries[0].payload == b"x" * 5_000
            store.append([batch(3, b"x" * 8_000)])
            assert hints.arrived.receive() is None
            several = [Record("b" * 16, number, "bytes", b"x" * 1_000) for number in range(50)]
            store.append([Batch("room", several, KEEP)])
            received: list[Entry] = []
            while len(received) < 50:
                received += hints.arrived.receive() or []
            assert received == store.read("room", 3, 100).entries
            large = [
                Record("c" * 16, number, "bytes", b"x" * (9_000 if number == 3 else 1_000))
                for number in range(5)
            ]
            store.append([Batch("room", large, KEEP)])
            assert (first := hints.arrived.receive()) is not None
            assert [each.sequence for each in first] == [0, 1, 2]
            assert hints.arrived.receive() is None
            # The name of the room counts, too.
            store.append([batch(4, b"x" * 5_000, room="☃" * 200)])
            hints.arrived.receive()
        listening.cancel()
    store.close()


@in_hub
def test_a_killed_listening_connection_is_an_error_and_another_one_is_made(
    server: PostgresServer,
) -> None:
    store = PostgreSQLStore(server.url)
    store.open()
    for _ in range(2):
        hints = Hints()
        with rt.scope() as tasks:
            listening = tasks.spawn(lambda each: outcome(store, each), hints)
            hints.is_listening.wait()
            rt.offload(
                server.execute,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE 'LISTEN%%' AND application_name = %s",
                "photon rooms",
            )
            with rt.deadline(5):
                error = listening.result()
        assert isinstance(error, StoreUnavailable)
    store.close()


def outcome(store: PostgreSQLStore, hints: Hints) -> Exception:
    try:
        store.listen(hints)
    except StoreUnavailable as error:
        return error
    raise AssertionError("it has returned")


@in_hub
def test_calls_fail_while_the_server_is_down_and_succeed_afterwards(
    server: PostgresServer,
) -> None:
    store = PostgreSQLStore(server.url)
    store.open()
    store.append([batch(101)])
    before = store.read("room", 0, 1)
    rt.offload(server.stop)
    for _ in range(6):  # more often than it has connections
        with pytest.raises(StoreUnavailable, match="PostgreSQL: "):
            store.append([batch(102)])
        with pytest.raises(StoreUnavailable):
            store.read("room", 0, 1)
        with pytest.raises(StoreUnavailable):
            store.listen(Hints())
    rt.offload(server.start)
    [appended] = store.append([batch(102)])
    assert (appended.epoch, appended.first) == (before.epoch, before.last + 1)
    store.close()


@in_hub
def test_a_server_that_is_silent_is_noticed(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_SILENCE", 0.2)
    monkeypatch.setattr(postgresql, "_ANSWER", 0.3)
    store, hints = PostgreSQLStore(server.url), Hints()
    store.open()
    with rt.scope() as tasks:
        listening = tasks.spawn(silence, store, hints)
        hints.is_listening.wait()
        rt.sleep(0.5)  # a server that answers may be silent for longer
        assert not listening.done
        with server.paused():
            with rt.deadline(5):
                listening.join()
            with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.2):
                store.append([batch(201)])
    store.append([batch(201)])
    assert store.read("room", 0, 1000).entries[-1].sequence == 201
    store.close()


def silence(store: PostgreSQLStore, hints: Hints) -> None:
    with pytest.raises(StoreUnavailable):
        store.listen(hints)


@in_hub
def test_a_missing_right_is_a_clear_error_until_an_administrator_makes_the_schema(
    server: PostgresServer,
) -> None:
    def execute(statement: str) -> None:
        rt.offload(server.execute, statement)

    execute("CREATE ROLE chat LOGIN")
    url = server.url.replace("photon@", "chat@") + "?schema=chat_rooms"
    store = PostgreSQLStore(url)
    with pytest.raises(StoreRefused, match=r"permission denied .* CREATE SCHEMA chat_rooms"):
        store.open()
    execute("CREATE SCHEMA chat_rooms")
    with pytest.raises(StoreRefused, match="permission denied for schema chat_rooms"):
        store.open()
    execute("GRANT CREATE, USAGE ON SCHEMA chat_rooms TO chat")
    execute("CREATE TABLE chat_rooms.other (id int)")
    store.open()
    store.open()
    [appended] = store.append([batch(1)])
    assert appended.first == 1
    execute("COMMENT ON TABLE chat_rooms.logs IS 'photon rooms 0'")
    store.open()  # another version
    [again] = store.append([batch(1)])
    assert (again.first, again.epoch == appended.epoch) == (1, False)
    execute("SELECT * FROM chat_rooms.other")
    store.close()


@pytest.mark.parametrize("schema", ["Rooms", "a b", "x" * 41, 'a";--', ""])
def test_the_name_of_a_schema_is_checked(schema: str) -> None:
    with pytest.raises(PhotonError, match="schema must have"):
        PostgreSQLStore(f"postgresql://127.0.0.1/postgres?schema={schema}")


@in_hub
def test_logs_have_another_epoch_after_a_standby_has_taken_over(server: PostgresServer) -> None:
    url = server.url + "?schema=standby"
    store = PostgreSQLStore(url)
    store.open()
    [before] = store.append([batch(1)])
    again = PostgreSQLStore(url)
    again.open()
    assert again.read("room", 0, 1).epoch == before.epoch
    [(timeline,)] = rt.offload(server.execute, "SELECT timeline FROM standby.server")
    assert timeline == "00000001"
    rt.offload(server.execute, "UPDATE standby.server SET timeline = '00000000'")
    store.close()  # its connections are lost
    page = store.read("room", 0, 1)
    assert page.epoch != before.epoch
    assert again.read("room", 0, 1).epoch == page.epoch
    store.close()
    again.close()


@in_hub
def test_the_isolation_level_of_the_database_does_not_matter(server: PostgresServer) -> None:
    rt.offload(server.execute, "ALTER ROLE photon SET default_transaction_isolation = serializable")
    stores = [PostgreSQLStore(server.url + "?schema=serial") for _ in range(3)]
    with rt.scope() as tasks:
        for store in stores:
            tasks.spawn(store.open)

    def work(store: PostgreSQLStore, origin: str) -> None:
        for sequence in range(1, 31):
            record = Record(origin, sequence, "text", b"x")
            store.append([Batch("room", [record], KEEP)])

    with rt.scope() as tasks:
        for number, store in enumerate(stores):
            tasks.spawn(work, store, str(number) * 16)
    assert stores[0].read("room", 0, 100).last == 90
    for store in stores:
        store.close()
    rt.offload(server.execute, "ALTER ROLE photon RESET default_transaction_isolation")
