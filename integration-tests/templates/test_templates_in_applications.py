"""Templates in an application: from `TemplatesPart` to the response."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from photon import Html, Photon
from photon.testing import Client
from photon_runtime.settings import load_settings
from photon_templates import TemplateErrors, TemplatesMissing, TemplatesPart, render_template

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
