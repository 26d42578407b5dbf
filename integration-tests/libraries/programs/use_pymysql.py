"""PyMySQL: commands wait beside others, deadlines hold, and nothing half-read is ever read again.

Under the patch with ``pymysql.connect``; without it with the driver's own `Connection`.
"""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pymysql
from program import MANY, SLOW, at_once, perform
from pymysql.cursors import SSCursor

from photon_runtime import Channel, DeadlineExceeded, deadline, offload, run, scope, sleep, spawn
from photon_runtime.drivers.pymysql import (
    Connection,
    is_in_transaction,
    is_interrupted,
    reset_session,
    when_settled,
)
from photon_runtime.patch import is_patched

AnyConnection = Any
new_connection: Any = pymysql.connect if is_patched() else Connection
logging.basicConfig(level=logging.ERROR)

LIMIT = 0.3
"""Seconds of the deadlines."""

ROWS = 100_000
NUMBERS = f"SELECT seq, REPEAT('x', 100) FROM seq_1_to_{ROWS}"


def connect(url: str, **options: Any) -> AnyConnection:
    """Connect to the server at ``url``, which commits each statement."""
    parts = urlsplit(url)
    address = {"host": parts.hostname, "port": parts.port, "database": parts.path[1:]}
    given = {"user": parts.username, "autocommit": True, **dict(parse_qsl(parts.query))}
    return new_connection(**{**address, **given, **options})


def value(connection: AnyConnection, query: str, *parameters: object) -> Any:
    """Return the first value that ``query`` selects."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return cursor.fetchone()[0]


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
    """Wait until the query of a connection has ended; return whether the connection is open."""
    results: Channel[bool] = Channel(1)
    when_settled(connection, results.send)
    return results.receive()


def active(url: str) -> list[str]:
    """Return the queries that the server works on."""
    connection = connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT info FROM information_schema.processlist"
            " WHERE id <> connection_id() AND command = 'Query' AND info LIKE '%SLEEP%'"
        )
        return [row[0] for row in cursor.fetchall()]


def error_of(call: Callable[[], object]) -> str:
    """Return the class of the error of ``call``, and its text."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "none"


@contextmanager
def beats() -> Iterator[list[float]]:
    """Measure how long other tasks have to wait: the pauses between the turns of a task."""
    pauses: list[float] = []

    def beat() -> None:
        before = time.monotonic()
        while True:
            sleep(0.001)
            now = time.monotonic()
            pauses.append(now - before)
            before = now

    with scope() as tasks:
        task = tasks.spawn(beat)
        sleep(0)
        yield pauses
        task.cancel()


# Waiting


def many_queries(url: str) -> object:
    """Each task queries on a connection of its own."""

    def query(number: int) -> int:
        with connect(url) as connection:
            return int(value(connection, "SELECT %s + SLEEP(%s)", number, SLOW))

    answers, seconds = at_once(query)
    return {"answers": answers, "seconds": seconds}


def one_connection(url: str) -> object:
    """Two tasks share a connection."""
    connection = connect(url)
    start = time.monotonic()
    with scope() as tasks:
        calls = [
            tasks.spawn(value, connection, "SELECT %s + SLEEP(%s)", number, SLOW)
            for number in range(3)
        ]
    return {
        "answers": [int(call.result()) for call in calls],
        "seconds": time.monotonic() - start,
    }


def outside_of_tasks(url: str) -> object:
    """Real threads wait as ever, and tasks use a connection that a thread has made."""
    results: dict[str, Any] = {}

    def work() -> None:
        connection = connect(url)
        results["thread"] = value(connection, "SELECT 7")
        results["connection"] = connection

    offload(work)
    with results["connection"] as connection:
        return [results["thread"], value(connection, "SELECT 8")]


def big_results(url: str) -> object:
    """Long rows and many rows arrive whole, and other tasks run meanwhile."""
    with connect(url) as connection, beats() as pauses:
        row = value(connection, "SELECT REPEAT('x', 20000000)")
        count = len(pauses)
        with connection.cursor() as cursor:
            cursor.execute(NUMBERS)
            numbers = [number for number, _ in cursor.fetchall()]
        beside = len(pauses) - count
        # Split into packets: the server's limit is 64 MB, a packet has 16 MB.
        sent = value(connection, "SELECT LENGTH(%s)", "y" * 20_000_000)
    return {
        "row": len(row),
        "numbers": numbers == list(range(1, ROWS + 1)),
        "beats": beside,
        "sent": sent,
    }


