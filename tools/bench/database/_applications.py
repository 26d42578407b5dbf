"""The applications of the database suite, and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench import _peers
from bench._servers import METRICS, PEERS_PYTHON
from bench.database._scenarios import JSON, SCENARIOS
from bench.scenarios import SCENARIOS as PLAIN_SCENARIOS
from bench.scenarios import Exchange

POSTGRESQL, SQLITE = "postgresql", "sqlite"
PHOTON, LOOP = "photon", "loop"
POOL_SIZE = 10
"""Connections of each pool: the default of ``[database] pool_size``."""


@dataclass(frozen=True, slots=True)
class Application:
    """One application under test.

    Attributes:
        command: Gives the command line for a port; it is run in ``servers/``.
        targets: The requests of its scenarios.
        kinds: The kinds of databases that it supports.
        uses_peers: True if it runs in the environment of the peers.
        peers: Distributions whose versions are reported.
        environ: Variables of the environment that it gets in addition.
    """

    name: str
    about: str
    command: Callable[[int], list[str]]
    targets: Mapping[str, Exchange]
    kinds: tuple[str, ...] = (POSTGRESQL,)
    uses_peers: bool = False
    peers: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


def _photon(port: int) -> list[str]:
    run = [sys.executable, "-m", "photon_cli", "run", "photon_database_app:app"]
    return [*run, "--host", "127.0.0.1", "--port", str(port)]


def _fastapi(port: int) -> list[str]:
    run = [*PEERS_PYTHON, "-m", "uvicorn", "fastapi_database_app:app", "--loop", "uvloop"]
    run += ["--http", "httptools", "--workers", "1", "--no-access-log", "--log-level", "warning"]
    return [*run, "--host", "127.0.0.1", "--port", str(port)]


def _script(name: str) -> Callable[[int], list[str]]:
    return lambda port: [*PEERS_PYTHON, name, str(port)]


_ALL = {name: scenario.load for name, scenario in SCENARIOS.items()}
_JSON = {JSON: PLAIN_SCENARIOS[JSON].load}

APPLICATIONS: Mapping[str, Application] = {
    each.name: each
    for each in (
        Application(
            PHOTON,
            "photon-lifeguard, the ORM of SQLAlchemy on psycopg, metrics on",
            _photon,
            {**_JSON, **_ALL},
            kinds=(POSTGRESQL, SQLITE),
            environ=METRICS,
        ),
        Application(
            "photon-core",
            "photon-lifeguard, SQLAlchemy Core on psycopg, metrics on",
            _photon,
            {"db": Exchange("/db-core")},
            kinds=(POSTGRESQL, SQLITE),
            environ=METRICS,
        ),
        Application(
            "fastapi",
            "FastAPI, the ORM of SQLAlchemy's asyncio extension on asyncpg, uvicorn, uvloop",
            _fastapi,
            _ALL,
            uses_peers=True,
            peers=("fastapi", "pydantic", "uvicorn", "uvloop", "sqlalchemy", "asyncpg"),
        ),
        Application(
            "flask",
            "Flask, the ORM of SQLAlchemy on psycopg, gevent",
            _script("flask_database_server.py"),
            _ALL,
            uses_peers=True,
            peers=("flask", "gevent", "psycopg"),
        ),
        Application(
            "flask-psycopg",
            "Flask, psycopg without SQLAlchemy, gevent",
            _script("flask_psycopg_server.py"),
            _ALL,
            uses_peers=True,
        ),
    )
}


def prepare(application: Application) -> None:
    """Make the environment of an application.

    Raises:
        BenchError: It cannot be made.
    """
    if application.uses_peers:
        _peers.ensure()
