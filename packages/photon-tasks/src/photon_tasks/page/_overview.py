"""The page of all jobs: queues, workers, schedules, and the jobs that a filter selects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from ..current import Tasks
from ..records import JobFilter, JobRecord, JobState, QueueDepth, WorkerRecord
from ..schedules import ScheduleRow, schedule_rows, schedules_of
from ._markup import Frame, badge, duration, moment, name, progress, query, table, text

PER_PAGE: Final = 50
REQUEUED: Final = frozenset(
    {
        JobState.DEAD,
        JobState.PARKED,
        JobState.FAILED,
        JobState.WAITING,
        JobState.SCHEDULED,
        JobState.CANCELLED,
    }
)
_MOST_SCHEDULES: Final = 100
_MOST_WORKERS: Final = 100


@attrs.frozen
class Choice:
    """The filter of the page.

    Attributes:
        state: A state; ``None`` for all.
        queue: Name of a queue; empty for all.
        task: Name of a task; empty for all.
        before: Id of the job before the first one; empty for the first page.
    """

    state: JobState | None = None
    queue: str = ""
    task: str = ""
    before: str = ""

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Choice:
        """Return the filter of a query or a form; unknown states select all."""
        known = {each.value: each for each in JobState}
        return cls(
            known.get(values.get("state", "")),
            values.get("queue", ""),
            values.get("task", ""),
            values.get("before", ""),
        )

    def filter(self) -> JobFilter:
        """Return the filter of the store."""
        return JobFilter(
            states=[self.state] if self.state else (),
            queues=[self.queue] if self.queue else (),
            tasks=[self.task] if self.task else (),
        )

    def fields(self) -> dict[str, str]:
        """Return the fields of a form with the same filter."""
        named = {"state": self.state or "", "queue": self.queue, "task": self.task}
        return {field: str(value) for field, value in named.items() if value}


@attrs.frozen
class Overview:
    """What the page shows, as it was read.

    Attributes:
        depths: Jobs by queue and state.
        workers: The workers.
        schedules: The schedules.
        jobs: The jobs of the filter, the newest first; one more than a page has, if there are more.
        now: Time of the store.
    """

    depths: Sequence[QueueDepth]
    workers: Sequence[WorkerRecord]
    schedules: Sequence[ScheduleRow]
    jobs: Sequence[JobRecord]
    now: float

    @classmethod
    def read(cls, tasks: Tasks, choice: Choice) -> Overview:
        """Read it: five bounded statements.

        Raises:
            StoreUnavailable: The store did not respond.

        Blocks: the calling task.
        """
        store = tasks.store
        schedules = schedules_of(tasks.registry)[:_MOST_SCHEDULES]
        return cls(
            store.depths(),
            store.workers(),
            schedule_rows(schedules, store) if schedules else (),
            store.jobs(choice.filter(), limit=PER_PAGE + 1, before=choice.before or None),
            store.clock(),
        )


def overview_page(frame: Frame, tasks: Tasks, found: Overview, choice: Choice, notice: str) -> str:
    """Return the page."""
    content = [
        f'<p class="about">{len(tasks.registry)} tasks, jobs in {text(tasks.store.name)}, '
        f"mode <code>{text(tasks.mode)}</code></p>\n",
        "<section><h2>Queues</h2>\n",
        _queues(frame, found.depths),
        "</section>\n<section><h2>Workers</h2>\n",
        _workers(found.workers, found.now),
        "</section>\n",
    ]
    if found.schedules:
        content += ["<section><h2>Schedules</h2>\n", _schedules(found), "</section>\n"]
    content += [
        '<section id="jobs"><h2>Jobs</h2>\n',
        _states(frame, found.depths, choice),
        _selection(frame, found, tasks, choice),
        _bulk(frame, choice) if found.jobs else "",
        _jobs(frame, found),
        _older(frame, found, choice),
        "</section>\n",
    ]
    return frame.page("Jobs", "".join(content), notice=notice)


def _queues(frame: Frame, depths: Sequence[QueueDepth]) -> str:
    by_queue: dict[str, dict[JobState, QueueDepth]] = {}
    for each in depths:
        by_queue.setdefault(each.queue, {})[each.state] = each
    shown = [each for each in JobState if any(each in states for states in by_queue.values())]
    rows = []
    for queue, states in sorted(by_queue.items()):
        waiting = states.get(JobState.QUEUED)
        oldest = duration(float(int(waiting.oldest))) if waiting and waiting.oldest >= 1 else ""
        counts = []
        for state in shown:
            if state not in states:
                counts.append('<span class="none">0</span>')
                continue
            url = query(frame.base, state=state.value, queue=queue)
            counts.append(f'<a href="{text(url)}#jobs">{states[state].jobs}</a>')
        link = f'<a href="{text(query(frame.base, queue=queue))}#jobs">{text(queue)}</a>'
        rows.append([link, *counts, oldest or '<span class="none">-</span>'])
    headings = ["Queue", *(each.value for each in shown), "Oldest queued"]
    return table(headings, rows, empty="No jobs yet.")


def _workers(workers: Sequence[WorkerRecord], now: float) -> str:
    rows = []
    for each in workers[:_MOST_WORKERS]:
        info = each.info
        lease = (
            f"{each.lease_left:.0f} s"
            if each.lease_left > 0
            else '<span class="bad">expired</span>'
        )
        rows.append(
            [
                f'<code title="{text(info.id)}">{text(info.id[:8])}</code>',
                f"{text(info.host)} · {info.pid}",
                text(", ".join(info.queues) or "all"),
                f"{each.running} of {info.concurrency}",
                lease,
                moment(each.started or None, now),
            ]
        )
    return table(
        ("Worker", "Process", "Queues", "Running", "Lease", "Started"),
        rows,
        empty="No worker is running: start one by `photon worker`, or set mode = 'in_process'.",
    )


def _schedules(found: Overview) -> str:
    rows = [
        [
            name(each.name),
            f"<code>{text(each.text)}</code> <small>{text(each.timezone)}</small>",
            name(each.task),
            moment(each.next.timestamp(), found.now),
            moment(None if each.last is None else each.last.timestamp(), found.now),
            text(each.note),
        ]
        for each in found.schedules
    ]
    return table(("Schedule", "When", "Task", "Next", "Last", "Note"), rows, empty="")


def _states(frame: Frame, depths: Sequence[QueueDepth], choice: Choice) -> str:
    counts: dict[JobState, int] = {}
    for each in depths:
        if not choice.queue or each.queue == choice.queue:
            counts[each.state] = counts.get(each.state, 0) + each.jobs
    links = [_state_link(frame, choice, None, sum(counts.values()))]
    links += [
        _state_link(frame, choice, each, counts.get(each, 0))
        for each in JobState
        if counts.get(each) or each is choice.state
    ]
    return f'<nav class="states" aria-label="States">{"".join(links)}</nav>\n'


def _state_link(frame: Frame, choice: Choice, state: JobState | None, count: int) -> str:
    label = "all" if state is None else state.value
    url = query(frame.base, state=state and state.value, queue=choice.queue, task=choice.task)
    current = ' aria-current="true"' if state is choice.state else ""
    return f'<a class="badge {label}" href="{text(url)}#jobs"{current}>{label} <b>{count}</b></a>'


def _selection(frame: Frame, found: Overview, tasks: Tasks, choice: Choice) -> str:
    queues = sorted({each.queue for each in found.depths} | {choice.queue} - {""})
    names = {each.name for each in tasks.registry} | {each.task for each in found.jobs}
    state = ""
    if choice.state is not None:
        state = f'<input type="hidden" name="state" value="{choice.state.value}">'
    return (
        f'<form class="filter" method="get" action="{text(frame.base)}#jobs">{state}'
        f"{_select('queue', 'All queues', queues, choice.queue)}"
        f"{_select('task', 'All tasks', sorted(names | {choice.task} - {''}), choice.task)}"
        "<button>Filter</button></form>\n"
    )


def _select(field: str, everything: str, values: Sequence[str], chosen: str) -> str:
    options = f'<option value="">{text(everything)}</option>'
    for each in values:
        mark = " selected" if each == chosen else ""
        options += f'<option value="{text(each)}"{mark}>{text(each)}</option>'
    return f'<select name="{field}" aria-label="{field}">{options}</select>'


def _bulk(frame: Frame, choice: Choice) -> str:
    """Return the buttons for all jobs of a state; without one, they would be too easy to press."""
    if choice.state is None or choice.state is JobState.RUNNING:
        return ""
    fields = choice.fields()
    which = f"all {choice.state.value} jobs" + (" of this filter" if len(fields) > 1 else "")
    buttons = ""
    if choice.state in REQUEUED:
        buttons += frame.button(
            "Requeue all…", "requeue", fields, path=frame.base, confirms=f"Requeue {which}"
        )
    buttons += frame.button(
        "Remove all…", "purge", fields, path=frame.base, confirms=f"Remove {which}"
    )
    return f'<div class="actions">{buttons}</div>\n'


def _jobs(frame: Frame, found: Overview) -> str:
    rows = []
    for each in found.jobs[:PER_PAGE]:
        url = f"{frame.base}/{each.id}"
        rows.append(
            [
                f'<a href="{text(url)}"><code>{text(each.id[-12:])}</code></a>',
                name(each.task),
                text(each.queue),
                badge(each.state),
                f"{each.attempts} of {each.max_attempts}",
                moment(each.ended or each.enqueued, found.now),
                _summary(each, found.now),
            ]
        )
    return table(
        ("Job", "Task", "Queue", "State", "Attempts", "Enqueued or ended", "About"),
        rows,
        empty="No jobs match.",
    )


def _summary(job: JobRecord, now: float) -> str:
    """Return what matters of a job in one line: its progress, its error, or when it continues."""
    if job.state is JobState.RUNNING and job.progress is not None:
        return progress(job)
    if job.state in (JobState.FAILED, JobState.DEAD, JobState.PARKED) and job.error:
        line = next((each for each in reversed(job.error.splitlines()) if each.strip()), "")
        return f'<span class="error">{text(line[:120])}</span>'
    if job.state is JobState.WAITING and job.event:
        return f"waits for the event <code>{text(job.event)}</code>"
    if job.state in (JobState.SCHEDULED, JobState.WAITING, JobState.FAILED) and job.due:
        return f"due {moment(job.due, now)}"
    return ""


def _older(frame: Frame, found: Overview, choice: Choice) -> str:
    links = ""
    if choice.before:
        url = query(frame.base, **choice.fields())
        links += f'<a href="{text(url)}#jobs">Newest</a> '
    if len(found.jobs) > PER_PAGE:
        last = found.jobs[PER_PAGE - 1].id
        url = query(frame.base, **choice.fields(), before=last)
        links += f'<a href="{text(url)}#jobs">Older</a>'
    return f'<p class="pages">{links}</p>\n' if links else ""
