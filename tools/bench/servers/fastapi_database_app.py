# mypy: disable-error-code="import-not-found, misc, untyped-decorator"
"""The routes of the database suite, on FastAPI with SQLAlchemy's asyncio extension and asyncpg."""

import os
from collections.abc import AsyncIterator
from random import randint, sample
from typing import Annotated

from database_models import WORLDS, Entry, Fortune, World
from fastapi import Depends, FastAPI, Query
from fastapi.responses import HTMLResponse
from fortunes import fortunes_page
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

_POOL_SIZE = int(os.environ["DATABASE_POOL_SIZE"])
_URL = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:")
_engine = create_async_engine(_URL, pool_size=_POOL_SIZE, max_overflow=0)
_sessions = async_sessionmaker(_engine, expire_on_commit=False)

app = FastAPI(title="bench", version="1.0.0")


async def _open_session() -> AsyncIterator[AsyncSession]:
    async with _sessions() as session:
        yield session


Db = Annotated[AsyncSession, Depends(_open_session)]
Queries = Annotated[int, Query(ge=1, le=500)]


class NewEntry(BaseModel):
    """What is posted to ``/entries``."""

    number: int


@app.get("/db")
async def read_world(db: Db) -> dict[str, int]:
    """Read a row by its key."""
    return _shown(await db.get_one(World, randint(1, WORLDS)))


@app.get("/queries")
async def read_worlds(db: Db, queries: Queries) -> list[dict[str, int]]:
    """Read several rows, each by its key."""
    return [_shown(await db.get_one(World, key)) for key in sample(range(1, WORLDS + 1), queries)]


@app.get("/fortunes", response_class=HTMLResponse)
async def read_fortunes(db: Db) -> str:
    """Read all rows of a small table, and render them."""
    fortunes = await db.scalars(select(Fortune))
    page: str = fortunes_page((fortune.id, fortune.message) for fortune in fortunes)
    return page


@app.get("/updates")
async def update_worlds(db: Db, queries: Queries) -> list[dict[str, int]]:
    """Read several rows, each by its key, and change them."""
    keys = sorted(sample(range(1, WORLDS + 1), queries))
    worlds = [await db.get_one(World, key) for key in keys]
    for world in worlds:
        world.random_number = randint(1, WORLDS)
    await db.commit()
    return [_shown(world) for world in worlds]


@app.post("/entries")
async def create_entry(entry: NewEntry, db: Db) -> dict[str, int]:
    """Insert a row, whose key the database chooses."""
    row = Entry(number=entry.number)
    db.add(row)
    await db.commit()
    return {"id": row.id, "number": row.number}


def _shown(world: World) -> dict[str, int]:
    return {"id": world.id, "randomNumber": world.random_number}
