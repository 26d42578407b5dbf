"""An error as data for the error page: its exceptions, their frames, source and variables."""

from __future__ import annotations

import linecache
import re
import sysconfig
import types
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from photon_runtime.redaction import is_secret_name, redact
from photon_runtime.tracebacks import author_frames, readable

from ._bounded_repr import ValueFormatter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from types import FrameType

_AROUND = 5
"""Lines of source before the failing one, and after it."""

_MOST_FRAMES = 60
_MOST_VARIABLES = 40
_MOST_EXCEPTIONS = 12
_SHORTEST = 4
_URL_PASSWORD = re.compile(r"://[^\s/?#:@]*:([^\s/?#]+)@")
_LIBRARIES = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


@attrs.frozen
class FrameReport:
    """A frame of a traceback.

    Attributes:
        file: Its file, below the folder of the project where it is in it.
        line: Its line, from 1.
        function: The function.
        is_library: True if it is not in the project.
        source: Lines of source around it, by number.
        variables: Names and values of its variables.
    """

    file: str
    line: int
    function: str
    is_library: bool
    source: tuple[tuple[int, str], ...]
    variables: tuple[tuple[str, str], ...]


@attrs.frozen
class ExceptionReport:
    """An exception.

    Attributes:
        relation: How it led to the one before it in the report; empty for the first.
        kind: Its class.
        message: Its message, notes included.
        frames: Its frames, the outermost first.
        members: The exceptions of a group.
    """

    relation: str
    kind: str
    message: str
    frames: tuple[FrameReport, ...]
    members: tuple[ExceptionReport, ...] = ()


@attrs.frozen
class ErrorReport:
    """An error.

    Attributes:
        text: The traceback as text.
        exceptions: The exception, then what led to it; empty if the text is all there is.
    """

    text: str
    exceptions: tuple[ExceptionReport, ...] = ()


def report_error(error: BaseException, *, root: Path, secrets: Collection[str] = ()) -> ErrorReport:
    """Return the report of an exception, without secrets.

    Args:
        error: The exception.
        root: The folder of the project.
        secrets: Texts that are masked wherever they are.
    """
    known = {*secrets, *_secret_variables(error)}
    reporter = _Reporter(root, known, ValueFormatter(known))
    exceptions = tuple(reporter.chain(error))
    return ErrorReport(redact(readable(error), known), exceptions)


def passwords_in(text: str) -> Iterator[str]:
    """Yield the passwords of the URLs in a text."""
    yield from _URL_PASSWORD.findall(text)


def _linked(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """Yield an exception and what led to it, each once."""
    seen: set[int] = set()
    current: BaseException | None = error
    relation = ""
    while current is not None and id(current) not in seen and len(seen) < _MOST_EXCEPTIONS:
        seen.add(id(current))
        yield relation, current
        if current.__cause__ is not None:
            current, relation = current.__cause__, "caused by"
        elif current.__context__ is not None and not current.__suppress_context__:
            current, relation = current.__context__, "raised while handling"
        else:
            current = None


def _secret_variables(error: BaseException) -> Iterator[str]:
    """Yield the texts of variables whose names mean secrets, and of passwords in URLs."""
    for _, each in _linked(error):
        for frame, _ in author_frames(each)[-_MOST_FRAMES:]:
            for name, value in list(frame.f_locals.items()):
                if isinstance(value, str) and len(value) >= _SHORTEST:
                    if is_secret_name(name):
                        yield value
                    yield from passwords_in(value[: _MOST_VARIABLES * 100])


@attrs.define
class _Reporter:
    root: Path
    secrets: Collection[str]
    formatter: ValueFormatter
    _left: int = _MOST_EXCEPTIONS

    def chain(self, error: BaseException) -> Iterator[ExceptionReport]:
        """Yield the reports of an exception and of what led to it."""
        for relation, each in _linked(error):
            self._left -= 1
            yield self._exception(relation, each)

    def _exception(self, relation: str, error: BaseException) -> ExceptionReport:
        members: list[ExceptionReport] = []
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                if self._left > 0:
                    members += self.chain(member)
        frames = author_frames(error)[-_MOST_FRAMES:]
        return ExceptionReport(
            relation,
            _kind(error),
            redact(self._message(error), self.secrets),
            tuple(self._frame(frame, line) for frame, line in frames),
            tuple(members),
        )

    def _message(self, error: BaseException) -> str:
        try:
            message = str(error)
        except Exception as failed:
            message = f"(its str() failed with {type(failed).__name__})"
        if isinstance(error, SyntaxError) and error.filename:
            message = f"{message}\n{error.filename}, line {error.lineno}\n{error.text or ''}"
        notes = [str(note) for note in getattr(error, "__notes__", ())]
        return "\n".join([message, *notes])[:10_000]

    def _frame(self, frame: FrameType, line: int) -> FrameReport:
        file = frame.f_code.co_filename
        is_library = file.startswith(("<", *_LIBRARIES)) or not self._is_own(file)
        return FrameReport(
            self._shown(file),
            line,
            frame.f_code.co_qualname,
            is_library,
            tuple(self._source(file, line)),
            tuple(self._variables(frame)),
        )

    def _is_own(self, file: str) -> bool:
        path = Path(file)
        if not path.is_relative_to(self.root):
            return False
        parts = path.relative_to(self.root).parts
        return not any(part in ("site-packages", "node_modules") for part in parts)

    def _shown(self, file: str) -> str:
        path = Path(file)
        if path.is_relative_to(self.root):
            return str(path.relative_to(self.root))
        for folder in sorted(_LIBRARIES, key=len, reverse=True):
            if path.is_relative_to(folder):
                return str(path.relative_to(folder))
        return file

    def _source(self, file: str, line: int) -> Iterator[tuple[int, str]]:
        linecache.checkcache(file)
        lines = linecache.getlines(file)
        first = max(line - _AROUND, 1)
        for number, text in enumerate(lines[first - 1 : line + _AROUND], first):
            shown = redact(text.rstrip("\n")[:500], self.secrets, is_source=True)
            yield number, shown

    def _variables(self, frame: FrameType) -> Iterator[tuple[str, str]]:
        is_module = frame.f_code.co_name == "<module>"
        found = list(frame.f_locals.items())
        shown = [
            (name, value)
            for name, value in found
            if not name.startswith("__")
            and not (is_module and isinstance(value, type | types.ModuleType | types.FunctionType))
        ]
        for name, value in shown[:_MOST_VARIABLES]:
            yield name, self.formatter.format(value, name=name)
        if len(shown) > _MOST_VARIABLES:
            yield "…", f"and {len(shown) - _MOST_VARIABLES} more"


def _kind(error: BaseException) -> str:
    cls = type(error)
    is_plain = cls.__module__ in ("builtins", "__main__")
    return cls.__qualname__ if is_plain else f"{cls.__module__}.{cls.__qualname__}"
