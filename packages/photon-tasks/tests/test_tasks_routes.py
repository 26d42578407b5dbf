"""What clients see of jobs; the routes themselves are tested with `photon.jobs`."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

import photon_runtime as rt
from photon_runtime.http import HttpError
from photon_runtime.testing import in_virtual_time, make_request
from photon_tasks import JobState
from photon_tasks._identifiers import JobIds
from photon_tasks.errors import StoreUnavailable
from photon_tasks.records import JobRecord
from photon_tasks.routes import Accepted, JobReader, JobResponse
from photon_tasks.routes._reader import MOST_WAITING
from photon_tasks.routes._responses import encode_status

NEW = JobIds().new()
OLD = "01890000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def new_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `NEW` be an id of this moment: readers wait only for jobs that are new."""
    monkeypatch.setattr(sys.modules[__name__], "NEW", JobIds().new())


def record(state: JobState = JobState.COMPLETED, **options: Any) -> JobRecord:
    values: dict[str, Any] = {
        "id": NEW,
        "task": "work",
        "queue": "default",
        "state": state,
        "arguments": '{"secret": 1}',
        "priority": 0,
        "attempts": 1,
        "max_attempts": 1,
        "enqueued": 0.0,
    }
    return JobRecord(**{**values, **options})


class Store:
    """A store that has a job from the ``after``-th look on."""

    def __init__(self, found: JobRecord | None, *, after: int = 0, seconds: float = 0.0) -> None:
        self.found, self.after, self.seconds = found, after, seconds
        self.looks = 0

    def job(self, job: str) -> JobRecord | None:
        self.looks += 1
        rt.sleep(self.seconds)
        return self.found if self.looks > self.after else None


def tasks_of(store: Store, *, outbox: object = None) -> Any:
    return SimpleNamespace(
        store=store,
        development=False,
        settings=SimpleNamespace(enqueue_timeout=5.0),
        deliveries=SimpleNamespace(outbox=outbox),
    )


def reader(*, sees: bool = True) -> JobReader:
    return JobReader(lambda request, job: sees)


REQUEST = make_request("GET", "/jobs/1")


def test_a_status_has_five_members_and_results_as_they_are_stored() -> None:
    big = "123456789012345678901234567890"
    job = record(result=f'{{"n": {big}}}', progress="0.5", error="Traceback", owner="ada")
    body = encode_status(job, details=False)
    assert big.encode() in body, "not as a float"
    assert list(msgspec.json.decode(body)) == ["id", "status", "result", "error", "progress"]
    assert b"secret" not in body
    assert b"Traceback" not in body
    assert b"an-owner" not in body


@pytest.mark.parametrize("state", list(JobState))
def test_only_states_of_failure_have_an_error(state: JobState) -> None:
    job = record(state, error="Traceback: the key is secret", result="1")
    shown, detailed = (
        msgspec.json.decode(encode_status(job, details=each)) for each in (False, True)
    )
    fails = state in (JobState.FAILED, JobState.DEAD, JobState.PARKED, JobState.CANCELLED)
    assert (shown["error"] is not None) == fails
    assert "secret" not in str(shown)
    assert ("secret" in str(detailed["error"])) == fails
    assert (shown["result"] == 1) == (state is JobState.COMPLETED)


@in_virtual_time
def test_a_job_that_is_relayed_a_moment_later_is_found() -> None:
    store = Store(record(), after=5)
    tasks = tasks_of(store, outbox=object())
    assert reader().find(REQUEST, tasks, NEW).id == NEW
    assert store.looks == 6


@in_virtual_time
def test_a_job_that_cannot_be_in_an_outbox_is_404_at_once() -> None:
    for job, outbox in ((NEW, None), (OLD, object())):
        store = Store(None)
        with pytest.raises(HttpError) as refused:
            reader().find(REQUEST, tasks_of(store, outbox=outbox), job)
        assert refused.value.status == 404
        assert store.looks == 1


@in_virtual_time
def test_a_job_that_never_comes_out_of_an_outbox_is_404() -> None:
    store = Store(None)
    with pytest.raises(HttpError, match="does not exist"):
        reader().find(REQUEST, tasks_of(store, outbox=object()), NEW)
    assert store.looks == 41


@in_virtual_time
def test_a_store_that_does_not_respond_in_time_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match="within 5 s"):
        reader().find(REQUEST, tasks_of(Store(record(), seconds=60)), NEW)


@in_virtual_time
def test_a_deadline_of_the_caller_stays_one() -> None:
    with pytest.raises(rt.DeadlineExceeded), rt.deadline(1):
        reader().find(REQUEST, tasks_of(Store(record(), seconds=60)), NEW)


@in_virtual_time
def test_a_request_waits_until_the_job_has_ended() -> None:
    store = Store(record(JobState.RUNNING))
    tasks = tasks_of(store)
    waiting = rt.spawn(reader().read, REQUEST, tasks, NEW, 20.0)
    rt.sleep(3)
    assert not waiting.done
    store.found = record(JobState.COMPLETED, result="1")
    rt.sleep(1.5)
    response = waiting.result()
    assert isinstance(response, JobResponse)
    assert b'"completed"' in response.body


@in_virtual_time
def test_requests_beyond_the_limit_do_not_wait() -> None:
    shared, tasks = reader(), tasks_of(Store(record(JobState.RUNNING)))
    waiting = [rt.spawn(shared.read, REQUEST, tasks, NEW, 30.0) for _ in range(MOST_WAITING)]
    rt.sleep(1)
    assert rt.spawn(shared.read, REQUEST, tasks, NEW, 30.0).result().status == 200
    assert not any(each.done for each in waiting), "they have waited for longer"
    for each in waiting:
        each.cancel()
    rt.sleep(0.1)
    assert shared._waiting == 0, "cancelled requests wait no more"


@in_virtual_time
def test_a_decision_that_is_not_true_is_404() -> None:
    for answer in (False, None, "yes", 1):
        found = JobReader(lambda request, job, answer=answer: answer)  # type: ignore[misc]
        with pytest.raises(HttpError):
            found.find(REQUEST, tasks_of(Store(record())), NEW)


def test_only_a_job_is_accepted() -> None:
    with pytest.raises(
        TypeError, match=r"as \.enqueue\(\.\.\.\) of a task returns it, not 'Hello'"
    ):
        Accepted(cast("Any", "Hello"))
