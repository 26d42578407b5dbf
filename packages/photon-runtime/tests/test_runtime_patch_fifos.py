"""Opening FIFOs in tasks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import photon_runtime as rt
from photon_runtime.patch._fifos import open_descriptor


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("first", [os.O_RDONLY, os.O_WRONLY])
def test_each_side_waits_for_the_other(first: int, fifo: Path) -> None:
    def main() -> None:
        other = os.O_WRONLY if first == os.O_RDONLY else os.O_RDONLY
        waiting = rt.spawn(open_descriptor, fifo, first)
        rt.sleep(0.02)
        assert not waiting.done
        fds = [open_descriptor(fifo, other), waiting.result(timeout=5)]
        assert all(os.get_blocking(fd) for fd in fds)
        assert not any(os.get_inheritable(fd) for fd in fds)
        for fd in fds:
            os.close(fd)

    rt.run(main)


@pytest.mark.parametrize("side", [os.O_RDONLY, os.O_WRONLY])
def test_a_side_that_gives_up_is_gone(side: int, fifo: Path) -> None:
    def main() -> None:
        before = len(os.listdir("/dev/fd"))
        with pytest.raises(rt.DeadlineExceeded), rt.deadline(0.02):
            open_descriptor(fifo, side)
        for _ in range(500):
            rt.sleep(0.01)
            if not has_reader(fifo) and len(os.listdir("/dev/fd")) == before:
                return
        raise AssertionError("the thread still waits, or has left a descriptor open")

    rt.run(main)


def has_reader(fifo: Path) -> bool:
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def test_flags_that_do_not_wait_and_errors_are_the_standard_ones(
    fifo: Path, tmp_path: Path
) -> None:
    def main() -> None:
        os.close(open_descriptor(fifo, os.O_RDONLY | os.O_NONBLOCK))
        os.close(open_descriptor(fifo, os.O_RDWR))
        folder = os.open(tmp_path, os.O_RDONLY)
        reading = rt.spawn(open_descriptor, "fifo", os.O_RDONLY, dir_fd=folder)
        os.close(open_descriptor("fifo", os.O_WRONLY, dir_fd=folder))
        os.close(reading.result(timeout=5))
        os.close(folder)
        with pytest.raises(FileNotFoundError):
            open_descriptor(tmp_path / "missing", os.O_RDONLY)
        with pytest.raises(IsADirectoryError):
            open_descriptor(tmp_path, os.O_WRONLY)

    rt.run(main)
