"""`Suspects`: jobs that may be what ends their worker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from photon_tasks.records import Claim, ClaimedJob, JobState
from photon_tasks.worker._suspects import Suspects


def job(name: str, *, lost: int = 0, attempt: int = 1, max_attempts: int = 5) -> ClaimedJob:
    return ClaimedJob(
        claim=Claim(name, attempt),
        task="task",
        queue="default",
        arguments="{}",
        max_attempts=max_attempts,
        lost=lost,
    )


def names(jobs: object) -> list[str]:
    return [each.claim.job for each in jobs]  # type: ignore[attr-defined]


def test_jobs_that_were_never_lost_or_once_start_together() -> None:
    jobs = [job("a"), job("b", lost=1, attempt=2), job("c", lost=1, attempt=2)]
    admitted, returned = Suspects().admit(jobs)
    assert names(admitted) == ["a", "b", "c"]
    assert not returned


def test_suspects_start_one_at_a_time_and_the_others_are_given_back_one_after_another() -> None:
    suspects = Suspects()
    jobs = [job("a", lost=2), job("b"), job("c", lost=1, attempt=5), job("d", lost=3)]
    admitted, returned = suspects.admit(jobs)
    assert names(admitted) == ["a", "b"]
    assert names(returned) == ["c", "d"]
    assert all(each.state is JobState.FAILED and each.gives_back for each in returned)
    first, second = (each.delay or 0.0 for each in returned)
    assert 0 < first < second

    suspects.ended(Claim("b", 1))
    assert names(suspects.admit([job("c", lost=2)])[1]) == ["c"], "the first one still runs"
    suspects.ended(Claim("a", 1))
    assert names(suspects.admit([job("c", lost=2)])[0]) == ["c"]
    assert names(suspects.admit([job("e", lost=1)])[1]) == ["e"], "a suspect is beside none"


@given(
    st.lists(st.integers(0, 2), max_size=12),
    st.integers(0, 11),
    st.integers(2, 6),
    st.integers(1, 12),
)
def test_others_survive_a_job_that_ends_every_worker(
    retries: list[int], at: int, attempts_of_guilty: int, slots: int
) -> None:
    """Workers run what they claim; the guilty one ends them until it is dead, others complete."""
    most = {f"job{number}": 2 + each for number, each in enumerate(retries)}
    most["guilty"] = attempts_of_guilty
    order = [*most]
    order.insert(at, order.pop())
    attempts = dict.fromkeys(most, 0)
    lost = dict.fromkeys(most, 0)
    completed: list[str] = []
    for _ in range(500):
        if not order:
            break
        suspects, claimed = Suspects(), order[:slots]  # after each end of a process a new one
        for name in claimed:
            attempts[name] += 1
        jobs = [
            job(name, lost=lost[name], attempt=attempts[name], max_attempts=most[name])
            for name in claimed
        ]
        admitted, returned = suspects.admit(jobs)
        for name in names(returned):
            attempts[name] -= 1
        order = [*order[slots:], *names(returned)]
        running = names(admitted)
        if "guilty" in running:
            lost |= {name: lost[name] + 1 for name in running}
            order = [name for name in running if attempts[name] < most[name]] + order
        else:
            completed += running
    assert not order
    assert sorted(completed) == sorted(set(most) - {"guilty"})
