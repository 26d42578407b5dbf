"""Generators of handlers, from `route` to `channel`: what they write, and refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from scaffolded_project import FIELDS, files_of, generate, new_project, planned, refusal, run

from photon_cli.generation import undo_edits, write_changes
from photon_cli.scaffolding.channel import ChannelGenerator
from photon_cli.scaffolding.controller import ControllerGenerator
from photon_cli.scaffolding.middleware import MiddlewareGenerator
from photon_cli.scaffolding.route import RouteGenerator
from photon_cli.scaffolding.websocket import WebSocketGenerator

GENERATORS = (
    RouteGenerator(),
    ControllerGenerator(),
    MiddlewareGenerator(),
    WebSocketGenerator(),
    ChannelGenerator(),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A new project with pages, without a database."""
    return new_project(tmp_path)


def test_a_route_has_a_handler_and_a_test(project: Path) -> None:
    generate(project, RouteGenerator(), "publish-post", "post", "/posts/{id}/publish")
    route = (project / "blog/routes/publish_post.py").read_text()
    assert '@router.post("/posts/{id}/publish")\ndef publish_post(id: str)' in route
    assert "app.include(publish_post.router)" in (project / "blog/app.py").read_text()
    assert (
        'client.post("/posts/1/publish", json={})'
        in (project / "tests/test_publish_post.py").read_text()
    )


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("def", (), "use another one, such as def_page"),
        ("1st", (), "begins with a letter"),
        ("ping", ("FETCH",), "write photon generate route ping GET /ping"),
        ("ping", ("GET", "POST"), "write photon generate route ping GET /ping"),
        ("ping", ("/a/",), "is not a path"),
        ("ping", ("/a/{b",), "is not a path"),
        ("ping", ("/a/{b}/{b}",), "is there twice"),
        ("ping", ("/{class}",), "is a keyword of Python; use another name, such as {class_id}"),
        ("ping", ("/{class name}",), "is not a path"),
    ],
)
def test_invalid_routes_are_refused(
    project: Path, name: str, words: tuple[str, ...], message: str
) -> None:
    before = files_of(project)
    assert message in refusal(project, RouteGenerator(), name, *words)
    assert files_of(project) == before


def test_a_controller_has_its_actions_as_pages_or_as_data(project: Path) -> None:
    generate(project, ControllerGenerator(), "reports", "index", "sales")
    reports = (project / "blog/routes/reports.py").read_text()
    assert 'render_template("reports/sales.html")' in reports
    assert (project / "templates/reports/index.html").exists()
    generate(project, ControllerGenerator(), "status", api=True)
    assert '{"message": "Index"}' in (project / "blog/routes/status.py").read_text()
    assert not (project / "templates/status").exists()


def test_invalid_controllers_are_refused(project: Path, tmp_path: Path) -> None:
    controller = ControllerGenerator()
    assert "the action sales is there twice" in refusal(project, controller, "a", "sales", "sales")
    assert "exclude each other" in refusal(project, controller, "a", html=True, api=True)
    api = new_project(tmp_path / "api", "api")
    assert "pages need templates" in refusal(api, controller, "reports", html=True)


def test_a_websocket_has_a_handler_and_tests(project: Path) -> None:
    generate(project, WebSocketGenerator(), "LiveScores", "/scores/{match}/{half}")
    handler = (project / "blog/routes/live_scores.py").read_text()
    assert '@router.websocket("/scores/{match}/{half}")\ndef live_scores(' in handler
    assert "ws: PhotonWebSocket, match: str, half: str" in handler
    assert "app.include(live_scores.router)" in (project / "blog/app.py").read_text()
    tests = (project / "tests/test_live_scores.py").read_text()
    assert 'client.websocket("/scores/1/1")' in tests


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("def", (), "use another one, such as def_page"),
        ("ws", (), "use another one, such as ws_page"),
        ("1st", (), "begins with a letter"),
        ("echo", ("echo",), "write photon generate websocket echo /echo"),
        ("echo", ("GET", "/echo"), "write photon generate websocket echo /echo"),
        ("echo", ("/a", "/b"), "write photon generate websocket echo /echo"),
        ("echo", ("/a/",), "is not a path"),
        ("echo", ("/a?b=c",), "is not a path"),
        ("echo", ("/{b}/{b}",), "is there twice"),
        ("echo", ("/{class}",), "is a keyword of Python; use another name, such as {class_id}"),
        ("echo", ("/{ws}",), "use another one, such as {ws_id}"),
        ("echo", ("/{message}",), "use another one, such as {message_id}"),
    ],
)
def test_invalid_websockets_are_refused(
    project: Path, name: str, words: tuple[str, ...], message: str
) -> None:
    before = files_of(project)
    assert message in refusal(project, WebSocketGenerator(), name, *words)
    assert files_of(project) == before


