"""pg8000, a driver in pure Python: slow queries, and what a deadline does to a connection."""

from __future__ import annotations

import time
import warnings
from typing import Any
from urllib.parse import urlsplit

import pg8000.native  # type: ignore[import-untyped]  # it has none
from program import SLOW, at_once, perform

from photon_runtime import DeadlineExceeded, deadline

warnings.simplefilter("error")


def connect(url: str) -> Any:
    """Connect by the driver's own interface."""
    parts = urlsplit(url)
    return pg8000.native.Connection(
        parts.username,
        host=parts.hostname,
        port=parts.port,
        database=parts.path[1:],
        password=parts.password,
        ssl_context=False,  # to load the certificates takes 20 ms for each connection
    )


def ask(connection: Any, number: int, seconds: float = SLOW) -> int:
    """Ask for a number that takes its time."""
    rows = connection.run(
        "SELECT pg_sleep(:seconds), CAST(:number AS int)", seconds=seconds, number=number
    )
    return int(rows[0][1])


def many_queries(url: str) -> object:
    """Each on a connection of its own."""

    def call(number: int) -> int:
        connection = connect(url)
        try:
            return ask(connection, number)
        finally:
            connection.close()

    answers, seconds = at_once(call)
    return {"answers": answers, "seconds": seconds}


def after_deadline(url: str) -> object:
    """The driver does not notice: the connection must be closed, or its answers are wrong."""
    connection = connect(url)
    start = time.monotonic()
    try:
        with deadline(0.05):
            connection.run("SELECT 'the first', pg_sleep(0.5)")
    except DeadlineExceeded:
        seconds = time.monotonic() - start
    [[said, _]] = connection.run("SELECT 'the second', 0")
    connection.close()
    fresh = connect(url)
    answer = ask(fresh, 3, seconds=0)
    fresh.close()
    return {"seconds": seconds, "said": said, "fresh": answer}


if __name__ == "__main__":
    perform(many_queries, after_deadline)
