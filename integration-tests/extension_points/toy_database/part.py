"""The toy database as a part: sessions by annotation, committed before the response."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import attrs

from photon_runtime.http import Handler, Request, Response
from photon_runtime.parts import Host
from photon_runtime.settings import section

from .pool import Pool

TENANT: ContextVar[str] = ContextVar("toy_tenant", default="nobody")


class Conflict(Exception):
    """A commit that the database refused."""


@section("toy", named=True)
@attrs.frozen
class ToySettings:
    """The section ``[toy]``.

    Attributes:
        url: The address of the database.
        tenant: The value of `TENANT` in every request.
    """

    url: str = "toy://memory"
    tenant: str = "nobody"


@attrs.define
class Session:
    """A unit of work.

    Attributes:
        url: The address of its database.
        log: What happened, in order, over all sessions.
    """

    url: str
    log: list[str]
    refuses: bool = False

    def add(self, name: str) -> None:
        """Add a row; the name ``taken`` is refused at the commit."""
        self.log.append(f"add {name}")
        self.refuses = self.refuses or name == "taken"

    def commit(self) -> None:
        """Commit, or raise `Conflict`."""
        if self.refuses:
            raise Conflict("the name is taken")
        self.log.append("commit")


@attrs.define
class Audit:
    """A note for after the response."""

    log: list[str]


class ToyDatabase:
    """The part; `log` has what happened."""

    settings = ToySettings

    def __init__(self) -> None:
        self.log: list[str] = []

    def install(self, host: Host, settings: ToySettings) -> None:
        """Provide sessions, answer conflicts, and open and close the pool."""
        log = self.log

        def session() -> Iterator[Session]:
            log.append("begin")
            session = Session(settings.url, log)
            try:
                yield session
                session.commit()
            except BaseException:
                log.append("rollback")
                raise

        def audit() -> Iterator[Audit]:
            yield Audit(log)
            log.append("audited")

        pool = Pool(host.meter, host.readiness)

        @contextmanager
        def life() -> Iterator[None]:
            TENANT.set(settings.tenant)
            with pool.life():
                yield

        host.provide(Session, session)
        host.provide(Audit, audit, release="after_response")
        host.provide(Pool, lambda: pool, scope="application")
        host.lifespan(life)
        host.on_drain(lambda: log.append("drain"))

        @host.error_handler(Conflict)
        def conflict(request: Request, error: BaseException) -> Response:
            return Response(409, body=str(error))

        @host.middleware
        def marked(request: Request, call_next: Handler) -> Response:
            response = call_next(request)
            response.set_header("toy-databases", str(1 + len(host.named_settings(ToySettings))))
            return response
