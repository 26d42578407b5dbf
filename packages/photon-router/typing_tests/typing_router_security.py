"""What type-checkers see of security; read by mypy and pyright, never run."""

from typing import assert_type

import attrs

from photon_router import Application, CurrentUser, Request
from photon_router.security import (
    ANONYMOUS,
    ApiKey,
    BasicAuth,
    BearerToken,
    Identity,
    JwtBearer,
    Requirement,
    Verifier,
    identity_of,
)


@attrs.frozen
class User:
    name: str
    scopes: frozenset[str] = frozenset()


def find_user(name: str, password: str) -> User | None:
    return User(name) if password else None


def user_of_token(token: str) -> User | None:
    return User(token)


def user_of_identity(identity: Identity) -> User | None:
    return User(identity.subject)


basic = BasicAuth(find_user, realm="shop")
tokens = BearerToken(user_of_token, name="opaque")
bearer = JwtBearer("secret", algorithms=["HS256"], find=user_of_identity)
key = ApiKey({"reports": "key"}, header="X-Key")
verifier: Verifier = ApiKey({"a": "b"}.get, cookie="key")

assert_type(basic & key, Requirement)
assert_type(bearer.needs("read") & basic & key, Requirement)
router = Application(security=[basic, bearer.needs("read") & key, ANONYMOUS])
router.security("basic", basic)


@router.get("/", security=[bearer])
def read(user: CurrentUser[User], maybe: CurrentUser[User | None] = None) -> str:
    assert_type(user, User)
    assert_type(maybe, User | None)
    return user.name


assert_type(read(User("ada")), str)
read("ada")  # type: ignore[arg-type]


def layer(request: Request) -> None:
    assert_type(identity_of(request), object | None)
    assert_type(identity_of(request, User), User | None)


BasicAuth(user_of_token)  # type: ignore[arg-type]
BearerToken(find_user)  # its other arguments may be dependencies
Application(security=["bearer"])  # type: ignore[list-item]
router.get("/", security=[1])  # type: ignore[list-item]
