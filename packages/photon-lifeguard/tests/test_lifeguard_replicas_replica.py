"""When a replica is in service: what a measurement means, without a server."""

from __future__ import annotations

import logging

import pytest

from photon_lifeguard import Database, DatabaseSettings
from photon_lifeguard.replicas import PrimaryTimeline, Replica

LIMIT = 1.0


class ConnectedReplica(Replica):
    """A replica that the pool can always connect to."""

    def _connect(self) -> None:
        pass


class Scene:
    """A primary that advances by one in each second, and a replica."""

    def __init__(self) -> None:
        settings = DatabaseSettings(
            url="postgresql://primary/shop", replicas=("postgresql://user:secret@replica/shop",)
        )
        replicas = Database(settings).replicas
        assert replicas is not None
        [replica] = replicas
        self.replica = ConnectedReplica(replica.engine, replica.probe, max_lag=LIMIT)
        self.timeline = PrimaryTimeline(60)
        self.now = 100.0

    def measure(self, behind: float, *, is_standby: bool = True) -> bool:
        """Measure a replica that is ``behind`` seconds behind; return whether it is in service."""
        self.now += 1
        self.timeline.note(self.now, round(self.now * 100))
        replayed = round((self.now - behind) * 100)
        self.replica.measured(self.timeline, is_standby, replayed, self.now)
        return self.replica.is_in_service


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    for tenth in range(50):  # a second of the past in steps of 0.02, for lags between whole seconds
        time = 100.0 + tenth * 0.02
        scene.timeline.note(time, round(time * 100))
    return scene


def fill(scene: Scene) -> None:
    """Note where the primary is in the next second, step by step."""
    for step in range(1, 50):
        time = scene.now + step * 0.02
        scene.timeline.note(time, round(time * 100))


def test_a_first_good_measurement_puts_a_replica_into_service(scene: Scene) -> None:
    assert not scene.replica.is_current(scene.now)
    assert scene.measure(0.5)
    assert scene.replica.is_current(scene.now)
    assert scene.replica.name == "replica:5432/shop"


def test_a_read_counts_the_time_since_the_measurement(scene: Scene) -> None:
    assert scene.measure(0.5)
    assert scene.replica.is_current(scene.now + 0.45)
    assert not scene.replica.is_current(scene.now + 0.55)
    assert scene.replica.is_in_service


def test_after_a_failure_two_good_measurements_are_needed(scene: Scene) -> None:
    assert scene.measure(0.1)
    scene.replica.out_of_service("it does not respond")
    fill(scene)
    assert not scene.measure(0.1)
    fill(scene)
    assert scene.measure(0.1)


def test_a_replica_near_the_limit_does_not_change_back_and_forth(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "photon.database.replicas")
    assert scene.measure(0.5)
    for behind in (0.9, 1.1, 0.9, 0.95, 1.05, 0.8, 0.8):
        fill(scene)
        scene.measure(behind)
        assert scene.replica.is_in_service == (behind == 0.9 and len(caplog.records) == 1)
    fill(scene)
    assert scene.measure(0.7)
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "the replica replica:5432/shop is used (lag 0.50 s)",
        "the replica replica:5432/shop is not used: it is more than 1 seconds behind",
        "the replica replica:5432/shop is used (lag 0.72 s)",
    ]


def test_a_replica_with_changes_that_the_primary_does_not_have_is_not_used(scene: Scene) -> None:
    assert scene.measure(0.1)
    fill(scene)
    assert scene.measure(-500)  # it may be ahead of the last note of the primary
    for _ in range(3):
        scene.now += 1
        scene.timeline.note(scene.now, round(scene.now * 100))
        scene.replica.measured(scene.timeline, True, 60_000, scene.now)  # it does not move
        assert not scene.replica.is_in_service
    assert "changes that the primary does not have" in scene.replica.problem
    for _ in range(3):  # it was rewound, and follows again
        fill(scene)
        scene.measure(0.1)
    assert scene.replica.is_in_service


def test_a_server_that_is_not_a_standby_is_not_used(scene: Scene) -> None:
    assert not scene.measure(0, is_standby=False)
    assert "not a standby" in scene.replica.problem


def test_nothing_is_known_before_the_primary_was_measured() -> None:
    scene = Scene()
    scene.replica.measured(scene.timeline, True, 1, scene.now)
    assert not scene.replica.is_in_service
    assert scene.replica.problem == "not measured yet"
