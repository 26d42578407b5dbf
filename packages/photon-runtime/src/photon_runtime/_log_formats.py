"""The formats of log lines: text for people, JSON for machines.

Both formatters format the records of ``logging``, and also what an `EventLog` has in place of a
record, as bytes (`event`): the access log makes no records where no other code would see them.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping

import msgspec

from ._log_fields import log_fields

_OWN = ("time", "level", "logger", "message", "exception", "stack")
_MILLISECONDS = tuple(
    f".{number:03d}Z" for number in range(1000)
)  # formatting takes four times as long
_LEVELS: Mapping[str, str] = {
    name: name.lower() for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
}


class TextFormatter(logging.Formatter):
    """One line for people: time, level, logger, message, fields; a traceback below it.

    Control characters, which could steer a terminal, are escaped.
    """

    _last_second: tuple[int, str] = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = log_fields(record)
        head = self._head(
            record.created, record.levelname, record.name, record.getMessage(), fields
        )
        return head + self._details(record)

    def event(
        self, created: float, level: str, logger: str, message: str, fields: Mapping[str, object]
    ) -> bytes:
        """Return the line of an event, without its end."""
        return self._head(created, level, logger, message, fields).encode()

    def _head(
        self, created: float, level: str, logger: str, message: str, fields: Mapping[str, object]
    ) -> str:
        second, moment = self._last_second
        if second != int(created):
            second = int(created)
            moment = time.strftime("%H:%M:%S", time.localtime(second))
            self._last_second = second, moment
        shown = "".join([f" {name}={_shown(value)}" for name, value in fields.items()])
        return f"{moment} {level:<7} {logger}  {_one_line(message)}{shown}"

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

    _second = -1
    _moment = ""
    _encode = staticmethod(msgspec.json.Encoder(enc_hook=repr).encode)

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as one line."""
        event: dict[str, object] = {
            "time": self.moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            event["stack"] = self.formatStack(record.stack_info)
        _add_fields(event, log_fields(record))
        try:
            return self._encode(event).decode()
        except UnicodeEncodeError:
            return _encode_any(event)

    def event(
        self, created: float, level: str, logger: str, message: str, fields: Mapping[str, object]
    ) -> bytes:
        """Return the object of an event as one line, without its end."""
        event: dict[str, object] = {
            "time": self.moment(created),
            "level": _LEVELS.get(level) or level.lower(),
            "logger": logger,
            "message": message,
        }
        _add_fields(event, fields)
        try:
            return self._encode(event)
        except UnicodeEncodeError:
            return _encode_any(event).encode()

    def moment(self, created: float) -> str:
        """Return a time as the lines have it.

        Args:
            created: Seconds since the epoch.
        """
        millisecond = int((created - self._second) * 1000.0)
        if not 0 <= millisecond < 1000:
            self._second = int(created)
            self._moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self._second))
            millisecond = int((created - self._second) * 1000.0)
        return self._moment + _MILLISECONDS[millisecond]


def _add_fields(event: dict[str, object], fields: Mapping[str, object]) -> None:
    if fields.keys().isdisjoint(_OWN):
        event.update(fields)
    else:
        for name, value in fields.items():
            event[f"field_{name}" if name in event else name] = value


def _encode_any(event: Mapping[str, object]) -> str:
    """Encode what has a lone surrogate, as names of files that are not UTF-8 have."""
    plain = str | int | None
    return json.dumps(
        {key: item if isinstance(item, plain) else repr(item) for key, item in event.items()}
    )


def _shown(value: object) -> str:
    text = _one_line(str(value))
    return f'"{text}"' if " " in text or not text else text


def _one_line(text: str) -> str:
    """Return ``text`` with characters escaped that could forge lines or steer a terminal."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]
