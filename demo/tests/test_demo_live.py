"""Open pages follow the changes of others: over sockets, and in a browser."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from sqlalchemy import event
from sqlalchemy.orm import Session

from board.app import create_app
from board.samples import SAMPLE_KEYS, add_samples
from board.tables import Base
from photon import Photon, sleep
from photon.testing import LiveClient
from photon_lifeguard import Database
from photon_runtime.settings import load_settings
from photon_ws.testing import WebSocketTestSession

DEMO = Path(__file__).parents[1]
LEAD = {"x-key": SAMPLE_KEYS["ada"]}


def add_tables(database: Database) -> None:
    """Make the tables and the samples."""
    Base.metadata.create_all(database.engine)
    with database.transaction() as session:
        add_samples(session)


@pytest.fixture(scope="session")
def database_schema() -> Callable[[Database], None]:
    return add_tables


@pytest.fixture
def app() -> Photon:
    app = create_app()
    app.use_settings(load_settings(DEMO, environment="test", environ={}))
    return app


@pytest.fixture
def client(live_url: str) -> Iterator[LiveClient]:
    with LiveClient(live_url) as client:
        yield client


def open_page(client: LiveClient, *, after: str | None = None) -> WebSocketTestSession:
    """Connect as an open page does, which knows the newest change."""
    if after is None:
        page = client.get("/").text
        after = page.partition('data-latest="')[2].partition('"')[0]
    return client.websocket("/live", params={"person": "ada", "after": after})


def next_change(ws: WebSocketTestSession) -> dict[str, Any]:
    """Return the next message that is not about people."""
    while (message := ws.receive_json())["type"] == "people":
        pass
    assert isinstance(message, dict)
    return message


# -- the messages -----------------------------------------------------------------------------


CHANGES = [
    ("POST", "/api/boards/1/cards", {"title": "New"}),
    ("PUT", "/api/cards/1", {"title": "Rewritten"}),
    ("POST", "/api/cards/1/move", {"column": "done"}),
    ("POST", "/api/cards/1/comments", {"author": "ada", "text": "Done"}),
    ("DELETE", "/api/cards/1", None),
    ("DELETE", "/admin/boards/1", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_every_change_of_a_board_reaches_open_pages(
    client: LiveClient, method: str, path: str, body: object
) -> None:
    with open_page(client) as page:
        response = client.request(method, path, json=body, headers=LEAD)
        assert response.is_success, response.text
        change = next_change(page)
    assert (change["type"], change["board"]) == ("changed", 1)


def test_a_new_board_reaches_open_pages(client: LiveClient) -> None:
    with open_page(client) as page:
        board = client.post("/admin/boards", json={"name": "Kitchen"}, headers=LEAD).json()
        assert next_change(page)["board"] == board["id"]


@pytest.fixture
def slow_commits() -> Iterator[None]:
    """Delay every commit, as a busy disk does."""

    def delay(session: Session) -> None:
        sleep(0.2)

    event.listen(Session, "before_commit", delay)
    yield
    event.remove(Session, "before_commit", delay)


@pytest.mark.usefixtures("slow_commits")
def test_a_change_can_be_read_when_pages_learn_of_it(client: LiveClient) -> None:
    comment = {"author": "ada", "text": "Done"}
    with open_page(client) as page, ThreadPoolExecutor(1) as thread:
        sent = thread.submit(client.post, "/api/cards/1/comments", json=comment)
        next_change(page)
        assert len(client.get("/api/cards/1").json()["comments"]) == 1
        assert sent.result().is_success


def test_a_refused_change_reaches_no_page(client: LiveClient) -> None:
    with open_page(client) as page:
        for card in range(1, 5):
            client.post(f"/api/cards/{card}/move", json={"column": "doing"})
        refused = client.post("/api/boards/2/cards", json={"title": ""})
        assert refused.status_code == 422
        client.post("/api/boards/2/cards", json={"title": "The last change"})
        boards = [next_change(page)["board"]]
        while boards[-1] != 2:
            boards.append(next_change(page)["board"])
    assert 1 <= len(boards) - 1 < 4  # one of the four moves found the column full


def test_a_page_that_connects_again_gets_the_changes_that_it_missed(client: LiveClient) -> None:
    with open_page(client) as page:
        client.post("/api/boards/1/cards", json={"title": "Seen"})
        seen = next_change(page)["id"]
    client.post("/api/boards/1/cards", json={"title": "Missed"})
    client.post("/api/boards/2/cards", json={"title": "Missed, too"})
    with open_page(client, after=seen) as page:
        assert [next_change(page)["board"] for _ in range(2)] == [1, 2]


def test_a_page_of_another_run_of_the_server_learns_of_a_gap(client: LiveClient) -> None:
    with open_page(client, after="abc-7") as page:
        assert next_change(page)["type"] == "gap"


def test_pages_know_how_many_they_are(client: LiveClient) -> None:
    def count(ws: WebSocketTestSession, expected: int) -> None:
        while ws.receive_json() != {"type": "people", "count": expected}:
            pass

    with client.websocket("/live?person=ada") as one:
        count(one, 1)
        with client.websocket("/live?person=grace") as other:
            count(one, 2)
            count(other, 2)
        count(one, 1)


# -- in a browser -----------------------------------------------------------------------------


class Relay:
    """Passes connections on to a server, until it cuts them all and accepts no more."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._is_cut = False
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                if self._is_cut:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._port))
                self._connections += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Cut all connections, and refuse new ones."""
        self._is_cut = True
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._connections.clear()

    def restore(self) -> None:
        """Accept connections again."""
        self._is_cut = False

    def close(self) -> None:
        """End the relay."""
        self._listener.close()
        self.cut()


@pytest.fixture
def relay(live_url: str) -> Iterator[Relay]:
    relay = Relay(int(live_url.rpartition(":")[2]))
    yield relay
    relay.close()


def wait_for(browser: Chrome, text: str, *, within: str = "body") -> None:
    """Wait until a page shows a text."""
    replaced = [NoSuchElementException, StaleElementReferenceException]
    waiting = WebDriverWait(browser, 20, poll_frequency=0.05, ignored_exceptions=replaced)

    def is_shown(driver: Chrome) -> bool:
        try:
            return text in driver.find_element(By.CSS_SELECTOR, within).text
        except WebDriverException as error:
            if "does not belong to the document" in str(error):
                return False  # the browser's own words for an element of the page before
            raise

    waiting.until(is_shown, text)


@pytest.mark.slow
def test_a_change_in_one_window_appears_in_the_other_also_after_a_reconnect(
    browser: Chrome, client: LiveClient, relay: Relay, live_url: str
) -> None:
    browser.get(relay.url)
    watching = browser.current_window_handle
    wait_for(browser, "1 person here")
    browser.switch_to.new_window("window")
    browser.get(live_url)
    writing = browser.current_window_handle
    wait_for(browser, "2 people here")

    browser.find_element(By.LINK_TEXT, "Write the imprint").click()
    browser.find_element(By.CSS_SELECTOR, "[value=done]").click()
    wait_for(browser, "Moved to Done.")
    browser.switch_to.window(watching)
    wait_for(browser, "Write the imprint", within="section[aria-label=Done]")
    wait_for(browser, "2 people here")

    relay.cut()
    wait_for(browser, "Not connected")
    browser.switch_to.window(writing)
    wait_for(browser, "1 person here")
    client.post("/api/boards/2/cards", json={"title": "Missed by one window"})
    browser.switch_to.window(watching)
    assert "Missed by one window" not in browser.page_source
    relay.restore()
    wait_for(browser, "Missed by one window")
    wait_for(browser, "2 people here")
    assert violations(browser) == []


def violations(browser: Chrome) -> list[str]:
    """Return what the browser reports, without connections that the relay has cut."""
    entries = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [each["message"] for each in entries if "WebSocket connection to" not in each["message"]]


@pytest.mark.slow
def test_what_a_person_does_in_a_page_survives_its_changes(
    browser: Chrome, client: LiveClient, live_url: str
) -> None:
    browser.get(f"{live_url}/cards/1")
    wait_for(browser, "1 person here")
    browser.find_element(By.NAME, "text").send_keys("half a sen")
    client.post("/api/cards/1/comments", json={"author": "grace", "text": "From elsewhere"})
    wait_for(browser, "From elsewhere", within="#comment-list")
    browser.switch_to.active_element.send_keys("tence")
    assert browser.find_element(By.NAME, "text").get_property("value") == "half a sentence"

    browser.get(live_url)
    wait_for(browser, "1 person here")
    browser.execute_script("document.querySelector('a[href=\"/cards/3\"]').focus()")
    client.post("/api/boards/1/cards", json={"title": "Above the focus"})
    wait_for(browser, "Above the focus")
    assert browser.switch_to.active_element.get_dom_attribute("href") == "/cards/3"

    browser.get(f"{live_url}/cards/1")
    wait_for(browser, "1 person here")  # the browser keeps the last page for its back button
    client.post("/api/boards/1/cards", json={"title": "While it was kept"})
    browser.back()
    wait_for(browser, "While it was kept")
    wait_for(browser, "1 person here")

    browser.get(f"{live_url}/cards/1")
    wait_for(browser, "1 person here")
    client.delete("/api/cards/1")
    wait_for(browser, "Not Found")


@pytest.mark.slow
def test_pages_work_without_scripts(browser_without_scripts: Chrome, live_url: str) -> None:
    browser = browser_without_scripts
    browser.get(live_url)
    assert browser.find_element(By.ID, "people").text == ""
    browser.find_element(By.LINK_TEXT, "Write the imprint").click()
    browser.find_element(By.CSS_SELECTOR, "[value=done]").click()
    wait_for(browser, "Moved to Done.")
