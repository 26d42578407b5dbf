"""An application whose handlers begin work of every kind that outlives their requests.

Each request has a number, and each kind of work appends a line with its kind and this number to the
file that ``ENDS_FILE`` names. ``ENDS_SENTRY`` is the DSN of a server.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import queue
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from logging.handlers import MemoryHandler, QueueHandler, QueueListener

import sentry_sdk
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from sentry_sdk.consts import CompressionAlgo

import photon_runtime as rt
from photon import BackgroundTasks, Photon

WORK = 0.3


def note(*words: object) -> None:
    """Append a line."""
    file = os.open(os.environ["ENDS_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, (" ".join(map(str, words)) + "\n").encode())
    finally:
        os.close(file)


def work(kind: str, number: int, seconds: float = WORK) -> None:
    """Take a while, then append a line."""
    time.sleep(seconds)
    note(kind, number)


class SlowHandler(logging.Handler):
    """A log handler that waits inside of ``emit``."""

    def emit(self, record: logging.LogRecord) -> None:
        """Append a line for the record."""
        time.sleep(0.01)
        note(record.getMessage())

    def close(self) -> None:
        """Show that `logging.shutdown` was called."""
        note("closed", self.name)
        super().close()


class SlowExporter(SpanExporter):
    """An exporter of spans that waits for its collector."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append a line for each span."""
        time.sleep(0.05)
        for span in spans:
            note("span", span.name)
        return SpanExportResult.SUCCESS


records: queue.Queue[logging.LogRecord] = queue.Queue()
queued, buffered = logging.getLogger("queued"), logging.getLogger("buffered")
for log in (queued, buffered):
    log.propagate = False
    log.setLevel(logging.INFO)
queued.addHandler(QueueHandler(records))
memory = MemoryHandler(100_000, flushLevel=logging.CRITICAL, target=SlowHandler())
memory.set_name("memory")
buffered.addHandler(memory)
pool = ThreadPoolExecutor(2)
folder = tempfile.TemporaryDirectory(prefix="ends-")
note("folder", folder.name)
atexit.register(note, "hook", os.getpid())
tracing = TracerProvider()
tracing.add_span_processor(BatchSpanProcessor(SlowExporter(), schedule_delay_millis=60_000))
tracer = tracing.get_tracer("ends")


@contextlib.contextmanager
def lifespan() -> Iterator[None]:
    """Begin a listener and Sentry, and leave their end to the end of the process."""
    listener = QueueListener(records, SlowHandler())
    listener.start()
    atexit.register(listener.stop)
    sentry_sdk.init(
        dsn=os.environ["ENDS_SENTRY"],
        shutdown_timeout=20,
        transport_queue_size=10_000,  # with its 100 it drops messages of a burst
        _experiments={"transport_compression_algo": CompressionAlgo.GZIP},
    )
    yield


app = Photon(title="Ends", version="1", lifespan=lifespan)


@app.get("/begin/{number}")
def begin(number: int, background: BackgroundTasks) -> int:
    """Begin everything at once."""
    threading.Thread(target=work, args=("thread", number)).start()
    threading.Timer(WORK, work, ("timer", number, 0.0)).start()
    pool.submit(work, "pool", number, 0.02)
    ThreadPoolExecutor(1).submit(work, "executor", number)
    rt.spawn(work, "task", number)
    background.add(work, "background", number)
    with tracer.start_as_current_span(str(number)):
        queued.info("queued %d", number)
        buffered.info("buffered %d", number)
    sentry_sdk.capture_message(f"sentry {number}")
    return number
