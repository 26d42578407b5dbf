"""Logging: how the records of the standard library's ``logging`` are written down.

Photon and the code around it log through ``logging`` and nothing else. `configure_logging` gives
the root logger one handler, to standard error, that writes a record as one line of text, for
people, or as one JSON object, for machines. Both show the *fields* of a record: those it was
given (``extra={...}``), and those of the task that logs it: `bind_log_fields` puts them into a
context variable, so that everything a request logs, and every task it spawns, carries them.
"""

from __future__ import annotations

import atexit
import logging
import sys
from typing import Final, Literal, TextIO

import attrs

from ._event_log import EventLog as EventLog
from ._log_fields import add_log_fields as add_log_fields
from ._log_fields import bind_log_fields as bind_log_fields
from ._log_fields import current_fields as current_fields
from ._log_fields import current_log_fields as current_log_fields
from ._log_fields import log_fields as log_fields
from ._log_fields import log_request_id as log_request_id
from ._log_formats import JsonFormatter as JsonFormatter
from ._log_formats import TextFormatter as TextFormatter
from ._log_handler import LogHandler, log_handlers
from ._log_lines import BATCH as BATCH
from ._section_binding import section

REPEATED_STATE: Final = "photon.repeated"
"""The key of `Request.state` that marks requests which a page repeats by itself while it is open.

They are logged for debugging only, unless they fail.
"""
_LEVELS = ("debug", "info", "warning", "error", "critical")


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
    handler = LogHandler(target)
    is_text = settings.format == "text" or (
        settings.format == "auto" and (development or target.isatty())
    )
    handler.setFormatter(TextFormatter() if is_text else JsonFormatter())
    root.addHandler(handler)
    atexit.register(flush_logs)
    root.setLevel(settings.level.upper())
    for name, level in settings.levels.items():
        logging.getLogger(name).setLevel(level.upper())


def flush_logs() -> None:
    """Write all lines that wait; for the end of a process that does not run its exit hooks.

    The end of a hub, the exit hooks and ``logging.shutdown`` do so, too.

    Blocks: the thread, up to two seconds, while what reads the log does not read.
    """
    for handler in log_handlers():
        handler.write_rest()


def dropped_log_lines() -> int:
    """Return how many lines this process has dropped, because nothing read them in time."""
    return sum(handler.dropped for handler in log_handlers())
