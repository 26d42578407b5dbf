"""SQLAlchemy on psycopg as it is: its pool under the patch, deadlines, and a server that stops.

Under the patch with its usual driver; without it with connections of `photon_runtime.drivers`.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable

from program import SLOW, at_once, perform
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from photon_runtime import DeadlineExceeded, deadline, run, sleep
from photon_runtime.drivers.psycopg import Connection
from photon_runtime.patch import is_patched

logging.basicConfig(level=logging.ERROR)
LIMIT = 0.3


def engine_of(url: str, *, pool_size: int | None = None) -> Engine:
    """Return an engine; without the patch its own pool would block the thread."""
    full = url.replace("postgresql://", "postgresql+psycopg://")
    if is_patched():
        return create_engine(full, pool_size=pool_size or 5, max_overflow=0)
    creator: Callable[[], object] = lambda: Connection.connect(url)  # noqa: E731
    if pool_size is None:
        engine = create_engine(full, creator=creator, poolclass=NullPool)
    else:
        engine = create_engine(full, creator=creator, pool_size=pool_size, max_overflow=0)
    with engine.connect():  # a cold engine looks at its server once, under a lock of threads
        return engine


def overdue(call: Callable[[], object]) -> float:
    """Let a deadline end ``call``; return how many seconds after it the caller had left."""
    start = time.monotonic()
    try:
        with deadline(LIMIT):
            call()
    except DeadlineExceeded:
        return time.monotonic() - start - LIMIT
    raise AssertionError("the call was not interrupted")


def many_queries(url: str) -> object:
    """Each in a connection from the engine."""
    engine = engine_of(url, pool_size=20) if is_patched() else engine_of(url)

    def call(number: int) -> int:
        with engine.begin() as connection:
            query = text("SELECT :number, pg_sleep(:seconds)")
            row = connection.execute(query, {"number": number, "seconds": SLOW}).one()
            return int(row[0])

    answers, seconds = at_once(call)
    engine.dispose()
    return {"answers": answers, "seconds": seconds}


def after_deadlines(url: str) -> object:
    """A pool of one has a connection for the next query, whatever the last one suffered."""
    engine = engine_of(url, pool_size=1)

    def query() -> None:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_sleep(30)"))

    def elsewhere() -> None:
        with engine.begin() as connection:
            connection.execute(text("CREATE TEMP TABLE gone (value int)"))
            sleep(30)

    late, answers = [], []
    for interrupted in (query, elsewhere, query):
        late.append(overdue(interrupted))
        with engine.begin() as connection:
            answers.append(connection.execute(text("SELECT 7")).scalar())
            assert connection.execute(text("SELECT to_regclass('gone')")).scalar() is None
    engine.dispose()
    return {"late": max(late), "answers": answers}


def stopped_server(url: str) -> object:
    """A connection that was closed behind the pool is replaced."""
    engine = engine_of(url, pool_size=1)
    with engine.begin() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    assert backend is not None

    def idle_then_rolled_back() -> None:
        with engine.begin() as connection:
            connection.execute(text("SELECT 1"))
            os.kill(backend, signal.SIGSTOP)
            sleep(30)

    late = overdue(idle_then_rolled_back)
    errors: list[bool] = []
    answer = None
    while answer is None:
        try:
            with engine.begin() as connection:
                answer = connection.execute(text("SELECT 7")).scalar()
        except OperationalError as error:
            errors.append(error.connection_invalidated)
    os.kill(backend, signal.SIGCONT)
    engine.dispose()
    return {"late": late, "errors": errors, "answer": answer}


def perform_all() -> None:
    """Run the scenario of the command line."""
    perform(many_queries, after_deadlines, stopped_server)


if __name__ == "__main__":
    if is_patched():
        perform_all()
    else:
        run(perform_all)
