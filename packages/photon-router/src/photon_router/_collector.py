"""The garbage collector while an application starts."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector while the block runs, if it runs at all.

    The start of an application makes millions of objects, and nearly all of them stay. So passes of
    the collector find nothing, and each is longer than the one before: together they are a quarter
    of the start of thousands of routes.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
