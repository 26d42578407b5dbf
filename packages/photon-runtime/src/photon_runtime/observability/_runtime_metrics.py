"""The runtime's own metrics: tasks, how often one blocked the scheduler, lost lines of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..logs import dropped_log_lines
from ..stats import stats

if TYPE_CHECKING:
    from ._meter import Meter


def declare_runtime_metrics(meter: Meter) -> None:
    """Declare the metrics of the hub that serves."""
    meter.observable_gauge("photon_tasks", "Tasks that have not ended.", lambda: stats().tasks)
    meter.observable_gauge(
        "photon_tasks_runnable", "Tasks that are ready to run.", lambda: stats().runnable
    )
    meter.observable_counter(
        "photon_hub_blocked",
        "How often a task blocked the scheduler for too long.",
        lambda: stats().blocked,
    )
    meter.observable_counter(
        "photon_log_lines_dropped",
        "Lines of the log that were dropped because nothing read them in time.",
        dropped_log_lines,
    )