def unbuffered(url: str) -> object:
    """Rows are read one by one, while other tasks run."""
    connection = connect(url)
    with beats() as pauses, connection.cursor(SSCursor) as cursor:
        cursor.execute(NUMBERS)
        total = sum(number for number, _ in cursor)
    return {
        "total": total == ROWS * (ROWS + 1) // 2,
        "beats": len(pauses),
        "next": value(connection, "SELECT 7"),
    }


def unbuffered_keeps_the_connection(url: str) -> object:
    """Another task waits until the rows have been read."""
    connection = connect(url)
    order: list[str] = []

    def other() -> None:
        order.append(value(connection, "SELECT 'other'"))

    with scope() as tasks, connection.cursor(SSCursor) as cursor:
        cursor.execute("SELECT seq FROM seq_1_to_50")
        numbers = [cursor.fetchone()[0] for _ in range(10)]
        tasks.spawn(other)
        sleep(0.05)
        numbers += [number for (number,) in cursor]
        order.append("rows")
    return {"numbers": numbers == list(range(1, 51)), "order": order}


def unbuffered_and_a_further_query(url: str) -> object:
    """The task that reads rows may give up the rest of them, as with plain PyMySQL."""
    connection = connect(url)
    cursor = connection.cursor(SSCursor)
    cursor.execute("SELECT seq FROM seq_1_to_50")
    cursor.fetchone()
    cursor.close()
    first = value(connection, "SELECT 7")
    with scope() as tasks:
        task = tasks.spawn(value, connection, "SELECT 8")
    return [first, task.result()]


def load_data(url: str) -> object:
    """A file is sent to the server."""
    with connect(url, local_infile=True) as connection, tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "numbers.csv")
        file.write_text("".join(f"{number}\n" for number in range(200_000)))
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE loaded (number int)")
            cursor.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE loaded")
        missing = error_of(
            lambda: value(connection, "LOAD DATA LOCAL INFILE '/nowhere' INTO TABLE loaded")
        )
        return {
            "count": value(connection, "SELECT COUNT(*) FROM loaded"),
            "missing": missing[:16],
            "next": value(connection, "SELECT 7"),
        }


def encrypted(url: str) -> object:
    """TLS, with a certificate that is verified."""

    def query(number: int) -> str:
        with connect(url, ssl_verify_cert=True, ssl_verify_identity=True) as connection:
            value(connection, "SELECT SLEEP(%s)", SLOW)
            with connection.cursor() as cursor:
                cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
                return str(cursor.fetchone()[1])

    answers, seconds = at_once(query, 8)
    connection = connect(url, ssl_verify_cert=True, ssl_verify_identity=True)
    late = overdue(lambda: value(connection, "SELECT SLEEP(30)"))
    usable = settled(connection)
    return {
        "versions": answers,
        "seconds": seconds,
        "late": late,
        "usable": usable,
        "active": active(url),
    }


def by_unix_socket(url: str) -> object:
    """A connection by the path of a socket."""
    path = dict(parse_qsl(urlsplit(url).query))["unix_socket"]
    plain = url.partition("?")[0]
    connection = connect(plain, unix_socket=path)
    late = overdue(lambda: value(connection, "SELECT SLEEP(30)"))
    return {"late": late, "usable": settled(connection), "active": active(plain)}


# Interruption


def interrupted(url: str) -> object:
    """The caller leaves at once, the connection is closed, and the query ends on the server."""
    connection = connect(url)
    late = overdue(lambda: value(connection, "SELECT SLEEP(30)"))
    is_open, was_interrupted = connection.open, is_interrupted(connection)
    start = time.monotonic()
    usable = settled(connection)
    return {
        "late": late,
        "open": is_open,
        "interrupted": was_interrupted,
        "usable": usable,
        "seconds": time.monotonic() - start,
        "afterwards": is_interrupted(connection),
        "error": error_of(lambda: value(connection, "SELECT 1")),
        "again": settled(connection),
        "active": active(url),
    }


