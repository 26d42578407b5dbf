"""Lines of the log on their way to a descriptor: batches, order, bounds, ends.

The descriptors are real: pipes, files and sockets.
"""

from __future__ import annotations

import functools
import io
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from photon_runtime import offload, run, sleep
from photon_runtime._log_descriptor import PIPE_BUF, Outlet, descriptor_of, open_outlet
from photon_runtime._log_lines import LIMIT
from photon_runtime.logs import (
    EventLog,
    LogSettings,
    add_log_fields,
    configure_logging,
    dropped_log_lines,
    flush_logs,
)


class Pipe:
    """A pipe with a log at its one end."""

    def __init__(self) -> None:
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.stream = os.fdopen(writer, "w", encoding="utf-8")

    def read(self) -> str:
        """Return what is in the pipe."""
        parts = []
        try:
            while part := os.read(self.reader, 1 << 20):
                parts.append(part)
        except BlockingIOError:
            pass
        return b"".join(parts).decode()

    def messages(self) -> list[str]:
        """Return the messages of the lines in the pipe."""
        return [json.loads(line)["message"] for line in self.read().splitlines()]

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reader)
        self.stream.close()


@contextmanager
def logging_to(stream: TextIO, form: str = "json") -> Iterator[None]:
    """Let the root logger have Photon's handler alone, and afterwards be as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()
    configure_logging(LogSettings(format=form), stream=stream)  # type: ignore[arg-type]
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def logged(test: Callable[..., None]) -> Callable[..., None]:
    """Log to the test's pipe while it runs; a fixture would be too early, as pytest logs, too."""

    @functools.wraps(test)
    def run_test(*, pipe: Pipe, **others: object) -> None:
        with logging_to(pipe.stream):
            test(pipe=pipe, **others)

    return run_test


events = EventLog("shop.events")


def log(number: int) -> None:
    events.log(logging.INFO, f"event {number}", {"number": number})


@logged
def test_events_are_written_together_after_a_moment(pipe: Pipe) -> None:
    def main() -> None:
        add_log_fields(request_id="r1")
        for number in range(3):
            log(number)
        assert pipe.read() == ""
        sleep(0.2)
        lines = [json.loads(line) for line in pipe.read().splitlines()]
        assert [line["message"] for line in lines] == ["event 0", "event 1", "event 2"]
        assert lines[2].pop("time").endswith("Z")
        assert list(lines[2]) == ["level", "logger", "message", "request_id", "number"]
        log(3)

    run(main)
    assert pipe.messages() == ["event 3"], "the end of the hub writes the rest"
    log(4)
    assert pipe.messages() == ["event 4"], "without a hub there is nothing to wait for"


@logged
def test_a_record_of_the_application_is_written_at_once_behind_the_events(pipe: Pipe) -> None:
    def main() -> None:
        log(0)
        logging.getLogger("shop").warning("sold out")
        assert pipe.messages() == ["event 0", "sold out"]
        sleep(0.2)  # the timer of the first event is over
        offload(log, 1)
        assert pipe.messages() == ["event 1"], "a thread has no timer of its own"

    run(main)


@logged
def test_text_has_the_same_form_as_that_of_records(pipe: Pipe) -> None:
    with logging_to(pipe.stream, "text"):
        events.log(logging.WARNING, "sold\x1b out", {"order": 7, "by": "a b"})
        logging.getLogger("shop.events").warning("sold\x1b out", extra={"order": 7, "by": "a b"})
    first, second = pipe.read().splitlines()
    assert first[8:] == second[8:] == ' WARNING shop.events  sold\\x1b out order=7 by="a b"'


@logged
def test_text_that_is_not_unicode_is_in_the_line_all_the_same(pipe: Pipe) -> None:
    events.log(logging.INFO, "\udce4", {"odd": ["\udce4"]})
    logging.getLogger("shop").warning("\udce4")
    first, second = (json.loads(line) for line in pipe.read().splitlines())
    assert (first["message"], first["odd"], second["message"]) == (
        "\udce4",
        "['\\udce4']",
        "\udce4",
    )


