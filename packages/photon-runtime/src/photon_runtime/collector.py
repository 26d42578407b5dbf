"""The garbage collector while something large is made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector while the block runs, unless it is disabled already.

    For blocks that make very many objects without cycles: the start of an application, whose
    objects stay, or the text of a document, whose objects are freed at once. A pass of the
    collector finds nothing there, and is longer the more objects exist: such passes are a quarter
    of the start of thousands of routes, and each holds all threads. It is paused for the whole
    process, so the block should not take long.

    Example:
        >>> import gc
        >>> from photon_runtime.collector import collector_paused
        >>> with collector_paused():
        ...     gc.isenabled()
        False
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
