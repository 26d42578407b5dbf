# mypy: disable-error-code="import-not-found, import-untyped, misc, untyped-decorator"
"""The routes of the database suite, on Flask and SQLAlchemy under gevent. Argument: the port."""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402
from random import randint, sample  # noqa: E402

from database_models import WORLDS, Entry, Fortune, World  # noqa: E402
from flask import Flask, request  # noqa: E402
from fortunes import fortunes_page  # noqa: E402
from gevent import socket  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402
from sqlalchemy import create_engine, select  # noqa: E402
from sqlalchemy.orm import sessionmaker  # noqa: E402

_URL = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
_engine = create_engine(_URL, pool_size=int(os.environ["DATABASE_POOL_SIZE"]), max_overflow=0)
_sessions = sessionmaker(_engine, expire_on_commit=False)

app = Flask("bench")


@app.get("/db")
def read_world() -> dict[str, int]:
    """Read a row by its key."""
    with _sessions() as db:
        return _shown(db.get_one(World, randint(1, WORLDS)))


@app.get("/queries")
def read_worlds() -> list[dict[str, int]]:
    """Read several rows, each by its key."""
    keys = sample(range(1, WORLDS + 1), int(request.args["queries"]))
    with _sessions() as db:
        return [_shown(db.get_one(World, key)) for key in keys]


@app.get("/fortunes")
def read_fortunes() -> str:
    """Read all rows of a small table, and render them."""
    with _sessions() as db:
        fortunes = db.scalars(select(Fortune))
        page: str = fortunes_page((fortune.id, fortune.message) for fortune in fortunes)
        return page


@app.get("/updates")
def update_worlds() -> list[dict[str, int]]:
    """Read several rows, each by its key, and change them."""
    keys = sorted(sample(range(1, WORLDS + 1), int(request.args["queries"])))
    with _sessions() as db:
        worlds = [db.get_one(World, key) for key in keys]
        for world in worlds:
            world.random_number = randint(1, WORLDS)
        db.commit()
        return [_shown(world) for world in worlds]


@app.post("/entries")
def create_entry() -> dict[str, int]:
    """Insert a row, whose key the database chooses."""
    row = Entry(number=int(request.get_json()["number"]))
    with _sessions() as db:
        db.add(row)
        db.commit()
        return {"id": row.id, "number": row.number}


def _shown(world: World) -> dict[str, int]:
    return {"id": world.id, "randomNumber": world.random_number}


if __name__ == "__main__":
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    listener.listen(1024)
    WSGIServer(listener, app, log=None).serve_forever()
