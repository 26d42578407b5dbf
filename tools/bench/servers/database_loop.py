# mypy: disable-error-code="import-not-found, misc"
"""The bare loops: what each scenario of the database suite costs with SQLAlchemy alone.

Arguments: the scenario and the seconds; the address is ``DATABASE_URL``. The engine, its pool and
its sessions have SQLAlchemy's defaults; the driver is psycopg 3, or sqlite3. After a warm-up it
counts how often the loop ran and the seconds of CPU that it took, and prints them as JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from random import randint, sample

from database_models import WORLDS, Entry, Fortune, World
from fortunes import fortunes_page
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

_QUERIES = 20
_WARM_UP = 30
_engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"))


def _read() -> None:
    with Session(_engine) as session:
        session.get(World, randint(1, WORLDS))


def _read_several() -> None:
    with Session(_engine) as session:
        for key in sample(range(1, WORLDS + 1), _QUERIES):
            session.get(World, key)


def _render() -> None:
    with Session(_engine) as session:
        fortunes = session.scalars(select(Fortune))
        fortunes_page((fortune.id, fortune.message) for fortune in fortunes)


def _update_several() -> None:
    with Session(_engine) as session:
        keys = sorted(sample(range(1, WORLDS + 1), _QUERIES))
        worlds = [session.get_one(World, key) for key in keys]
        for world in worlds:  # after the last read, which would flush the changes before it
            world.random_number = randint(1, WORLDS)
        session.commit()


def _write() -> None:
    with Session(_engine) as session:
        session.add(Entry(number=4711))
        session.commit()


LOOPS: Mapping[str, Callable[[], None]] = {
    "db": _read,
    "queries": _read_several,
    "fortunes": _render,
    "updates": _update_several,
    "write": _write,
}


def main(scenario: str, seconds: float) -> None:
    """Run one loop and print its figures."""
    run = LOOPS[scenario]
    for _ in range(_WARM_UP):
        run()
    count, before, started = 0, time.process_time(), time.monotonic()
    while time.monotonic() < started + seconds:
        run()
        count += 1
    cpu, elapsed = time.process_time() - before, time.monotonic() - started
    print(json.dumps({"count": count, "cpu": cpu, "seconds": elapsed}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
