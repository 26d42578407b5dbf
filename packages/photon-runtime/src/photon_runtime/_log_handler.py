"""The one handler of Photon's log: it formats records and gives their lines to the descriptor."""

from __future__ import annotations

import _thread
import contextlib
import logging
from typing import Final, TextIO

from ._log_descriptor import descriptor_of
from ._log_formats import JsonFormatter, TextFormatter
from ._log_lines import LogLines

# Taken at import: what writes a line never waits in the hub, so that a patched lock is only slower.
_RLock = _thread.RLock
_END_TIME: Final = 2.0
_DROPPED = "photon.log"


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream, under a lock of the operating system.

    Where the stream is a descriptor and text in UTF-8, as standard error is, bytes are written to
    the descriptor and never wait for what reads it (`_log_lines`). Other streams are written to as
    `logging` does it.

    Args:
        stream: The stream.

    Attributes:
        lines: The lines that wait for the descriptor; ``None`` for other streams.
        dropped: Number of lines that were dropped, because nothing read them.
    """

    def __init__(self, stream: TextIO) -> None:
        """Find the descriptor of the stream."""
        super().__init__(stream)
        descriptor = descriptor_of(stream)
        self.lines = None if descriptor is None else LogLines(descriptor, self._dropped_line)
        self._stream_of_lines = stream

    @property
    def dropped(self) -> int:
        """Number of lines that were dropped."""
        return 0 if self.lines is None else self.lines.dropped

    def createLock(self) -> None:  # noqa: N802 - logging's name
        """Make the lock, which `logging` holds while a record is written."""
        super().createLock()  # which also releases it in forked processes
        self.lock = _RLock()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record now; `logging` holds the lock."""
        try:
            line = self.format(record)
            if self.lines is None or self.stream is not self._stream_of_lines:
                self.stream.write(line + self.terminator)
                self.stream.flush()
            else:
                self.lines.write(line.encode("utf-8", "backslashreplace"))
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Write what waits, as far as the descriptor takes it."""
        if self.lines is not None:
            self.lines.flush()
        with contextlib.suppress(ValueError):  # the stream is closed
            super().flush()

    def close(self) -> None:
        """Write what waits, for two seconds at the most, and end the handler."""
        self.write_rest()
        super().close()

    def write_rest(self) -> None:
        """Write what waits, and wait up to two seconds for what reads it. Blocks: the thread."""
        if self.lines is not None:
            self.lines.close(_END_TIME)

    def event_lines(self) -> tuple[LogLines, JsonFormatter | TextFormatter] | None:
        """Return where the line of an event can be written without a record, and its format.

        ``None`` where the handler was changed so that it would do more with a record.
        """
        if (
            self.lines is None
            or self.filters
            or self.stream is not self._stream_of_lines
            or type(self) is not LogHandler
        ):
            return None
        formatter = self.formatter
        kind = type(formatter)
        if kind is JsonFormatter or kind is TextFormatter:
            return self.lines, formatter  # type: ignore[return-value]  # it is one of the two
        return None

    def _dropped_line(self, number: int) -> bytes:
        record = logging.LogRecord(
            _DROPPED,
            logging.WARNING,
            "",
            0,
            "%d log lines were dropped: what reads the log did not keep up",
            (number,),
            None,
        )
        return self.format(record).encode("utf-8", "backslashreplace")


def log_handlers() -> list[LogHandler]:
    """Return Photon's handlers of the root logger: one, or none in an application with its own."""
    return [each for each in logging.getLogger().handlers if isinstance(each, LogHandler)]
