"""The demo, over real sockets."""

import gzip
import html
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import httpx2
import pytest

from board.app import create_app
from board.samples import SAMPLE_KEYS, add_samples
from board.tables import Base
from photon import Photon
from photon_lifeguard import Database, DatabaseSettings, migrations
from photon_runtime import speedups
from photon_runtime.http import ServerSettings
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server

DEMO = Path(__file__).parents[1]


@attrs.frozen
class ReceivedResponse:
    """A response of a server."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> object:
        return json.loads(self.body)

    def errors(self) -> list[tuple[str, str]]:
        """Return location, and name or pointer, of each error."""
        document = json.loads(self.body)
        return [
            (error["in"], error.get("name", error.get("pointer"))) for error in document["errors"]
        ]


@attrs.frozen
class Client:
    """Sends requests to one server."""

    url: str

    def send(
        self, method: str, target: str, body: object = None, *, member: str = ""
    ) -> ReceivedResponse:
        connection = self.connect()
        try:
            data = None if body is None else json.dumps(body)
            headers = {"content-type": "application/json"} if data else {}
            if member:
                headers["x-key"] = SAMPLE_KEYS.get(member, member)
            connection.request(method, target, body=data, headers=headers)
            response = connection.getresponse()
            return ReceivedResponse(response.status, response.headers, response.read())
        finally:
            connection.close()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)


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
def client(live_url: str) -> Client:
    return Client(live_url)


@contextmanager
def other_application(
    folder: Path, settings: ServerSettings | None = None, **variables: str
) -> Iterator[Client]:
    """Serve an application with the demo's settings and a database of its own in ``folder``."""
    url = f"sqlite:///{folder}/other.sqlite3"
    database = Database(DatabaseSettings(url=url), folder=DEMO)
    migrations.migrate(database)
    migrations.seed(database)
    database.close()
    app = create_app()
    environ = {"PHOTON__DATABASE__URL": url, "PHOTON__WEBSOCKETS__ROOMS": "memory", **variables}
    app.use_settings(load_settings(DEMO, environment="production", environ=environ))
    with live_server(app, settings=settings) as server:
        yield Client(server.url)


# -- the public API ---------------------------------------------------------------------------


def test_boards_are_listed(client: Client) -> None:
    response = client.send("GET", "/api/boards")
    assert response.status == 200
    assert response.json() == [
        {"id": 1, "name": "Website", "limit": 3},
        {"id": 2, "name": "Garden", "limit": 1},
    ]


def test_cards_are_found_by_column_assignee_and_labels(client: Client) -> None:
    def numbers(query: str) -> list[int]:
        found = client.send("GET", f"/api/boards/1/cards?{query}").json()
        assert isinstance(found, list)
        return [card["id"] for card in found]

    assert numbers("") == [1, 2, 3, 4]
    assert numbers("limit=2") == [1, 2]
    assert numbers("column=doing") == [3]
    assert numbers("assignee=linus") == [4]
    assert numbers("label=bug&label=urgent") == [3]
    assert numbers("label=bug&label=design") == []


def test_a_new_card_is_where_its_location_says(client: Client) -> None:
    details = {"title": "Wässern", "labels": ["garden"], "assignee": "ada", "due": "2027-06-01"}
    added = client.send("POST", "/api/boards/2/cards", details)
    assert added.status == 201
    found = client.send("GET", added.headers["location"])
    assert found.status == 200
    card = found.json()
    assert isinstance(card, dict)
    assert card == added.json()
    assert card.items() >= (details | {"board_id": 2, "column": "todo"}).items()


def test_a_new_card_may_be_compressed_up_to_the_limit_of_bodies(tmp_path: Path) -> None:
    def status_of(client: Client, description: str) -> int:
        card = json.dumps({"title": "Water", "description": description}).encode()
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        connection = client.connect()
        connection.request("POST", "/api/boards/2/cards", gzip.compress(card), headers)
        status = connection.getresponse().status
        connection.close()
        return status

    with other_application(tmp_path, ServerSettings(max_body_size=65_536)) as client:
        assert status_of(client, "The beans, too.") == 201
        assert status_of(client, "x" * 100_000) == 413


def test_every_fault_of_a_card_is_told(client: Client) -> None:
    wrong = {"title": "", "labels": ["ok", "Not ok"], "due": 5, "colour": "red"}
    response = client.send("POST", "/api/boards/0/cards", wrong)
    assert response.status == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert set(response.errors()) == {
        ("path", "board_id"),
        ("body", "/title"),
        ("body", "/labels/1"),
        ("body", "/due"),
        ("body", "/colour"),
    }