def test_a_channel_has_messages_a_handler_and_tests(project: Path) -> None:
    words = ("CardMoved:card_id:int", "card-moved:column:enum:todo,done?", "joined")
    generate(project, ChannelGenerator(), "team-board", *words)
    schemas = (project / "blog/schemas/team_board.py").read_text()
    assert "class CardMoved:" in schemas
    assert "    card_id: Annotated[int, Param(ge=-2147483648, le=2147483647)]\n" in schemas
    assert '    column: Literal["todo", "done"] | None = None\n' in schemas
    assert '    type: Literal["card_moved"] = "card_moved"\n' in schemas
    assert "TeamBoardIn: TypeAlias = CardMoved | Joined\n" in schemas
    assert "TeamBoardOut: TypeAlias = CardMoved | Joined | Gap\n" in schemas
    handler = (project / "blog/routes/team_board.py").read_text()
    assert "from ..schemas.team_board import Gap, TeamBoardIn, TeamBoardOut" in handler
    assert '@router.websocket("/team-board")' in handler
    assert "app.include(team_board.router)" in (project / "blog/app.py").read_text()
    tests = (project / "tests/test_team_board.py").read_text()
    assert '{"type": "card_moved", "card_id": 1, "column": "todo"}' in tests
    assert '({"type": "card_moved", "card_id": 2147483648, "column": "todo"}, "/card_id")' in tests


def test_a_channel_without_words_has_one_message(project: Path) -> None:
    generate(project, ChannelGenerator(), "chat")
    schemas = (project / "blog/schemas/chat.py").read_text()
    assert "ChatIn: TypeAlias = Message\n" in schemas
    assert "    text: Annotated[str, Param(min_length=1)]\n" in schemas


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("said:author:references",), "send the number, as in said:author_id:int"),
        (("said:text^",), "leave out the ^"),
        (("said:type",), "use another name, such as said:said_type"),
        (("said:id:int",), "use another name, such as said:said_id"),
        (("said:text", "said:text:text"), "rename one of them"),
        (("said:text:strin",), "do you mean text:string?"),
        (("said:",), "is not a field"),
        (("said?",), "is not a message with a field"),
        ((":text",), "is not a message with a field"),
        (("joined", "joined"), "is there twice"),
        (("gap",), "use another one, such as gap_message"),
        (("problem:text",), "use another one, such as problem_message"),
        (("none",), "use another one, such as none_message"),
        (("room",), "use another one, such as room_message"),
        (("chat_in",), "use another one, such as chat_in_message"),
    ],
)
def test_invalid_messages_of_channels_are_refused(
    project: Path, words: tuple[str, ...], message: str
) -> None:
    before = files_of(project)
    assert message in refusal(project, ChannelGenerator(), "chat", *words)
    assert files_of(project) == before


def test_names_that_channels_use_are_refused(project: Path) -> None:
    for name in ("room", "ws", "after", "message", "class", "9a"):
        assert "the name" in refusal(project, ChannelGenerator(), name)


def test_the_application_must_be_in_a_package(tmp_path: Path) -> None:
    root = new_project(tmp_path, "minimal")
    for generator in GENERATORS:
        assert "move it into a package" in refusal(root, generator, "ping")
    (root / "photon.toml").write_text('[project]\napp = "lost.app:app"\n')
    message = refusal(root, RouteGenerator(), "ping")
    assert "searched lost/app.py, lost/app/__init__.py, src/lost/app.py" in message


def test_what_is_generated_can_be_taken_back(project: Path) -> None:
    before = files_of(project)
    for generator, words in (
        (RouteGenerator(), ("/ping/{id}",)),
        (ControllerGenerator(), ("index",)),
        (MiddlewareGenerator(), ()),
        (WebSocketGenerator(), ("/ping/{id}",)),
        (ChannelGenerator(), ("said:text:text", "left")),
    ):
        edits = planned(project, generator, "ping", *words)
        generate(project, generator, "ping", *words)
        plan = undo_edits(project, edits)
        assert plan.conflicts == []
        write_changes(plan.root, plan.changes)
        assert files_of(project) == before


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_generated_is_clean_and_passes_its_tests(project: Path) -> None:
    generate(project, RouteGenerator(), "ping")
    generate(project, RouteGenerator(), "change_it", "PATCH", "/things/{id}/{name}")
    generate(project, RouteGenerator(), "remove_it", "DELETE", "/things/{id}")
    generate(project, ControllerGenerator(), "reports", "index", "stock-levels")
    generate(project, ControllerGenerator(), "status", "totals", "single", api=True)
    generate(project, MiddlewareGenerator(), "timing")
    generate(project, WebSocketGenerator(), "echo")
    generate(project, WebSocketGenerator(), "scores", "/scores/{match}/{half}")
    generate(project, ChannelGenerator(), "chat")
    words = [f"said:{each}" for each in FIELDS.split()]
    generate(project, ChannelGenerator(), "team_board", *words, "left", "typed:note")
    run(project, "ruff", "check", "--no-cache", ".")
    run(project, "ruff", "format", "--check", "--no-cache", ".")
    run(project, "mypy")
    run(project, "pytest", "-q", "-p", "no:cacheprovider")
