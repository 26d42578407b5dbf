"""Templates in an application: from `TemplatesPart` to the response."""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import pytest
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from photon import Depends, Html, Photon, Response, sleep, spawn
from photon.testing import Client
from photon_runtime.errors import PhotonError
from photon_runtime.http import ServerSettings
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server
from photon_templates import (
    BlockNotFound,
    TemplateErrors,
    Templates,
    TemplatesMissing,
    TemplatesPart,
    render_mail,
    render_template,
    stream_template,
)

FILES = Mapping[str, str]
SETTINGS = '[static]\nfolder = "static"\n'


def write(folder: Path, files: FILES) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, {"photon.toml": SETTINGS, "static/site.css": "a{}", "templates/_.html": ""})
    return tmp_path


def application(project: Path, files: FILES, *, part: TemplatesPart | None = None) -> Photon:
    write(project / "templates", files)
    app = Photon()
    app.use_settings(load_settings(project, environment="production"))
    app.add(part or TemplatesPart())
    return app


def test_a_handler_renders_a_template(project: Path) -> None:
    app = application(project, {"hello.html": "<h1>{{ name }}</h1>"})

    @app.get("/hello")
    def hello(name: str) -> Html:
        return render_template("hello.html", name=name)

    with Client(app) as client:
        response = client.get("/hello", params={"name": "<Ada>"})

    assert response.text == "<h1>&lt;Ada&gt;</h1>"
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    content = app.document()["paths"]["/hello"]["get"]["responses"]["200"]["content"]
    assert list(content) == ["text/html"]


def test_two_applications_do_not_meet(tmp_path: Path) -> None:
    apps = []
    for name in ("one", "two"):
        write(tmp_path / name, {"photon.toml": "", "templates/name.html": name})
        app = Photon()
        app.use_settings(load_settings(tmp_path / name, environment="production"))
        app.add(TemplatesPart())
        app.get("/")(lambda: str(render_template("name.html")))
        apps.append(app)

    with Client(apps[0]) as one, Client(apps[1]) as two:
        assert (one.get("/").json(), two.get("/").json()) == ("one", "two")


def test_rendering_outside_of_an_application_says_what_to_do() -> None:
    with pytest.raises(TemplatesMissing, match=r"add TemplatesPart\(\) to the application"):
        render_template("hello.html")


def test_all_errors_of_all_templates_stop_the_start(project: Path) -> None:
    app = application(
        project,
        {
            "a.html": "\n{% if %}",
            "b.html": "{{ url_for('gone') }}\n{{ url_for('show') }}\n{{ asset('gone.css') }}",
            "c.html": "{% include 'gone.html' %}\n{{ 1|gone }}\n{{ 1 is gone }}",
            "d.html": "{{ url_for('show', id=1) }}{{ asset('site.css') }}",
        },
    )

    @app.get("/posts/{id}", operation_id="show")
    def show(id: int) -> None: ...

    with pytest.raises(TemplateErrors) as caught, Client(app):
        pass

    assert [error.partition(": ")[0] for error in caught.value.errors] == [
        *("templates/a.html:2", "templates/b.html:1", "templates/b.html:2", "templates/b.html:3"),
        *("templates/c.html:1", "templates/c.html:2", "templates/c.html:3"),
    ]
    assert "asset: the file 'gone.css' does not exist" in str(caught.value)


def test_fragments_are_for_requests_of_htmx_alone(project: Path) -> None:
    app = application(project, {"list.html": "<ul>{% block rows %}<li>{% endblock %}</ul>"})

    @app.get("/")
    def index() -> Html:
        return render_template("list.html", fragment="rows")

    with Client(app) as client:
        whole = client.get("/")
        fragment = client.get("/", headers={"hx-request": "true"})
        boosted = client.get("/", headers={"hx-request": "true", "hx-boosted": "true"})

    assert (whole.text, fragment.text, boosted.text) == ("<ul><li></ul>", "<li>", "<ul><li></ul>")
    for response in (whole, fragment, boosted):
        assert response.headers["vary"] == "HX-Request, HX-Boosted, HX-History-Restore-Request"


@pytest.mark.parametrize("fields", [{}, {"hx-request": "true"}])
def test_a_fragment_that_does_not_exist_is_an_error_for_every_client(
    project: Path, fields: dict[str, str]
) -> None:
    app = application(project, {"list.html": "{% block rows %}{% endblock %}"})

    @app.get("/")
    def index(name: str, block: str) -> Html:
        return render_template(name, fragment=block)

    with Client(app, headers=fields) as client:
        for name, block in (("list.html", "row"), ("list.html#rows", "rows")):
            with pytest.raises((BlockNotFound, ValueError), match="block"):
                client.get("/", params={"name": name, "block": block})


