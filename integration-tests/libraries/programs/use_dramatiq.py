"""dramatiq: its worker, with its threads, on a server."""

from __future__ import annotations

import logging
import threading
import time
import warnings

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from program import perform

warnings.simplefilter("error")

MESSAGES = 50
NAP = 0.2


def broker_of(url: str) -> dramatiq.Broker:
    """Return an empty broker, for the actors of a scenario."""
    broker = RedisBroker(url=url, namespace="photon-libraries")
    broker.flush_all()
    dramatiq.set_broker(broker)
    return broker


def messages(url: str) -> object:
    """As many threads as messages: all are done in the time of one, and the worker stops."""
    broker = broker_of(url)
    done: list[tuple[int, float]] = []

    @dramatiq.actor(max_retries=0)
    def nap(number: int) -> None:
        time.sleep(NAP)
        done.append((number, time.monotonic()))

    before = threading.active_count()
    worker = dramatiq.Worker(broker, worker_threads=MESSAGES, worker_timeout=100)
    worker.start()
    start = time.monotonic()
    for number in range(MESSAGES):
        nap.send(number)
    broker.join(nap.queue_name, timeout=20_000)
    worker.join()
    seconds = max(moment for _, moment in done) - start
    start = time.monotonic()
    worker.stop(timeout=10_000)
    stopping = time.monotonic() - start
    broker.close()
    return {
        "numbers": sorted(number for number, _ in done),
        "seconds": seconds,
        "stopping": stopping,
        "threads": threading.active_count() - before,
    }


def failures(url: str) -> object:
    """What fails is tried again, after its delay."""
    broker = broker_of(url)
    logging.getLogger("dramatiq").setLevel(logging.CRITICAL)
    tries: list[float] = []

    @dramatiq.actor(max_retries=3, min_backoff=100, max_backoff=200)
    def stumble() -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise ValueError("not yet")

    worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=100)
    worker.start()
    stumble.send()
    expires = time.monotonic() + 20
    while len(tries) < 3 and time.monotonic() < expires:
        time.sleep(0.02)
    worker.stop(timeout=10_000)
    broker.close()
    return {"tries": len(tries), "apart": tries[-1] - tries[0]}


if __name__ == "__main__":
    perform(messages, failures)