def in_transaction(connection: AnyConnection) -> None:
    """A block that rolls back."""
    try:
        connection.begin()
        value(connection, "SELECT SLEEP(30)")
    finally:
        connection.rollback()


def in_rows(connection: AnyConnection) -> None:
    """The reading of rows, one by one."""
    with connection.cursor(SSCursor) as cursor:
        cursor.execute("SELECT REPEAT('x', 20000), SLEEP(0.05) FROM seq_1_to_300")
        for _ in cursor:
            pass


def before_rows(connection: AnyConnection) -> None:
    """The wait for the first row."""
    with connection.cursor(SSCursor) as cursor:
        cursor.execute("SELECT SLEEP(30)")


def in_several_results(connection: AnyConnection) -> None:
    """The second of three results."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1; SELECT SLEEP(30); SELECT 3")
        while cursor.nextset():
            pass


def in_procedure(connection: AnyConnection) -> None:
    """A query of a procedure."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE PROCEDURE slow() BEGIN DO SLEEP(30); END")
        cursor.callproc("slow")


def every_kind(url: str) -> object:
    """Whatever waits: the interruption is what is raised, on time, and the connection closes."""
    results: dict[str, Any] = {}
    multiple = pymysql.constants.CLIENT.MULTI_STATEMENTS
    for kind in (in_transaction, in_rows, before_rows, in_several_results, in_procedure):
        connection = connect(url, client_flag=multiple)
        late: list[float] = []
        error = error_of(lambda: late.append(overdue(partial(kind, connection))))  # noqa: B023  at once
        results[kind.__name__] = [error, late, settled(connection), connection.open]
    return {"results": results, "active": active(url)}


def rows_of_a_closed_connection(url: str) -> object:
    """A cursor does not end as if it had read all rows."""
    connection = connect(url)
    cursor = connection.cursor(SSCursor)
    cursor.execute("SELECT REPEAT('x', 20000), SLEEP(0.05) FROM seq_1_to_200")
    overdue(cursor.fetchall)
    by_deadline = error_of(cursor.fetchone)
    cursor.close()

    other = connect(url)
    second = other.cursor(SSCursor)
    second.execute("SELECT seq FROM seq_1_to_200")
    second.fetchone()
    other.close()
    return [by_deadline, error_of(second.fetchall)]


def paused_server(url: str) -> object:
    """The server does not read: neither a query nor a large one nor a file holds its caller."""
    connections = [connect(url, local_infile=True) for _ in range(4)]
    with connections[3].cursor() as cursor, tempfile.TemporaryDirectory() as folder:
        cursor.execute("CREATE TEMPORARY TABLE loaded (line varchar(200))")
        file = Path(folder, "lines")
        file.write_text("x" * 100 + "\n")
        with file.open("r+") as sparse:
            sparse.truncate(60_000_000)
        os.write(1, b"pause\n")
        sleep(0.3)
        calls: list[Callable[[], object]] = [
            lambda: value(connections[0], "SELECT 1"),
            lambda: value(connections[1], "SELECT LENGTH(%s)", "x" * 30_000_000),
            lambda: connections[2].ping(),
            lambda: cursor.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE loaded"),
        ]
        late = [overdue(call) for call in calls]
    is_open = [connection.open for connection in connections]
    start = time.monotonic()
    connecting = error_of(lambda: connect(url, connect_timeout=1))
    seconds = time.monotonic() - start
    start = time.monotonic()
    usable = [settled(connection) for connection in connections]
    return {
        "late": late,
        "open": is_open,
        "connecting": connecting,
        "seconds": seconds,
        "usable": usable,
        "settled": time.monotonic() - start,
    }


