"""Notifications of a real PostgreSQL, received within a time."""

from __future__ import annotations

import pytest

from photon_runtime import DeadlineExceeded, deadline, scope, yield_now
from photon_runtime.drivers.psycopg import Connection, OperationalError, receive_notifications
from photon_runtime.testing import in_hub

pytestmark = pytest.mark.slow


@in_hub
def test_notifications_are_received_within_a_time(postgres_url: str) -> None:
    with (
        Connection.connect(postgres_url, autocommit=True) as sender,
        Connection.connect(postgres_url, autocommit=True) as receiver,
    ):
        receiver.execute("LISTEN news")
        assert receive_notifications(receiver, 0.01) == []
        with scope() as tasks:
            waiting = tasks.spawn(receive_notifications, receiver, 5)
            yield_now()
            sender.execute("NOTIFY news, 'grüße'")
        assert waiting.result() == [("news", "grüße")]
        sender.execute("SELECT pg_notify('news', n::text) FROM generate_series(1, 500) n")
        received: list[str] = []
        while len(received) < 500:
            received += [payload for _, payload in receive_notifications(receiver, 5)]
        assert received == [str(number) for number in range(1, 501)]


@in_hub
def test_an_interrupted_wait_for_notifications_leaves_a_usable_connection(
    postgres_url: str,
) -> None:
    with Connection.connect(postgres_url, autocommit=True) as receiver:
        receiver.execute("LISTEN news")
        with pytest.raises(DeadlineExceeded), deadline(0.01):
            receive_notifications(receiver, 5)
        receiver.execute("NOTIFY news, 'own'")
        assert receiver.execute("SELECT 1").fetchone() == (1,)


@in_hub
def test_a_lost_connection_ends_the_wait_for_notifications(postgres_url: str) -> None:
    def wait(receiver: Connection[tuple[object]]) -> None:
        with pytest.raises(OperationalError):
            receive_notifications(receiver, 5)

    with Connection.connect(postgres_url, autocommit=True) as sender, scope() as tasks:
        receiver = Connection.connect(postgres_url, autocommit=True)
        receiver.execute("LISTEN news")
        tasks.spawn(wait, receiver)
        yield_now()
        sender.execute("SELECT pg_terminate_backend(%s)", (receiver.info.backend_pid,))
    receiver.close()
