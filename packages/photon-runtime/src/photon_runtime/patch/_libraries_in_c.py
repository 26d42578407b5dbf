"""Libraries that wait in C, where no patch reaches them: a warning when one is imported.

Theory of operation. Such a library blocks the thread, so that no other task runs; and if it waits
for what another task of the process would do, for ever. That cannot be changed from outside, but
it must not happen in silence. So the import of a known one is logged, once, with the remedy. The
watchdog names these and others when they block, see `photon_runtime.libraries_in_c`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .._remedies import FIRST_USES, IN_THREADS, REMEDIES, remedy_of

_log = logging.getLogger("photon.runtime.patch")


def hooks() -> dict[str, Callable[[ModuleType], object]]:
    """Return the functions to call when one of the libraries is imported."""
    return {
        **{name: functools.partial(_warn, name, remedy_of(name)) for name in REMEDIES},
        **{name: functools.partial(_watch, name, *use) for name, use in FIRST_USES.items()},
    }


def _warn(name: str, remedy: str, module: ModuleType | None = None) -> None:
    if module is not None and IN_THREADS in vars(module):
        return
    _log.warning(
        "%s waits in C: it blocks all coroutines of its thread while it does; %s "
        "(docs/waiting-in-c.md)",
        name,
        remedy,
    )


def _watch(name: str, path: str, part: str, remedy: str, module: Any) -> None:
    """Warn at the first call of a function of ``module``, or of one of its classes."""
    *owners, function = path.split(".")
    owner = functools.reduce(getattr, owners, module)
    original = getattr(owner, function)

    @functools.wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        if getattr(owner, function) is watched:
            setattr(owner, function, original)
            _warn(f"{part} of {name.removeprefix('_')}", remedy)
        return original(*args, **kwargs)

    setattr(owner, function, watched)
