"""psycopg 3: slow queries on many connections and on one, notifications, and cancellation.

Under the patch with ``psycopg.connect``; without it with the driver's own `Connection`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import warnings

import psycopg
from program import MANY, SLOW, at_once, perform

from photon_runtime import (
    Channel,
    DeadlineExceeded,
    Event,
    deadline,
    offload,
    run,
    scope,
    sleep,
    spawn,
)
from photon_runtime.drivers.psycopg import Connection, is_interrupted, when_settled
from photon_runtime.patch import is_patched, real_sleep

connect = psycopg.connect if is_patched() else Connection.connect
warnings.simplefilter("error")
logging.basicConfig()


def ask(connection: psycopg.Connection, number: int, seconds: float = SLOW) -> int:
    """Ask for a number that takes its time."""
    row = connection.execute("SELECT pg_sleep(%s), %s::int", (seconds, number)).fetchone()
    assert row is not None
    return int(row[1])


def strike(connection: psycopg.Connection) -> float:
    """Let a deadline end a long query; return how long that took."""
    start = time.monotonic()
    try:
        with deadline(0.1):
            ask(connection, 0, seconds=30)
    except DeadlineExceeded:
        return time.monotonic() - start
    raise AssertionError("the query was not interrupted")


def is_busy(url: str, backend: int) -> bool:
    """Return whether the server works at a query of ``backend``."""
    with connect(url) as other:
        row = other.execute(
            "SELECT state FROM pg_stat_activity WHERE pid = %s", (backend,)
        ).fetchone()
        return row is not None and row[0] == "active"


def settled(connection: psycopg.Connection) -> bool:
    """Wait until an interrupted connection is cleaned up; return whether it is usable."""
    results: Channel[bool] = Channel(1)
    when_settled(connection, results.send)
    return results.receive()


def many_queries(url: str) -> object:
    """Each on a connection of its own."""

    def call(number: int) -> int:
        with connect(url) as connection:
            return ask(connection, number)

    answers, seconds = at_once(call)
    return {"answers": answers, "seconds": seconds}


def many_by_name(url: str) -> object:
    """With a name that must be looked up first, and in threads."""
    named = url.replace("127.0.0.1", "localhost")
    answers = []

    def call(number: int) -> None:
        with connect(named) as connection:
            answers.append(ask(connection, number))

    start = time.monotonic()
    threads = [threading.Thread(target=call, args=(number,)) for number in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"answers": sorted(answers), "seconds": time.monotonic() - start}


def one_connection(url: str) -> object:
    """Shared by two tasks: one waits for the other."""
    with connect(url) as connection:
        answers, seconds = at_once(lambda number: ask(connection, number), 2, expected=2 * SLOW)
        return {"answers": answers, "seconds": seconds}


def deadline_in_autocommit(url: str) -> object:
    """The query ends on the server, and the next one on the connection is answered."""
    with connect(url, autocommit=True) as connection:
        seconds = strike(connection)
        interrupted = is_interrupted(connection)
        answer = ask(connection, 7, seconds=0)
        busy = is_busy(url, connection.info.backend_pid)
        return {"seconds": seconds, "busy": busy, "next": answer, "interrupted": interrupted}


def deadline_in_transaction(url: str) -> object:
    """The transaction has failed, says so, and can be rolled back."""
    with connect(url) as connection:
        connection.execute("CREATE TEMP TABLE kept AS SELECT 1 AS value")
        connection.commit()
        connection.execute("INSERT INTO kept VALUES (2)")
        strike(connection)
        try:
            ask(connection, 7, seconds=0)
        except psycopg.errors.InFailedSqlTransaction:
            connection.rollback()
        rows = connection.execute("SELECT value FROM kept").fetchall()
        return {"rows": rows, "next": ask(connection, 7, seconds=0)}


def deadline_around_transaction(url: str) -> object:
    """A ``with`` block that a deadline leaves is rolled back in order."""
    with connect(url, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE kept (value int)")
        try:
            with deadline(0.1), connection.transaction():
                connection.execute("INSERT INTO kept VALUES (2)")
                ask(connection, 0, seconds=30)
        except DeadlineExceeded:
            pass
        assert settled(connection)
        status = connection.info.transaction_status.name
        rows = connection.execute("SELECT value FROM kept").fetchall()
        return {"rows": rows, "status": status}


def deadline_around_connection(url: str) -> object:
    """A connection that a deadline leaves is closed, not left to the garbage."""
    try:
        with deadline(0.1), connect(url) as connection:
            ask(connection, 0, seconds=30)
    except DeadlineExceeded:
        pass
    return {"closed": connection.closed}


def deadline_in_copy(url: str) -> object:
    """A connection in the midst of a copy is closed, because its state is not known."""
    query = "COPY (SELECT pg_sleep(0.01), repeat('x', 9999) FROM generate_series(1, 999)) TO STDOUT"
    connection = connect(url)
    backend = connection.info.backend_pid
    rows = 0
    try:
        with deadline(0.3), connection.cursor() as cursor, cursor.copy(query) as copy:
            for _ in copy:
                rows += 1
    except DeadlineExceeded:
        pass
    settled(connection)
    return {"closed": connection.closed, "busy": is_busy(url, backend), "some": 0 < rows < 999}


def deadline_in_connect(url: str) -> object:
    """Connecting to a server that says nothing: no descriptor is left."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        before = len(os.listdir("/dev/fd"))
        start = time.monotonic()
        try:
            with deadline(0.1):
                connect(f"host=127.0.0.1 port={port}")
        except DeadlineExceeded:
            pass
        seconds = time.monotonic() - start
        return {"seconds": seconds, "left": len(os.listdir("/dev/fd")) - before}


