"""Errors for the author of an application: without the frames that only lead to their lines."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
import traceback
from pathlib import Path
from types import FrameType

_PHOTON = re.compile(r"photon(_\w+)?")
_CARRIERS = (
    str(Path(__file__).parent),
    "<frozen importlib",
    importlib.__file__ or "<frozen importlib",
    contextlib.__file__,
)
_COMMAND_LINE = "photon_cli"


def readable(error: BaseException) -> str:
    """Format an exception and its causes, each from the author's first line on.

    Frames of Photon before it only lead there, and those of the command line, of the runtime and
    of the import do so everywhere. Of an exception without a line of the author the rest is kept.

    Returns:
        The text, with its causes first, ending in a line end.
    """
    carriers = (*_CARRIERS, *_folders(_COMMAND_LINE))
    exception = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = exception
    while part is not None:
        files = [frame.filename for frame in part.stack]
        first = next((at for at, file in enumerate(files) if _is_of_author(file)), 0)
        frames = [each for each in part.stack[first:] if not each.filename.startswith(carriers)]
        part.stack = traceback.StackSummary.from_list(frames)
        part = part.__cause__ or part.__context__
    return "".join(exception.format())


def author_frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Return the frames of an exception's traceback with their lines, as `readable` shows them."""
    carriers = (*_CARRIERS, *_folders(_COMMAND_LINE))
    frames = list(traceback.walk_tb(error.__traceback__))
    files = [frame.f_code.co_filename for frame, _ in frames]
    first = next((at for at, file in enumerate(files) if _is_of_author(file)), 0)
    return [each for each in frames[first:] if not each[0].f_code.co_filename.startswith(carriers)]


def with_place(error: BaseException) -> str:
    """Return the message of an error that Photon raised, with the line that it is about.

    That is the author's last line. A message that names its file is left as it is: it knows better,
    as when a decorator refuses the function below it.
    """
    message = str(error)
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = frame.f_code.co_filename
        if _is_of_author(file):
            return message if f"{file}:" in message else f"{file}:{line}: {message}"
    return message


def _is_of_author(file: str) -> bool:
    """Whether it is neither a file of Photon nor generated code, which has none."""
    return not file.startswith((*_CARRIERS, *_photon_folders(), "<"))


def _photon_folders() -> list[str]:
    """Return the folders of the packages of Photon that are imported, each with a slash."""
    return [
        each for name in list(sys.modules) if _PHOTON.fullmatch(name) for each in _folders(name)
    ]


def _folders(name: str) -> list[str]:
    """Return the folders of an imported package, each with a slash."""
    return [f"{folder}/" for folder in getattr(sys.modules.get(name), "__path__", ())]