def test_rewriting_a_card_empties_what_is_left_out(client: Client) -> None:
    response = client.send("PUT", "/api/cards/3", {"title": "Mend the search"})
    card = response.json()
    assert isinstance(card, dict)
    assert card["title"] == "Mend the search"
    assert card["labels"] == []
    assert card["assignee"] is None
    assert card["column"] == "doing"
    assert len(card["comments"]) == 1


def test_a_removed_card_is_gone(client: Client) -> None:
    removed = client.send("DELETE", "/api/cards/1")
    assert (removed.status, removed.body) == (204, b"")
    assert client.send("GET", "/api/cards/1").status == 404
    assert client.send("DELETE", "/api/cards/1").status == 404


def test_a_card_moves_only_where_there_is_room(client: Client) -> None:
    full = client.send("POST", "/api/cards/5/move", {"column": "doing"})
    assert full.status == 409
    problem = full.json()
    assert isinstance(problem, dict)
    assert problem["limit"] == 1
    client.send("POST", "/api/cards/6/move", {"column": "done"})
    assert client.send("POST", "/api/cards/5/move", {"column": "doing"}).status == 200


def _upload(client: Client, content: bytes, name: str, note: str = "") -> ReceivedResponse:
    parts = [(f'; filename="{name}"\r\ncontent-type: text/plain', "file", content)]
    parts += [("", "note", note.encode())] if note else []
    body = b"".join(
        f'--B\r\ncontent-disposition: form-data; name="{field}"{more}\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for more, field, data in parts
    )
    connection = client.connect()
    try:
        headers = {"content-type": "multipart/form-data; boundary=B"}
        connection.request("POST", "/api/cards/3/attachments", body + b"--B--", headers)
        response = connection.getresponse()
        return ReceivedResponse(response.status, response.headers, response.read())
    finally:
        connection.close()


def test_a_file_is_kept_with_a_card_until_the_card_is_removed(client: Client) -> None:
    response = _upload(client, b"a < b", "../plän.txt", "Look.")
    kept = {"id": 1, "card_id": 3, "name": "plän.txt", "size": 5, "note": "Look."}
    assert (response.status, response.json()) == (201, kept)
    assert client.send("GET", "/api/cards/3/attachments").json() == [kept]
    assert client.send("GET", "/api/cards/2/attachments").json() == []
    found = client.send("GET", response.headers["location"])
    assert (found.status, found.body) == (200, b"a < b")
    assert found.headers["content-disposition"] == "attachment; filename*=UTF-8''pl%C3%A4n.txt"
    client.send("DELETE", "/api/cards/3")
    assert client.send("GET", response.headers["location"]).status == 404


def test_a_file_that_does_not_fit_is_refused(client: Client) -> None:
    assert _upload(client, b"", "a.txt").errors() == [("body", "/file")]
    assert _upload(client, b"x" * 999_000, "a.txt").status == 201
    assert _upload(client, b"x" * 1_000_000, "a.txt").status == 413
    assert _upload(client, b"x", "a.txt", "n" * 201).errors() == [("body", "/note")]
    assert client.send("POST", "/api/cards/3/attachments", {"file": "x"}).status == 415


def test_comments_are_kept_in_order(client: Client) -> None:
    client.send("POST", "/api/cards/3/comments", {"author": "linus", "text": "I see it too."})
    card = client.send("GET", "/api/cards/3").json()
    assert isinstance(card, dict)
    assert [comment["author"] for comment in card["comments"]] == ["ada", "linus"]


@pytest.mark.parametrize("target", ["/api/boards/9", "/api/boards/9/cards", "/api/cards/99"])
def test_what_is_not_there_is_not_found(client: Client, target: str) -> None:
    assert client.send("GET", target).status == 404


# -- the routes for those who run it ----------------------------------------------------------


def test_a_lead_opens_and_closes_boards(client: Client) -> None:
    opened = client.send("POST", "/admin/boards", {"name": "Kitchen"}, member="ada")
    assert opened.status == 201
    board = opened.json()
    assert board == {"id": 3, "name": "Kitchen", "limit": 3, "todo": 0, "doing": 0, "done": 0}
    assert client.send("GET", "/api/boards/3").status == 200
    assert client.send("DELETE", "/admin/boards/3", member="ada").status == 204
    assert client.send("GET", "/api/boards/3").status == 404


def test_closing_a_board_throws_its_cards_away(client: Client) -> None:
    client.send("DELETE", "/admin/boards/2", member="ada")
    assert client.send("GET", "/api/cards/5").status == 404
    assert client.send("GET", "/api/cards/1").status == 200


