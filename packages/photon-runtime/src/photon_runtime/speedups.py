"""The optional C module photon-speedups: found where it is installed, and set up.

Theory of operation. The module has no classes of its own. It is handed the classes of the request
path, reads where their slots are, and fills them as the Python code would. What it does is only
what is plain; everything else it leaves to the Python code, which stays the specification. So it is
used or not used without a difference but time, and each reason not to use it leads to the same
Python code: it is not installed, was built for other versions of these packages, cannot run on this
interpreter or system, or is switched off by ``PHOTON_SPEEDUPS=0``. Another value of that variable
than 0 and 1 is a reason, too: it was probably meant to switch the module off.
"""

from __future__ import annotations

import importlib
import os
import platform
import select
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import Any, Final, TypeVar

import attrs

VARIABLE: Final = "PHOTON_SPEEDUPS"
PROTOCOL: Final = 3
"""What this package and the C module agree on; another number is another agreement."""
_DISTRIBUTION: Final = "photon-speedups"
F = TypeVar("F", bound=Callable[..., Any])
_NATIVE: Final = "photon_speedups._native"
_MISSING: Final[dict[str | None, str]] = {
    "photon_speedups": "it is not installed",
    _NATIVE: "it is installed without its compiled module",
}


@attrs.frozen
class Connections:
    """The connections of servers in C.

    Attributes:
        receive: Answers plain requests until something else arrives; see `Serving.receive`.
        read_request: Returns the request that some bytes are, for a parser and settings; ``None``
            if they are not one plain request.
    """

    receive: Callable[[Any, Any], int]
    read_request: Callable[[Any, Any, bytes], Any]


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
    """The C module and what was set up with it, or the reason why it is not used.

    Attributes:
        native: The object whose stages are set up; ``None`` if it is not used.
        reason: Why it is not used.
        step: Makes the steps of routers; ``None`` before they are set up.
    """

    def __init__(self) -> None:
        self.native: Any = None
        self.reason = _obstacle()
        self.step: Callable[..., Any] | None = None
        self._used: list[str] = []
        if not self.reason:
            self._load()

    def _load(self) -> None:
        try:
            native = importlib.import_module(_NATIVE)
        except ImportError as error:
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            self.reason = _MISSING.get(missing, f"it cannot be loaded: {error}")
            return
        if native.PROTOCOL == PROTOCOL:
            self.native = native.Native()
        else:
            self.reason = "its version does not fit that of photon-runtime: update both"

    def set_up(self, stage: str, classes: Mapping[str, object]) -> Sequence[Any]:
        """Set up a stage; return its functions, or nothing if the module is not used.

        A class that lacks a slot belongs to another version: then no other stage is used, either.
        """
        if self.native is None:
            return ()
        try:
            functions: Sequence[Any] = self.native.set_up(stage, classes)
        except (TypeError, KeyError, AttributeError) as error:
            self.native = None
            self.reason = f"it does not fit the classes of the installed packages: {error}"
            if self._used:
                self.reason += f" (only a part is used: {', '.join(self._used)})"
            return ()
        self._used.append(stage)
        return functions


def _obstacle() -> str:
    """Return why the module cannot be used here; empty if it may be."""
    value = os.environ.get(VARIABLE, "")
    if value.lower() in {"0", "false"}:
        return f"{VARIABLE}={value} switches it off"
    if value.lower() not in {"", "1", "true"}:
        return f"{VARIABLE} is {value!r}, which is neither 0 nor 1"
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


def turns_of_hubs(classes: Mapping[str, object]) -> Callable[[Any], None] | None:
    """Set up the scheduler in C.

    Args:
        classes: The classes and functions of the Python code, by their names there.

    Returns:
        A function that runs turns of a hub until it has ended, or the next turn is not plain;
        ``None`` if the module is not used.
    """
    functions = _module.set_up("scheduler", classes)
    return functions[0] if functions else None


def connections(classes: Mapping[str, object]) -> Connections | None:
    """Set up the connections of servers in C; ``None`` if the module is not used.

    Args:
        classes: The classes and functions of the Python code, by their names there.
    """
    functions = _module.set_up("serving", classes)
    return Connections(*functions) if functions else None


def set_up_steps(classes: Mapping[str, object]) -> None:
    """Set up the steps of routers in C, if the module is used."""
    functions = _module.set_up("routing", classes)
    _module.step = functions[0] if functions else None


def step(kind: str, function: F, *parts: object) -> F:
    """Return a callable in C that stands for a function of the request path.

    It does what the function does where that is plain, and calls it otherwise. If the module is not
    used, the result is the function itself.

    Args:
        kind: What the function does, as `routing.c` names it.
        function: The function.
        parts: The values that it closes over.
    """
    return function if _module.step is None else _module.step(kind, function, *parts)
