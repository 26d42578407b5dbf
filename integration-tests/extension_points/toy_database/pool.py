"""A pool of connections to a database that answers everything with its own question."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from photon_runtime import Semaphore, spawn
from photon_runtime.observability import Meter, Readiness, bind_log_fields, span

_log = logging.getLogger("toy.database")


class Pool:
    """Connections to the toy database.

    Args:
        meter: Where its metrics are declared.
        readiness: Where its check is added.
        size: How many queries run at the same time.
    """

    def __init__(self, meter: Meter, readiness: Readiness, *, size: int = 2) -> None:
        """Declare what is observed of the pool."""
        self.is_up = True
        self._size = size
        self._free = size
        self._permits = Semaphore(size)
        self._queries = meter.counter("toy_queries", "Queries that ran.", labels=("kind",))
        self._seconds = meter.histogram("toy_query_seconds", "Seconds of a query.")
        self._open = meter.gauge("toy_open_connections", "Connections that are open.")
        meter.observable_gauge("toy_in_use", "Connections in use.", lambda: size - self._free)
        readiness.add("toy_database", lambda: self.is_up)

    @contextmanager
    def life(self) -> Iterator[None]:
        """Open the connections, and close them at the end."""
        self._open.inc(self._size)
        try:
            yield
        finally:
            self._open.dec(self._size)

    def query(self, text: str) -> str:
        """Run a query in a task of its own.

        Blocks: the calling task, until a connection is free and the query has run.
        """
        kind = text.partition(" ")[0]
        with self._permits, bind_log_fields(query=text), span(f"toy {kind}", kind="client"):
            self._free -= 1
            begun = perf_counter()
            try:
                return spawn(self._run, text).result()
            finally:
                self._free += 1
                self._queries.labels(kind).inc()
                self._seconds.observe(perf_counter() - begun)

    def _run(self, text: str) -> str:
        with span("toy network"):
            _log.info("sent")
            return text
