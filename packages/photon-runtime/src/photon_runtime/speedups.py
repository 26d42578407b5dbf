"""The optional C module photon-speedups: found where it is installed, and set up.

Theory of operation. The module has no classes of its own. It is handed the classes of the request
path, reads where their slots are, and fills them as the Python code would. What it does is only
what is plain; everything else it leaves to the Python code, which stays the specification. So it is
used or not used without a difference but time, and each reason not to use it leads to the same
Python code: it is not installed, was built for other versions of these packages, cannot run on this
interpreter or system, or the environment variable ``PHOTON_SPEEDUPS`` is ``0``.
"""

from __future__ import annotations

import importlib
import os
import platform
import select
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from types import ModuleType
from typing import Any, Final, Protocol

import attrs

VARIABLE: Final = "PHOTON_SPEEDUPS"
PROTOCOL: Final = 1
"""What this package and the C module agree on; another number is another agreement."""
_DISTRIBUTION: Final = "photon-speedups"


class NativeScheduler(Protocol):
    """Turns of the scheduler, in C."""

    def turns(self, hub: Any, /) -> None:
        """Run turns of a hub until it has ended, or the next turn is not plain."""


class NativeServing(Protocol):
    """Plain requests of connections, in C."""

    def receive(self, connection: Any, task: Any, /) -> int:
        """Answer plain requests until something else arrives; see `Serving.receive`."""

    def read_request(self, parser: Any, settings: Any, data: bytes, /) -> Any:
        """Return the request of some bytes, ``None`` if they are not one plain request."""


@attrs.frozen
class Status:
    """Whether the C module is used.

    Attributes:
        is_used: True if it is.
        reason: Why it is not; empty if it is.
        version: Version of the installed distribution; ``None`` without one.
    """

    is_used: bool
    reason: str = ""
    version: str | None = None


class _Module:
    """The C module and what was set up with it, or the reason why there is nothing.

    Attributes:
        native: The extension module; ``None`` if it is not used.
        reason: Why it is not used.
        scheduler: Set up by `scheduler`.
    """

    def __init__(self) -> None:
        self.native: ModuleType | None = None
        self.reason = _obstacle()
        self.scheduler: NativeScheduler | None = None
        if not self.reason:
            self._load()

    def _load(self) -> None:
        try:
            native = importlib.import_module("photon_speedups._native")
        except ImportError as error:
            is_missing = isinstance(error, ModuleNotFoundError)
            self.reason = "it is not installed" if is_missing else f"it cannot be loaded: {error}"
            return
        if native.PROTOCOL == PROTOCOL:
            self.native = native
        else:
            self.reason = "its version does not fit that of photon-runtime: update both"

    def set_up(self, name: str, *arguments: object) -> Any:
        """Make an object of the C module; ``None`` if it is not used.

        A class that lacks a slot belongs to another version: then nothing of the module is used
        from here on.
        """
        if self.native is None:
            return None
        try:
            return getattr(self.native, name)(*arguments)
        except (TypeError, KeyError, AttributeError) as error:
            self.native = None
            self.reason = f"it does not fit the classes of the installed packages: {error}"
            return None


def _obstacle() -> str:
    """Return why the module cannot be used here; empty if it may be."""
    if os.environ.get(VARIABLE, "") == "0":
        return f"{VARIABLE}=0 switches it off"
    if platform.python_implementation() != "CPython":
        return "it is for CPython only"
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return "this interpreter runs without the lock that it relies on"
    if not hasattr(select, "epoll"):
        return "it needs epoll, which only Linux has"
    return ""


_module = _Module()


def status() -> Status:
    """Return whether the C module is used, and why not."""
    try:
        version = version_of(_DISTRIBUTION)
    except PackageNotFoundError:
        version = None
    return Status(_module.native is not None, _module.reason, version)


def scheduler(classes: Mapping[str, object]) -> NativeScheduler | None:
    """Set up the scheduler in C; ``None`` if it is not used.

    Args:
        classes: The classes and functions of the Python code, by their names there.
    """
    _module.scheduler = _module.set_up("Scheduler", classes)
    return _module.scheduler


def serving(classes: Mapping[str, object]) -> NativeServing | None:
    """Set up the connections in C, after `scheduler`; ``None`` if they are not used.

    Args:
        classes: The classes and functions of the Python code, by their names there.
    """
    made: NativeServing | None = None
    if _module.scheduler is not None:
        made = _module.set_up("Serving", _module.scheduler, classes)
    return made