def test_every_part_of_a_stream_sees_its_own_request(project: Path) -> None:
    text = "{% for n in range(50) %}{{ request.query.q|slow }},{{ flush() }}{% endfor %}"

    def slow(value: str) -> str:
        sleep(0.001)
        return value

    app = application(project, {"long.html": text}, part=TemplatesPart(filters={"slow": slow}))
    app.get("/")(lambda: stream_template("long.html"))

    with live_server(app) as server, ThreadPoolExecutor(8) as threads:
        bodies = list(threads.map(lambda n: server.request("GET", f"/?q={n}").body, range(16)))

    assert bodies == [f"{n},".encode() * 50 for n in range(16)]


def test_a_stream_keeps_the_dependencies_of_its_handler_open(project: Path) -> None:
    events: list[str] = []

    def connection() -> Iterator[list[str]]:
        yield events
        events.append("closed")

    app = application(
        project, {"long.html": "{% for x in [1, 2] %}{{ events.append(x) }}{% endfor %}"}
    )

    @app.get("/")
    def stream(events: Annotated[list[str], Depends(connection)]) -> Html:
        return stream_template("long.html", events=events)

    with Client(app) as client:
        assert client.get("/").text == "NoneNone"
    assert events == [1, 2, "closed"]


def test_an_error_in_a_stream_is_logged_and_ends_the_connection(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(project, {"long.html": "<head>{{ flush() }}\n{{ x.gone.more }}"})
    app.get("/")(lambda: stream_template("long.html", x={}))

    with live_server(app) as server:
        received = server.exchange(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")

    assert b"<head>" in received
    assert not received.endswith(b"0\r\n\r\n")
    assert f"in the template {project}/templates/long.html:2: {{{{ x.gone.more }}}}" in caplog.text


def test_addresses_are_paths_whatever_a_proxy_says(project: Path) -> None:
    page = "{{ url_for('show', id='a b', q='ä') }} {{ asset('site.css') }} {{ request.scheme }}"
    app = application(project, {"page.html": page})
    app.get("/posts/{id}", operation_id="show")(lambda id: str(render_template("page.html")))

    settings = ServerSettings(trusted_proxies=("127.0.0.1",))
    with live_server(app, settings=settings) as server:
        fields = {"x-forwarded-proto": "https", "x-forwarded-host": "evil.example"}
        text = server.request("GET", "/posts/1", headers=fields).json()

    assert re.fullmatch(r"/posts/a%20b\?q=%C3%A4 /static/site\.[0-9a-f]{16}\.css https", text)


def test_addresses_have_the_base_path(project: Path) -> None:
    write(project / "templates", {"page.html": "{{ url_for('home') }}"})
    app = Photon(servers=["https://example.com/shop"])
    app.use_settings(load_settings(project, environment="production"))
    app.add(TemplatesPart())
    app.get("/", operation_id="home")(lambda: str(render_template("page.html")))

    with Client(app) as client:
        assert client.get("/shop/").json() == "/shop/"


def test_a_file_is_served_for_ever_under_its_address(project: Path) -> None:
    app = application(project, {"page.html": "{{ asset('site.css') }}"})
    app.get("/")(lambda: str(render_template("page.html")))

    with Client(app, development=False) as client:
        address = client.get("/").json()
        response = client.get(address)

    assert response.text == "a{}"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_links_in_mails_are_complete(project: Path) -> None:
    write(project, {"photon.toml": SETTINGS + '[templates]\nbase_url = "https://shop.example/"\n'})
    body = "{{ url_for('home') }} {{ asset('site.css') }} {{ absolute_url('/x') }}"
    app = application(
        project, {"hi.subject.txt": "Hi", "hi.txt": body, "page.html": "{{ url_for('home') }}"}
    )

    @app.get("/", operation_id="home")
    def home() -> list[str]:
        task = spawn(lambda: render_mail("hi").text)  # as in a task, without a request
        return [task.result(), str(render_template("page.html"))]

    with Client(app) as client:
        mail, page = client.get("/").json()

    assert re.fullmatch(
        r"https://shop\.example/ https://shop\.example/static/site\.\w+\.css "
        r"https://shop\.example/x",
        mail,
    )
    assert page == "/"


def test_a_mail_without_the_url_of_the_site_says_what_to_set(project: Path) -> None:
    app = application(project, {"hi.subject.txt": "Hi", "hi.txt": "{{ url_for('home') }}"})
    app.get("/", operation_id="home")(lambda: render_mail("hi").text)

    with Client(app) as client, pytest.raises(PhotonError, match=r"base_url = .* in \[templates\]"):
        client.get("/")


def test_a_macro_of_another_file_sees_the_current_request(project: Path) -> None:
    files = {
        "macros.html": "{% macro path() %}{{ request.path if request else 'none' }}{% endmacro %}",
        "page.html": "{% from 'macros.html' import path %}{{ path() }}",
    }
    app = application(project, files)
    app.get("/{name}")(lambda name: str(render_template("page.html")))

    with Client(app, development=False) as client:
        assert [client.get(path).json() for path in ("/one", "/two")] == ["/one", "/two"]


def test_templates_that_users_write_do_not_have_the_request(project: Path) -> None:
    app = application(project, {}, part=TemplatesPart(sandbox=True))

    @app.get("/")
    def render(templates: Templates, source: str) -> str:
        return templates.render_string(source)

    with Client(app) as client:
        assert client.get("/", params={"source": "{{ 1 + 1 }}"}).json() == "2"
        for source in ("{{ request.cookies }}", "{{ ().__class__ }}", "{{ url_for.__globals__ }}"):
            with pytest.raises((UndefinedError, SecurityError)):
                client.get("/", params={"source": source})


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("robots.txt", "text/plain; charset=utf-8"),
        ("feed.atom", "application/atom+xml; charset=utf-8"),
        ("sitemap.xml.j2", "application/xml; charset=utf-8"),
        ("page", "text/html; charset=utf-8"),
    ],
)
def test_the_content_type_is_that_of_the_name(project: Path, name: str, content_type: str) -> None:
    app = application(project, {name: "{% block b %}x{% endblock %}"})

    @app.get("/")
    def show() -> Response:
        return render_template(f"{name}#b", status=201, headers={"x-more": "1"})

    with Client(app) as client:
        response = client.get("/")

    assert (response.status_code, response.headers["x-more"]) == (201, "1")
    assert response.headers["content-type"] == content_type


