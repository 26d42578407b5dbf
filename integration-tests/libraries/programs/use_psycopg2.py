"""psycopg2: queries and row locks of many coroutines, cancellation, names and timeouts."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from typing import Any

import psycopg2
import psycopg2.extensions
import psycopg2.pool
from probe import Probe
from program import MANY, SLOW, at_once, perform
from sqlalchemy import create_engine, text

from photon_runtime import DeadlineExceeded, deadline, offload, scope, sleep, spawn


def row(cursor: psycopg2.extensions.cursor) -> tuple[Any, ...]:
    """Return the only row of a result."""
    found = cursor.fetchone()
    assert found is not None
    return found


def many_queries(url: str) -> object:
    """Each on a connection of its own; the name of the host is looked up first."""

    def call(number: int) -> int:
        named = url.replace("127.0.0.1", "localhost")
        with contextlib.closing(psycopg2.connect(named)) as connection, connection.cursor() as cur:
            cur.execute("SELECT %s::int, pg_sleep(%s)", (number, SLOW))
            return int(row(cur)[0])

    probe = Probe()
    with probe.running():
        answers, seconds = at_once(call)
    return {"answers": answers, "seconds": seconds, "late": probe.late}


def row_locks(url: str) -> object:
    """Coroutines that add to one row, each in a transaction that holds its lock for a while."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cur:
        cur.execute("DROP TABLE IF EXISTS counted_by_psycopg2")
        cur.execute("CREATE TABLE counted_by_psycopg2 AS SELECT 0 AS value")
        connection.commit()

        def add(_: int) -> None:
            with contextlib.closing(psycopg2.connect(url)) as mine, mine.cursor() as cursor:
                cursor.execute("SELECT value FROM counted_by_psycopg2 FOR UPDATE")
                (value,) = row(cursor)
                time.sleep(0.01)
                cursor.execute("UPDATE counted_by_psycopg2 SET value = %s", (value + 1,))
                mine.commit()

        probe = Probe()
        with probe.running(), scope() as tasks:
            for number in range(MANY):
                tasks.spawn(add, number)
        cur.execute("SELECT value FROM counted_by_psycopg2")
        (value,) = row(cur)
        cur.execute("DROP TABLE counted_by_psycopg2")
        connection.commit()
    return {"value": value, "late": probe.late}


def by_sqlalchemy(url: str) -> object:
    """The engine's own pool, and a deadline that leaves no broken connection in it."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"), pool_size=5)

    def call(number: int) -> int:
        with engine.connect() as connection:
            statement = text("SELECT CAST(:number AS int), pg_sleep(0.1)")
            return int(connection.execute(statement, {"number": number}).scalar_one())

    def overrun(_: int) -> None:
        with contextlib.suppress(DeadlineExceeded), deadline(0.05):
            call(0)

    at_once(overrun, 10)
    answers, _ = at_once(call)
    engine.dispose()
    return {"answers": answers}


def deadline_ends_the_query(url: str) -> object:
    """The call ends at its deadline, the connection is closed, the server ends the query."""
    connection = psycopg2.connect(url)
    backend = connection.get_backend_pid()
    begun = time.monotonic()
    try:
        with deadline(0.1), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")
    except DeadlineExceeded:
        seconds = time.monotonic() - begun
    with contextlib.closing(psycopg2.connect(url)) as other, other.cursor() as cursor:
        for _ in range(200):
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (backend,))
            (running,) = row(cursor)
            if not running:
                break
            other.rollback()
            sleep(0.02)
    return {"seconds": seconds, "closed": connection.closed, "running": running}


def silent_server(_: str) -> object:
    """Timeouts of psycopg2 and deadlines end the wait for a server that sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dsn = f"host=localhost port={silent.getsockname()[1]}"
        begun = time.monotonic()
        try:
            psycopg2.connect(dsn, connect_timeout=1)
        except psycopg2.OperationalError as error:
            message = str(error)
        timeout = time.monotonic() - begun
        begun = time.monotonic()
        try:
            with deadline(0.1):
                psycopg2.connect(dsn)
        except DeadlineExceeded:
            seconds = time.monotonic() - begun
    return {"message": message, "timeout": timeout, "seconds": seconds}


def outside_of_tasks(url: str) -> object:
    """Real threads wait as ever; COPY is refused."""

    def call(number: int) -> int:
        with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cur:
            cur.execute("SELECT %s::int, pg_sleep(0.05)", (number,))
            return int(row(cur)[0])

    answers, _ = at_once(lambda number: offload(call, number), 8)
    threads = psycopg2.pool.ThreadedConnectionPool(1, 5, url)
    connection = threads.getconn()
    try:
        connection.cursor().copy_expert("COPY (SELECT 1) TO STDOUT", io.BytesIO())
    except psycopg2.ProgrammingError as error:
        refused = type(error).__name__
    threads.closeall()
    return {"answers": answers, "refused": refused}


def notifications(url: str) -> object:
    """A coroutine waits for notifications by `select`, as the manual of psycopg2 shows."""
    import select

    connection = psycopg2.connect(url)
    connection.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
    connection.cursor().execute("LISTEN news_of_psycopg2")
    heard: list[str] = []

    def listen() -> None:
        while not heard:
            select.select([connection], [], [], 5)
            connection.poll()
            heard.extend(each.payload for each in connection.notifies)

    listening = spawn(listen)
    sleep(0.05)
    sender = threading.Thread(target=send_news, args=(url,))
    sender.start()
    listening.result()
    sender.join()
    connection.close()
    return {"heard": heard}


def send_news(url: str) -> None:
    """Send one notification."""
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.cursor().execute("NOTIFY news_of_psycopg2, 'hello'")
        connection.commit()


if __name__ == "__main__":
    perform(
        many_queries,
        row_locks,
        by_sqlalchemy,
        deadline_ends_the_query,
        silent_server,
        outside_of_tasks,
        notifications,
    )