def a_failing_converter(url: str) -> object:
    """An error of the client in the midst of a result leaves nothing to be read by the next."""
    failing = {**pymysql.converters.conversions}

    def fail(_: str) -> None:
        raise ValueError("not for me")

    failing[pymysql.constants.FIELD_TYPE.LONGLONG] = fail
    connection = connect(url, conv=failing)
    error = error_of(lambda: value(connection, "SELECT seq FROM seq_1_to_1000"))
    return {
        "error": error,
        "next": error_of(lambda: value(connection, "SELECT 'x'")),
        "usable": settled(connection),
    }


def errors_that_end_nothing(url: str) -> object:
    """Errors of the server, and of what was never sent, leave the connection open."""
    connection = connect(url)
    errors = [
        error_of(lambda: value(connection, "SELECT nonsense")),
        error_of(lambda: value(connection, "KILL QUERY 4000000000")),
        error_of(lambda: connection.kill("seven")),
        error_of(lambda: connection.select_db("nowhere")),
    ]
    return {
        "errors": [error.partition(":")[0] for error in errors],
        "next": value(connection, "SELECT 7"),
    }


def closed_by_another(url: str) -> object:
    """A task that waits for a result leaves when another closes its connection."""
    connection = connect(url)
    start = time.monotonic()
    with scope() as tasks:
        task = tasks.spawn(lambda: error_of(lambda: value(connection, "SELECT SLEEP(30)")))
        sleep(0.1)
        connection.close()
    return {
        "error": task.result(),
        "seconds": time.monotonic() - start,
        "usable": settled(connection),
        "active": active(url),
    }


def a_burst(url: str) -> object:
    """Many deadlines at once do not become many connections."""
    connections = [connect(url) for _ in range(50)]
    observer = connect(url)

    def made() -> int:
        with observer.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Connections'")
            return int(cursor.fetchone()[1])

    before = made()
    with scope() as tasks:
        calls = [
            tasks.spawn(overdue, lambda each=each: value(each, "SELECT SLEEP(30)"))  # type: ignore[misc]  # a default
            for each in connections
        ]
    start = time.monotonic()
    usable = [settled(connection) for connection in connections]
    return {
        "late": max(call.result() for call in calls),
        "usable": any(usable),
        "settled": time.monotonic() - start,
        "made": made() - before,
        "active": active(url),
    }


def at_random(url: str) -> object:
    """A pool of three connections is used by many, who leave at random points."""
    generator = random.Random(5)
    before = len(os.listdir("/proc/self/fd"))
    pool: Channel[AnyConnection] = Channel(3)
    for _ in range(3):
        pool.send(connect(url))
    counts = {"interrupted": 0, "answered": 0}
    wrong: list[object] = []

    def use(number: int, limit: float) -> None:
        connection = pool.receive()
        try:
            with deadline(limit):
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT %s, SLEEP(0.005), REPEAT(%s, 5000) FROM seq_1_to_5",
                        (number, number % 10),
                    )
                    rows = cursor.fetchall()
                if [row[0] for row in rows] != [number] * 5 or {row[2][0] for row in rows} != {
                    str(number % 10)
                }:
                    wrong.append(rows)
                counts["answered"] += 1
        except DeadlineExceeded:
            counts["interrupted"] += 1
        if not connection.open:
            settled(connection)
            connection = connect(url)
        pool.send(connection)

    with scope() as tasks:
        for number in range(150):
            tasks.spawn(use, number, generator.uniform(0.002, 0.06))
    for _ in range(3):
        pool.receive().close()
    descriptors = len(os.listdir("/proc/self/fd")) - before
    return {**counts, "wrong": wrong, "active": active(url), "descriptors": descriptors}


def behind_a_relay(url: str) -> object:
    """The server sees another port of the client, so its connection cannot be told for sure."""
    port = str(urlsplit(url).port)
    relay = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("relay.py"), port],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert relay.stdout is not None
    connection = connect(url.replace(port, relay.stdout.readline().strip()))
    late = overdue(lambda: value(connection, "SELECT SLEEP(30)"))
    start = time.monotonic()
    usable = settled(connection)
    seconds = time.monotonic() - start
    relay.kill()
    relay.communicate()
    still_active = active(url)
    with connect(url) as observer, observer.cursor() as cursor:
        cursor.execute(f"KILL {connection.thread_id()}")
    return {"late": late, "usable": usable, "seconds": seconds, "active": still_active}


