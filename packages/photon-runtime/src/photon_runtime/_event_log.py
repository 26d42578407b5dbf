"""Events of one kind, such as requests or jobs, logged at a low cost.

Theory of operation. If the only thing that would see a record is Photon's own handler, no record is
made: the line is given to the handler's lines. Everything that an application may have put into the
way of a record is looked for, because it may come at any time: handlers, filters, levels and other
classes of the logger and those above it, a record factory, another formatter, a library that has
replaced methods of `logging.Logger` (as error trackers do). With any of them, the event becomes a
record like all others. To look takes longer than to encode, so it is done once for each batch of
lines, which is some 50 ms; only new handlers are seen at each event.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping

import msgspec

from ._log_fields import EventRecord, current_log_fields
from ._log_formats import JsonFormatter, TextFormatter
from ._log_handler import LogHandler
from ._log_lines import LogLines

_HANDLE = logging.Logger.handle
_CALL_HANDLERS = logging.Logger.callHandlers
_Record = logging.LogRecord


class EventLog:
    """Logs events of one kind, such as requests or jobs, at a low cost.

    The records are those of ``logging``, and go through the logger's filters and handlers; but
    they lack the location in the code, which is always the same, and making one takes a third of
    the time. If the application has set a record factory, it makes the records. Where only
    Photon's own handler would see a record, none is made, and its line is written with others
    some 50 ms later.

    Args:
        name: Name of the logger.
    """

    def __init__(self, name: str) -> None:
        """Get the logger."""
        self.logger = logging.getLogger(name)
        self._name = name
        self._process = 0
        self._begun = 0.0
        self._template: dict[str, object] = {}
        self._root = logging.getLogger()
        self._handlers: list[logging.Handler | None] = [None]
        self._found: tuple[LogLines, JsonFormatter | TextFormatter, int] | None = None
        self._batch = -1
        self._lines_of_requests: LogLines | None = None

    def is_enabled_for(self, level: int) -> bool:
        """Return whether events of this level are logged."""
        return self.logger.isEnabledFor(level)

    def log(self, level: int, message: str, fields: Mapping[str, object]) -> None:
        """Log an event.

        Args:
            level: Level, as in `logging`; check `is_enabled_for` first.
            message: Literal message, not a template.
            fields: Fields of the event; their names must differ from those that every record has.
        """
        found = self.find_lines()
        if found is None:
            self._log_record(level, message, fields)
            return
        lines, formatter, lowest = found
        if level < lowest:
            return
        context = current_log_fields()
        line = formatter.event(
            time.time(),
            logging.getLevelName(level),
            self._name,
            message,
            {**context, **fields} if context else fields,
        )
        lines.add(msgspec.Raw(line))

    def find_lines(self) -> tuple[LogLines, JsonFormatter | TextFormatter, int] | None:
        """Return where lines of events may be added, their format, and the lowest level of those.

        ``None`` where events must be records.
        """
        found = self._found
        if (
            found is None
            or found[0].batches != self._batch
            or self.logger.handlers
            or self._root.handlers != self._handlers
        ):
            return self._look()
        return found

    def find_lines_of_requests(self) -> LogLines | None:
        """Return where the events of requests may be added, see `_request_lines`.

        ``None`` where `log` must be called for them: the format is another one, or something else
        sees records, or information is not logged.
        """
        lines = self._lines_of_requests
        if (
            lines is None
            or lines.batches != self._batch
            or self.logger.handlers
            or self._root.handlers != self._handlers
        ):
            self._look()
            return self._lines_of_requests
        return lines

    def _look(self) -> tuple[LogLines, JsonFormatter | TextFormatter, int] | None:
        """Look for what is in the way of records, for the next batch."""
        handler = self._only_handler()
        self._handlers = [handler]
        self._lines_of_requests = None
        written = None if handler is None else handler.event_lines()
        if handler is None or written is None:
            self._found = None
            return None
        logger = self.logger
        lowest = max(handler.level, logger.getEffectiveLevel(), logger.manager.disable + 1)
        self._found = (*written, lowest)
        self._batch = written[0].batches
        if type(written[1]) is JsonFormatter and lowest <= logging.INFO:
            self._lines_of_requests = written[0]
        return self._found

    def _only_handler(self) -> LogHandler | None:
        """Return the handler if nothing else would see a record."""
        logger = self.logger
        kind = type(logger)
        if (
            logging.getLogRecordFactory() is not _Record
            or kind.handle is not _HANDLE
            or kind.callHandlers is not _CALL_HANDLERS
            or logger.disabled
            or logger.filters
        ):
            return None
        above: logging.Logger | None = logger
        while above is not None:
            handlers = above.handlers
            parent = above.parent
            if handlers:
                if parent is None and len(handlers) == 1 and isinstance(handlers[0], LogHandler):
                    return handlers[0]
                return None
            if not above.propagate:
                return None
            above = parent
        return None

    def _log_record(self, level: int, message: str, fields: Mapping[str, object]) -> None:
        logger = self.logger
        if logging.getLogRecordFactory() is not _Record:
            logger.log(level, "%s", message, extra=fields)
            return
        if self._process != os.getpid():
            self._begin_process()
        now = time.time()
        record = EventRecord.__new__(EventRecord)
        record.__dict__ = attributes = {
            **self._template,
            "msg": message,
            "levelno": level,
            "levelname": logging.getLevelName(level),
            "created": now,
            "msecs": now % 1.0 * 1000.0 // 1.0,
            "relativeCreated": (now - self._begun) * 1000.0,
            **fields,
        }
        record.attributes = len(attributes)
        record.own_fields = fields
        logger.handle(record)

    def _begin_process(self) -> None:
        """Prepare the attributes that all records of this process share."""
        common = logging.LogRecord(self._name, logging.INFO, "", 0, "", None, None)
        self._template = dict(vars(common))
        self._begun = common.created - common.relativeCreated / 1000.0
        self._process = os.getpid()
