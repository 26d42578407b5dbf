"""The page of one job: its arguments, error, steps and progress."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from ..observability import Origin
from ..records import ENDED, JobRecord, JobState
from ._markup import Frame, badge, block, moment, name, pretty, progress, query, table, text
from ._overview import REQUEUED

_MOST_STEPS: Final = 200


def job_page(
    frame: Frame, job: JobRecord, steps: Mapping[str, str], now: float, notice: str
) -> str:
    """Return the page.

    Args:
        frame: What surrounds the content.
        job: The job.
        steps: Its recorded steps.
        now: Time of the store.
        notice: A sentence about what a button has done.
    """
    content = [
        f"<h1>{name(job.task)} {badge(job.state)}</h1>\n",
        f'<p class="id"><code>{text(job.id)}</code></p>\n',
        f'<div class="actions">{_actions(frame, job)}</div>\n',
        f"<section>{_facts(frame, job, now)}</section>\n",
    ]
    if job.error:
        content.append(f'<section class="failure"><h2>Error</h2>\n{block(job.error)}</section>\n')
    content.append(f"<section><h2>Arguments</h2>\n{pretty(job.arguments)}</section>\n")
    if job.result is not None:
        content.append(f"<section><h2>Result</h2>\n{pretty(job.result)}</section>\n")
    if steps:
        content.append(f"<section><h2>Steps</h2>\n{_steps(steps)}</section>\n")
    return frame.page(f"{job.task} · {job.state.value}", "".join(content), notice=notice)


def _actions(frame: Frame, job: JobRecord) -> str:
    path = f"{frame.base}/{job.id}"
    buttons = ""
    if job.state in REQUEUED:
        buttons += frame.button("Requeue", "requeue", {}, path=path)
    if job.state not in ENDED:
        if job.is_cancelled:
            buttons += '<span class="quiet">is being cancelled</span>'
        else:
            buttons += frame.button("Cancel", "cancel", {}, path=path)
    if job.state is not JobState.RUNNING:
        buttons += frame.button(
            "Remove…", "purge", {}, path=path, confirms="Remove this job and its result"
        )
    return buttons


def _facts(frame: Frame, job: JobRecord, now: float) -> str:
    origin = Origin.of(job.trace)
    queue = f'<a href="{text(query(frame.base, queue=job.queue))}#jobs">{text(job.queue)}</a>'
    similar = f'<a href="{text(query(frame.base, task=job.task))}#jobs">jobs of this task</a>'
    facts = {
        "Queue": f"{queue}, priority {job.priority}",
        "Task": f"{name(job.task)} ({similar})",
        "Attempts": f"{job.attempts} of {job.max_attempts}",
        "Progress": progress(job),
        "Waits for": f"the event <code>{text(job.event)}</code>" if job.event else "",
        "Enqueued": moment(job.enqueued, now),
        "Due": moment(job.due, now) if job.state not in ENDED and job.due else "",
        "Started": moment(job.started, now) if job.started else "",
        "Ended": moment(job.ended, now) if job.ended else "",
        "Worker": f"<code>{text(job.worker)}</code>" if job.worker else "",
        "Unique key": f"<code>{text(job.unique)}</code>" if job.unique else "",
        "Owner": text(job.owner),
        "Group": f"<code>{text(job.group)}</code>" if job.group else "",
        "Trace": f"<code>{text(origin.traceparent[3:35])}</code>" if origin.traceparent else "",
        "Request": f"<code>{text(origin.request_id)}</code>" if origin.request_id else "",
    }
    rows = "".join(f"<dt>{term}</dt><dd>{value}</dd>" for term, value in facts.items() if value)
    return f"<dl>{rows}</dl>\n"


def _steps(steps: Mapping[str, str]) -> str:
    rows = [
        [f"<code>{text(step)}</code>", f"<code>{text(value[:500])}</code>"]
        for step, value in islice(steps.items(), _MOST_STEPS)
    ]
    return table(("Step", "Recorded"), rows, empty="")
