"""Logging: how the records of the standard library's ``logging`` are written down.

Photon and the code around it log through ``logging`` and nothing else. `configure_logging` gives
the root logger one handler, to standard error, that writes a record as one line of text, for
people, or as one JSON object, for machines. Both show the *fields* of a record: those it was
given (``extra={...}``), and those of the task that logs it: `bind_log_fields` puts them into a
context variable, so that everything a request logs, and every task it spawns, carries them.
"""

from __future__ import annotations

import _thread
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, TextIO

import attrs
import msgspec

from ._section_binding import section

_fields: ContextVar[Mapping[str, object]] = ContextVar("photon_log_fields", default={})  # noqa: B039 - never changed in place

# Taken at import: what writes a line never waits in the hub, so that a patched lock is only slower.
_RLock = _thread.RLock
REPEATED_STATE: Final = "photon.repeated"
"""The key of `Request.state` that marks requests which a page repeats by itself while it is open.

They are logged for debugging only, unless they fail.
"""
_LEVELS = ("debug", "info", "warning", "error", "critical")
_STANDARD: Final = frozenset(
    (*vars(logging.makeLogRecord({})), "message", "asctime", "color_message", "taskName")
)


def _levels(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    if value.lower() not in _LEVELS:
        raise ValueError(f"is one of {', '.join(_LEVELS)}, not {value!r}")


@section("log")
@attrs.frozen(kw_only=True)
class LogSettings:
    """What is logged, and how it looks: the section ``[log]``.

    Attributes:
        level: The least severe level that is written: debug, info, warning, error or critical.
        format: ``text`` for people, ``json`` for machines, one object on a line; ``auto`` is text
            in development and on a terminal, JSON elsewhere.
        levels: Levels of single loggers by name, as in ``{ "sqlalchemy.engine" = "info" }``.
    """

    level: str = attrs.field(default="info", validator=_levels)
    format: Literal["auto", "text", "json"] = "auto"
    levels: dict[str, str] = attrs.field(
        factory=dict,
        validator=attrs.validators.deep_mapping(attrs.validators.instance_of(str), _levels),
    )


def configure_logging(
    settings: LogSettings | None = None, *, development: bool = False, stream: TextIO | None = None
) -> None:
    """Set the handler and the level of the root logger, unless it has a handler already.

    Args:
        settings: Levels and format.
        development: True if people read the logs; decides what ``auto`` means.
        stream: Stream to write to; standard error by default.
    """
    settings = settings if settings is not None else LogSettings()
    root = logging.getLogger()
    if root.handlers:
        return
    target = stream if stream is not None else sys.stderr
    handler = _Handler(target)
    is_text = settings.format == "text" or (
        settings.format == "auto" and (development or target.isatty())
    )
    handler.setFormatter(TextFormatter() if is_text else JsonFormatter())
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    for name, level in settings.levels.items():
        logging.getLogger(name).setLevel(level.upper())


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to a stream, under a lock of the operating system."""

    def createLock(self) -> None:  # noqa: N802 - logging's name
        """Make the lock, which `logging` holds while a record is written."""
        super().createLock()  # which also releases it in forked processes
        self.lock = _RLock()

    def emit(self, record: logging.LogRecord) -> None:
        """Write and flush; `logging` holds the lock."""
        try:
            self.stream.write(self.format(record) + self.terminator)
            self.stream.flush()
        except Exception:
            self.handleError(record)


@contextmanager
def bind_log_fields(**fields: object) -> Iterator[None]:
    """Add ``fields`` to every record that is logged in the block, also by tasks spawned there."""
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


def add_log_fields(**fields: object) -> None:
    """Add ``fields`` to every record that the current context logs from now on.

    For code that begins a context, as a request does; inside of a function use `bind_log_fields`.
    """
    _fields.set({**_fields.get(), **fields})


def current_log_fields() -> Mapping[str, object]:
    """Return the fields that records of the current context have; not to be changed.

    For work that continues elsewhere, such as a job, whose records should have them, too.
    """
    return _fields.get()


class _EventRecord(logging.LogRecord):
    """A record with known fields, which do not have to be derived from its attributes."""

    __slots__ = ("attributes", "own_fields")

    attributes: int
    own_fields: Mapping[str, object]


class EventLog:
    """Logs events of one kind, such as requests or jobs, at a low cost.

    The records are those of ``logging``, and go through the logger's filters and handlers; but
    they lack the location in the code, which is always the same, and making one takes a third of
    the time. If the application has set a record factory, it makes the records.

    Args:
        name: Name of the logger.
    """

    def __init__(self, name: str) -> None:
        """Get the logger."""
        self.logger = logging.getLogger(name)
        self._process = 0
        self._begun = 0.0
        self._template: dict[str, object] = {}

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
        logger = self.logger
        if logging.getLogRecordFactory() is not logging.LogRecord:
            logger.log(level, "%s", message, extra=fields)
            return
        if self._process != os.getpid():
            self._begin_process()
        now = time.time()
        record = _EventRecord.__new__(_EventRecord)
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
        common = logging.LogRecord(self.logger.name, logging.INFO, "", 0, "", None, None)
        self._template = dict(vars(common))
        self._begun = common.created - common.relativeCreated / 1000.0
        self._process = os.getpid()


def log_fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of a record: the context's, overridden by its own."""
    if type(record) is _EventRecord and len(vars(record)) == record.attributes:
        return {**_fields.get(), **record.own_fields}
    own = {
        name: value
        for name, value in vars(record).items()
        if name not in _STANDARD and not name.startswith("_")
    }
    return {**_fields.get(), **own}


class TextFormatter(logging.Formatter):
    """One line for people: time, level, logger, message, fields; a traceback below it.

    Control characters, which could steer a terminal, are escaped.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = "".join(f" {name}={_shown(value)}" for name, value in log_fields(record).items())
        message = _one_line(record.getMessage())
        head = f"{moment} {record.levelname:<7} {record.name}  {message}{fields}"
        return head + self._details(record)

    def _details(self, record: logging.LogRecord) -> str:
        details = ""
        if record.exc_info:
            details += "\n" + self.formatException(record.exc_info)
        if record.stack_info:
            details += "\n" + self.formatStack(record.stack_info)
        return "\n".join(map(_one_line, details.split("\n")))


class JsonFormatter(logging.Formatter):
    """One JSON object: ``time``, ``level``, ``logger``, ``message``, the fields, ``exception``.

    Times are in UTC (RFC 3339). A field with one of these names gets the prefix ``field_``; a value
    that JSON cannot represent is shown as its ``repr``.
    """

    _last_second: tuple[int, str] = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as one line."""
        second, moment = self._last_second
        if second != int(record.created):
            second = int(record.created)
            moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._last_second = second, moment
        event: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            event["stack"] = self.formatStack(record.stack_info)
        fields = log_fields(record)
        if event.keys().isdisjoint(fields):
            event.update(fields)
        else:
            for name, value in fields.items():
                event[f"field_{name}" if name in event else name] = value
        try:
            return msgspec.json.encode(event, enc_hook=repr).decode()
        except UnicodeEncodeError:  # a lone surrogate, as in names of files that are not UTF-8
            plain = str | int | None
            return json.dumps(
                {
                    key: item if isinstance(item, plain) else repr(item)
                    for key, item in event.items()
                }
            )


def _shown(value: object) -> str:
    text = _one_line(str(value))
    return f'"{text}"' if " " in text or not text else text


def _one_line(text: str) -> str:
    """Return ``text`` with characters escaped that could forge lines or steer a terminal."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]
