"""The AsyncAPI documents of applications: valid by the official schema, served, and exported."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Never

import attrs
import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from photon import Cookie, Header, Param, Photon, PhotonWebSocket, Router, WebSocket
from photon.testing import Client
from photon_router.security import ApiKey, BearerToken
from photon_ws._cli import asyncapi
from photon_ws.adapter import WebSocketAdapter
from photon_ws.asyncapi import asyncapi_document
from photon_ws.asyncapi.comparison import diff
from photon_ws.asyncapi.linting import lint

SCHEMA = Path(__file__).parent / "asyncapi_schema" / "3.0.0.json"


@attrs.frozen
class Say:
    """Say something to everybody."""

    text: Annotated[str, Param(description="The words.", max_length=500)]
    kind: Literal["say"] = "say"


@attrs.frozen
class Move:
    """Move on the board."""

    to: tuple[int, Annotated[int, Param(ge=0)]]
    after: Say | None = None
    kind: Literal["move"] = "move"


@attrs.frozen
class Said:
    user: str
    text: str
    kind: Literal["said"] = "said"


token = BearerToken(lambda given: given)
key = ApiKey(lambda given: given, header="x-key")


def application(**options: Any) -> Photon:
    app = Photon(title="Chat", version="1.2.0", description="Rooms & <boards>.", **options)
    rooms = Router(prefix="/rooms", tags=["rooms"])

    @rooms.websocket("/{room}", subprotocols=["chat.v1"], security=[token])
    def chat(
        ws: WebSocket[Say | Move, Said | int],
        room: Annotated[int, Param(ge=1, description="The number of the room.")],
        since: Annotated[int, Param(description="Only newer ones.")] = 0,
        x_device: Header[str] = "",
        session: Cookie[str | None] = None,
    ) -> None:
        """Talk in a room.

        Everybody in the room gets all messages.
        """

    @app.websocket("/echo", security=[key])
    def echo(ws: PhotonWebSocket) -> None:
        """Send everything back."""

    @app.websocket("/ticks")
    def ticks(ws: WebSocket[Never, float]) -> None:
        """Count."""

    @app.websocket("/strict", on_invalid="close")
    def strict(ws: WebSocket[Say, Never]) -> None:
        """Listen only."""

    @app.websocket("/hidden", include_in_schema=False)
    def hidden(ws: PhotonWebSocket) -> None: ...

    @app.get("/rooms")
    def list_rooms() -> list[int]:
        """List the rooms."""
        return []

    app.include(rooms)
    return app


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi_document(application(servers=["https://chat.example/v1"]).document())


def schema_errors(document: Any) -> list[str]:
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_the_document_is_valid_by_the_schema_of_asyncapi(document: dict[str, Any]) -> None:
    assert schema_errors(document) == []
    wrong = copy.deepcopy(document)
    wrong["operations"]["chat_send"]["action"] = "publish"
    assert schema_errors(wrong) != []


def test_names_and_licenses_of_openapi_make_a_valid_document() -> None:
    scheme = ApiKey(lambda given: given, header="x-key", name="keys/a~b c")
    app = Photon(title="Chat", version="1")

    @app.websocket("/x/{a}/~b", operation_id='a/b~c d#ü%{}"', security=[scheme])
    def talk(ws: WebSocket[Say, Said], a: int) -> None:
        """Talk."""

    openapi = copy.deepcopy(app.document())
    openapi["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    document = asyncapi_document(openapi)
    assert schema_errors(document) == []
    assert [each for each in lint(document) if each.rule == "structure"] == []
    assert list(document["components"]["securitySchemes"]) == ["keys/a~b c"]
    assert document["info"]["license"] == {"name": "MIT"}


def test_a_socket_of_a_loaded_document_is_a_channel() -> None:
    spec: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Chat", "version": "1"},
        "paths": {
            "/numbers": {
                "get": {
                    "operationId": "numbers",
                    "responses": {"101": {"description": "A WebSocket."}},
                    "x-websocket": {"receive": {"schema": {"type": "integer"}}},
                }
            }
        },
    }
    app = Photon(spec=spec)

    @app.operation("numbers", adapter=WebSocketAdapter())
    def numbers(ws: WebSocket[int, int]) -> None:
        for number in ws:
            ws.send(number + 1)

    with Client(app) as client:
        with client.websocket("/numbers", channel=WebSocket[int, int]) as ws:
            ws.send(1)
            assert ws.receive() == 2
        document = client.get("/asyncapi.json").json()
    assert document["operations"]["numbers_receive"]["action"] == "receive"
    assert schema_errors(document) == []


def test_every_published_socket_is_a_channel(document: dict[str, Any]) -> None:
    addresses = {each["address"] for each in document["channels"].values()}
    assert addresses == {"/v1/rooms/{room}", "/v1/echo", "/v1/ticks", "/v1/strict"}
    assert document["servers"]["server"] == {"host": "chat.example", "protocol": "wss"}
    assert document["info"]["version"] == "1.2.0"
    chat = document["channels"]["chat"]
    assert chat["summary"] == "Talk in a room."
    assert chat["description"] == "Everybody in the room gets all messages."
    assert chat["tags"] == [{"name": "rooms"}]
    assert chat["x-subprotocols"] == ["chat.v1"]


def test_messages_are_those_of_the_types(document: dict[str, Any]) -> None:
    operations = {
        name: [each["$ref"].rpartition("/")[2] for each in operation["messages"]]
        for name, operation in document["operations"].items()
    }
    assert operations == {
        "chat_receive": ["Say_2", "Move"],
        "chat_send": ["Said", "chat_sent", "Problem_kind"],
        "echo_receive": ["Text", "Binary"],
        "echo_send": ["Text", "Binary"],
        "ticks_send": ["ticks_sent", "Problem"],
        "strict_receive": ["Say"],
    }
    messages = document["components"]["messages"]
    assert messages["Say"]["summary"] == "Say something to everybody."
    # In a union the tag must be sent, also where it has a default.
    assert messages["Say_2"]["payload"] == {
        "allOf": [{"$ref": "#/components/schemas/Say"}, {"required": ["kind"]}]
    }
    assert messages["Say"]["payload"] == {"$ref": "#/components/schemas/Say"}
    assert messages["Problem_kind"]["payload"]["properties"]["kind"]["enum"] == ["problem"]
    assert messages["Problem"]["payload"]["properties"]["type"]["enum"] == ["problem"]
    move = document["components"]["schemas"]["Move"]["properties"]["to"]
    assert move["items"] == [{"type": "integer"}, {"type": "integer", "minimum": 0}]


def test_the_handshake_has_its_parameters_and_its_security(document: dict[str, Any]) -> None:
    chat = document["channels"]["chat"]
    assert chat["parameters"] == {
        "room": {
            "description": "The number of the room.",
            "x-schema": {"type": "integer", "minimum": 1},
        }
    }
    binding = chat["bindings"]["ws"]
    assert binding["query"]["properties"]["since"]["description"] == "Only newer ones."
    assert set(binding["headers"]["properties"]) == {"x-device", "Cookie"}
    schemes = document["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "httpApiKey"}
    [security] = document["operations"]["chat_receive"]["security"]
    assert schemes[security["$ref"].rpartition("/")[2]]["scheme"] == "bearer"
    assert "security" not in document["operations"]["ticks_send"]


def test_an_application_without_sockets_has_an_empty_document() -> None:
    empty = asyncapi_document(Photon().document())
    assert schema_errors(empty) == []
    assert empty["channels"] == {}


def test_the_document_of_an_application_has_no_findings(document: dict[str, Any]) -> None:
    assert lint(document, profile="recommended") == []
    assert diff(document, document) == []


# -- pages --------------------------------------------------------------------------------------


def test_document_and_page_are_served() -> None:
    with Client(application()) as client:
        served = client.get("/asyncapi.json")
        assert served.headers["content-type"].startswith("application/vnd.aai.asyncapi+json")
        assert schema_errors(served.json()) == []
        assert yaml.safe_load(client.get("/asyncapi.yaml").text) == served.json()
        page = client.get("/docs/sockets")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'; style-src 'self'" in page.headers["content-security-policy"]
        for text in ("/rooms/{room}", "Talk in a room.", "Rooms &amp; &lt;boards&gt;", "chat.v1"):
            assert text in page.text
        for foreign in ("<script", "<style", "http://", "https://", 'style="'):
            assert foreign not in page.text
        assert client.get("/docs/sockets.css").headers["content-type"].startswith("text/css")
        assert client.get("/docs").status_code == 200


@pytest.mark.parametrize("options", [{"openapi_url": None}, {"docs_url": None}])
def test_nothing_is_served_where_the_documentation_is_off(options: dict[str, Any]) -> None:
    with Client(application(**options)) as client:
        is_document_served = "docs_url" in options
        expected = 200 if is_document_served else 404
        assert client.get("/asyncapi.json").status_code == expected
        assert client.get("/docs/sockets").status_code == 404


def test_the_document_is_beside_that_of_the_operations() -> None:
    with Client(application(openapi_url="/api/openapi", docs_url="/api/docs")) as client:
        assert client.get("/api/asyncapi.json").json()["asyncapi"] == "3.0.0"
        page = client.get("/api/docs/sockets").text
        assert 'href="/api/docs/sockets.css"' in page
        assert 'href="/api/asyncapi.json"' in page
        assert client.get("/asyncapi.json").status_code == 404


def test_an_application_without_sockets_serves_no_pages_about_them() -> None:
    with Client(Photon()) as client:
        assert client.get("/asyncapi.json").status_code == 404
        assert client.get("/docs/sockets").status_code == 404


@pytest.mark.slow
def test_the_page_is_shown_in_a_browser_with_its_styles(browser: Any) -> None:
    from photon_runtime.testing import live_server

    with live_server(application()) as server:
        browser.get(f"http://127.0.0.1:{server.port}/docs/sockets")
        headings = [each.text for each in browser.find_elements("css selector", "h2")]
        assert headings == ["/echo", "/ticks", "/strict", "/rooms/{room}"]
        article = browser.find_element("css selector", "article")
        assert article.value_of_css_property("border-top-width") == "1px"
        assert [log for log in browser.get_log("browser") if log["level"] == "SEVERE"] == []


# -- the command --------------------------------------------------------------------------------


class Project:
    """The project of the command line, whose application is that of these tests."""

    def target(self, named: str | None = None) -> str:
        return named or "main:app"

    def load_app(self, target: str | None = None) -> object:
        return application()


def photon_asyncapi(*arguments: str, text: str | None = None) -> Any:
    return CliRunner().invoke(asyncapi, arguments, obj=Project(), input=text)


def test_the_document_is_exported(tmp_path: Path) -> None:
    exported = photon_asyncapi("export")
    assert exported.exit_code == 0
    assert schema_errors(yaml.safe_load(exported.stdout)) == []
    file = tmp_path / "sockets.json"
    assert photon_asyncapi("export", "-o", str(file)).exit_code == 0
    assert json.loads(file.read_text()) == yaml.safe_load(exported.stdout)


def test_a_breaking_change_ends_the_command_with_1(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(photon_asyncapi("export").stdout)
    new.write_text(old.read_text().replace("maxLength: 500", "maxLength: 50"))
    assert photon_asyncapi("diff", str(old), str(old)).exit_code == 0
    compared = photon_asyncapi("diff", str(old), str(new))
    assert compared.exit_code == 1
    assert (
        "breaking: /rooms/{room}: maxLength was 500 and is 50 [limit-narrowed]" in compared.stdout
    )
    assert photon_asyncapi("diff", str(new), str(old)).exit_code == 0


def test_findings_have_the_lines_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "sockets.yaml"
    exported = photon_asyncapi("export").stdout
    file.write_text(exported.replace("/components/messages/Said'", "/components/messages/Sad'"))
    checked = photon_asyncapi("lint", str(file))
    assert checked.exit_code == 1
    assert "'#/components/messages/Sad' does not exist [structure]" in checked.stdout
    line = int(checked.stdout.split(":")[1])
    assert "messages/Sad" in file.read_text().splitlines()[line - 1]
    assert photon_asyncapi("lint").exit_code == 0
    assert photon_asyncapi("lint", "-", text="{").exit_code == 3
    assert photon_asyncapi("lint", "--ignore", "nothing").exit_code == 2
