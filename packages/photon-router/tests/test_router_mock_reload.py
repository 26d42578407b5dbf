from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from photon_router import DocumentError
from photon_router.mock import MockApplication, ReloadingMock
from photon_runtime.testing import live_server


def write(path: Path, example: object, **others: Any) -> None:
    content = {"application/json": {"schema": {}, "example": example}}
    answers = {"200": {"description": "Good.", "content": content}}
    item = {"get": {"operationId": "a", "responses": answers}}
    data = {"openapi": "3.1.0", "info": {"title": "A", "version": "1"}, "paths": {"/a": item}}
    path.write_text(json.dumps(data | others))


class Following:
    """Changes that a test announces, and the lines that were reported."""

    def __init__(self, document: Path) -> None:
        self.document = document
        self.changed: SimpleQueue[list[str]] = SimpleQueue()
        self.lines: SimpleQueue[str] = SimpleQueue()
        self.has_ended = threading.Event()

    def batches(self, *, stop: threading.Event) -> Iterator[list[str]]:
        while not stop.is_set():
            try:
                yield self.changed.get(timeout=0.01)
            except Empty:
                yield []
        self.has_ended.set()

    def mock(self) -> ReloadingMock:
        load = lambda: MockApplication(self.document)  # noqa: E731 - one line says it
        return ReloadingMock(load, self.batches, report=self.lines.put)

    def told(self) -> str:
        """Announce a change, and return the lines that are reported."""
        self.changed.put(["a.json"])
        return self.lines.get(timeout=10)


@pytest.fixture
def following(tmp_path: Path) -> Following:
    write(tmp_path / "a.json", 1)
    return Following(tmp_path / "a.json")


def test_a_change_is_served_by_the_same_server(following: Following) -> None:
    with live_server(following.mock()) as server:
        assert server.request("GET", "/a").body == b"1"
        write(following.document, 2)
        assert following.told() == "changed: a.json; the new document is served"
        assert server.request("GET", "/a").body == b"2"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "cannot be read"),
        (
            '{"openapi": "2.0", "info": {"title": "A", "version": "1"}, "paths": {}}',
            "/openapi: '2.0' is not a version 3 of OpenAPI",
        ),
    ],
)
def test_while_the_document_is_not_in_order_the_former_is_served(
    following: Following, text: str, problem: str
) -> None:
    with live_server(following.mock()) as server:
        following.document.write_text(text)
        told = following.told()
        assert told.startswith("changed: a.json; the previous document is still served:\n  - ")
        assert problem in told
        assert server.request("GET", "/a").body == b"1"
        write(following.document, 3)
        following.told()
        assert server.request("GET", "/a").body == b"3"


def test_files_that_are_no_documents_change_nothing(following: Following) -> None:
    with live_server(following.mock()) as server:
        write(following.document, 2)
        following.changed.put(["main.py"])
        following.changed.put(["main.py", "b.yaml"])
        assert following.lines.get(timeout=10) == "changed: b.yaml; the new document is served"
        assert server.request("GET", "/a").body == b"2"
        assert following.lines.empty()


def test_a_document_that_is_not_in_order_at_first_is_refused(following: Following) -> None:
    following.document.write_text("{")
    with pytest.raises(DocumentError, match="cannot be read"), live_server(following.mock()):
        pass


def test_it_no_longer_follows_when_it_has_ended(following: Following) -> None:
    with live_server(following.mock()):
        pass
    following.changed.put(["a.json"])
    following.has_ended.wait(0.2)
    assert following.lines.empty()
