"""File objects of pipes, in tasks."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

import photon_runtime as rt
from photon_runtime.patch._pipe_files import FileIO, Open

open_ = Open()
LINES = b"first\nsecond\n"


def written_and_read(reader: Any, writer: Any) -> Any:
    """Let one task read while another writes later."""
    reading = rt.spawn(reader.readline)
    rt.sleep(0.01)
    assert not reading.done
    writer.write(LINES.decode() if isinstance(writer, io.TextIOWrapper) else LINES)
    writer.close()
    line = reading.result(timeout=5)
    rest = reader.read()
    reader.close()
    return line, rest


@pytest.mark.parametrize("buffering", [-1, 0, 100])
def test_a_reader_of_a_pipe_waits_for_its_writer(buffering: int) -> None:
    def main() -> object:
        reader, writer = os.pipe()
        return written_and_read(open_(reader, "rb", buffering), open_(writer, "wb", buffering))

    assert rt.run(main) == (b"first\n", b"second\n")


def test_text_files_of_a_pipe_are_as_open_makes_them() -> None:
    def main() -> object:
        reader, writer = os.pipe()
        text: Any = open_(reader, encoding="utf-8")
        assert (text.mode, text.line_buffering, text.encoding) == ("r", False, "utf-8")
        assert repr(text) == f"<_io.TextIOWrapper name={reader} mode='r' encoding='utf-8'>"
        return written_and_read(text, open_(writer, "w", encoding="utf-8"))

    assert rt.run(main) == ("first\n", "second\n")


def test_both_ends_of_a_fifo_are_opened_by_path(tmp_path: Path) -> None:
    def main() -> object:
        path = tmp_path / "fifo"
        os.mkfifo(path)
        opening = rt.spawn(open_, path, "rb")
        rt.sleep(0.01)
        assert not opening.done
        writer = FileIO(path, "w")
        return written_and_read(opening.result(timeout=5), writer)

    assert rt.run(main) == (b"first\n", b"second\n")


def test_two_tasks_use_one_buffer_in_turns() -> None:
    def main() -> None:
        reader, writer = os.pipe()
        source, target = open_(reader, "rb"), open_(writer, "wb")
        reads = [rt.spawn(source.read, 300_000) for _ in range(2)]
        rt.sleep(0.01)
        writes = [rt.spawn(target.write, letter * 300_000) for letter in (b"a", b"b")]
        for task in writes:
            task.result(timeout=5)
        target.close()
        parts = [set(task.result(timeout=5)) for task in reads]
        assert parts == [set(b"a"), set(b"b")]
        source.close()

    rt.run(main)


def write_lines(target: Any) -> None:
    for number in range(10**9):
        target.write(b"%09d\n" % number)


def test_a_deadline_ends_a_read_and_a_write_and_loses_nothing() -> None:
    def main() -> None:
        reader, writer = os.pipe()
        with open_(reader, "rb") as source, open_(writer, "wb") as target:
            with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.01):
                source.read(1)
            with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.05):
                write_lines(target)
            closing = rt.spawn(target.close)
            lines = source.readlines()
            closing.result(timeout=5)
        assert len(lines) >= 6000
        assert b"%09d\n" * len(lines) % (*range(len(lines)),) == b"".join(lines)

    rt.run(main)


def test_a_dropped_file_is_closed_at_once() -> None:
    def main() -> None:
        reader, writer = os.pipe()
        file = open_(writer, "wb")
        file.write(b"kept")
        gc.disable()
        try:
            with pytest.warns(ResourceWarning):
                del file
        finally:
            gc.enable()
        assert os.read(reader, 10) == b"kept"
        assert os.read(reader, 10) == b""
        os.close(reader)

    rt.run(main)


def test_plain_files_and_errors_are_the_standard_ones(tmp_path: Path) -> None:
    with open_(tmp_path / "plain", "w+b") as plain:
        raw_of_plain: object = plain.raw  # type: ignore[attr-defined]  # of buffers
        assert isinstance(raw_of_plain, FileIO)
        assert type(raw_of_plain) is not FileIO
    with FileIO(tmp_path / "plain") as raw:
        assert isinstance(raw, io.FileIO)
    assert issubclass(io.FileIO, FileIO)
    assert not isinstance(plain, FileIO)
    with pytest.raises(FileNotFoundError):
        open_(tmp_path / "missing")
    for arguments in (("q",), ("rw",), ("rbt",), ("r", 0), ("rb", -1, "utf-8")):
        reader, writer = os.pipe()
        with pytest.raises(ValueError, match=r"mode|buffer|encoding|binary"):
            open_(reader, *arguments)
        os.close(writer)
        with contextlib.suppress(OSError):  # closed, or not, as by `open`
            os.close(reader)


def test_open_is_not_bound_as_a_method() -> None:
    class Loader:
        opener = open_

    with Loader().opener(os.devnull, "rb") as file:
        assert file.read() == b""
    assert open_.__name__ == "open"
    assert pickle.loads(pickle.dumps(io.open)) is io.open
