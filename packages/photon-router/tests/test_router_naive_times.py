from __future__ import annotations

import datetime
import json
import logging
from typing import Annotated, Any

import attrs
import pytest

from photon_router import Application, Form, Param, Query, Request
from photon_runtime.testing import send_request

NAIVE = datetime.datetime(2024, 5, 31, 12, 0, 7, 5)
AWARE = NAIVE.replace(tzinfo=datetime.UTC)


@attrs.frozen
class Event:
    """Something that happens, perhaps with others."""

    name: str
    at: datetime.datetime | None = None
    local: Annotated[datetime.datetime | None, Param(tz=False)] = None
    others: list[Event] = attrs.field(factory=list)


def sending(result: Any) -> Application:
    app = Application()

    @app.get("/event")
    def event() -> Event:
        return result  # type: ignore[no-any-return]

    @app.get("/named")
    def named() -> dict[str, Event]:
        return {"a/b": result}

    @app.get("/text")
    def text() -> list[str]:
        return [NAIVE.isoformat()]

    return app


@pytest.mark.parametrize(
    ("event", "pointer"),
    [
        (Event("a", NAIVE), "/at"),
        (Event("a", NAIVE.replace(microsecond=0)), "/at"),
        (Event("a", AWARE, others=[Event("b"), Event("c", NAIVE)]), "/others/1/at"),
        (Event(NAIVE.isoformat(), NAIVE), "/at"),
        (Event("a", AWARE), None),
        (Event("a", None, NAIVE), None),
        (Event(NAIVE.isoformat(), AWARE), None),
    ],
    ids=str,
)
def test_a_time_without_an_offset_is_refused_in_development_and_logged_in_production(
    event: Event, pointer: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    request = Request("GET", "/event", [])
    with sending(event).start(development=True) as handler:
        response = handler(request)
        assert response.status == (200 if pointer is None else 500)
        assert isinstance(response.body, bytes)
        if pointer is not None:
            [error] = json.loads(response.body)["errors"]
            assert error["pointer"] == pointer
            assert "datetime.now(UTC)" in error["message"]
    caplog.clear()
    with sending(event).start() as handler, caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert handler(request).status == 200
    assert len(caplog.records) == (pointer is not None)
    assert pointer is None or f"event: {pointer} " in caplog.text


def test_the_pointer_of_a_time_is_that_of_the_body(caplog: pytest.LogCaptureFixture) -> None:
    with sending(Event("a", NAIVE)).start(development=True) as handler:
        body = handler(Request("GET", "/named", [])).body
        assert handler(Request("GET", "/text", [])).status == 200
    assert isinstance(body, bytes)
    assert json.loads(body)["errors"][0]["pointer"] == "/a~1b/at"


def test_a_loaded_document_requires_offsets_too() -> None:
    schema = {"type": "object", "properties": {"at": {"type": "string", "format": "date-time"}}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}}
    operation = {
        "operationId": "read",
        "responses": {"2XX": {"description": "d", "content": content}},
    }
    app = Application(
        spec={
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "paths": {"/event": {"get": operation}},
            "components": {"schemas": {"Event": schema}},
        }
    )
    results: list[dict[str, Any]] = [{"at": NAIVE}, {"at": AWARE}, {"at": "not a time"}]

    @app.operation("read")
    def read() -> dict[str, Any]:
        return results.pop(0)

    with app.start(development=True) as handler:
        # Formats are asserted only if the application says so: only the offset is required.
        statuses = [handler(Request("GET", "/event", [])).status for _ in range(3)]
    assert statuses == [500, 200, 200]


@pytest.mark.parametrize(("tz", "refused"), [(True, NAIVE), (False, AWARE), (None, None)])
@pytest.mark.parametrize("is_list", [False, True])
def test_a_zone_that_is_required_or_excluded_is_so_in_queries_and_forms(
    tz: bool | None, refused: datetime.datetime | None, is_list: bool
) -> None:
    app = Application()
    type_: Any = Annotated[datetime.datetime, Param(tz=tz)]
    type_ = list[type_] if is_list else type_

    def read(at: Any) -> str:
        return repr(at)

    read.__annotations__["at"] = Query[type_]  # type: ignore[misc]  # an alias at run time
    app.get("/")(read)

    def read_form(at: Any) -> str:
        return repr(at)

    read_form.__annotations__["at"] = Form[type_]  # type: ignore[misc]
    app.post("/")(read_form)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for each in (NAIVE, AWARE):
        text = each.isoformat().replace("+00:00", "Z")
        query = send_request(app, "GET", f"/?at={text}")
        form = send_request(app, "POST", "/", headers=kind, body=f"at={text}".encode())
        assert query.status == form.status == (422 if each is refused else 200)
        if each is refused:
            assert "have a time zone" in query.json()["errors"][0]["message"]
