"""The standard library's own ways to do things at once: futures, and logging through a queue."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from urllib.request import urlopen

from program import MANY, SLOW, at_once, perform

from photon_runtime import DeadlineExceeded, deadline

warnings.simplefilter("error")


def futures(url: str) -> object:
    """A pool of threads, with the ways to wait for what it does."""

    def call(number: int) -> str:
        with urlopen(f"{url}/slow/{number}", timeout=20) as response:
            return str(response.read().decode())

    start = time.monotonic()
    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(call, range(MANY)))
        seconds = time.monotonic() - start
        done = [future.result() for future in as_completed(pool.submit(call, n) for n in range(5))]
    return {"answers": answers, "seconds": seconds, "done": sorted(done)}


def futures_after_deadline(url: str) -> object:
    """A deadline ends the waiting, not the work; the pool goes on and ends in order."""
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(time.sleep, SLOW) for _ in range(2)]
        queued = pool.submit(time.sleep, 30)
        start = time.monotonic()
        try:
            with deadline(0.05):
                slow[0].result()
        except DeadlineExceeded:
            seconds = time.monotonic() - start
        cancelled = queued.cancel()
        not_done = len(wait(slow, timeout=10).not_done)
        answer = pool.submit(lambda: "worked").result(timeout=10)
    return {"seconds": seconds, "cancelled": cancelled, "not_done": not_done, "answer": answer}


def logging_through_a_queue(_: str) -> object:
    """Who logs does not wait for a slow handler, and no record is lost or out of order."""
    written: list[str] = []

    class Slow(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            time.sleep(0.002)
            written.append(f"{record.threadName} {record.getMessage()}")

    records: queue.Queue[logging.LogRecord] = queue.Queue()
    log = logging.getLogger("slow")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(logging.handlers.QueueHandler(records))
    listener = logging.handlers.QueueListener(records, Slow(), respect_handler_level=True)
    listener.start()

    def work() -> None:
        for number in range(10):
            log.info("%s", number)
            time.sleep(0.001)

    start = time.monotonic()
    threads = [threading.Thread(target=work, name=f"worker-{n}") for n in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - start
    listener.stop()
    in_order = [
        [line.split()[1] for line in written if line.split()[0] == f"worker-{n}"]
        == [str(number) for number in range(10)]
        for n in range(MANY)
    ]
    return {"seconds": seconds, "written": len(written), "in_order": all(in_order)}


def sleeps(_: str) -> object:
    """The measure itself: what calls take that do nothing but wait."""

    def call(number: int) -> int:
        time.sleep(SLOW)
        return number

    answers, seconds = at_once(call)
    return {"answers": answers, "seconds": seconds}


if __name__ == "__main__":
    perform(futures, futures_after_deadline, logging_through_a_queue, sleeps)
