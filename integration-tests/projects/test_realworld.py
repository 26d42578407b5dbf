"""The API of RealWorld, spec first, by one application in both editions of its document.

The scenarios check what RealWorld's two collections check (the Postman collection of the first
edition, the Hurl files of the second), on real servers in development and in production with two
workers. The collections themselves belong to others: run them against ``photon run``, with
``conduit.app:app`` as the application.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx2
import pytest
from conduit.models import Base
from sqlalchemy import create_engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PROJECTS = Path(__file__).parent
SETTINGS = """
[project]
app = "conduit.app:app"

[database]
url = "sqlite:///conduit.db"
"""
MODES = {"development": ["dev"], "production": ["run", "--workers", "2"]}
ISO = re.compile(r"\d{4,}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d+(?:[+-][0-2]\d:[0-5]\d|Z)")
ARTICLE = {
    "slug": str,
    "title": str,
    "description": str,
    "tagList": list,
    "createdAt": ISO,
    "updatedAt": ISO,
    "favorited": bool,
    "favoritesCount": int,
    "author": dict,
}


@attrs.define
class Api:
    """A served application, and the users who send requests to it."""

    url: str
    edition: int
    client: httpx2.Client
    numbers: Iterator[int] = attrs.field(factory=itertools.count)

    def send(
        self, method: str, path: str, code: int, body: object = None, *, token: str = ""
    ) -> Any:
        """Return the JSON of a response, whose status is checked."""
        headers = {"Authorization": f"Token {token}"} if token else {}
        content = None if body is None else json.dumps(body)
        if body is not None:
            headers["Content-Type"] = "application/json"
        response = self.client.request(
            method, f"{self.url}/api{path}", headers=headers, content=content
        )
        assert response.status_code == code, (method, path, response.text)
        return response.json() if response.content else None

    def register(self) -> tuple[str, str]:
        """Return name and token of a new user."""
        name = f"user{next(self.numbers)}{secrets.token_hex(4)}"
        new = {"username": name, "email": f"{name}@test.example", "password": "password123"}
        user = self.send("POST", "/users", 201, {"user": new})["user"]
        return name, user["token"]

    def write(self, token: str, title: str | None = None, tags: tuple[str, ...] = ()) -> Any:
        """Return a new article."""
        new = {
            "title": title or f"Article {secrets.token_hex(4)}",
            "description": "About",
            "body": "Text",
        }
        article = {"article": new | {"tagList": list(tags)}}
        return self.send("POST", "/articles", 201, article, token=token)["article"]

    def refused(self, *arguments: Any, subject: str, text: str, token: str = "") -> None:
        """Check the errors of a refused request; the first edition has one list of them."""
        method, path, code, *body = arguments
        code = code if self.edition == 2 or code in (401, 422) else 422
        errors = self.send(method, path, code, *body, token=token)["errors"]
        if self.edition == 2:
            assert errors[subject][0] == text, errors
        else:
            assert f"{subject} {text}" in errors["body"], errors


def has(value: dict[str, Any], **expected: Any) -> None:
    """Check that members have types, or match expressions."""
    for name, kind in expected.items():
        assert name in value, (name, value)
        if isinstance(kind, re.Pattern):
            assert kind.fullmatch(value[name]), (name, value[name])
        else:
            assert isinstance(value[name], kind), (name, value[name])


@contextmanager
def served(folder: Path, mode: str, edition: int) -> Iterator[Api]:
    log = folder / "log.txt"  # outside of the project, which `photon dev` watches
    folder = folder / "project"
    folder.mkdir()
    (folder / "photon.toml").write_text(SETTINGS)
    Base.metadata.create_all(create_engine(f"sqlite:///{folder}/conduit.db"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    paths = os.pathsep.join([str(PROJECTS), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths, "CONDUIT_EDITION": str(edition)}
    command = [sys.executable, "-m", "photon_cli", *MODES[mode], "--port", str(port)]
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output
        ) as process,
        httpx2.Client(timeout=30) as client,
    ):
        try:
            wait_until_ready(client, f"http://127.0.0.1:{port}/health", log)
            yield Api(f"http://127.0.0.1:{port}", edition, client)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert "Traceback" not in log.read_text()


def wait_until_ready(client: httpx2.Client, url: str, log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            if client.get(url).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


@pytest.fixture(
    scope="module",
    params=[(mode, edition) for mode in MODES for edition in (1, 2)],
    ids=lambda each: f"{each[0]}-{each[1]}",
)
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    mode, edition = request.param
    with served(tmp_path_factory.mktemp(f"conduit-{mode}"), mode, edition) as api:
        yield api


def test_users_register_log_in_and_change_themselves(api: Api) -> None:
    name, token = api.register()
    credentials = {"email": f"{name}@test.example", "password": "password123"}
    user = api.send("POST", "/users/login", 200, {"user": credentials})["user"]
    has(user, email=str, username=str, token=str)
    empty = None if api.edition == 2 else ""
    assert (user["bio"], user["image"]) == (empty, empty)
    assert api.send("GET", "/user", 200, token=token)["user"]["username"] == name
    changed = {"bio": "I write.", "image": "https://test.example/a.png"}
    user = api.send("PUT", "/user", 200, {"user": changed}, token=token)["user"]
    assert (user["bio"], user["image"], user["username"]) == (*changed.values(), name)
    user = api.send("PUT", "/user", 200, {"user": {"bio": "", "image": empty}}, token=token)["user"]
    assert (user["bio"], user["image"]) == (empty, empty)
    api.send("PUT", "/user", 200, {"user": {"password": "another123"}}, token=token)
    again = {"user": credentials | {"password": "another123"}}
    api.send("POST", "/users/login", 200, again)


def test_invalid_users_and_credentials_are_refused(api: Api) -> None:
    name, token = api.register()
    valid = {"username": f"{name}2", "email": f"{name}2@test.example", "password": "password123"}
    for member in valid:
        new = {"user": valid | {member: ""}}
        api.refused("POST", "/users", 422, new, subject=member, text="can't be blank")
        missing = {"user": {key: value for key, value in valid.items() if key != member}}
        api.send("POST", "/users", 422, missing)
        if member != "password":
            api.refused(
                "PUT", "/user", 422, new, subject=member, text="can't be blank", token=token
            )
    taken = {"user": valid | {"username": name}}
    api.refused("POST", "/users", 409, taken, subject="username", text="has already been taken")
    taken = {"user": valid | {"email": f"{name}@test.example"}}
    api.refused("POST", "/users", 409, taken, subject="email", text="has already been taken")
    wrong = {"user": {"email": f"{name}@test.example", "password": "wrong"}}
    api.refused("POST", "/users/login", 401, wrong, subject="credentials", text="invalid")
    for member in ("username", "email"):
        null = {"user": {member: None}}
        api.send("PUT", "/user", 422, null, token=token)
    shorter = 422 if api.edition == 2 else 200
    passwords = {None: 422, "": 422, "seven77": shorter, "eight888": 200, "a" * 64: 200}
    for password, code in passwords.items():
        api.send("PUT", "/user", code, {"user": {"password": password}}, token=token)
    api.refused("GET", "/user", 401, subject="token", text="is missing")
    api.refused("GET", "/user", 401, subject="token", text="is missing", token="no.such.token")


def test_articles_are_written_read_changed_and_deleted(api: Api) -> None:
    _, token = api.register()
    tag = f"tag{secrets.token_hex(4)}"
    article = api.write(token, "How to train your dragon", ("training", tag))
    has(article, **ARTICLE, body=str)
    tags = ["training", tag] if api.edition == 2 else [tag, "training"]  # sorted in the first
    assert article["tagList"] == tags
    assert api.send("GET", f"/articles?tag={tag}", 200)["articles"][0]["tagList"] == tags
    assert (article["favorited"], article["favoritesCount"]) == (False, 0)
    slug = article["slug"]
    assert api.send("GET", f"/articles/{slug}", 200)["article"] == article
    body = {"article": {"body": "With two hands"}}
    changed = api.send("PUT", f"/articles/{slug}", 200, body, token=token)["article"]
    assert (changed["body"], changed["tagList"]) == ("With two hands", tags)
    assert changed["updatedAt"] > article["updatedAt"]
    assert tag in api.send("GET", "/tags", 200)["tags"]
    removed: Any = {"article": {"tagList": []}}
    changed = api.send("PUT", f"/articles/{slug}", 200, removed, token=token)["article"]
    assert changed["tagList"] == []
    api.send("PUT", f"/articles/{slug}", 422, {"article": {"tagList": None}}, token=token)
    assert api.write(token, "How to train your dragon")["slug"] != slug
    code = 204 if api.edition == 2 else 200
    api.send("DELETE", f"/articles/{slug}", code, token=token)
    api.refused("GET", f"/articles/{slug}", 404, subject="article", text="not found")


def test_invalid_articles_and_foreign_ones_are_refused(api: Api) -> None:
    _, token = api.register()
    _, other = api.register()
    valid = {"title": "A title", "description": "About", "body": "Text"}
    for member in valid:
        new = {"article": valid | {member: ""}}
        api.refused(
            "POST", "/articles", 422, new, subject=member, text="can't be blank", token=token
        )
    api.refused("POST", "/articles", 401, {"article": valid}, subject="token", text="is missing")
    path = f"/articles/{api.write(token)['slug']}"
    api.refused(
        "PUT", path, 403, {"article": valid}, subject="article", text="forbidden", token=other
    )
    api.refused("DELETE", path, 403, subject="article", text="forbidden", token=other)
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/favorite"), ("GET", "/comments")):
        api.refused(
            method,
            f"/articles/no-such{rest}",
            404,
            subject="article",
            text="not found",
            token=token,
        )


def test_lists_are_filtered_and_paged(api: Api) -> None:
    name, token = api.register()
    tag = f"tag{secrets.token_hex(4)}"
    slugs = [api.write(token, tags=(tag,))["slug"] for _ in range(3)]
    page = api.send("GET", f"/articles?author={name}", 200)
    assert (page["articlesCount"], [each["slug"] for each in page["articles"]]) == (3, slugs[::-1])
    for article in page["articles"]:
        has(article, **ARTICLE)
        assert ("body" in article) == (api.edition == 1)
    assert api.send("GET", f"/articles?tag={tag}", 200, token=token) == page
    page = api.send("GET", f"/articles?author={name}&limit=1&offset=1", 200)
    assert (page["articlesCount"], [each["slug"] for each in page["articles"]]) == (3, [slugs[1]])
    api.send("GET", "/articles?limit=0", 422)
    assert api.send("GET", f"/articles?favorited={name}", 200)["articles"] == []
    assert len(api.send("GET", "/articles", 200)["articles"]) <= 20


def test_favorites_are_counted_and_shown_to_their_users(api: Api) -> None:
    name, token = api.register()
    _, other = api.register()
    slug = api.write(token)["slug"]
    for _ in range(2):  # the second time changes nothing
        article = api.send("POST", f"/articles/{slug}/favorite", 200, token=token)["article"]
        assert (article["favorited"], article["favoritesCount"]) == (True, 1)
    [listed] = api.send("GET", f"/articles?favorited={name}", 200, token=other)["articles"]
    assert (listed["favorited"], listed["favoritesCount"]) == (False, 1)
    article = api.send("DELETE", f"/articles/{slug}/favorite", 200, token=token)["article"]
    assert (article["favorited"], article["favoritesCount"]) == (False, 0)
    api.refused("POST", f"/articles/{slug}/favorite", 401, subject="token", text="is missing")


def test_comments_are_written_listed_and_deleted(api: Api) -> None:
    name, token = api.register()
    _, other = api.register()
    path = f"/articles/{api.write(token)['slug']}/comments"
    created = 201 if api.edition == 2 else 200
    body = {"comment": {"body": "Thank you!"}}
    comment = api.send("POST", path, created, body, token=token)["comment"]
    has(comment, id=int, body=str, createdAt=ISO, updatedAt=ISO, author=dict)
    assert comment["author"]["username"] == name
    assert api.send("GET", path, 200)["comments"] == [comment]
    blank = {"comment": {"body": ""}}
    api.refused("POST", path, 422, blank, subject="body", text="can't be blank", token=token)
    own = f"{path}/{comment['id']}"
    api.refused("DELETE", own, 403, subject="comment", text="forbidden", token=other)
    api.refused("DELETE", own, 401, subject="token", text="is missing")
    api.send("DELETE", own, 204 if api.edition == 2 else 200, token=token)
    assert api.send("GET", path, 200)["comments"] == []
    api.refused("DELETE", own, 404, subject="comment", text="not found", token=token)


def test_profiles_are_followed_and_fill_the_feed(api: Api) -> None:
    author, author_token = api.register()
    _, token = api.register()
    path = f"/profiles/{author}"
    assert api.send("GET", path, 200)["profile"]["following"] is False
    assert api.send("GET", "/articles/feed", 200, token=token)["articlesCount"] == 0
    profile = api.send("POST", f"{path}/follow", 200, token=token)["profile"]
    assert (profile["username"], profile["following"]) == (author, True)
    assert api.send("GET", path, 200, token=token)["profile"]["following"] is True
    assert api.send("GET", path, 200)["profile"]["following"] is False
    slug = api.write(author_token)["slug"]
    feed = api.send("GET", "/articles/feed?limit=5", 200, token=token)
    assert [each["slug"] for each in feed["articles"]] == [slug]
    assert feed["articles"][0]["author"]["following"] is True
    profile = api.send("DELETE", f"{path}/follow", 200, token=token)["profile"]
    assert profile["following"] is False
    assert api.send("GET", "/articles/feed", 200, token=token)["articles"] == []
    api.refused("GET", "/profiles/no-such-user", 404, subject="profile", text="not found")
    api.refused("POST", f"{path}/follow", 401, subject="token", text="is missing")
