# mypy: disable-error-code="import-not-found, misc, untyped-decorator"
"""A job of the jobs suite, on dramatiq; ``python dramatiq_jobs.py COUNT`` enqueues."""

import os
import sys

import dramatiq
import job_effects
from dramatiq.brokers.redis import RedisBroker

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


@dramatiq.actor
def noop() -> None:
    """Do nothing but what is counted."""
    job_effects.note()


if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        noop.send()