def test_packages_bring_templates_and_folders_of_the_part_come_first(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("packages")
    package = {"toy_admin/__init__.py": "", "toy_admin/templates/admin.html": "package"}
    write(other, {**package, "toy_admin/templates/page.html": "package", "own/page.html": "own"})
    monkeypatch.syspath_prepend(other)
    part = TemplatesPart(folders=[other / "own"], packages=["toy_admin"])
    app = application(project, {"page.html": "project", "admin2.html": "project"}, part=part)
    app.get("/{name}")(lambda name: str(render_template(name)))

    with Client(app) as client:
        texts = [client.get(f"/{name}.html").json() for name in ("page", "admin", "admin2")]
    assert texts == ["own", "package", "project"]


@pytest.mark.parametrize("package", ["no_such_package", "photon_runtime", "bad name"])
def test_a_package_without_templates_is_refused(project: Path, package: str) -> None:
    app = application(project, {}, part=TemplatesPart(packages=[package]))

    with pytest.raises(PhotonError, match=package), Client(app):
        pass


def test_a_missing_folder_is_named(project: Path) -> None:
    write(project, {"photon.toml": '[templates]\nfolder = "pages"\n'})

    with pytest.raises(PhotonError, match=r"/pages'; create it"), Client(application(project, {})):
        pass


@pytest.mark.parametrize(
    ("environment", "undefined", "is_strict"),
    [
        ("production", "auto", False),
        ("production", "strict", True),
        ("test", "auto", True),
        ("test", "lenient", False),
    ],
)
def test_missing_values_are_errors_where_the_settings_say_so(
    project: Path, environment: str, undefined: str, is_strict: bool
) -> None:
    write(project, {"photon.toml": f'[templates]\nundefined = "{undefined}"\n'})
    write(project / "templates", {"page.html": "[{{ gone }}]"})
    app = Photon()
    app.use_settings(load_settings(project, environment=environment))
    app.add(TemplatesPart())
    app.get("/")(lambda: str(render_template("page.html")))

    with Client(app, development=False, raise_errors=False) as client:
        response = client.get("/")
    assert response.status_code == (500 if is_strict else 200)


def test_the_start_shows_the_errors_until_they_are_mended(project: Path) -> None:
    app = application(project, {"page.html": "{% if %}"})
    app.get("/")(lambda: str(render_template("page.html")))
    for _ in range(2):
        with pytest.raises(TemplateErrors, match=r"templates/page\.html:1: "), Client(app):
            pass
    write(project / "templates", {"page.html": "mended"})

    with Client(app) as client:
        assert client.get("/").json() == "mended"
        write(project / "templates", {"page.html": "edited"})
        assert client.get("/").json() == "edited"
    assert list((project / ".photon" / "cache").glob("*.cache"))
