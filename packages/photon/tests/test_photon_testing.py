from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from photon import File, HttpError, Photon, Request, Response, scope, sleep
from photon.testing import Client, live_client

pytest_plugins = ["pytester"]


def shop(log: list[str] | None = None) -> Photon:
    lines = log if log is not None else []

    @contextmanager
    def lifespan() -> Iterator[None]:
        lines.append("start")
        yield
        lines.append("end")

    app = Photon(lifespan=lifespan)
    add_items(app)
    add_streams(app, lines)
    return app


def add_items(app: Photon) -> None:
    @app.get("/items/{item_id}")
    def read_item(item_id: int, q: str = "-") -> dict[str, object]:
        if item_id == 404:
            raise HttpError(404, "no such item")
        return {"id": 1 // item_id, "q": q}

    @app.get("/cookie")
    def cookie(request: Request) -> str:
        return request.cookies.get("a", "none")


def add_streams(app: Photon, lines: list[str]) -> None:
    @app.post("/echo")
    def echo(request: Request) -> Response:
        request.after_response(lambda: lines.append("after"))
        kind = request.headers.get("content-type")
        return Response(body=request.body, content_type=kind, headers={"set-cookie": "a=1; Path=/"})

    @app.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[bytes]:
            try:
                for number in range(1000):
                    yield b"%d " % number
                    sleep(0.001)
            finally:
                lines.append("stream closed")

        return Response(body=parts())


def test_the_application_lives_as_long_as_its_client() -> None:
    log: list[str] = []
    with Client(shop(log)) as client:
        assert log == ["start"]
        assert client.get("/items/1", params={"q": "é"}).json() == {"id": 1, "q": "é"}
    assert log == ["start", "end"]


def test_a_client_needs_no_block() -> None:
    log: list[str] = []
    client = Client(shop(log))
    assert client.get("/items/1").status_code == 200
    client.close()
    assert log == ["start", "end"]


def test_refusals_are_answers_and_unexpected_errors_are_raised() -> None:
    with Client(shop()) as client:
        assert client.get("/items/404").json()["detail"] == "no such item"
        assert client.get("/items/x").status_code == 422
        with pytest.raises(ZeroDivisionError):
            client.get("/items/0")
        assert client.get("/items/1").status_code == 200
    with Client(shop(), raise_errors=False) as client:
        assert client.get("/items/0").status_code == 500


def test_bodies_cookies_and_what_comes_after_the_response() -> None:
    log: list[str] = []
    with Client(shop(log)) as client:
        answer = client.post("/echo", json={"a": 1})
        assert answer.json() == {"a": 1}
        assert answer.headers["content-length"] == str(len(answer.content))
        assert log[-1] == "after"  # before the client has its answer
        assert client.get("/cookie").json() == "1"
        assert client.head("/cookie").content == b""


def test_what_the_application_sees_of_the_client_is_in_its_address() -> None:
    app = Photon()

    @app.get("/")
    def seen(request: Request) -> str:
        return f"{request.scheme} {request.host} {request.client}"

    for url in ("http://testserver", "https://shop.example"):
        with Client(app, base_url=url) as client:
            scheme, _, host = url.partition("://")
            assert client.get("/").json() == f"{scheme} {host} ('127.0.0.1', 50000)"


def test_lengths_are_told_as_by_a_server(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"tea")
    app = Photon()

    @app.get("/file")
    def notes() -> File:
        return File(tmp_path / "notes.txt")

    @app.delete("/file")
    def forget() -> None:
        pass

    with Client(app) as client, live_client(app) as live:
        for asking in (client, live):
            assert asking.get("/file").headers["content-length"] == "3"
            assert asking.head("/file").headers["content-length"] == "3"
            assert "content-length" not in asking.delete("/file").headers


def test_a_stream_comes_in_parts_and_ends_when_the_client_leaves() -> None:
    log: list[str] = []
    with Client(shop(log)) as client:
        with client.stream("GET", "/stream") as answer:
            parts = answer.iter_raw()
            assert (next(parts), next(parts)) == (b"0 ", b"1 ")
        assert client.get("/items/1").status_code == 200
    assert log == ["start", "stream closed", "end"]


def raise_key_error(name: str) -> None:
    raise KeyError(name)


def test_a_stream_that_fails_at_once_is_answered_as_by_a_server() -> None:
    app = Photon()

    @app.get("/refused", media_type="text/plain", responses={409: "It is too early."})
    def refused() -> Iterator[str]:
        yield ""
        raise HttpError(409, "not now")

    @app.get("/broken", media_type="text/plain")
    def broken() -> Iterator[str]:
        yield ""
        raise KeyError("nothing there")

    with Client(app) as client:
        assert client.get("/refused").json()["detail"] == "not now"
        with pytest.raises(KeyError, match="nothing there"):
            client.get("/broken")
    with Client(app, raise_errors=False) as quiet, live_client(app) as live:
        for each in (quiet, live):
            assert each.get("/refused").status_code == 409
            assert each.get("/broken").status_code == 500


def test_an_application_that_does_not_start_says_so() -> None:
    @contextmanager
    def lifespan() -> Iterator[None]:
        raise_key_error("no database")
        yield

    with pytest.raises(KeyError, match="no database"):
        Client(Photon(lifespan=lifespan))


def test_a_live_client_goes_through_the_real_server() -> None:
    with live_client(shop()) as client:
        answer = client.get("/items/1")
        assert answer.json() == {"id": 1, "q": "-"}
        assert "date" in answer.headers  # the server's own
        assert client.get("/items/0").status_code == 500


PROJECT = """
    from photon import Photon

    app = Photon()

    @app.get("/hello")
    def hello() -> str:
        return "hello"
"""
TESTS = """
    def test_in_process(client):
        assert client.get("/hello").json() == "hello"

    def test_live(live_client, live_url):
        assert live_client.get("/hello").json() == "hello"
        assert live_url.startswith("http://127.0.0.1:")
"""


@pytest.mark.slow
def test_the_fixtures_find_the_application_of_the_project(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(shop=PROJECT, test_shop=TESTS)
    pytester.path.joinpath("photon.toml").write_text('[project]\napp = "shop:app"\n')
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)


@pytest.mark.slow
def test_the_fixtures_bound_bodies_as_the_project_does(pytester: pytest.Pytester) -> None:
    tests = """
        import pytest

        @pytest.mark.parametrize("name", ["client", "live_client"])
        def test_it(name, request):
            client = request.getfixturevalue(name)
            sent = [client.post("/size", content=b"x" * size) for size in (3_000_000, 3_000_001)]
            assert [answer.status_code for answer in sent] == [200, 413]
    """
    project = (
        PROJECT
        + """
    from photon import Body

    @app.post("/size")
    def size(data: Body[bytes]) -> int:
        return len(data)
"""
    )
    pytester.makepyfile(shop=project, test_shop=tests)
    pytester.path.joinpath("photon.toml").write_text(
        '[project]\napp = "shop:app"\n[server]\nmax_body_size = 3000000\n'
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)


@pytest.mark.slow
def test_a_project_may_have_an_application_fixture_of_its_own(pytester: pytest.Pytester) -> None:
    own = """
        import pytest
        from photon import Photon

        @pytest.fixture
        def app():
            return Photon(title="Own")

        def test_it(client):
            assert client.get("/openapi.json").json()["info"]["title"] == "Own"
    """
    pytester.makepyfile(own)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)


def test_a_lifespan_may_be_a_scope() -> None:
    ticks: list[int] = []

    def tick() -> None:
        while True:
            ticks.append(1)
            sleep(0.001)

    @contextmanager
    def lifespan() -> Iterator[None]:
        with scope() as tasks:
            tasks.spawn(tick)
            yield
            tasks.cancel()

    app = Photon(lifespan=lifespan)
    with Client(app) as client:
        assert client.get("/nothing").status_code == 404
    assert ticks
