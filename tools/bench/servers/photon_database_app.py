# mypy: disable-error-code="import-not-found, misc"
"""The routes of the database suite, on photon-lifeguard."""

from random import randint, sample
from typing import Annotated, Any

import attrs
from database_models import WORLDS, Entry, Fortune, World
from fortunes import fortunes_page
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from photon import Json, Param, Photon, Response
from photon_lifeguard import Database, DatabasePart

app = Photon(title="bench", version="1.0.0")
app.add(DatabasePart())

_WORLD = select(World.id, World.random_number).where(World.id == bindparam("key"))


@attrs.frozen
class NewEntry:
    """What is posted to ``/entries``."""

    number: int


@app.get("/json")
def read_message() -> dict[str, str]:
    """Answer the constant object."""
    return {"message": "Hello, World!"}


@app.get("/db")
def read_world(db: Session) -> dict[str, int]:
    """Read a row by its key, by the ORM."""
    return _shown(db.get_one(World, randint(1, WORLDS)))


@app.get("/db-core")
def read_world_by_core(database: Database) -> dict[str, int]:
    """Read a row by its key, by Core."""
    with database.engine.connect() as connection:
        row = connection.execute(_WORLD, {"key": randint(1, WORLDS)}).one()
    return {"id": row[0], "randomNumber": row[1]}


@app.get("/queries")
def read_worlds(db: Session, queries: Annotated[int, Param(ge=1, le=500)]) -> list[dict[str, int]]:
    """Read several rows, each by its key."""
    return [_shown(db.get_one(World, key)) for key in sample(range(1, WORLDS + 1), queries)]


@app.get("/fortunes")
def read_fortunes(db: Session) -> Response:
    """Read all rows of a small table, and render them."""
    fortunes = db.scalars(select(Fortune))
    page = fortunes_page((fortune.id, fortune.message) for fortune in fortunes)
    return Response(body=page, content_type="text/html; charset=utf-8")


@app.get("/updates")
def update_worlds(
    db: Session, queries: Annotated[int, Param(ge=1, le=500)]
) -> list[dict[str, int]]:
    """Read several rows, each by its key, and change them."""
    keys = sorted(sample(range(1, WORLDS + 1), queries))  # in one order, against deadlocks
    worlds = [db.get_one(World, key) for key in keys]
    for world in worlds:
        world.random_number = randint(1, WORLDS)
    return [_shown(world) for world in worlds]


@app.post("/entries")
def create_entry(entry: Json[NewEntry], db: Session) -> dict[str, Any]:
    """Insert a row, whose key the database chooses."""
    row = Entry(number=entry.number)
    db.add(row)
    db.flush()
    return {"id": row.id, "number": row.number}


def _shown(world: World) -> dict[str, int]:
    return {"id": world.id, "randomNumber": world.random_number}
