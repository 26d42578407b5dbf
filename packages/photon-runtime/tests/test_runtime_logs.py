from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime import spawn
from photon_runtime.logs import (
    EventLog,
    JsonFormatter,
    LogSettings,
    TextFormatter,
    add_log_fields,
    bind_log_fields,
    configure_logging,
    log_fields,
)
from photon_runtime.testing import run


def record(message: str = "hello %s", *arguments: object, **extra: object) -> logging.LogRecord:
    logger = logging.getLogger("shop")
    return logger.makeRecord(
        "shop", logging.INFO, "shop.py", 1, message, arguments or ("you",), None, extra=extra
    )


def as_json(given: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(given)
    assert "\n" not in line
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


@contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """The root logger without handlers, those of pytest included, and afterwards as it was."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    logger.handlers.clear()
    try:
        yield logger
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logging.getLogger("shop.noisy").setLevel(logging.NOTSET)


def test_text_that_is_not_unicode_is_logged_all_the_same() -> None:
    event = as_json(record("no file %s", "\udce4", path="\udce4", size=3, odd=["\udce4"]))
    assert event["message"] == "no file \udce4"
    assert (event["path"], event["size"], event["odd"]) == ("\udce4", 3, "['\\udce4']")


def test_a_json_line_has_time_level_logger_message_and_the_fields() -> None:
    event = as_json(record(order=7))
    assert event.pop("time").endswith("Z")
    assert event == {"level": "info", "logger": "shop", "message": "hello you", "order": 7}


def test_a_field_does_not_replace_what_every_line_has() -> None:
    event = as_json(record(time="never", level=3))
    assert (event["field_time"], event["field_level"], event["level"]) == ("never", 3, "info")


def test_a_value_without_a_form_in_json_is_shown_as_its_repr() -> None:
    event = as_json(record(thing=1j))
    assert event["thing"] == "1j"


def test_a_traceback_stays_within_its_line_of_json() -> None:
    given = record()
    given.exc_info = (KeyError, KeyError("item"), None)
    assert "KeyError: 'item'" in as_json(given)["exception"]
    assert TextFormatter().format(given).endswith("KeyError: 'item'")


def test_a_traceback_cannot_steer_a_terminal() -> None:
    given = record()
    given.exc_info = (KeyError, ValueError("\x1b[2J\nhidden\r"), None)
    lines = TextFormatter().format(given).splitlines()
    assert lines[1:] == ["ValueError: \\x1b[2J", "hidden\\r"]


@given(st.text())
def test_text_cannot_forge_a_line(text: str) -> None:
    line = TextFormatter().format(record("%s", text, name_=text))
    assert len(line.splitlines()) == 1
    assert as_json(record("%s", text))["message"] == text


def test_a_text_line_shows_the_fields_behind_the_message() -> None:
    line = TextFormatter().format(record(order=7, who="a b"))
    assert line.endswith('INFO    shop  hello you order=7 who="a b"')


def test_fields_are_bound_to_a_block_and_reach_spawned_tasks() -> None:
    seen: list[dict[str, object]] = []

    def main() -> None:
        with bind_log_fields(request="r1"):
            with bind_log_fields(user="ada"):
                seen.append(log_fields(record()))
                task = spawn(lambda: seen.append(log_fields(record(user="bob"))))
            task.join()
        seen.append(log_fields(record()))

    run(main)
    assert seen == [{"request": "r1", "user": "ada"}, {"request": "r1", "user": "bob"}, {}]


def test_fields_added_to_a_context_stay_in_it() -> None:
    def child() -> dict[str, object]:
        add_log_fields(request="r1")
        return log_fields(record())

    def main() -> None:
        assert spawn(child).result() == {"request": "r1"}
        assert log_fields(record()) == {}

    run(main)


def test_logging_is_configured_once_with_levels_of_single_loggers() -> None:
    stream = io.StringIO()
    settings = LogSettings(level="warning", format="json", levels={"shop.noisy": "error"})
    with bare_root() as root:
        configure_logging(settings, stream=stream)
        configure_logging(LogSettings(format="text"), stream=stream)
        logging.getLogger("shop").info("unseen")
        logging.getLogger("shop").warning("seen")
        logging.getLogger("shop.noisy").warning("unseen")
        assert len(root.handlers) == 1
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["message"] == "seen"


@pytest.mark.parametrize(
    ("development", "first"), [(True, str.isdigit), (False, lambda text: text == "{")]
)
def test_auto_is_text_in_development_and_json_elsewhere(development: bool, first: Any) -> None:
    stream = io.StringIO()
    with bare_root() as root:
        configure_logging(development=development, stream=stream)
        root.info("x")
    assert first(stream.getvalue()[0])


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="is one of debug, info"):
        LogSettings(level="loud")


def test_an_event_is_a_record_like_any_other_with_its_fields(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events = EventLog("shop.events")
    with caplog.at_level(logging.INFO, "shop.events"):
        assert events.is_enabled_for(logging.INFO)
        events.log(logging.WARNING, "sold 100%", {"order": 7})
    [event] = caplog.records
    assert (event.levelname, event.name, event.getMessage()) == (
        "WARNING",
        "shop.events",
        "sold 100%",
    )
    assert 0 <= event.msecs < 1000
    with bind_log_fields(request="r1"):
        assert as_json(event)["order"] == 7
        assert log_fields(event) == {"request": "r1", "order": 7}
        event.request_id = "r2"  # as a filter adds it
        assert log_fields(event) == {"request": "r1", "order": 7, "request_id": "r2"}


def test_an_applications_own_record_factory_makes_events(caplog: pytest.LogCaptureFixture) -> None:
    class Own(logging.LogRecord):
        """The application's own class of records."""

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Own)
    try:
        with caplog.at_level(logging.INFO, "shop.events"):
            EventLog("shop.events").log(logging.INFO, "sold 100%", {"order": 7})
    finally:
        logging.setLogRecordFactory(before)
    [event] = caplog.records
    assert isinstance(event, Own)
    assert (event.getMessage(), log_fields(event)) == ("sold 100%", {"order": 7})
