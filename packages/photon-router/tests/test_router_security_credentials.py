"""Credentials, well-formed and malformed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_router import Application, Request, Response
from photon_router.security import (
    ApiKey,
    BadCredential,
    BasicAuth,
    BearerToken,
    Identity,
    JwtBearer,
    MutualTls,
    NoCredential,
    client_cert_field,
)
from photon_router.security._authorization import (
    MAX_LENGTH,
    bearer_token,
    field_text,
    user_and_password,
)
from photon_runtime.http import Handler
from photon_runtime.testing import live_server


def with_field(*values: str | bytes, name: bytes = b"authorization") -> Request:
    raw = [(name, value if isinstance(value, bytes) else value.encode()) for value in values]
    return Request("GET", "/", raw)


def encoded(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("sent", "user", "password"),
    [
        # RFC 7617, sections 2 and 2.1.
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"),
        ("Basic dGVzdDoxMjPCow==", "test", "123£"),
        ("bAsIc dGVzdDoxMjPCow==", "test", "123£"),
        ("Basic   dGVzdDoxMjPCow==  ", "test", "123£"),
        (f"Basic {encoded(':')}", "", ""),
        (f"Basic {encoded('a:b:c')}", "a", "b:c"),
    ],
)
def test_basic_credentials_are_read(sent: str, user: str, password: str) -> None:
    assert user_and_password(with_field(sent)) == (user, password)


@pytest.mark.parametrize(
    "sent",
    [
        "Basic",
        "Basic ",
        "Basic dGVzdDoxMjPCow",  # the padding is missing
        "Basic dGVz dDox",
        "Basic ====",
        "Basic \u00e9",
        f"Basic {encoded('no colon')}",
        f"Basic {encoded('a:b' + chr(0))}",
        f"Basic {encoded('a' + chr(10) + ':b')}",
        f"Basic {encoded(b'a:' + bytes([0xFF]))}",
        f"Basic {encoded(b'a:' + bytes([0xC0, 0x80]))}",  # overlong
        f"Basic {encoded('a:' + 'b' * MAX_LENGTH)}",
    ],
)
def test_what_is_no_basic_credential_is_bad(sent: str) -> None:
    with pytest.raises(BadCredential):
        user_and_password(with_field(sent))


@pytest.mark.parametrize(
    "sent", ["Bearer mF_9.B5f-4.1JqM", "bearer mF_9.B5f-4.1JqM", "BEARER  mF_9.B5f-4.1JqM"]
)
def test_bearer_tokens_are_read(sent: str) -> None:
    assert bearer_token(with_field(sent)) == "mF_9.B5f-4.1JqM"  # RFC 6750, section 2.1


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer",
        "Bearer a b",
        "Bearer a,b",
        "Bearer =",
        'Bearer "a"',
        "Bearer a\x00",
        "Bearer \u00e9",
        "Bearer " + "a" * (MAX_LENGTH + 1),
    ],
)
def test_what_is_no_token_is_bad(sent: str) -> None:
    with pytest.raises(BadCredential):
        bearer_token(with_field(sent))


def test_the_credentials_of_another_scheme_are_none() -> None:
    for sent in ("Basic YTpi", "Bearerx t", "", "Bearer\tt", "Digest a=b"):
        with pytest.raises(NoCredential):
            bearer_token(with_field(sent))
    with pytest.raises(NoCredential):
        bearer_token(with_field())


def test_several_fields_are_bad() -> None:
    with pytest.raises(BadCredential):
        bearer_token(with_field("Bearer a", "Bearer b"))


def test_a_key_in_a_field_is_read_as_utf_8() -> None:
    assert field_text("schlüssel".encode().decode("latin-1")) == "schlüssel"
    for rubbish in ("", "\xff", "a\x00", "a\x7f", "a" * (MAX_LENGTH + 1)):
        with pytest.raises(BadCredential):
            field_text(rubbish)


# -- whatever comes, it is refused and no more ------------------------------------------------

ALL = [
    JwtBearer("0123456789abcdef0123456789abcdef", algorithms=["HS256"]),
    BasicAuth(lambda user, password: None),
    BearerToken(lambda token: None, name="opaque"),
    ApiKey({"x": "0123456789abcdef"}, header="authorization", name="header"),
    ApiKey({"x": "0123456789abcdef"}, cookie="key", name="cookie"),
    MutualTls(lambda certificate: None, certificate=client_cert_field()),
]


@pytest.fixture(scope="module")
def ask() -> Iterator[Handler]:
    router = Application(security=ALL, docs_url=None, openapi_url=None)

    @router.get("/")
    def read() -> None: ...

    with ExitStack() as stack:
        yield stack.enter_context(router.start())


RUBBISH = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda scheme, rest: scheme + rest,
        st.sampled_from([b"Bearer ", b"Basic ", b"basic  ", b"Bearer", b":"]),
        st.one_of(
            st.binary(max_size=60),
            st.binary(max_size=60).map(base64.b64encode),
            st.lists(st.binary(max_size=30).map(base64.urlsafe_b64encode), max_size=4).map(
                b".".join
            ),
        ),
    ),
)


@given(
    values=st.lists(RUBBISH, min_size=1, max_size=2),
    name=st.sampled_from([b"authorization", b"cookie", b"client-cert"]),
)
def test_no_credential_makes_anything_but_a_refusal(
    ask: Handler, values: list[bytes], name: bytes
) -> None:
    response: Response = ask(with_field(*values, name=name))
    assert response.status == 401


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
CLAIMS = st.dictionaries(
    st.sampled_from(["alg", "kid", "crit", "b64", "typ", "exp", "nbf", "iat", "sub", "aud", "scp"]),
    JSON_VALUES,
)


@pytest.mark.slow
@given(header=CLAIMS, payload=CLAIMS)
def test_no_token_makes_anything_but_a_refusal(
    ask: Handler, header: dict[str, object], payload: dict[str, object]
) -> None:
    import json

    parts = [json.dumps(part).encode() for part in (header, payload)] + [b"signature"]
    token = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    assert ask(with_field(b"Bearer " + token)).status == 401


@given(claims=CLAIMS)
def test_no_signed_claims_make_anything_but_a_refusal_or_a_pass(
    ask: Handler, claims: dict[str, object]
) -> None:
    import jwt

    # The library itself refuses to sign some of them.
    try:
        token = jwt.encode(claims, "0123456789abcdef0123456789abcdef", algorithm="HS256")
    except (TypeError, ValueError, OverflowError, jwt.PyJWTError):
        return
    assert ask(with_field(f"Bearer {token}")).status in (204, 401)


def test_rubbish_over_a_socket_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    router = Application(security=[BasicAuth(lambda user, password: Identity(user))])

    @router.get("/")
    def read() -> None: ...

    with live_server(router) as server:
        for value in (
            b"Basic",
            b"Basic \xff",
            b"Basic " + b"A" * 20_000,
            b"\xc3\xa9",
            b"Basic AA==",
        ):
            answer = server.exchange(
                b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: "
                + value
                + b"\r\n\r\n"
            )
            assert answer.split(b" ", 2)[1] == b"401", value
    assert caplog.text == ""
