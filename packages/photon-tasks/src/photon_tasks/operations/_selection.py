"""Jobs that match a filter, page by page."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from ..records import ENDED, JobFilter, JobRecord, JobState
from ..stores import JobStore

_PAGE = 500
NOT_ENDED = tuple(state for state in JobState if state not in ENDED)


def selected(store: JobStore, choice: JobFilter) -> Iterator[JobRecord]:
    """Yield all jobs that match, the newest first. Blocks: the calling task, for each page."""
    before: str | None = None
    while page := store.jobs(choice, limit=_PAGE, before=before):
        yield from page
        before = page[-1].id


def cancel_all(store: JobStore, choice: JobFilter) -> int:
    """Cancel the jobs that match and have not ended; return how many. Blocks: the calling task."""
    states = [state for state in choice.states or NOT_ENDED if state in NOT_ENDED]
    if not states:
        return 0
    count = 0
    for each in selected(store, attrs.evolve(choice, states=states)):
        record = store.cancel(each.id)
        count += record is not None and (record.state is JobState.CANCELLED or record.is_cancelled)
    return count