def timeout_in_connect(url: str) -> object:
    """The library's own timeouts go on to work."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        start = time.monotonic()
        try:
            connect(f"host=127.0.0.1 port={port} connect_timeout=2")
        except psycopg.errors.ConnectionTimeout:
            return {"seconds": time.monotonic() - start}
    raise AssertionError("the connection was made")


def notifications(url: str) -> object:
    """One task listens while another sends and sleeps."""

    def send() -> None:
        with connect(url, autocommit=True) as sender:
            for number in range(3):
                sleep(0.05)
                sender.execute("SELECT pg_notify('news', %s)", (str(number),))

    with connect(url, autocommit=True) as listener:
        listener.execute("LISTEN news")
        sending = spawn(send)
        heard = [note.payload for note in listener.notifies(timeout=20, stop_after=3)]
        sending.result()
        start = time.monotonic()
        silence = list(listener.notifies(timeout=0.3))
        return {"heard": heard, "silence": silence, "seconds": time.monotonic() - start}


def closed_by_another(url: str) -> object:
    """A task that waits learns that its connection was closed by another one."""
    connection = connect(url)
    waiting = spawn(ask, connection, 0, 30)
    sleep(0.1)
    connection.close()
    try:
        waiting.result()
    except psycopg.OperationalError as error:
        return {"error": str(error)}
    raise AssertionError("the query was not interrupted")


def results_that_arrive_as_a_whole(url: str) -> object:
    """A result is complete in the socket before it is read; libpq reads a part of it at a time."""
    sizes = [100, 16_500, 20_000, 30_000, 60_000]

    def block_once() -> None:
        real_sleep(0.1)

    def receive(query: str) -> int:
        spawn(block_once)  # runs when the query was sent, before the poller is asked
        with deadline(5):
            return sum(len(text) for (text,) in connection.execute(query).fetchall())

    with connect(url, autocommit=True) as connection:
        received = [
            receive(f"SELECT repeat('x', 50) FROM generate_series(1, {size // 50})")
            for size in sizes
        ]
        query = "COPY (SELECT generate_series(1, 20000)) TO STDOUT"
        with deadline(5), connection.cursor() as cursor, cursor.copy(query) as copy:
            spawn(block_once)
            rows = sum(1 for _ in copy.rows())
    return {"sizes": sizes, "received": received, "rows": rows}


def big_copy_beside_others(url: str) -> object:
    """A copy for which data is always there does not keep others from running."""
    beats: list[float] = []

    def beat() -> None:
        while not done.is_set():
            beats.append(time.monotonic())
            sleep(0.001)

    done = Event()
    with connect(url) as connection, connection.cursor() as cursor, scope() as tasks:
        cursor.execute("CREATE TEMP TABLE big (value text)")
        tasks.spawn(beat)
        with cursor.copy("COPY big FROM STDIN") as copy:
            for number in range(20_000):
                copy.write(f"{number}\n" * 20)
        cursor.execute("SELECT count(*) FROM big")
        row = cursor.fetchone()
        done.set()
    return {"count": row and row[0], "beats": len(beats)}


def pipeline_and_server_cursor(url: str) -> object:
    """Other roads than one query and one answer."""
    with connect(url) as connection:
        with connection.pipeline():
            cursors = [connection.execute("SELECT %s::int", (n,)) for n in range(50)]
            piped = [cursor.fetchall()[0][0] for cursor in cursors]
        with connection.cursor("mine") as cursor:
            cursor.execute("SELECT * FROM generate_series(0, 499)")
            named = [row[0] for row in cursor]
        with connection.cursor() as plain:
            streamed = [row[0] for row in plain.stream("SELECT * FROM generate_series(0, 499)")]
    return {"piped": piped, "named": named == streamed == list(range(500))}


def outside_of_tasks(url: str) -> object:
    """A real thread waits as ever, beside the hub."""

    def call(number: int) -> int:
        with connect(url) as connection:
            return ask(connection, number)

    answers, seconds = at_once(lambda number: offload(call, number), 8)
    return {"answers": answers, "seconds": seconds}


def perform_all() -> None:
    """Run the scenario of the command line."""
    perform(
        many_queries,
        many_by_name,
        one_connection,
        deadline_in_autocommit,
        deadline_in_transaction,
        deadline_around_transaction,
        deadline_around_connection,
        deadline_in_copy,
        deadline_in_connect,
        timeout_in_connect,
        notifications,
        closed_by_another,
        big_copy_beside_others,
        results_that_arrive_as_a_whole,
        pipeline_and_server_cursor,
        outside_of_tasks,
    )


if __name__ == "__main__":
    if is_patched():
        perform_all()
    else:
        run(perform_all)
