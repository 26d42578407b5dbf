"""The fixtures: one server of each kind for the whole session, started when a test asks for it.

A test may stop, pause or restart such a server; it leaves it as it was. Where that is not sure, or
other settings are needed, a test runs a server of its own (`run_postgres` and the like).
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest
from selenium.webdriver import Chrome

from .chromium import run_browser
from .mariadb import MariaDBServer, run_mariadb
from .pgbouncer import PgBouncer, run_pgbouncer
from .postgres import PostgresServer, StandbyServer, run_postgres, run_standby
from .rabbitmq import RabbitMQServer, run_rabbitmq
from .valkey import run_valkey


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL that tests control; never the one that the environment names."""
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """The URL of a PostgreSQL database whose user may do everything."""
    named = os.environ.get("PHOTON_TEST_POSTGRES_DSN")
    if named:
        return named
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.url


@pytest.fixture(scope="session")
def standby_server(postgres_server: PostgresServer) -> Iterator[StandbyServer]:
    """A streaming standby of ``postgres_server``, without a delay."""
    with run_standby(postgres_server) as server:
        yield server


@pytest.fixture(scope="session")
def server_certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of a key and of a certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "server.key", folder / "server.crt"
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *request.split(), *names, *files], check=True, capture_output=True)
    return key, certificate


@pytest.fixture(scope="session")
def tls_postgres_url(server_certificate: tuple[Path, Path]) -> Iterator[str]:
    """The URL of another PostgreSQL, always started here, whose address and name are verified."""
    with run_postgres(tls=server_certificate) as server:
        yield f"{server.url}?sslmode=verify-full&sslrootcert={server_certificate[1]}"


@pytest.fixture(scope="session")
def pgbouncer_server(postgres_server: PostgresServer) -> Iterator[PgBouncer]:
    """A PgBouncer in transaction mode with two connections to ``postgres_server``."""
    with run_pgbouncer(postgres_server) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server(server_certificate: tuple[Path, Path]) -> Iterator[MariaDBServer]:
    """A MariaDB that tests control, with TLS; never the one that the environment names."""
    with run_mariadb(tls=server_certificate) as server:
        yield server


@pytest.fixture(scope="session")
def mysql_url(request: pytest.FixtureRequest) -> str:
    """The URL of a MySQL or MariaDB database whose user may do everything."""
    named = os.environ.get("PHOTON_TEST_MYSQL_DSN")
    if named:
        return named
    server: MariaDBServer = request.getfixturevalue("mariadb_server")
    return server.url


@pytest.fixture
def empty_postgres_url(postgres_url: str) -> Iterator[str]:
    """The URL of a PostgreSQL database of the test's own, which is dropped after it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def empty_mysql_url(mysql_url: str) -> Iterator[str]:
    """The URL of a MySQL or MariaDB database of the test's own, which is dropped after it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    address = urlsplit(mysql_url)
    connection = pymysql.connect(
        host=address.hostname,
        port=address.port or 3306,
        user=address.username,
        password=address.password or "",
        autocommit=True,
    )
    with connection:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        yield address._replace(path=f"/{name}").geturl()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def browser() -> Iterator[Chrome]:
    """A browser with a fresh profile; a test that uses it is slow."""
    with run_browser() as chrome:
        yield chrome


@pytest.fixture
def browser_without_scripts() -> Iterator[Chrome]:
    """A browser with a fresh profile that runs no scripts."""
    with run_browser(javascript=False) as chrome:
        yield chrome


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of an empty database of Valkey or Redis."""
    named = os.environ.get("PHOTON_TEST_REDIS_URL")
    if named:
        yield named
        return
    with run_valkey() as server:
        yield server.url


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitMQServer]:
    """A RabbitMQ that tests control; never the one that the environment names."""
    with run_rabbitmq() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_url(request: pytest.FixtureRequest) -> str:
    """The URL of a virtual host of RabbitMQ."""
    named = os.environ.get("PHOTON_TEST_RABBITMQ_URL")
    if named:
        return named
    server: RabbitMQServer = request.getfixturevalue("rabbitmq_server")
    return server.url