def the_hub_ends(url: str) -> object:
    """The end of the hub cancels a query, and what was interrupted is ended on the server."""
    connections: list[AnyConnection] = []

    def main() -> None:
        connections.append(connect(url))
        spawn(value, connections[0], "SELECT SLEEP(30)")
        sleep(0.1)

    start = time.monotonic()
    offload(run, main)
    seconds = time.monotonic() - start
    return {"seconds": seconds, "open": connections[0].open, "active": active(url)}


def transactions(url: str) -> object:
    """What an interrupted transaction has written is rolled back, and its locks are free."""
    with connect(url) as observer, observer.cursor() as cursor:
        cursor.execute("CREATE TABLE written (number int PRIMARY KEY) ENGINE=InnoDB")
        connection = connect(url, autocommit=False)
        value_of = connection.cursor()
        value_of.execute("INSERT INTO written VALUES (1)")
        overdue(lambda: value(connection, "SELECT SLEEP(30)"))
        settled(connection)
        cursor.execute("INSERT INTO written VALUES (1)")
        cursor.execute("SELECT COUNT(*) FROM written")
        count = cursor.fetchone()[0]
        cursor.execute("DROP TABLE written")
        return count


def resets(url: str) -> object:
    """A session is as new after a reset, and as its connection was made."""
    connection = connect(
        url, charset="latin1", sql_mode="ANSI_QUOTES", init_command="SET @made = 1"
    )
    states = [is_in_transaction(connection)]
    with connect(url) as observer, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE written (number int) ENGINE=InnoDB")
        for command in (
            "SET NAMES utf8mb4",
            "SET @gone = 1, sql_mode = '', autocommit = 0",
            "SELECT GET_LOCK('lock', 0)",
            "CREATE TEMPORARY TABLE gone (number int)",
            "BEGIN",
            "INSERT INTO written VALUES (1)",
        ):
            cursor.execute(command)
        states.append(is_in_transaction(connection))
        reset_session(connection)
        states.append(is_in_transaction(connection))
        found = {
            "states": states,
            "variables": [value(connection, "SELECT @gone"), value(connection, "SELECT @made")],
            "names": value(connection, "SELECT @@character_set_client"),
            "mode": value(connection, "SELECT @@sql_mode"),
            "autocommit": value(connection, "SELECT @@autocommit"),
            "rows": value(observer, "SELECT COUNT(*) FROM written"),
            "lock": value(observer, "SELECT IS_FREE_LOCK('lock')"),
            "table": error_of(lambda: value(connection, "SELECT 1 FROM gone"))[:16],
        }
        cursor.execute("DROP TABLE written")
    return found


def sqlalchemy_pool(url: str) -> object:
    """A pool of SQLAlchemy replaces what was interrupted."""
    import sqlalchemy

    def creator() -> AnyConnection:
        return connect(url, autocommit=False)

    engine = sqlalchemy.create_engine(
        "mysql+pymysql://", creator=creator, pool_size=1, max_overflow=0
    )
    answers = []
    late = []
    for number in range(3):

        def query() -> None:
            with engine.connect() as connection:
                connection.execute(sqlalchemy.text("SELECT SLEEP(30)"))

        late.append(overdue(query))
        with engine.begin() as connection:
            answers.append(connection.execute(sqlalchemy.text(f"SELECT {number}")).scalar())
    engine.dispose()
    return {"late": max(late), "answers": answers, "many": MANY, "active": active(url)}


if __name__ == "__main__":
    perform_all = partial(
        perform,
        many_queries,
        one_connection,
        outside_of_tasks,
        big_results,
        unbuffered,
        unbuffered_keeps_the_connection,
        unbuffered_and_a_further_query,
        load_data,
        encrypted,
        by_unix_socket,
        interrupted,
        every_kind,
        rows_of_a_closed_connection,
        paused_server,
        a_failing_converter,
        errors_that_end_nothing,
        closed_by_another,
        a_burst,
        at_random,
        behind_a_relay,
        the_hub_ends,
        transactions,
        resets,
        sqlalchemy_pool,
    )
    if is_patched():
        perform_all()
    else:
        run(perform_all)