def test_only_members_may_look_and_only_leads_may_change(client: Client) -> None:
    refused = client.send("GET", "/admin/boards")
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == 'ApiKey in="header", name="X-Key"'
    assert client.send("GET", "/admin/boards", member="eve").status == 401
    assert client.send("GET", "/admin/boards", member="grace").status == 200
    new = {"name": "Kitchen"}
    assert client.send("POST", "/admin/boards", new).status == 401
    assert client.send("POST", "/admin/boards", new, member="grace").status == 403
    assert client.send("GET", "/api/boards/3").status == 404


def test_the_class_of_a_body_says_what_it_must_satisfy(client: Client) -> None:
    response = client.send("POST", "/admin/boards", {"name": "", "limit": 99}, member="ada")
    assert response.status == 422
    assert response.errors() == [("body", "/name"), ("body", "/limit")]


# -- reports ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_all_calendars_are_asked_at_once(client: Client) -> None:
    started = time.monotonic()
    response = client.send("GET", "/reports/workload?delay=0.2")
    elapsed = time.monotonic() - started
    workload = response.json()
    assert isinstance(workload, list)
    assert {row["member"]: row["open_cards"] for row in workload} == {
        "ada": 1,
        "grace": 1,
        "linus": 0,
        "margaret": 2,
    }
    assert 0.2 <= elapsed < 0.6  # four calendars, 0.2 s each


@pytest.mark.slow
def test_a_slow_report_keeps_nobody_waiting(client: Client) -> None:
    slow = threading.Thread(target=client.send, args=("GET", "/reports/workload?delay=1"))
    slow.start()
    try:
        started = time.monotonic()
        assert client.send("GET", "/api/boards").status == 200
        assert slow.is_alive()
        assert time.monotonic() - started < 0.9
    finally:
        slow.join()


@pytest.mark.slow
def test_calendars_that_take_too_long_are_not_waited_for(client: Client) -> None:
    started = time.monotonic()
    assert client.send("GET", "/reports/workload?delay=10").status == 504
    assert time.monotonic() - started < 5


@pytest.mark.slow
def test_rows_are_sent_as_they_are_made(client: Client) -> None:
    connection = client.connect()
    try:
        connection.request("GET", "/reports/cards.csv?pace=0.1")
        response = connection.getresponse()
        assert response.headers["transfer-encoding"] == "chunked"
        assert response.readline() == b"board,card,title,column,assignee\r\n"
        started = time.monotonic()
        assert len(response.read().splitlines()) == 6
        assert time.monotonic() - started >= 0.4
    finally:
        connection.close()


# -- pages ------------------------------------------------------------------------------------


