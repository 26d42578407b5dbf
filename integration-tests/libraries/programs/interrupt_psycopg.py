"""psycopg 3: the caller of an interrupted query leaves at once; what becomes of its connection.

Under the patch with ``psycopg.connect``; without it with the driver's own `Connection`.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from program import SLOW, at_once, perform

from photon_runtime import Channel, DeadlineExceeded, deadline, offload, run, scope, sleep, spawn
from photon_runtime.drivers.psycopg import (
    Connection,
    execute_command,
    is_interrupted,
    when_settled,
)
from photon_runtime.patch import is_patched

AnyConnection = psycopg.Connection[Any]
connect = psycopg.connect if is_patched() else Connection.connect
logging.basicConfig(level=logging.ERROR)

LIMIT = 0.3
"""Seconds of the deadlines."""


def overdue(call: Callable[[], object], seconds: float = LIMIT) -> float:
    """Let a deadline end ``call``; return how many seconds after it the caller had left."""
    start = time.monotonic()
    try:
        with deadline(seconds):
            call()
    except DeadlineExceeded:
        return time.monotonic() - start - seconds
    raise AssertionError("the call was not interrupted")


def settled(connection: AnyConnection) -> bool:
    """Wait until an interrupted connection is cleaned up; return whether it is usable."""
    results: Channel[bool] = Channel(1)
    when_settled(connection, results.send)
    return results.receive()


def active(url: str) -> list[str]:
    """Return the queries that the server works on, after a moment for those that are ending."""
    with connect(url, autocommit=True) as observer:
        for _ in range(40):
            queries = observer.execute(
                "SELECT query FROM pg_stat_activity"
                " WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%pg_sleep%'"
            ).fetchall()
            if not queries:
                break
            sleep(0.05)
        return [query for (query,) in queries]


@contextmanager
def stopped(connection: AnyConnection) -> Iterator[None]:
    """Stop the server's process for ``connection``."""
    backend = connection.info.backend_pid
    os.kill(backend, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(backend, signal.SIGCONT)


class Network:
    """A relay before the server."""

    def __init__(self, url: str) -> None:
        """Start it; see ``relay.py``."""
        parts = urlsplit(url)
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("relay.py"), str(parts.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        self.url = url.replace(f":{parts.port}", f":{port}")

    def do(self, command: str) -> None:
        """Give the relay a command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(command, file=self._process.stdin, flush=True)
        self._process.stdout.readline()

    def __enter__(self) -> Network:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


def stopped_server(url: str) -> object:
    """The connection is closed in the end, and nobody has waited for that."""
    connection = connect(url, autocommit=True)
    with stopped(connection):
        late = overdue(lambda: connection.execute("SELECT 1"))
        late_again = overdue(lambda: connection.execute("SELECT 2"))  # waits for the clean-up
        interrupted = is_interrupted(connection)
        start = time.monotonic()
        usable = settled(connection)
        seconds = time.monotonic() - start
    try:
        connection.execute("SELECT 3")
    except psycopg.OperationalError as error:
        return {
            "late": max(late, late_again),
            "interrupted": interrupted,
            "usable": usable,
            "seconds": seconds,
            "closed": connection.closed,
            "error": str(error),
        }
    raise AssertionError("the closed connection was used")


def stopped_server_in_blocks(url: str) -> object:
    """Neither the blocks of transactions nor the one of the connection keep the caller."""

    def nested() -> None:
        with connect(url) as connection, connection.transaction(), connection.transaction():
            connections.append(connection)
            with stopped(connection):
                try:
                    connection.execute("SELECT 1")
                finally:
                    left.append(time.monotonic())

    def rolled_back() -> None:
        with connect(url) as connection:
            connections.append(connection)
            connection.execute("SELECT 1")
            os.kill(connection.info.backend_pid, signal.SIGSTOP)
            sleep(10)

    connections: list[AnyConnection] = []
    left: list[float] = []
    late = [overdue(nested), overdue(rolled_back)]
    backends = [c.info.backend_pid for c in connections if not c.closed]
    closed = [c.closed for c in connections]
    with connect(url, autocommit=True) as other:
        query = "SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in%'"
        for (pid,) in other.execute(query).fetchall():
            os.kill(pid, signal.SIGCONT)
    return {"late": max(late), "closed": closed, "left": backends}


def silent_network(url: str) -> object:
    """Neither the connection nor the request to cancel gets anywhere."""
    with Network(url) as network:
        connection = connect(network.url, autocommit=True)
        network.do("silence")
        late = overdue(lambda: connection.execute("SELECT pg_sleep(0)"))
        late_connect = overdue(lambda: connect(network.url))
        usable = settled(connection)
        return {"late": max(late, late_connect), "usable": usable, "closed": connection.closed}


def slow_cancel(url: str) -> object:
    """A use waits until the request has arrived, and is not cancelled by it."""
    with Network(url) as network, connect(network.url, autocommit=True) as connection:
        network.do("delay 0.7")
        late = overdue(lambda: connection.execute("SELECT pg_sleep(0.5)"))
        start = time.monotonic()
        row = connection.execute("SELECT 7, pg_sleep(1)").fetchone()
        seconds = time.monotonic() - start
        return {"late": late, "row": row and row[0], "seconds": seconds}


def completed_unseen(url: str) -> object:
    """A statement that was done when its caller was led to believe that it failed."""
    with Network(url) as network, connect(network.url) as connection:
        connection.execute("CREATE TEMP TABLE kept (value int)")
        network.do("mute")

        def speak() -> None:
            sleep(2 * LIMIT)
            network.do("speak")

        speaking = spawn(speak)
        late = overdue(lambda: connection.execute("INSERT INTO kept VALUES (1)"))
        speaking.result()
        usable = settled(connection)
        return {"late": late, "usable": usable}


def query_behind_begin(url: str) -> object:
    """A deadline in the BEGIN of a call does not let its query run."""
    with Network(url) as network, connect(network.url) as connection:
        network.do("mute")

        def speak() -> None:
            sleep(2 * LIMIT)
            network.do("speak")

        speaking = spawn(speak)
        late = overdue(lambda: connection.execute("SELECT pg_sleep(30)"))
        speaking.result()
        start = time.monotonic()
        usable = settled(connection)
        return {
            "late": late,
            "usable": usable,
            "seconds": time.monotonic() - start,
            "status": connection.info.transaction_status.name,
            "active": active(url),
        }


ROWS = "SELECT pg_sleep(0.05), repeat('x', 9999) FROM generate_series(1, 200)"


def many(connection: AnyConnection) -> None:
    """`executemany`, which is a pipeline."""
    connection.cursor().executemany("SELECT pg_sleep(%s)", [(0.1,)] * 99)


def stream(connection: AnyConnection) -> None:
    """Rows one by one."""
    for _ in connection.cursor().stream(ROWS):
        pass


def copy_out(connection: AnyConnection) -> None:
    """`COPY TO`."""
    with connection.cursor().copy(f"COPY ({ROWS}) TO STDOUT") as copy:
        for _ in copy:
            pass


def copy_in(connection: AnyConnection) -> None:
    """`COPY FROM`."""
    connection.execute("CREATE TEMP TABLE big (value text)")
    with connection.cursor().copy("COPY big FROM STDIN") as copy:
        while True:
            copy.write("x\n" * 99)


def pipeline(connection: AnyConnection) -> None:
    """Many queries, one wait."""
    with connection.pipeline():
        for _ in range(99):
            connection.execute("SELECT pg_sleep(0.1)")


def named(connection: AnyConnection) -> None:
    """A cursor of the server, in a transaction."""
    with connection.transaction(), connection.cursor("mine") as cursor:
        cursor.itersize = 10
        for _ in cursor.execute(ROWS):
            pass


def notifies(connection: AnyConnection) -> None:
    """Notifications that do not come."""
    connection.execute("LISTEN news")
    connection.commit()
    list(connection.notifies())


def two_phases(connection: AnyConnection) -> None:
    """A transaction that could be prepared."""
    connection.tpc_begin("a-b-c")
    connection.execute("SELECT pg_sleep(30)")


def every_kind(url: str) -> object:
    """All ways to wait on a connection: late, and usable or closed, but never in between."""
    results: dict[str, object] = {}
    for each in (many, stream, copy_out, copy_in, pipeline, named, notifies, two_phases):
        with connect(url) as connection:
            late = overdue(partial(each, connection))
            usable = settled(connection)
            assert usable is not connection.closed
            if usable:
                undo = connection.tpc_rollback if each is two_phases else connection.rollback
                undo()
                assert connection.execute("SELECT 7").fetchone() == (7,)
            results[each.__name__] = {"late": late, "usable": usable}
    return {"results": results, "active": active(url)}


def at_random(url: str) -> object:
    """A hundred cancellations at random points; nothing is left behind."""
    chance = random.Random(8)

    def work() -> None:
        with connect(url) as connection:
            while True:
                with connection.transaction():
                    connection.execute("SELECT pg_sleep(%s)", (chance.random() / 50,))
                    with connection.cursor() as cursor, cursor.copy("COPY kept FROM STDIN") as copy:
                        copy.write("1\n" * 99)
                    connection.cursor().executemany("SELECT %s", [(1,), (2,)])
                connection.execute("SELECT pg_sleep(%s)", (chance.random(),))
                connection.commit()

    def overdue_at_random() -> float:
        return overdue(work, chance.random() / 2)

    with connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
    descriptors, threads = len(os.listdir("/dev/fd")), threading.active_count()
    late: list[float] = []
    for _ in range(5):
        with scope() as tasks:
            workers = [tasks.spawn(overdue_at_random) for _ in range(20)]
        late += [worker.result() for worker in workers]
    sleep(1)  # the clean-up goes on behind the callers
    with connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE kept")
    return {
        "cancelled": len(late),
        "late": max(late),
        "descriptors": len(os.listdir("/dev/fd")) - descriptors,
        "threads": threading.active_count() - threads,
        "active": active(url),
    }


def reused_at_random(url: str) -> object:
    """One connection that goes through many interruptions answers each query with its result."""
    chance = random.Random(8)
    interruptions = 0
    with connect(url) as connection:
        for number in range(100):
            try:
                with deadline(chance.random() / 50), connection.transaction():
                    query = "SELECT %s::int, pg_sleep(0.008)"
                    row = connection.execute(query, (number,)).fetchone()
                    assert row is not None
                    assert row[0] == number
            except DeadlineExceeded:
                interruptions += 1
            if connection.closed:
                raise AssertionError("the server answers, so the connection should be usable")
            status = connection.execute("SELECT %s::int", (number,)).fetchone()
            assert status == (number,)
            connection.commit()
    return {"interruptions": interruptions, "active": active(url)}


def the_hub_ends(url: str) -> object:
    """The query ends on the server although the program has nothing left to do."""

    def main() -> None:
        connection = connect(url, autocommit=True)
        overdue(lambda: connection.execute("SELECT pg_sleep(30)"))
        assert is_interrupted(connection)

    start = time.monotonic()
    offload(run, main)
    return {"seconds": time.monotonic() - start - LIMIT, "active": active(url)}


def used_inside_of_itself(url: str) -> object:
    """A task that would wait for itself is told so."""
    with connect(url, autocommit=True) as connection:
        connection.execute("LISTEN news")
        connection.execute("NOTIFY news")
        try:
            for _ in connection.notifies(timeout=5):
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            return {"error": str(error), "next": connection.execute("SELECT 7").fetchone()}
    raise AssertionError("the task waited for itself")


def several_hosts(url: str) -> object:
    """The first host refuses, the second is silent, the third answers."""
    parts = urlsplit(url)
    beats = 0

    def beat() -> None:
        nonlocal beats
        while True:
            sleep(0.01)
            beats += 1

    beating = spawn(beat)
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = f"{closed.getsockname()[1]},{silent.getsockname()[1]},{parts.port}"
        start = time.monotonic()
        with connect(
            host="127.0.0.1,127.0.0.1,localhost",
            port=ports,
            user=parts.username,
            dbname="postgres",
            connect_timeout=2,
        ) as connection:
            row = connection.execute("SELECT 7").fetchone()
        seconds = time.monotonic() - start
    beating.cancel()
    return {"row": row, "seconds": seconds, "beats": beats}


def cancelled_by_another(url: str) -> object:
    """`cancel_safe` of one task ends the query of another."""

    def cancelled() -> bool:
        try:
            connection.execute("SELECT pg_sleep(30)")
        except psycopg.errors.QueryCanceled:
            return True
        return False

    with connect(url, autocommit=True) as connection:
        waiting = spawn(cancelled)
        sleep(0.1)
        start = time.monotonic()
        connection.cancel_safe(timeout=5)
        return {"cancelled": waiting.result(), "seconds": time.monotonic() - start}


def from_another_thread(url: str) -> object:
    """A thread that cannot wait for the clean-up is refused."""
    connection = connect(url, autocommit=True)
    with stopped(connection):
        overdue(lambda: connection.execute("SELECT 1"))
        try:
            offload(connection.execute, "SELECT 2")
        except psycopg.OperationalError as error:
            connection.close()
            return {"error": str(error), "usable": settled(connection)}
    raise AssertionError("the interrupted connection was used")


def encrypted(url: str) -> object:
    """Many connections that speak TLS, and a deadline on one."""

    def call(number: int) -> str:
        with connect(url) as connection:
            connection.execute("SELECT pg_sleep(%s)", (SLOW,))
            query = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            row = connection.execute(query).fetchone()
            return str(row and row[0])

    protocols, seconds = at_once(call, 8)
    with connect(url, autocommit=True) as connection:
        late = overdue(lambda: connection.execute("SELECT pg_sleep(30)"))
        usable = settled(connection)
    return {"protocols": protocols, "seconds": seconds, "late": late, "usable": usable}


def commands(url: str) -> object:
    """Commands without a cursor: several at once, a refused one, and one that is interrupted."""
    with connect(url, autocommit=True) as connection:
        execute_command(connection, b"BEGIN; SET LOCAL statement_timeout = 1234")
        limit = connection.execute("SHOW statement_timeout").fetchone()
        connection.rollback()
        try:
            execute_command(connection, "BEGIN ISOLATION LEVEL ÄRGER".encode())
        except psycopg.errors.SyntaxError as error:
            refused = str(error)
        late = overdue(lambda: execute_command(connection, b"SELECT pg_sleep(30)"))
        usable = settled(connection)
        row = connection.execute("SELECT 7").fetchone()
    return {"limit": limit, "refused": refused, "late": late, "usable": usable, "next": row}


def perform_all() -> None:
    """Run the scenario of the command line."""
    perform(
        stopped_server,
        stopped_server_in_blocks,
        silent_network,
        slow_cancel,
        completed_unseen,
        query_behind_begin,
        every_kind,
        at_random,
        reused_at_random,
        the_hub_ends,
        used_inside_of_itself,
        several_hosts,
        cancelled_by_another,
        from_another_thread,
        encrypted,
        commands,
    )


if __name__ == "__main__":
    if is_patched():
        perform_all()
    else:
        run(perform_all)
