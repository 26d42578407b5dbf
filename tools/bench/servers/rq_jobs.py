# mypy: disable-error-code="import-not-found"
"""A job of the jobs suite, on RQ; ``python rq_jobs.py COUNT`` enqueues, ``worker`` works."""

import os
import sys

from redis import Redis
from rq import Queue, SimpleWorker


def noop() -> None:
    """Do nothing but what is counted."""
    import job_effects

    job_effects.note()


def main(command: str) -> None:
    """Enqueue, or work without a fork for each job."""
    queue = Queue(connection=Redis.from_url(os.environ["REDIS_URL"]))
    if command == "worker":
        SimpleWorker([queue], connection=queue.connection).work(logging_level="WARNING")
        return
    jobs = [Queue.prepare_data("rq_jobs.noop", result_ttl=0) for _ in range(int(command))]
    queue.enqueue_many(jobs)


if __name__ == "__main__":
    main(sys.argv[1])
