"""A new folder with files: complete, or as before.

The files are written to a *staging folder* beside the new one, where further steps may add to them.
One rename then makes it the new folder. A folder that exists and is empty may be the current one of
a shell, so it stays, and the entries are renamed into it one by one; if one fails, those before it
are moved back. Signals that end a process are exceptions meanwhile, so that they clean up, too. A
process that is killed leaves its staging folder, which a later ``photon new`` beside it removes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from photon_runtime.generators import GeneratorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

_IGNORED = frozenset({".git", ".DS_Store"})
"""Entries of a folder that are not in the way, as of a repository that was just cloned."""
_SHOWN = 5
_STAGING = ".photon-new-"


def create_folder(
    folder: Path, files: Mapping[str, bytes], *, complete: Callable[[Path], None]
) -> None:
    """Create a folder with files, or leave everything as before.

    Args:
        folder: The folder, which does not exist or is empty.
        files: Contents by path.
        complete: Called with the folder in which the files are, before they are in their place.

    Raises:
        GeneratorError: There is something in the way, or a file cannot be written.
    """
    check_target(folder)
    try:
        with _signals_as_exceptions(), _parents(folder):
            _remove_abandoned(folder.parent)
            with _staging(folder.parent) as staging:
                _write(staging, files)
                complete(staging)
                _put_in_place(staging, folder)
    except OSError as error:
        raise GeneratorError(f"nothing was created: {error}") from error


def check_target(folder: Path) -> None:
    """See that a folder can become a project.

    Raises:
        GeneratorError: It is a file, is not empty, or is inside of another project.
    """
    if folder.is_symlink() and not folder.exists():
        raise GeneratorError(f"{folder} is a symbolic link to a folder that does not exist")
    if folder.exists() and not folder.is_dir():
        raise GeneratorError(f"{folder} is a file; choose another name, or remove it")
    if folder.is_dir():
        present = sorted(entry.name for entry in folder.iterdir() if entry.name not in _IGNORED)
        if present:
            raise GeneratorError(
                f"{folder} is not empty: it has {_listed(present)}; choose another name, or an"
                " empty folder"
            )
    for parent in folder.parents:
        if (parent / "photon.toml").is_file():
            raise GeneratorError(
                f"{folder} would be inside of another project: {parent / 'photon.toml'} exists;"
                " choose a folder outside of it"
            )


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    further = len(names) - _SHOWN
    return shown if further <= 0 else f"{shown} and {further} more"


@contextlib.contextmanager
def _parents(folder: Path) -> Iterator[None]:
    """Make the folders above, and remove them again if the block fails."""
    missing = [parent for parent in folder.parents if not parent.exists()]
    made: list[Path] = []
    try:
        for parent in reversed(missing):
            parent.mkdir()
            made.append(parent)
        yield
    except BaseException:
        for parent in reversed(made):
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


@contextlib.contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    """Make the staging folder; it is removed unless it was renamed."""
    staging = parent / f"{_STAGING}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        staging.mkdir()
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write(staging: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = staging / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600 if name == ".env" else 0o666)
        path.write_bytes(content)


def _put_in_place(staging: Path, folder: Path) -> None:
    if not folder.exists():
        staging.rename(folder)
        return
    moved: list[Path] = []
    try:
        for entry in sorted(staging.iterdir()):
            moved.append(entry)
            entry.rename(folder / entry.name)
    except BaseException:
        for entry in moved:
            if not entry.exists():
                (folder / entry.name).rename(entry)
        raise


def _remove_abandoned(parent: Path) -> None:
    """Remove the staging folders of processes that were killed."""
    for staging in parent.glob(f"{_STAGING}*"):
        number = staging.name.removeprefix(_STAGING).partition("-")[0]
        if number.isdigit() and not _is_running(int(number)):
            shutil.rmtree(staging, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Raise `SystemExit` for signals that would end the process without cleaning up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = [(number, signal.signal(number, leave)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
