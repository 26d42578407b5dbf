"""`collect`: the task that has the results of a group of a flow."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .current import current_tasks
from .errors import JobNotFound
from .flows import COLLECT
from .records import JobFilter
from .task import task

_PAGE: Final = 500


@task(name=COLLECT)
def collect(jobs: list[str]) -> list[Any]:
    """Return the results of completed jobs, in their order.

    Raises:
        JobNotFound: One is not kept any more.

    Blocks: the calling task.
    """
    store = current_tasks().store
    results: dict[str, Any] = {}
    for begin in range(0, len(jobs), _PAGE):
        choice = JobFilter(ids=jobs[begin : begin + _PAGE])
        for record in store.jobs(choice, limit=_PAGE):
            text = record.result
            results[record.id] = None if text is None else msgspec.json.decode(text)
    if missing := [each for each in jobs if each not in results]:
        raise JobNotFound(
            f"the results of {len(missing)} jobs of the group are not kept any more, such as that "
            f"of {missing[0]}"
        )
    return [results[each] for each in jobs]
