"""Mails of whole applications: transactions, templates, environments, the inbox of development."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from sqlalchemy.orm import Session

from photon import Attachment, MailMessage, Photon, mailer
from photon.testing import Client, deliveries
from photon_lifeguard import DatabasePart
from photon_runtime.errors import PhotonError
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server
from photon_tasks.errors import NoMails
from photon_tasks.mail import MailPart, OutgoingMail
from photon_templates import TemplatesPart

NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"/>'
LOCAL = "http://127.0.0.1:8000"
WELCOME = {
    "mails/welcome.subject.txt": "Welcome, {{ name }}!",
    "mails/welcome.txt": "Hello {{ name }}, sign in: {{ url_for('greet') }}",
    "mails/welcome.html": "<h1>Hello {{ name }}</h1>",
}


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Photon]:
    """Makes an application of a project with settings."""

    def make(settings: str = "", *, environment: str = "test") -> Photon:
        (tmp_path / "photon.toml").write_text('[database]\nurl = "sqlite:///app.db"\n' + settings)
        app = Photon()
        app.use_settings(load_settings(tmp_path, environment=environment))

        @app.post("/greet")
        def greet(email: str, subject: str = "Hello") -> str:
            return MailMessage(to=email, subject=subject, text="Hello!").deliver_later().id

        return app

    return make


def with_templates(app: Photon, folder: Path, templates: dict[str, str] = WELCOME) -> Photon:
    for name, text in templates.items():
        path = folder / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    app.add(TemplatesPart())
    return app


def test_mail_is_delivered_by_the_time_of_the_response(project: Callable[..., Photon]) -> None:
    app = project()
    with Client(app) as client:
        assert client.post("/greet?email=ada@example.com").status_code == 200
        (mail,) = deliveries(app)

    assert mail.recipients == ("ada@example.com",)
    assert (mail.subject, mail.text, mail.html) == ("Hello", "Hello!", None)
    assert mail.as_email()["To"] == "ada@example.com"


def test_each_run_and_each_application_has_its_own_mails(project: Callable[..., Photon]) -> None:
    app, other = project(), project()
    with Client(app) as client, Client(other):
        client.post("/greet?email=ada@example.com")
        assert len(deliveries(app)) == 1
        assert not deliveries(other)
        app.document()
        assert len(deliveries(app)) == 1
    with Client(app):
        assert not deliveries(app)


def test_mail_is_part_of_the_transaction(project: Callable[..., Photon]) -> None:
    app = project()
    app.add(DatabasePart())

    @app.post("/orders")
    def order(db: Session, fails: bool) -> None:
        MailMessage(to="ada@example.com", subject="Ordered", text="Thanks.").deliver_later()
        assert not deliveries(app)
        if fails:
            raise RuntimeError("out of stock")

    with Client(app, raise_errors=False) as client:
        assert client.post("/orders?fails=true").status_code == 500
        assert not deliveries(app)
        assert client.post("/orders?fails=false").status_code == 204
        assert [each.subject for each in deliveries(app)] == ["Ordered"]


def test_header_injection_is_refused_before_a_job_exists(project: Callable[..., Photon]) -> None:
    app = project()
    with Client(app) as client:
        with pytest.raises(ValueError, match="Subject must not have line ends"):
            client.post("/greet?email=ada@example.com&subject=a%0d%0aBcc:%20eve@example.com")
        with pytest.raises(ValueError, match="To: an address must not have line ends"):
            client.post("/greet?email=ada@example.com%0aBcc:%20eve@example.com")
        with pytest.raises(ValueError, match="To: "):
            client.post("/greet?email=ada@example.com,eve@example.com")
        assert not deliveries(app)


def test_mailer_renders_its_templates(project: Callable[..., Photon], tmp_path: Path) -> None:
    app = with_templates(project('[templates]\nbase_url = "https://shop.example"\n'), tmp_path)

    @mailer("mails/welcome")
    def welcome(name: str, email: str) -> MailMessage:
        return MailMessage(to=email, values={"name": name}, unsubscribe="https://shop.example/u/1")

    @app.post("/users")
    def create(name: str) -> None:
        welcome(name, "ada@example.com").deliver_later()

    with Client(app) as client:
        client.post("/users", params={"name": "<Ada>\r\nBcc: eve@example.com"})
        (mail,) = deliveries(app)

    assert mail.template == "mails/welcome"
    assert mail.subject == "Welcome, <Ada> Bcc: eve@example.com!"
    assert mail.text.endswith("sign in: https://shop.example/greet")
    assert mail.html is not None
    assert mail.html.startswith("<h1>Hello &lt;Ada&gt;")
    email = mail.as_email()
    assert email["Bcc"] is None
    assert email["List-Unsubscribe"] == "<https://shop.example/u/1>"
    assert [each.get_content_type() for each in email.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


@pytest.fixture
def mailers() -> Iterator[ModuleType]:
    """A module of an application with a mailer."""
    module = ModuleType("photon_mailers_of_a_test")
    sys.modules[module.__name__] = module

    @mailer("mails/goodbye")
    def goodbye(email: str) -> MailMessage:
        return MailMessage(to=email)

    vars(module)["goodbye"] = goodbye
    yield module
    del sys.modules[module.__name__]


def test_start_fails_if_the_templates_of_a_mailer_are_missing(
    project: Callable[..., Photon], tmp_path: Path, mailers: ModuleType
) -> None:
    app = with_templates(project(), tmp_path)
    app.add(MailPart(home=mailers.__name__))

    with pytest.raises(PhotonError, match=r"goodbye.*mails/goodbye\.subject\.txt"), Client(app):
        pass


def test_production_with_mailers_needs_a_mail_server(
    project: Callable[..., Photon], mailers: ModuleType
) -> None:
    app = project(environment="production")
    app.add(MailPart(home=mailers.__name__))

    with (
        pytest.raises(PhotonError, match=r"no mail server: set `host` in \[mail\]"),
        Client(app, development=False),
    ):
        pass


def test_production_without_a_mail_server_fails_at_the_first_mail(
    project: Callable[..., Photon],
) -> None:
    app = project(environment="production")

    with Client(app, development=False) as client, pytest.raises(NoMails, match="no mail server"):
        client.post("/greet?email=ada@example.com")


@pytest.mark.parametrize("transport", ["inbox", "memory"])
@pytest.mark.parametrize("environment", ["production", "staging"])
def test_mails_of_production_are_not_kept(
    project: Callable[..., Photon], transport: str, environment: str
) -> None:
    app = project(f'[mail]\ntransport = "{transport}"\n', environment=environment)

    with (
        pytest.raises(PhotonError, match=f"not for the environment '{environment}'"),
        Client(app, development=False),
    ):
        pass


def test_host_of_production_is_not_used_in_development(project: Callable[..., Photon]) -> None:
    app = project('[mail]\nhost = "mail.example.com"\n', environment="development")

    with Client(app, base_url=LOCAL) as client:
        client.post("/greet?email=ada@example.com")


# -- the inbox of development ---------------------------------------------------------------------


@pytest.fixture
def inbox(project: Callable[..., Photon]) -> Iterator[Client]:
    """A client of an application in development that can send a mail."""
    app = project(environment="development")

    @app.post("/mail")
    def send() -> None:
        MailMessage(
            to="Ada <ada@example.com>",
            bcc="eve@example.com",
            subject="<script>alert(1)</script>",
            text="<b>plain</b>",
            html='<head></head><p onclick="x()">Hi</p><img src="cid:logo">',
            attachments=[
                Attachment("logo.png", b"\x89PNG", content_id="logo"),
                Attachment('"a".html', b"<script>alert(1)</script>"),
            ],
        ).deliver_now()

    with Client(app, base_url=LOCAL) as client:
        yield client


def links(page: str) -> list[str]:
    return re.findall(r'href="([^"]+)"', page)


def test_inbox_shows_mails_of_all_processes(inbox: Client, tmp_path: Path) -> None:
    assert "has not sent a mail yet" in inbox.get("/photon/mails").text
    inbox.post("/mail")

    (file,) = (tmp_path / "tmp" / "mails").glob("*.json")
    page = inbox.get("/photon/mails").text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    css, link = links(page)
    assert link == f"mails/{file.stem}"
    assert inbox.get(f"/photon/{css}").headers["content-type"].startswith("text/css")
    # As another process would do it: under another name.
    file.rename(file.with_name(f"{0:020d}-{0:08x}.json"))
    assert inbox.get(f"/photon/{link}").status_code == 404
    assert len(links(inbox.get("/photon/mails").text)) == 2
    assert (tmp_path / "tmp" / "mails" / ".gitignore").read_text() == "*\n"


def test_inbox_keeps_the_last_mails(inbox: Client, tmp_path: Path) -> None:
    folder = tmp_path / "tmp" / "mails"
    folder.mkdir(parents=True)
    for number in range(150):
        (folder / f"{number:020d}-{number:08x}.json").write_text("{}")
    (folder / "note.json").write_text("mine")
    inbox.post("/mail")

    assert len(list(folder.glob("0*.json"))) == 100
    assert (folder / "note.json").exists()
    assert len(links(inbox.get("/photon/mails").text)) == 2  # the others are not mails


def test_html_of_a_mail_is_in_a_sandbox(inbox: Client) -> None:
    inbox.post("/mail")
    _, link = links(inbox.get("/photon/mails").text)

    page = inbox.get(f"/photon/{link}")
    assert "<script>" not in page.text
    assert "<dd>eve@example.com</dd>" in page.text
    assert "&lt;b&gt;plain" in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    content = inbox.get(f"/photon/{link}/html")
    assert content.headers["content-security-policy"].startswith("sandbox allow-popups ")
    assert "allow-scripts" not in content.headers["content-security-policy"]
    assert '<head><base target="_blank"></head>' in content.text
    assert '<img src="data:image/png;base64,iVBORw==">' in content.text


def test_source_and_files_are_downloads(inbox: Client) -> None:
    inbox.post("/mail")
    _, link = links(inbox.get("/photon/mails").text)

    source = inbox.get(f"/photon/{link}/source")
    assert source.headers["content-type"].startswith("text/plain")
    assert source.text.startswith("Date: ")
    assert "eve@example.com" not in source.text
    file = inbox.get(f"/photon/{link}/files/1")
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["content-disposition"] == "attachment"
    assert file.headers["x-content-type-options"] == "nosniff"
    for wrong in ("files/2", "files/-1", "files/x", "files/٣"):
        assert inbox.get(f"/photon/{link}/{wrong}").status_code == 404
    assert inbox.get("/photon/mails/..%2f..%2fphoton.toml").status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8000"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "app.localhost"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "localhost.evil.example:8000"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ({"sec-fetch-site": "cross-site", **NAVIGATION}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),  # in a frame
        ({"x-forwarded-for": "127.0.0.1"}, 403),
        ({"via": "1.1 proxy"}, 403),
        ({"origin": "https://evil.example"}, 403),
    ],
)
def test_mails_are_shown_to_pages_of_this_server_only(
    inbox: Client, headers: dict[str, str], status: int
) -> None:
    inbox.post("/mail")
    _, link = links(inbox.get("/photon/mails").text)

    for path in ("mails", link, f"{link}/html", f"{link}/source", f"{link}/files/0"):
        assert inbox.get(f"/photon/{path}", headers=headers).status_code == status


def test_all_clients_see_mails_if_the_settings_say_so(project: Callable[..., Photon]) -> None:
    app = project('[mail]\npage_clients = "all"\n', environment="development")
    with Client(app, base_url=LOCAL) as client:
        forwarded = {"x-forwarded-for": "192.0.2.1"}
        assert client.get("/photon/mails", headers=forwarded).status_code == 200
        assert client.get("/photon/mails", headers={"host": "evil.example"}).status_code == 403


def test_inbox_is_for_development_only(project: Callable[..., Photon]) -> None:
    with Client(project(environment="development"), development=False, base_url=LOCAL) as client:
        assert client.get("/photon/mails").status_code == 404
    with Client(project('[mail]\npage = ""\n', environment="development")) as client:
        assert client.get("/photon/mails").status_code == 404


@pytest.mark.slow
def test_mail_in_a_browser_runs_no_script_and_opens_links_apart(
    project: Callable[..., Photon], browser: Chrome
) -> None:
    app = project(environment="development")

    @app.post("/mail")
    def send() -> None:
        MailMessage(
            to="ada@example.com",
            subject="Hello",
            text="Hi",
            html="<!doctype html><html><head><style>h1 { color: teal }</style>"
            "<script>parent.document.title = document.title = 'mine'</script></head>"
            '<body onload="document.title = 1"><h1>Hi</h1><img src="cid:logo">'
            '<a href="/photon/mails">look</a></body></html>',
            attachments=[Attachment("logo.svg", LOGO, content_id="logo")],
        ).deliver_now()

    with live_server(app, development=True) as server:
        assert server.request("POST", "/mail").status == 204
        browser.get(f"{server.url}/photon/mails")
        browser.find_element(By.CSS_SELECTOR, "td a").click()
        assert browser.title == "Hello"
        browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
        heading = browser.find_element(By.TAG_NAME, "h1")
        assert heading.value_of_css_property("color") == "rgba(0, 128, 128, 1)"
        image = browser.find_element(By.TAG_NAME, "img")
        assert browser.execute_script("return arguments[0].naturalWidth", image) == 40
        assert browser.execute_script("return document.title") == ""
        browser.find_element(By.TAG_NAME, "a").click()
        first, second = browser.window_handles
        browser.switch_to.window(second)
        assert browser.current_url == f"{server.url}/photon/mails"
        browser.close()
        browser.switch_to.window(first)
        assert browser.title == "Hello"


@pytest.fixture
def app(project: Callable[..., Photon]) -> Photon:
    """The application of the fixtures of `photon.pytest_plugin`."""
    return project()


@pytest.mark.parametrize("email", ["ada@example.com", "bob@example.com"])
def test_deliveries_is_a_fixture_of_the_application(
    client: Client, deliveries: Callable[[], Sequence[OutgoingMail]], email: str
) -> None:
    client.post("/greet", params={"email": email})

    assert [each.recipients for each in deliveries()] == [(email,)]