@attrs.frozen
class Browser:
    """Keeps cookies and sends forms with their token, as a browser does."""

    client: httpx2.Client

    @classmethod
    def of(cls, client: Client) -> "Browser":
        return cls(httpx2.Client(base_url=client.url, headers={"accept": "text/html"}))

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(path)

    def send(self, path: str, fields: dict[str, str], *, to: str = "") -> httpx2.Response:
        """Send the form of a page, to the page itself or to another address."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).text)
        assert token is not None
        data = fields | {"csrf_token": token[1]}
        return self.client.post(to or path, data=data, follow_redirects=True)


@pytest.fixture
def browser(client: Client) -> Iterator[Browser]:
    browser = Browser.of(client)
    yield browser
    browser.client.close()


def test_a_card_is_added_by_a_form_and_announced_once(browser: Browser) -> None:
    fields = {"title": "Paint & varnish", "labels": "wood, ,summer", "assignee": "ada"}
    page = browser.send("/boards/2/cards/new", fields).text
    assert "“Paint &amp; varnish” was added." in page
    assert '<span class="label">wood</span><span class="label">summer</span>' in page
    assert "was added" not in browser.get("/").text


def test_a_form_that_is_not_valid_shows_its_errors_and_what_was_typed(browser: Browser) -> None:
    response = browser.send("/boards/2/cards/new", {"title": "", "labels": "wood <b>"})
    assert response.status_code == 422
    assert "Title is required" in response.text
    assert 'aria-describedby="title-error"' in response.text
    assert 'value="wood &lt;b&gt;"' in response.text
    assert len(browser.client.get("/api/boards/2/cards").json()) == 2


def test_a_card_is_commented_on_its_page(browser: Browser) -> None:
    page = browser.send("/cards/5", {"author": "linus", "text": "Beans, too."}).text
    assert "Beans, too." in page
    assert browser.send("/cards/5", {"author": "linus"}).status_code == 422
    assert len(browser.client.get("/api/cards/5").json()["comments"]) == 1


def test_a_card_moves_by_a_button_where_there_is_room(browser: Browser) -> None:
    page = browser.send("/cards/5", {"column": "done"}, to="/cards/5/move").text
    assert "Moved to Done." in page
    page = browser.send("/cards/5", {"column": "doing"}, to="/cards/5/move").text
    assert "finish a card first" in page
    assert browser.client.get("/api/cards/5").json()["column"] == "done"


def test_a_session_lives_as_long_as_it_is_used(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, form = time.time(), "/boards/2/cards/new"
    browser.get(form)  # its token begins the session
    first = browser.client.cookies["session"]
    monkeypatch.setattr(time, "time", lambda: begin + 2 * 86_400)
    browser.get(form)
    assert browser.client.cookies["session"] != first
    monkeypatch.setattr(time, "time", lambda: begin + 8 * 86_400)
    assert "was added" in browser.send(form, {"title": "Weed"}).text


def test_a_form_without_a_token_changes_nothing(browser: Browser) -> None:
    assert browser.client.post("/cards/5/move", data={"column": "done"}).status_code == 403
    assert browser.client.get("/api/cards/5").json()["column"] == "todo"


def test_errors_are_pages_for_people_and_documents_for_programs(browser: Browser) -> None:
    page = browser.get("/cards/999")
    assert page.status_code == 404
    assert "card 999 does not exist" in page.text
    assert "Back to the boards" in page.text
    document = browser.client.get("/cards/999", headers={"accept": "application/json"})
    assert document.headers["content-type"] == "application/problem+json"


def test_the_home_page_shows_the_boards_and_leads_to_the_documentation(client: Client) -> None:
    response = client.send("GET", "/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    page = response.body.decode()
    assert "Cut the hedge" in page
    assert 'href="/docs"' in page
    assert client.send("GET", "/docs").status == 200


def test_what_the_home_page_needs_is_there_and_may_be_kept(client: Client) -> None:
    page = client.send("GET", "/").body.decode()
    addresses = re.findall(r'href="(/static/[^"]+)"', page)
    assert len(addresses) == 2
    for address in addresses:
        response = client.send("GET", address)
        assert response.status == 200
        assert "immutable" in response.headers["cache-control"]


def test_the_home_page_escapes_what_people_write(client: Client) -> None:
    client.send("POST", "/api/boards/1/cards", {"title": "<script>"})
    page = client.send("GET", "/").body.decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("trusted", "said"),
    [
        (("127.0.0.1",), "203.0.113.9 requested https://board.example/about<"),
        ((), "127.0.0.1 requested http://127.0.0.1:"),
    ],
)
def test_the_page_about_the_demo_names_the_client_and_believes_only_trusted_proxies(
    trusted: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    forwarded = {
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "board.example",
    }
    settings = ServerSettings(trusted_proxies=trusted)
    with other_application(tmp_path, settings) as client:
        connection = client.connect()
        connection.request("GET", "/about", headers=forwarded)
        assert said in connection.getresponse().read().decode()
        connection.close()


def test_the_page_about_the_demo_says_what_answers(client: Client) -> None:
    status = speedups.status()
    expected = "runs in C, by photon-speedups" if status.is_used else f"not used: {status.reason}."
    assert expected in html.unescape(client.send("GET", "/about").body.decode())


def test_the_page_about_the_demo_escapes_the_host_of_a_request(client: Client) -> None:
    connection = client.connect()
    connection.request("GET", "/about", headers={"host": "a&b"})
    assert b"http://a&amp;b/about<" in connection.getresponse().read()
    connection.close()


# -- the application --------------------------------------------------------------------------


def test_two_applications_in_one_process_do_not_meet(client: Client, tmp_path: Path) -> None:
    with other_application(tmp_path) as other:
        other.send("DELETE", "/api/cards/1")
        assert other.send("GET", "/api/cards/1").status == 404
        assert client.send("GET", "/api/cards/1").status == 200


def test_below_a_path_all_links_and_forms_lead_below_it(tmp_path: Path) -> None:
    settings = ServerSettings(root_path="/team")
    with other_application(tmp_path, settings, PHOTON__SERVER__ROOT_PATH="/team") as client:
        for target in ("/team/", "/team/cards/1"):
            page = client.send("GET", target).body.decode()
            targets = re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
            assert len(targets) > 5
            assert [each for each in targets if not each.startswith("/team/")] == []
        moved = client.send("GET", targets[0])
        assert moved.status == 200


def test_the_middleware_of_the_settings_lies_around_every_answer(tmp_path: Path) -> None:
    with other_application(tmp_path) as client:
        for target, status in (("/", 200), ("/api/boards", 200), ("/nothing", 404)):
            response = client.send("GET", target)
            assert response.status == status
            assert len(response.headers["x-request-id"]) == 32
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["ratelimit-policy"] == '"default";q=600;w=60'
