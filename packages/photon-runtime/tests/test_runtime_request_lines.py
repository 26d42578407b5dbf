from __future__ import annotations

import json
import time

import pytest

from photon_runtime._request_lines import RequestEvent, request_lines


def event(
    path: str = "/items/7",
    *,
    seconds: float = 0.0123456,
    request_id: str | None = "0af7",
    method: str = "GET",
    route: str | None = "/items/{number}",
    client: str | None = "127.0.0.1",
) -> RequestEvent:
    now = time.perf_counter()
    return now - seconds, now, request_id, method, path, 200, route, client


def test_a_line_has_the_members_of_a_request_in_their_order() -> None:
    before = time.time()
    [line] = request_lines([event()]).splitlines()
    said = json.loads(line)
    moment = said.pop("time")
    assert moment[:19] in {
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before + late)) for late in range(3)
    }
    assert (len(moment), moment[-1]) == (24, "Z")
    assert said == {
        "level": "info",
        "logger": "photon.access",
        "message": "GET /items/7 200",
        "request_id": "0af7",
        "method": "GET",
        "path": "/items/7",
        "status": 200,
        "duration_ms": 12.345,
        "route": "/items/{number}",
        "client": "127.0.0.1",
    }
    assert [*json.loads(line)][:5] == ["time", "level", "logger", "message", "request_id"]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ('/say/"hi"', '/say/"hi"'),
        ("/a\\b", "/a\\b"),
        ("/x\n{}", "/x\n{}"),
        ("/x\x7f", "/x\x7f"),
        ("/caf%C3%A9", "/café"),
        ("/%22%0a", '/"\n'),
        ("/%ff", "/\ufffd"),
        ("/café", "/café"),
        ("/\udcff", "/\\udcff"),
    ],
)
def test_a_path_of_any_characters_is_one_valid_line(path: str, shown: str) -> None:
    lines = request_lines([event(), event(path), event()])
    assert lines.count(b"\n") == 3
    assert json.loads(lines.splitlines()[1])["path"] == shown


def test_what_is_missing_or_unusual_is_shown_as_json() -> None:
    events = [
        event(request_id=None, route=None, client=None),
        event(request_id='a"b~+/', client='fe80::1%"', route='/"{x}"'),
        event(seconds=12.0, method='G"T'),
        event(seconds=-0.001),  # the clock of a test
    ]
    none, odd, long, _ = map(json.loads, request_lines(events).splitlines())
    assert "request_id" not in none
    assert (none["route"], none["client"]) == (None, None)
    assert (odd["request_id"], odd["client"], odd["route"]) == ('a"b~+/', 'fe80::1%"', '/"{x}"')
    assert 11_999 < long["duration_ms"] < 12_001
    assert long["method"] == 'G"T'
