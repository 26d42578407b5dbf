# mypy: disable-error-code="import-not-found, misc, untyped-decorator"
"""A job of the jobs suite, on Celery; ``python celery_jobs.py COUNT`` enqueues."""

import os
import sys

import job_effects
from celery import Celery

app = Celery("celery_jobs", broker=os.environ["REDIS_URL"])
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = 100


@app.task(name="noop")
def noop() -> None:
    """Do nothing but what is counted."""
    job_effects.note()


if __name__ == "__main__":
    with app.producer_or_acquire() as producer:
        for _ in range(int(sys.argv[1])):
            noop.apply_async(producer=producer)