class Own(logging.Handler):
    """A handler and a filter of the application."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record.getMessage())

    def filter(self, record: logging.LogRecord) -> bool:
        self.seen.append(record.getMessage())
        return True


class Record(logging.LogRecord):
    """A record of the application."""

    def getMessage(self) -> str:  # noqa: N802 - logging's name
        return f"my {super().getMessage()}"


@pytest.mark.parametrize("name", ["shop.events", "shop", "root"])
@logged
def test_handlers_of_an_application_get_records_of_events(name: str, pipe: Pipe) -> None:
    logger, own = logging.getLogger(name), Own()
    logger.addHandler(own)
    try:
        log(7)
    finally:
        logger.removeHandler(own)
    assert own.seen[-1] == "event 7"
    assert pipe.messages() == ["event 7"]


@logged
def test_filters_and_levels_of_an_application_hold_for_events(pipe: Pipe) -> None:
    own, [handler] = Own(), logging.getLogger().handlers
    handler.addFilter(own)
    log(7)
    handler.removeFilter(own)
    logging.getLogger("shop.events").addFilter(own)
    log(8)
    logging.getLogger("shop.events").removeFilter(own)
    handler.setLevel(logging.WARNING)
    log(9)
    assert own.seen == ["event 7", "event 8"]
    assert pipe.messages() == own.seen


@logged
def test_a_record_factory_and_replaced_methods_get_events(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    handle = logging.Logger.handle

    def watch(logger: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record.getMessage())
        handle(logger, record)

    monkeypatch.setattr(logging.Logger, "handle", watch)
    log(7)
    monkeypatch.undo()
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Record)
    try:
        log(8)
    finally:
        logging.setLogRecordFactory(before)
    assert seen == ["event 7"]
    assert pipe.messages() == ["event 7", "my event 8"]


@logged
def test_a_pipe_that_is_not_read_stops_nothing_and_lost_lines_are_counted(pipe: Pipe) -> None:
    lost = dropped_log_lines()

    def main() -> None:
        for number in range(12_000):  # more than the pipe and the buffer hold
            log(number)
            if number % 1_000 == 0:
                sleep(0.06)
        logging.getLogger("shop").warning("does not wait either")
        dropped = dropped_log_lines() - lost
        assert 0 < dropped < 12_000
        found = []
        for _ in range(100):
            found += pipe.read().splitlines()
            if found and "log lines were dropped" in found[-1]:
                break
            sleep(0.05)
        lines = [json.loads(line) for line in found]
        note = lines.pop()
        assert (note["level"], note["logger"]) == ("warning", "photon.log")
        assert note["message"].startswith(f"{dropped} log lines were dropped")
        assert [line["message"] for line in lines] == [
            f"event {number}" for number in range(12_001 - dropped)
        ]
        log(-1)

    run(main)
    assert pipe.messages() == ["event -1"], "and it goes on"
    assert LIMIT == 1 << 20


@logged
def test_an_end_waits_for_what_reads(pipe: Pipe) -> None:
    for number in range(2_000):
        log(number)
    found: list[str] = []

    def read() -> None:
        while len(found) < 2_000:
            found.extend(pipe.messages())

    reader = threading.Thread(target=read)
    reader.start()
    flush_logs()
    reader.join(10)
    assert found == [f"event {number}" for number in range(2_000)]


@logged
def test_lines_of_threads_are_whole_and_complete(pipe: Pipe) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 100):
            log(number)

    threads = [threading.Thread(target=write, args=(1_000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(pipe.messages()) == sorted(
        f"event {1_000 * n + number}" for n in range(4) for number in range(100)
    )


@logged
def test_a_forked_process_does_not_write_the_lines_of_its_parent(pipe: Pipe) -> None:
    def main() -> None:
        log(0)
        pid = os.fork()
        if not pid:
            flush_logs()
            os._exit(0)
        os.waitpid(pid, 0)
        assert pipe.read() == ""

    run(main)
    assert pipe.messages() == ["event 0"]


@logged
def test_a_write_ends_with_a_line(pipe: Pipe) -> None:
    writes: list[int] = []

    def note(size: int) -> int:
        writes.append(size)
        return 0

    def main() -> None:
        for number in range(200):
            log(number)
        handler = logging.getLogger().handlers[0]
        lines = handler.lines  # type: ignore[attr-defined]  # it is Photon's
        outlet = open_outlet(pipe.stream.fileno())
        lines._outlet = type(outlet)(
            outlet.descriptor,
            outlet.limit,
            lambda data: note(len(data)) + outlet.write(data),
            outlet._file,
        )
        sleep(0.2)

    run(main)
    assert pipe.messages() == [f"event {number}" for number in range(200)]
    assert 2 < len(writes) < 20
    assert max(writes) <= PIPE_BUF


def fill(outlet: Outlet) -> None:
    """Write until it raises."""
    while outlet.write(b"x" * PIPE_BUF):
        pass


def test_a_pipe_that_cannot_be_opened_anew_and_a_socket_do_not_wait_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*args: object) -> int:
        raise PermissionError

    pipe, (near, far) = Pipe(), socket.socketpair()
    monkeypatch.setattr("photon_runtime._log_descriptor.os.open", refuse)
    for descriptor in (pipe.stream.fileno(), near.fileno()):
        outlet = open_outlet(descriptor)
        with pytest.raises(BlockingIOError):
            fill(outlet)
        assert os.get_blocking(descriptor), "others share it"
    assert pipe.read()
    pipe.close()
    near.close()
    far.close()


def test_a_descriptor_may_be_redirected(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as stream, logging_to(stream):
        log(0)
        with (tmp_path / "other").open("w") as other:
            os.dup2(other.fileno(), stream.fileno())
        log(1)
    assert "event 0" in (tmp_path / "log").read_text()
    assert "event 1" in (tmp_path / "other").read_text()


def test_only_plain_text_in_utf_8_goes_around_its_stream(tmp_path: Path) -> None:
    assert descriptor_of(io.StringIO()) is None
    assert descriptor_of(io.TextIOWrapper(io.BytesIO())) is None
    with (tmp_path / "log").open("w", encoding="latin-1") as stream:
        assert descriptor_of(stream) is None
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        assert descriptor_of(stream) == stream.fileno()
    assert descriptor_of(stream) is None, "it is closed"
    assert sys.__stderr__ is not None
