# mypy: disable-error-code="import-not-found, import-untyped, untyped-decorator"
"""The routes of the database suite, on Flask and plain psycopg under gevent. Argument: the port.

A stack of open connections is the pool; those that only read commit nothing.
"""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from queue import LifoQueue  # noqa: E402
from random import randint, sample  # noqa: E402
from typing import Any  # noqa: E402

import psycopg  # noqa: E402
from flask import Flask, request  # noqa: E402
from fortunes import fortunes_page  # noqa: E402
from gevent import socket  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

_WORLDS = 10_000
_READ = "SELECT id, random_number FROM world WHERE id = %s"

app = Flask("bench")
_idle: LifoQueue[Any] = LifoQueue()


@contextmanager
def _connection() -> Iterator[Any]:
    connection = _idle.get()
    try:
        yield connection
    finally:
        _idle.put(connection)


@app.get("/db")
def read_world() -> dict[str, int]:
    """Read a row by its key."""
    with _connection() as connection:
        return _shown(connection.execute(_READ, (randint(1, _WORLDS),)).fetchone())


@app.get("/queries")
def read_worlds() -> list[dict[str, int]]:
    """Read several rows, each by its key."""
    keys = sample(range(1, _WORLDS + 1), int(request.args["queries"]))
    with _connection() as connection:
        return [_shown(connection.execute(_READ, (key,)).fetchone()) for key in keys]


@app.get("/fortunes")
def read_fortunes() -> str:
    """Read all rows of a small table, and render them."""
    with _connection() as connection:
        page: str = fortunes_page(connection.execute("SELECT id, message FROM fortune").fetchall())
        return page


@app.get("/updates")
def update_worlds() -> list[dict[str, int]]:
    """Read several rows, each by its key, and change them."""
    keys = sorted(sample(range(1, _WORLDS + 1), int(request.args["queries"])))
    with _connection() as connection, connection.transaction():
        for key in keys:
            connection.execute(_READ, (key,)).fetchone()
        worlds = [(key, randint(1, _WORLDS)) for key in keys]
        update = "UPDATE world SET random_number = %s WHERE id = %s"
        with connection.cursor() as cursor:
            cursor.executemany(update, [(number, key) for key, number in worlds])
    return [_shown(world) for world in worlds]


@app.post("/entries")
def create_entry() -> dict[str, int]:
    """Insert a row, whose key the database chooses."""
    number = int(request.get_json()["number"])
    insert = "INSERT INTO entry (number) VALUES (%s) RETURNING id"
    with _connection() as connection:
        (key,) = connection.execute(insert, (number,)).fetchone()
    return {"id": key, "number": number}


def _shown(world: tuple[int, int]) -> dict[str, int]:
    return {"id": world[0], "randomNumber": world[1]}


if __name__ == "__main__":
    for _ in range(int(os.environ["DATABASE_POOL_SIZE"])):
        _idle.put(psycopg.connect(os.environ["DATABASE_URL"], autocommit=True))
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    listener.listen(1024)
    WSGIServer(listener, app, log=None).serve_forever()
