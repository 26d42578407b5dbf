"""One command at a time changes the files of a project.

The lock is on the project's folder itself, so that it leaves no file, and ends with the process. An
interrupted transaction is recovered by the next process that has the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

from photon_runtime.generators import GeneratorError

from ._journal import JOURNAL, recover

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PATIENCE = 10.0
_PAUSE = 0.02


@contextlib.contextmanager
def project_lock(root: Path, *, patience: float = _PATIENCE) -> Iterator[int]:
    """Hold the lock of a project; an interrupted transaction is recovered first.

    Args:
        root: The folder of the project.
        patience: The seconds to wait for another process.

    Yields:
        The file descriptor that holds the lock.

    Raises:
        GeneratorError: Another process holds it for longer, or an interrupted transaction cannot be
            recovered.

    Blocks: the calling thread, while another process holds the lock.
    """
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _acquire(descriptor, root, time.monotonic() + patience)
        _recover(root)
        yield descriptor
    finally:
        os.close(descriptor)


def recover_interrupted(root: Path) -> list[str]:
    """Complete or undo what an interrupted command left, unless one is running.

    Args:
        root: The folder of the project.

    Returns:
        Messages about what was done.

    Raises:
        GeneratorError: It cannot be recovered.
    """
    is_interrupted = (root / JOURNAL).is_dir()
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left = _recover(root)
    except BlockingIOError:
        return []
    finally:
        os.close(descriptor)
    if not is_interrupted:
        return []
    return [
        "an interrupted `photon generate` or `destroy` was completed",
        *(f"{name} was changed since and is left as it is" for name in left),
    ]


def _acquire(descriptor: int, root: Path, end: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise GeneratorError(
                    f"another `photon generate` or `destroy` is working in {root}; try again when"
                    " it has ended"
                ) from None
            time.sleep(_PAUSE)
        else:
            return


def _recover(root: Path) -> list[str]:
    try:
        return recover(str(root))
    except (OSError, ValueError) as error:
        raise GeneratorError(
            f"an interrupted `photon generate` cannot be completed: {error}. Its journal is"
            f" {root / JOURNAL}; make the files writable and try again"
        ) from error
