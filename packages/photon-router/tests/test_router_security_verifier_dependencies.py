"""Functions of verifiers with dependencies: sessions, settings, the request."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import attrs
import pytest

from photon_openapi.errors import DocumentError
from photon_router import Application, CurrentUser, Depends, Query, Request
from photon_router.security import (
    ApiKey,
    BadCredential,
    BasicAuth,
    BearerToken,
    Identity,
    JwtBearer,
    OAuth2,
    Verifier,
    issue_token,
)
from photon_runtime.testing import send_request

SECRET = "a secret of thirty-two characters"
FLOWS = {"password": {"tokenUrl": "/token", "scopes": {}}}


@attrs.define
class Session:
    """A session of a database, which is closed at the end."""

    events: list[str]
    is_open: bool = True


@attrs.frozen
class Settings:
    """Settings of an application."""

    realm: str = "shop"


def _limit(request: Request) -> int:
    return len(request.path)


def _found(name: object, db: Session, settings: Settings, limit: int) -> Identity:
    assert db.is_open
    subject = name.subject if isinstance(name, Identity) else name
    if subject == "eve":
        raise BadCredential("not Eve")
    return Identity(f"{subject} {settings.realm} {limit}")


def find(
    name: Any, db: Session, *, settings: Settings, limit: Annotated[int, Depends(_limit)]
) -> Identity:
    """Find a user, with everything that handlers may have."""
    return _found(name, db, settings, limit)


def find_by_password(
    name: str,
    password: str,
    db: Session,
    settings: Settings,
    limit: Annotated[int, Depends(_limit)],
    retries: int = 1,
) -> Identity | None:
    """Find a user by name and password."""
    return _found(name, db, settings, limit) if password == "x" and retries == 1 else None


def _bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


def _basic(name: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:x".encode()).decode()}


CASES: list[tuple[Verifier, Callable[[str], dict[str, str]]]] = [
    (ApiKey(find, header="X-Key"), lambda name: {"x-key": name}),
    (BasicAuth(find_by_password), _basic),
    (BearerToken(find), _bearer),
    (OAuth2(BearerToken(find), flows=FLOWS), _bearer),
    (
        JwtBearer(SECRET, algorithms=["HS256"], find=find),
        lambda name: _bearer(issue_token(name, SECRET)),
    ),
]


def _application(verifier: Verifier, events: list[str]) -> Application:
    def session() -> Iterator[Session]:
        db = Session(events)
        events.append("open")
        try:
            yield db
        except BadCredential:
            events.append("refused")
            raise
        finally:
            db.is_open = False
            events.append("close")

    app = Application(title="Shop", version="1", security=[verifier])
    app.provide(Session, session)
    app.provide_settings(Settings)

    @app.get("/me")
    def show(user: CurrentUser[Identity]) -> str:
        events.append("handler")
        return user.subject

    return app


@pytest.mark.parametrize(("verifier", "fields"), CASES, ids=lambda case: type(case).__name__)
def test_a_verifier_gets_what_handlers_get(
    verifier: Verifier, fields: Callable[[str], dict[str, str]]
) -> None:
    events: list[str] = []
    app = _application(verifier, events)
    assert send_request(app, "GET", "/me", headers=fields("ada")).json() == "ada shop 3"
    assert events == ["open", "close", "handler"]
    assert send_request(app, "GET", "/me", headers=fields("eve")).status == 401
    assert events[3:] == ["open", "refused", "close"]
    assert send_request(app, "GET", "/me").status == 401
    assert len(events) == 6
    with app.overrides({Settings: lambda: Settings("test")}):
        assert send_request(app, "GET", "/me", headers=fields("ada")).json() == "ada test 3"


def needs_the_user(token: str, user: CurrentUser[Identity]) -> Identity:
    """Need what it decides about."""
    return user


def needs_a_parameter(token: str, page: Query[int]) -> Identity:
    """Need a parameter of the request."""
    return Identity(str(page))


def needs_what_is_not_provided(token: str, db: Session) -> Identity:
    """Need a class that nothing provides."""
    return Identity(str(db))


def has_any_number(token: str, request: Request, *args: str) -> Identity | None:
    return Identity(request.path)


def has_no_name(token: str, request: Request, /) -> Identity | None:
    return Identity(request.path)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (needs_the_user, "leave CurrentUser out"),
        (needs_a_parameter, "nothing provides the argument 'page'"),
        (needs_what_is_not_provided, "nothing provides the argument 'db'"),
        (has_any_number, r"takes \*args"),
        (has_no_name, "'request' gets its value by name: write the / before it"),
    ],
)
def test_what_a_verifier_cannot_have_is_refused_at_start(function: Any, message: str) -> None:
    app = Application(title="Shop", version="1", security=[BearerToken(function)])

    @app.get("/me")
    def show() -> str:
        return "shown"

    with pytest.raises(DocumentError, match=message), app.start():
        pass


@pytest.mark.parametrize(
    "function",
    [
        {"ada": Identity("ada")}.get,
        lambda token: Identity(token),
        lambda *tokens: Identity(tokens[0]),
        lambda token, unused=None: Identity(token),
        lambda token, unused=None, *more: Identity(token),
    ],
    ids=["mapping", "one", "any number", "default", "default and any number"],
)
def test_functions_without_dependencies_are_called_with_the_credential_alone(
    function: Any,
) -> None:
    app = Application(title="Shop", version="1", security=[BearerToken(function)])

    @app.get("/me")
    def show(user: CurrentUser[Identity]) -> str:
        return user.subject

    assert send_request(app, "GET", "/me", headers=_bearer("ada")).json() == "ada"
