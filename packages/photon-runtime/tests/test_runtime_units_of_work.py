"""Units of work: who completes them, in which order, and what an error leaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import photon_runtime as rt
from photon_runtime.http import UpgradedStream, upgrade
from photon_runtime.testing import in_hub, make_request, memory_pair, serve_upgrade
from photon_runtime.units_of_work import (
    after_each_message,
    message_failed,
    message_handled,
    outlives_request,
)


def serve(handler: Callable[[], object]) -> None:
    """Run a handler after an upgrade, in the running task's context."""

    def run(stream: UpgradedStream) -> None:
        handler()

    client, server = memory_pair()
    serve_upgrade(upgrade("lines", run), server)
    client.close()


@in_hub
def test_calls_are_made_in_order_whenever_a_message_was_handled() -> None:
    log: list[str] = []
    after_each_message(lambda: log.append("first"))
    after_each_message(lambda: log.append("second"))

    def handler() -> None:
        message_handled()
        log.append("message")
        message_handled()

    serve(handler)
    assert log == ["first", "second", "message", "first", "second"]


@in_hub
def test_nothing_happens_without_a_registered_call_or_before_the_upgrade() -> None:
    message_handled()
    log: list[int] = []
    after_each_message(lambda: log.append(1))
    message_handled()
    assert log == []


@in_hub
def test_an_error_is_raised_and_the_further_units_are_undone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log: list[str] = []

    def fail() -> None:
        log.append("fail")
        raise ValueError("failed")

    def fail_to_undo() -> None:
        raise ValueError("not undone")

    after_each_message(lambda: log.append("first"), undo=lambda: log.append("never"))
    after_each_message(fail)
    after_each_message(lambda: log.append("never"))
    after_each_message(lambda: log.append("never"), undo=fail_to_undo)
    after_each_message(lambda: log.append("never"), undo=lambda: log.append("undone"))

    def handler() -> None:
        with pytest.raises(ValueError, match="failed"):
            message_handled()

    serve(handler)
    assert log == ["first", "fail", "undone"]
    assert "a unit of work could not be undone" in caplog.text


@in_hub
def test_the_failure_of_a_handler_undoes_the_units_of_work() -> None:
    log: list[str] = []
    message_failed()
    after_each_message(lambda: log.append("never"), undo=lambda: log.append("first"))
    after_each_message(lambda: log.append("never"))
    after_each_message(lambda: log.append("never"), undo=lambda: log.append("second"))
    message_failed()
    assert log == []
    serve(message_failed)
    assert log == ["first", "second"]


@in_hub
def test_a_task_that_the_handler_has_started_ends_no_unit_of_work() -> None:
    log: list[str] = []
    after_each_message(lambda: log.append("completed"))

    def handler() -> None:
        rt.spawn(message_handled).join()
        assert log == []
        message_handled()

    serve(handler)
    assert log == ["completed"]


@in_hub
def test_a_protocol_that_is_served_by_another_task_has_its_units_of_work() -> None:
    log: list[str] = []
    after_each_message(lambda: log.append("completed"))
    rt.spawn(serve, message_handled).join()
    assert log == ["completed"]


@in_hub
def test_units_of_work_end_with_their_context() -> None:
    log: list[str] = []

    def request() -> None:
        after_each_message(lambda: log.append("completed"))

    rt.spawn(request).join()
    serve(message_handled)
    assert log == []


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"upgrade": "websocket"}, False),
        ({"connection": "upgrade", "upgrade": "websocket"}, True),
    ],
)
def test_a_request_that_offers_an_upgrade_may_be_followed_by_messages(
    headers: dict[str, str], expected: bool
) -> None:
    request = make_request("GET", "/", headers=headers)
    assert outlives_request(request) is expected
