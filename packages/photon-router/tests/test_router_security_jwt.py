"""JSON Web Tokens: which are accepted, and which are refused."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from photon_router.security import BadCredential, Identity, Jwks, JwtBearer, issue_token
from photon_router.security._jwt import scopes_of

SECRET = "a secret of thirty-two bytes, or so"
LONG = "s" * 64


def pem_of(key: Any) -> tuple[str, str]:
    """Return the private and the public key in PEM."""
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


RSA_KEY, RSA_PUBLIC = pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
EC_KEY, EC_PUBLIC = pem_of(ec.generate_private_key(ec.SECP256R1()))
EC_384, EC_384_PUBLIC = pem_of(ec.generate_private_key(ec.SECP384R1()))
ED_KEY, ED_PUBLIC = pem_of(ed25519.Ed25519PrivateKey.generate())

each_kind = pytest.mark.parametrize(
    ("algorithm", "private", "public"),
    [
        ("HS256", SECRET, SECRET),
        ("HS384", LONG, LONG),
        ("HS512", LONG, LONG),
        ("RS256", RSA_KEY, RSA_PUBLIC),
        ("PS512", RSA_KEY, RSA_PUBLIC),
        ("ES256", EC_KEY, EC_PUBLIC),
        ("ES384", EC_384, EC_384_PUBLIC),
        ("EdDSA", ED_KEY, ED_PUBLIC),
    ],
    ids=lambda value: value if len(value) < 9 else "",
)


def identity(verifier: JwtBearer, token: str) -> Identity:
    found = verifier.verify(token).identity
    assert isinstance(found, Identity)
    return found


def signed(claims: dict[str, Any], key: str = SECRET, algorithm: str = "HS256", **head: Any) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers=head or None)


def refused(verifier: JwtBearer, token: str) -> str:
    with pytest.raises(BadCredential) as caught:
        verifier.verify(token)
    return str(caught.value)


def claims(**more: Any) -> dict[str, Any]:
    return {"sub": "ada", "exp": time.time() + 60} | more


@each_kind
def test_what_is_issued_is_verified(algorithm: str, private: str, public: str) -> None:
    token = issue_token("ada", private, algorithm=algorithm, scopes=["a", "b"], claims={"x": 1})
    verifier = JwtBearer(public, algorithms=[algorithm])
    found = identity(verifier, token)
    assert (found.subject, found.scopes) == ("ada", frozenset({"a", "b"}))
    assert found.claims["x"] == 1
    head, _, signature = token.split(".")
    other = issue_token("bob", private, algorithm=algorithm).split(".")[1]
    refused(verifier, f"{head}.{other}.{signature}")


def test_a_private_key_verifies_by_its_public_half() -> None:
    token = issue_token("ada", RSA_KEY, algorithm="RS256")
    assert identity(JwtBearer(RSA_KEY, algorithms=["RS256"]), token).subject == "ada"


# -- attacks (RFC 8725) -----------------------------------------------------------------------


def test_a_token_without_signature_is_refused() -> None:
    verifier = JwtBearer(SECRET, algorithms=["HS256"])
    token = jwt.encode(claims(), "", algorithm="none")
    assert "not allowed" in refused(verifier, token)
    with pytest.raises(ValueError, match="not none"):
        JwtBearer(SECRET, algorithms=["HS256", "none"])
    with pytest.raises(ValueError, match="not none"):
        issue_token("ada", SECRET, algorithm="none")


def test_a_public_key_is_never_a_secret() -> None:
    body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    import hashlib
    import hmac

    signature = hmac.digest(RSA_PUBLIC.encode(), head + b"." + body, hashlib.sha256)
    forged = b".".join([head, body, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()
    assert "not allowed" in refused(JwtBearer(RSA_PUBLIC, algorithms=["RS256"]), forged)
    with pytest.raises(ValueError, match="cannot be used with HS256, which requires a secret"):
        JwtBearer(RSA_PUBLIC, algorithms=["HS256"])
    with pytest.raises(ValueError, match="require different keys"):
        JwtBearer(RSA_PUBLIC, algorithms=["HS256", "RS256"])


def test_an_algorithm_that_is_not_allowed_is_refused_though_the_key_fits() -> None:
    token = signed(claims(), LONG, "HS512")
    assert "not allowed" in refused(JwtBearer(LONG, algorithms=["HS256"]), token)


def test_an_extension_that_must_be_understood_is_refused() -> None:
    token = signed(claims(), crit=["exp"], exp=1)
    assert "crit" in refused(JwtBearer(SECRET, algorithms=["HS256"]), token)


def test_a_key_named_in_the_token_is_not_fetched_or_used() -> None:
    own: dict[str, Any] = {
        "jwk": {"kty": "oct", "k": "AAAA"},
        "jku": "http://127.0.0.1:9/",
        "x5u": "file:///",
    }
    token = signed(claims(), "another secret of thirty-two bytes", **own)
    assert "Signature" in refused(JwtBearer(SECRET, algorithms=["HS256"]), token)


@pytest.mark.parametrize(
    "token",
    ["a.b.c", "..", "e30.e30.", "bnVsbA.e30.AA", "W10.e30.AA", "eyJhbGciOlsxXX0.e30.AA", "." * 999],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    refused(JwtBearer(SECRET, algorithms=["HS256"]), token)


def test_numbers_and_depths_beyond_all_bounds_are_refused() -> None:
    verifier = JwtBearer(SECRET, algorithms=["HS256"])

    def forged(payload: bytes) -> str:
        return jwt.PyJWS().encode(payload, SECRET, algorithm="HS256")

    refused(verifier, forged(b'{"sub":"a","exp":1e999}'))
    refused(verifier, forged(b'{"sub":"a","exp":' + b"9" * 9000 + b"}"))
    refused(verifier, forged(b'{"sub":"a","exp":' + b"[" * 9000 + b"]" * 9000 + b"}"))
    refused(verifier, forged(b'{"sub":"a","exp":NaN}'))


# -- claims -----------------------------------------------------------------------------------


def test_times_are_compared_with_leeway() -> None:
    now = time.time()
    verifier = JwtBearer(SECRET, algorithms=["HS256"], leeway=30)
    assert identity(verifier, signed(claims(exp=now - 20))).subject == "ada"
    assert identity(verifier, signed(claims(nbf=now + 20))).subject == "ada"
    assert "Expired" in refused(verifier, signed(claims(exp=now - 40)))
    assert "Immature" in refused(verifier, signed(claims(nbf=now + 40)))
    assert "Immature" in refused(verifier, signed(claims(iat=now + 40)))


def test_required_claims_must_be_there() -> None:
    verifier = JwtBearer(SECRET, algorithms=["HS256"])
    assert "exp" in refused(verifier, signed({"sub": "ada"}))
    assert "sub" in refused(verifier, signed({"exp": time.time() + 9}))
    for nobody in ("", None, 7, ["ada"]):
        refused(verifier, signed(claims(sub=nobody)))
    lax = JwtBearer(SECRET, algorithms=["HS256"], required=["exp", "tenant"])
    assert "tenant" in refused(lax, signed(claims()))
    assert identity(lax, signed({"exp": time.time() + 9, "tenant": 1})).subject == ""
    assert identity(lax, signed(claims(sub="", tenant=1))).subject == ""
    refused(lax, signed(claims(sub=7, tenant=1)))


def test_the_issuer_must_be_the_one() -> None:
    one = JwtBearer(SECRET, algorithms=["HS256"], issuer="https://a.example")
    assert identity(one, signed(claims(iss="https://a.example"))).subject == "ada"
    for other in ({"iss": "https://b.example"}, {"iss": ""}, {}):
        assert "iss" in refused(one, signed(claims(**other))).lower()
    several = JwtBearer(SECRET, algorithms=["HS256"], issuer=["https://a.example", "b"])
    assert identity(several, signed(claims(iss="b"))).subject == "ada"
    refused(several, signed(claims(iss="https://a")))


def test_the_audience_must_be_this_one() -> None:
    mine = JwtBearer(SECRET, algorithms=["HS256"], audience="api")
    assert identity(mine, signed(claims(aud="api"))).subject == "ada"
    assert identity(mine, signed(claims(aud=["web", "api"]))).subject == "ada"
    refused(mine, signed(claims()))
    for other in ("web", [], ["a", "b"]):
        refused(mine, signed(claims(aud=other)))
    # A verifier without an audience refuses a token that has one.
    refused(JwtBearer(SECRET, algorithms=["HS256"]), signed(claims(aud="web")))


@pytest.mark.parametrize(
    ("told", "scopes"),
    [
        ({"scope": "a b"}, {"a", "b"}),
        ({"scope": ["a", "b"]}, {"a", "b"}),
        ({"scp": ["a", 1, None]}, {"a"}),
        ({"scp": "a b"}, {"a", "b"}),
        ({"scope": ""}, set()),
        ({"scope": 7}, set()),
        ({"scope": {"a": 1}}, set()),
        ({}, set()),
    ],
)
def test_scopes_are_read_as_issuers_write_them(told: dict[str, Any], scopes: set[str]) -> None:
    assert scopes_of(told) == scopes


def test_the_application_can_find_its_own_user() -> None:
    users = {"ada": 1}

    def find(found: Identity) -> int | None:
        return users.get(found.subject)

    verifier = JwtBearer(SECRET, algorithms=["HS256"], find=find)
    verified = verifier.verify(issue_token("ada", SECRET, scopes=["a"]))
    assert (verified.identity, verified.scopes) == (1, frozenset({"a"}))
    refused(verifier, issue_token("bob", SECRET))


# -- keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: JwtBearer("s" * 31, algorithms=["HS256"]), "has 31 bytes, 32 are required"),
        (lambda: JwtBearer("s" * 63, algorithms=["HS256", "HS512"]), "HS512 has 63 bytes"),
        (lambda: JwtBearer("", algorithms=["HS256"]), "cannot be used with HS256|has 0 bytes"),
        (lambda: JwtBearer(EC_PUBLIC, algorithms=["RS256"]), "requires a key of the kind RSA"),
        (lambda: JwtBearer(EC_PUBLIC, algorithms=["ES384"]), "P-384|none for ES384"),
        (lambda: JwtBearer(SECRET, algorithms=["RS256"]), "requires a key of the kind RSA"),
        (lambda: JwtBearer(SECRET, algorithms=[]), "at least one is required"),
        (lambda: JwtBearer(SECRET, algorithms="HS256"), r"a list: \['HS256'\]"),
        (lambda: JwtBearer(SECRET, algorithms=["hs256"]), "not hs256"),
        (lambda: issue_token("a", SECRET, lifetime=0), "above zero, not 0"),
        (lambda: issue_token("a", SECRET, claims={"sub": "b"}), "argument of their own: sub"),
        (lambda: issue_token("", SECRET), "the subject of a token must not be empty"),
        (lambda: issue_token("a", RSA_PUBLIC), "cannot be used with HS256"),
        (lambda: Jwks({"keys": []}), "does not contain a key"),
    ],
    ids=range(14),
)
def test_keys_that_are_none_are_refused_at_start(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert SECRET not in str(caught.value)


def test_a_short_rsa_key_is_refused() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(ValueError, match="2048 bits or more, not 1024"):
        JwtBearer(pem_of(key)[1], algorithms=["RS256"])


def test_a_token_names_what_it_was_given() -> None:
    token = issue_token("ada", SECRET, issuer="i", audience="a", kid="k1", lifetime=60)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": "k1"}
    verifier = JwtBearer(SECRET, algorithms=["HS256"], issuer="i", audience="a")
    told = identity(verifier, token).claims
    assert told["exp"] - told["iat"] in (60, 61)
    assert (
        told["jti"]
        != identity(verifier, issue_token("ada", SECRET, issuer="i", audience="a")).claims["jti"]
    )
