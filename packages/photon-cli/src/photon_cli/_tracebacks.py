"""Tracebacks for the author of an application: without the frames that only carry it."""

from __future__ import annotations

import contextlib
import importlib
import traceback
from pathlib import Path

import photon_runtime

_OURS = str(Path(__file__).parent)
_RUNTIME = str(Path(photon_runtime.__file__).parent)
_CARRIERS = (_OURS, _RUNTIME, "<frozen importlib", importlib.__file__ or _OURS, contextlib.__file__)


def readable(error: BaseException) -> str:
    """Format an exception and its causes, leaving out the command line's and the import's frames.

    Returns:
        The text, with its causes first, ending in a line end.
    """
    exception = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = exception
    while part is not None:
        frames = [frame for frame in part.stack if not frame.filename.startswith(_CARRIERS)]
        part.stack = traceback.StackSummary.from_list(frames)
        part = part.__cause__ or part.__context__
    return "".join(exception.format())
