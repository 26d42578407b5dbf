"""Names of other packages in signatures: refused, with the name to write in their place."""

from __future__ import annotations

import http.cookies
import io
import pathlib
import urllib.request
from http import HTTPStatus
from typing import IO, Annotated, Any, Literal

import attrs
import django.http  # type: ignore[import-untyped]
import flask
import httpx
import pytest
import werkzeug.datastructures

from photon_openapi.errors import DocumentError
from photon_router import Application, Depends, File, Html, Path, Query
from photon_runtime.errors import SignatureError
from photon_runtime.testing import send_request

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/items": {
            "get": {
                "operationId": "take",
                "parameters": [{"name": "value", "in": "query", "schema": {"type": "string"}}],
                "responses": {
                    "200": {
                        "description": "It.",
                        "content": {"application/json": {"schema": {"type": "string"}}},
                    }
                },
            }
        }
    },
}


def _of(module: str, name: str, *bases: type) -> Any:
    """Return a class as if a framework had it that is not installed here."""
    return type(name, bases, {"__module__": module})


def folder() -> pathlib.Path:
    """Return a folder, which no client chooses."""
    return pathlib.Path("uploads")


class _Values(dict[str, str]):
    """A mapping, as requests are in some frameworks."""


Depends_ = _of("fastapi.params", "Depends")
ARGUMENTS: list[tuple[Any, str]] = [
    (pathlib.Path, "from photon import Path"),
    (pathlib.PurePosixPath, "PurePosixPath is pathlib's"),
    (pathlib.Path | None, "pathlib's"),
    (list[pathlib.Path], "pathlib's"),
    (Query[pathlib.Path], "pathlib's"),
    (flask.Request, "from photon import Request"),
    (django.http.HttpRequest, "from photon import Request"),
    (urllib.request.Request, "from photon import Request"),
    (_of("starlette.requests", "Request", _Values), "from photon import Request"),
    (_of("litestar.connection", "ASGIRequest"), "from photon import Request"),
    (_of("fastapi", "UploadFile"), "from photon import UploadFile"),
    (werkzeug.datastructures.FileStorage, "from photon import UploadFile"),
    (werkzeug.datastructures.ImmutableMultiDict, "no meaning here"),
    (_of("fastapi.background", "BackgroundTasks"), "from photon import BackgroundTasks"),
    (http.cookies.SimpleCookie, "Cookie[str]"),
    (http.cookies.Morsel, "Cookie[str]"),
    (_of("fastapi.security", "OAuth2PasswordRequestForm"), "username, password"),
    (IO[bytes], "UploadFile"),
    (io.BytesIO, "Body[bytes]"),
    (File, "an uploaded file is an UploadFile"),
    (Html, "cannot take one as an argument"),
]


@pytest.mark.parametrize(("annotation", "remedy"), ARGUMENTS, ids=str)
def test_an_argument_with_a_foreign_name_names_the_right_one(annotation: Any, remedy: str) -> None:
    def take(value):  # type: ignore[no-untyped-def]
        return "taken"

    take.__annotations__ = {"value": annotation, "return": str}
    app = Application(title="Shop", version="1")
    app.get("/items")(take)
    with pytest.raises(SignatureError) as raised, app.start():
        pass
    assert remedy in str(raised.value)
    assert "argument value" in str(raised.value)


def test_spec_first_refuses_it_too() -> None:
    def take(value: pathlib.Path) -> str:
        return "taken"

    app = Application(spec=DOCUMENT)
    app.operation("take")(take)
    with pytest.raises((DocumentError, SignatureError), match="pathlib's"), app.start():
        pass


@pytest.mark.parametrize(
    ("annotation", "remedy"),
    [
        (pathlib.Path, "return File(path)"),
        (flask.Response, "from photon import Response"),
        (httpx.Response, "from photon import Response"),
        (_of("starlette.responses", "HTMLResponse"), "from photon import Html"),
        (_of("starlette.responses", "JSONResponse"), "return the value itself"),
        (django.http.HttpResponseRedirect, "from photon import Redirect"),
        (io.BufferedReader, "Stream"),
        (Path, "a source of arguments"),
    ],
    ids=str,
)
def test_a_result_with_a_foreign_name_names_the_right_one(annotation: Any, remedy: str) -> None:
    def give():  # type: ignore[no-untyped-def]
        return "given"

    give.__annotations__ = {"return": annotation}
    app = Application(title="Shop", version="1")
    app.get("/items")(give)
    with pytest.raises(SignatureError) as raised, app.start():
        pass
    assert remedy in str(raised.value)


def _with_metadata(value: int) -> str:
    return "taken"


def _with_default(value: int = Depends_()) -> str:
    return "taken"


_with_metadata.__annotations__["value"] = Annotated[int, Depends_()]


@pytest.mark.parametrize("function", [_with_metadata, _with_default])
def test_a_marker_of_another_framework_is_refused_at_registration(function: Any) -> None:
    app = Application(title="Shop", version="1")
    with pytest.raises(SignatureError, match="from photon import Depends"):
        app.get("/items")(function)


def test_values_of_dependencies_may_be_of_any_class() -> None:
    app = Application(title="Shop", version="1")
    app.provide(httpx.Client, lambda: httpx.Client())
    app.provide(flask.Request, lambda: flask.Request({}))

    @app.get("/items")
    def show(
        path: Annotated[pathlib.Path, Depends(folder)],
        client: httpx.Client,
        request: flask.Request,
        status: Literal[HTTPStatus.OK, HTTPStatus.CREATED] | None = None,
    ) -> str:
        return f"{path} {type(client).__name__}"

    assert send_request(app, "GET", "/items").json() == "uploads Client"


@attrs.frozen
class _Leave:
    days: int


_Leave.__module__, _Leave.__name__ = "requests.models", "Request"


def test_a_package_of_the_project_may_have_the_name_of_another() -> None:
    app = Application(title="Leave", version="1")

    @app.post("/requests")
    def ask(request: _Leave) -> _Leave:
        return request

    assert send_request(app, "POST", "/requests", json={"days": 3}).json() == {"days": 3}
