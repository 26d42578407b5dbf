"""Metrics of several processes: the folder in which prometheus-client keeps them.

Theory of operation. Each process counts in files of its own, named by kind and process:
``counter_71.db``, ``histogram_71.db``, ``gauge_livesum_71.db``. Whoever is asked adds up what the
folder holds. When a process has ended, what it counted stays and what it held at the moment must
go; and workers are replaced for as long as the server runs, so its files must not stay either.
Whoever begins, or is asked, therefore adds the counts of those that have ended to the files of
nobody, process 0, and removes theirs. A lock keeps others from reading in the midst of it. The
operating system takes it from a process that dies; one that was stopped keeps it, and so nobody
waits for it for ever. To read the folder takes about 50 ms for eight workers with a hundred routes,
and longer for more: that is work for a thread.

A process that is killed between the adding and the removing leaves what the next one counts again:
that is one worker's share, where the other order would lose it and make a counter go back.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_KINDS = ("counter", "histogram", "summary")
"""Those whose values add up. Of gauges the application has said what becomes of them."""

_NOBODY = 0
_PAUSE = 0.02


def common_folder() -> Path | None:
    """Return the folder, where there is one: ``photon run --workers`` makes it."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return None if folder is None else Path(folder)


@contextmanager
def undisturbed(folder: Path, *, patience: float) -> Iterator[None]:
    """Put the folder in order, and keep all others from doing so within the block.

    Args:
        folder: The folder.
        patience: Seconds to wait for others that are in such a block.

    Raises:
        TimeoutError: Others still are.

    Blocks: the thread, while others are in such a block.
    """
    with (folder / "lock").open("ab") as lock:
        _take(lock, patience)
        try:
            _bury_the_dead(folder)
            yield
        finally:
            # Not by closing alone: a process that was forked meanwhile has the file open, too.
            fcntl.flock(lock, fcntl.LOCK_UN)


def _take(lock: BinaryIO, patience: float) -> None:
    until = time.monotonic() + patience
    while not _is_taken(lock):
        if time.monotonic() >= until:
            raise TimeoutError("another process keeps the folder of the metrics")
        time.sleep(_PAUSE)


def _is_taken(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _bury_the_dead(folder: Path) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    files: dict[int, list[Path]] = {}
    for file in folder.glob("*_*.db"):
        process = file.stem.rpartition("_")[2]
        if process.isdecimal():  # the client lets an application name its files otherwise
            files.setdefault(int(process), []).append(file)
    for dead in filter(_is_dead, files):
        mark_process_dead(dead, str(folder))  # type: ignore[no-untyped-call]
        for file in files[dead]:
            kind = file.stem.partition("_")[0]
            if kind in _KINDS:
                _add(file, folder / f"{kind}_{_NOBODY}.db")
                file.unlink()


def _is_dead(process: int) -> bool:
    if process == _NOBODY:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it lives, under another user
    return False


def _add(file: Path, total: Path) -> None:
    """Add the values of one file to those of another."""
    from prometheus_client.mmap_dict import MmapedDict

    if not file.stat().st_size:
        return  # it was killed before it could count
    sums = MmapedDict(str(total))  # type: ignore[no-untyped-call]
    for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
        so_far, _ = sums.read_value(key)  # type: ignore[no-untyped-call]
        sums.write_value(key, so_far + value, 0.0)  # type: ignore[no-untyped-call]
    sums.close()  # type: ignore[no-untyped-call]
