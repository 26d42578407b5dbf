"""Metrics of several worker processes: the folder in which each keeps its figures.

Theory of operation. Each process counts in files of its own, named by kind and process:
``counter_photon-1f_71.db`` by a meter, ``counter_71.db`` by prometheus-client, whose format both
have. The process that serves a request for metrics adds up all files of the folder. When a process
has ended, its counts must be kept and its gauges removed; and since workers are replaced for as
long as the server runs, its files must not accumulate. A process that starts, or serves metrics,
therefore adds the counts of ended processes to the files of process 0, which does not exist, and
removes their files. So after any number of restarts there are the files of the processes that run,
one of each kind for all that have ended, and at most `_MOST_PER_PROCESS` of gauges that
prometheus-client shows with the number of an ended process. A lock prevents other processes from
reading meanwhile. The operating system releases the lock of a process that dies; a suspended
process keeps it, so waiting for it is limited. Reading the folder takes about 50 ms for eight
workers with a hundred routes, and longer for more, so it is done in a thread.

A process that is killed between adding and removing leaves counts that the next one adds again:
that is one worker's share, where the other order would lose it and make a counter go back.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ._instruments import Cell, Definition
from ._mmap_dict import FigureFile, figure_key, figures_of

_CUMULATIVE = ("counter", "histogram", "summary")
"""Kinds whose values add up. The aggregation of a gauge is part of its file's name."""

_AGGREGATED = ("min", "max", "sum", "mostrecent")
"""Aggregations of prometheus-client's gauges that include the values of ended processes."""
_PROCESS_OF_THE_DEAD = 0
_MOST_PER_PROCESS = 100
"""Of how many ended processes the gauges stay that are shown with the number of the process."""
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_OWN_FOLDER = "PHOTON_METRICS_DIR"
_PAUSE = 0.02


def worker_folder() -> Path | None:
    """Return the folder, where there is one: ``photon run`` makes it."""
    folder = os.environ.get(_FOLDER) or os.environ.get(_OWN_FOLDER)
    return Path(folder) if folder else None


def is_shared_by_clients() -> bool:
    """Return whether prometheus-client has its own metrics in the folder, too.

    Not where ``photon run`` has one worker: then the folder is for Photon's metrics alone, which go
    on in the next worker.
    """
    return bool(os.environ.get(_FOLDER))


class WorkerFigures:
    """The files of one meter of this process in the folder.

    A meter has files of its own, because a file has one writer; the figures of two meters of one
    process with the same name are added up like those of two processes.
    """

    def __init__(self, folder: Path) -> None:
        """Begin without files; each is made with its first figure."""
        self._folder = folder
        self._identity = secrets.token_hex(4)
        self._files: dict[str, FigureFile] = {}

    def cells(self, definition: Definition, values: tuple[str, ...]) -> list[Cell]:
        """Return the cells of a series."""
        name, file = definition.name, self._file(definition)
        labels = dict(zip(definition.labels, values, strict=True))
        return [
            file.cell(
                figure_key(
                    name,
                    name + sample.suffix,
                    labels | dict(sample.labels),
                    definition.description,
                )
            )
            for sample in definition.samples
        ]

    def _file(self, definition: Definition) -> FigureFile:
        kind = definition.kind
        prefix = f"gauge_live{definition.aggregation}" if kind == "gauge" else kind
        file = self._files.get(prefix)
        if file is None:
            path = self._folder / f"{prefix}_photon-{self._identity}_{os.getpid()}.db"
            file = self._files[prefix] = FigureFile(path)
        return file


@contextmanager
def exclusive(folder: Path, *, timeout: float) -> Iterator[None]:
    """Put the folder in order, and keep other processes from doing so within the block.

    Args:
        folder: The folder.
        timeout: Seconds to wait for others that are in such a block.

    Raises:
        TimeoutError: Others still are.

    Blocks: the thread, while others are in such a block.
    """
    with (folder / "lock").open("ab") as lock:
        _acquire(lock, timeout)
        try:
            _merge_ended(folder)
            yield
        finally:
            # Not by closing alone: a process that was forked meanwhile has the file open, too.
            fcntl.flock(lock, fcntl.LOCK_UN)


def merge_ended(folder: Path) -> None:
    """Merge the figures of ended processes, unless another process is doing so."""
    with suppress(TimeoutError), exclusive(folder, timeout=0.0):
        pass


class Leadership:
    """The right to be the one process that does something, of those that share a folder.

    The operating system passes it on when the process that has it ends. Processes that it forks
    do not inherit it.

    Args:
        folder: The folder.
        name: Name of what is done.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Begin without it."""
        self._path = folder / f"{name}.lead"
        self._file: int | None = None  # open until the process ends, as the lock is
        self._process = 0

    def acquire(self) -> bool:
        """Return whether this process has it, and take it if no other process has. No wait."""
        if self._file is None or self._process != os.getpid():
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._process = os.getpid()
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _acquire(lock: BinaryIO, timeout: float) -> None:
    until = time.monotonic() + timeout
    while not _try_acquire(lock):
        if time.monotonic() >= until:
            raise TimeoutError("another process is reading the metrics")
        time.sleep(_PAUSE)


def _try_acquire(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _merge_ended(folder: Path) -> None:
    lives: dict[int, bool] = {}
    for file in list(folder.glob("*_*.db")):
        number = _process_of(file)
        if number < 0:  # prometheus-client lets applications name files otherwise
            continue
        if number not in lives:
            lives[number] = number == _PROCESS_OF_THE_DEAD or _is_alive(number)
        if not lives[number]:
            _merge(file)
    ended = [file for file in folder.glob("gauge_all_*.db") if not lives.get(_process_of(file), 1)]
    if len(ended) > _MOST_PER_PROCESS:
        ended.sort(key=lambda file: file.stat().st_mtime)
        for file in ended[:-_MOST_PER_PROCESS]:
            file.unlink()


def _merge(file: Path) -> None:
    kind, _, rest = file.stem.partition("_")
    aggregation = rest.partition("_")[0]
    if kind in _CUMULATIVE or (kind == "gauge" and aggregation in _AGGREGATED):
        name = kind if kind in _CUMULATIVE else f"{kind}_{aggregation}"
        total = FigureFile(file.with_name(f"{name}_{_PROCESS_OF_THE_DEAD}.db"))
        for figure in figures_of(file):
            total.merge(figure, "sum" if kind in _CUMULATIVE else aggregation)
        total.close()
        file.unlink()
    elif aggregation.startswith("live"):
        file.unlink()


def _process_of(file: Path) -> int:
    process = file.stem.rpartition("_")[2]
    return int(process) if process.isdecimal() else -1


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, under another user
    return True
