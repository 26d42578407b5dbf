"""The values of variables as text: short, in little time, and without secrets.

Theory of operation. A ``repr`` is code of the application: it may be long, fail, wait or never end.
Containers and texts are cut before they are formatted. A wait is refused, by a deadline that has
passed: a repr that loads from a database would work in a transaction that has just failed. Python
code that runs too long is ended by a trace function, in the task that formats and in no other.
Values below a name that means a secret are masked before a text is made of them, and texts are
redacted before they are cut, because half a secret would not be recognized.
"""

from __future__ import annotations

import reprlib
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

import attrs

from photon_runtime import Cancelled, DeadlineExceeded, current_task, deadline
from photon_runtime.redaction import MASK, is_secret_name, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import FrameType

_LONGEST = 1000
"""Characters of one value."""

_READ = 20_000
"""Characters of a text that are redacted; more than is shown."""

_SECONDS = 0.1
"""Seconds for one value."""


class _TooLong(BaseException):
    """A repr has run for too long; not an Exception, so that the repr does not catch it."""


@attrs.define
class ValueFormatter:
    """Formats the values of one report.

    Attributes:
        secrets: Texts that are masked wherever they are.
        budget: Seconds that are left for all values together.
    """

    secrets: Collection[str] = ()
    budget: float = 1.0

    def format(self, value: object, *, name: str = "") -> str:
        """Return a value as text.

        Args:
            value: The value.
            name: Name of its variable; that of a secret masks it.
        """
        if name and is_secret_name(name) and not isinstance(value, bool | type(None)):
            return MASK
        if self.budget <= 0:
            return f"<{type(value).__name__}>"
        begun = perf_counter()
        try:
            text = _timed(lambda: _Repr(self.secrets).repr(value), min(_SECONDS, self.budget))
        except Cancelled:
            raise
        except BaseException as error:
            text = f"<{type(value).__name__}: its repr() {_problem(error)}>"
        self.budget -= perf_counter() - begun
        return _cut(redact(text[:_READ], self.secrets))


def _problem(error: BaseException) -> str:
    if isinstance(error, _TooLong):
        return "takes too long"
    waits = isinstance(error, DeadlineExceeded)
    return "waits" if waits else f"failed with {type(error).__name__}"


def _timed(make: Callable[[], str], seconds: float) -> str:
    """Return what a function returns within a time and without a wait."""
    task, end = current_task(), perf_counter() + seconds

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if perf_counter() > end and current_task() is task:
            raise _TooLong
        frame.f_trace_opcodes = True  # `while True: pass` never comes to another line
        return trace

    before = sys.gettrace()
    with deadline(0):
        if before is not None:  # a debugger
            return make()
        sys.settrace(trace)
        try:
            return make()
        finally:
            sys.settrace(None)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


class _Repr(reprlib.Repr):
    """Cuts containers and texts before they are formatted."""

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__()
        self._secrets = secrets
        self.maxlevel = 5
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxdeque = 30

    def repr_str(self, x: str, level: int) -> str:
        """Format a text, which is redacted before it is cut."""
        return repr(_cut(redact(x[:_READ], self._secrets)))

    def repr_bytes(self, x: bytes, level: int) -> str:
        """Format bytes, as text where they are text."""
        return f"b{self.repr_str(x[:_READ].decode('latin-1'), level)}"

    def repr_bytearray(self, x: bytearray, level: int) -> str:
        """Format a bytearray."""
        return f"bytearray({self.repr_bytes(bytes(x[:_READ]), level)})"

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """Format a dictionary; the values of secrets are masked."""
        if level <= 0:
            return "{...}" if x else "{}"
        pieces = []
        for number, (key, value) in enumerate(x.items()):
            if number == self.maxdict:
                pieces.append("...")
                break
            name = key.decode("latin-1") if isinstance(key, bytes) else key
            is_secret = isinstance(name, str) and is_secret_name(name) and value is not None
            shown = f"'{MASK}'" if is_secret else self.repr1(value, level - 1)
            pieces.append(f"{self.repr1(key, level - 1)}: {shown}")
        return f"{{{', '.join(pieces)}}}"

    def repr_instance(self, x: object, level: int) -> str:
        """Format any other value; an error in its repr is that of the caller."""
        return repr(x)
