"""Processes that write orders and enqueue jobs in the same transactions, until they are killed.

The first process only forks: it has imported everything, and opened nothing. It reads a line for
each process to start, ``work`` or ``drain``, and answers ``started`` with its id. One that works
writes ``ready`` when it has an order, one that drains ends when all jobs have been relayed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import traceback
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import String, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import photon_runtime as rt
from photon_lifeguard import Database, DatabaseSettings
from photon_tasks.delivery import Deliveries
from photon_tasks.outbox import Outbox
from photon_tasks.records import Delivery, Enqueued, NewJob
from photon_tasks.stores import JobStore
from photon_tasks.stores.redis import RedisStore
from photon_tasks.stores.sql import SqlStore


class Base(DeclarativeBase):
    """The model of this file."""


class Order(Base):
    """A row of the application; a job has the same id."""

    __tablename__ = "outbox_orders"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)


class SlowStore:
    """A store whose deliveries take a moment, so that processes are killed within."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def joins(self, database: object) -> bool:
        """Return whether the store is in a database."""
        return self._store.joins(database)

    def deliver(self, delivery: Delivery, *, connection: Any = None) -> Sequence[Enqueued]:
        """Enqueue jobs, not at once."""
        _moment()
        enqueued = self._store.deliver(delivery, connection=connection)
        _moment()
        return enqueued


def open_store(url: str) -> JobStore:
    """Return the store at an address: a Redis, or an SQLite file."""
    if url.startswith("redis"):
        return RedisStore(url)
    return SqlStore(Database(DatabaseSettings(url=url)).engine)


def _moment() -> None:
    rt.sleep(random.choice([0, 0, 0.001, 0.005]))


def _run(command: str, url: str, store_url: str) -> None:
    database = Database(DatabaseSettings(url=url))
    store = SlowStore(open_store(store_url))
    outbox = Outbox({"default": database.engine}, store, interval=0.05, timeout=0.5)
    deliveries = Deliveries(store)  # type: ignore[arg-type]  # as far as enqueueing is concerned
    deliveries.outbox = outbox
    with outbox.running():
        if command == "drain":
            while any(each.rows for each in outbox.status().values()):
                rt.sleep(0.02)
            return
        with suppress(ValueError):
            _order(database, deliveries)
        os.write(1, f"ready {os.getpid()}\n".encode())
        while True:
            with suppress(ValueError):
                _order(database, deliveries)


def _order(database: Database, deliveries: Deliveries) -> None:
    with database.transaction() as session:
        key = str(uuid.uuid4())
        first = random.random() < 0.5
        if first:
            deliveries.deliver(Delivery([NewJob(id=key, task="work")]))
        _moment()
        session.execute(insert(Order).values(id=key))
        if not first:
            deliveries.deliver(Delivery([NewJob(id=key, task="work")]))
        _moment()
        if random.random() < 0.2:
            raise ValueError("changed its mind")


def main(url: str, store_url: str) -> None:
    """Fork a process for each line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    Database(DatabaseSettings(url=url))  # imports the driver
    open_store(store_url)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            random.seed()
            status = 1
            try:
                rt.run(_run, line.strip(), url, store_url)
                status = 0
            except BaseException:
                traceback.print_exc()
            os._exit(status)
        os.write(1, f"started {child}\n".encode())  # in one piece, beside those of its children


if __name__ == "__main__":
    main(*sys.argv[1:])
