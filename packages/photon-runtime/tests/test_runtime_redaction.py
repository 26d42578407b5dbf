from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.redaction import MASK, is_secret_name, redact


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "DB_PASSWORD",
        "apiKey",
        "API_KEY",
        "secret_key",
        "auth_token",
        "csrf_token",
        "PGPASSWORD",
        "session_key",
        "Authorization",
        "Set-Cookie",
        "X-Api-Key",
        "password_hash",
        "clientSecret",
        "DB_PASS",
        "smtpPass",
    ],
)
def test_a_name_that_means_a_secret_is_recognized(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "author",
        "authors",
        "key",
        "primary_key",
        "cookie_name",
        "max_age",
        "token_url",
        "secret_file",
        "require_token",
        "has_password",
        "pass_rate",
        "x",
    ],
)
def test_other_names_are_harmless(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://shop:hunter2@localhost/shop",
        "redis://:hunter2@h/0",
        "mongodb://u:p@ss@hunter2@h",
        "Settings(password='hunter2', port=1)",
        "{'Authorization': 'Bearer hunter2hunter2', 'x': 1}",
        "[(b'authorization', b'Basic hunter2')]",
        "/reset?user=1&token=hunter2&x=1",
        "the header Bearer hunter2hunter2 was refused",
        'os.environ["DB_PASSWORD"] = "hunter2"',
        "user: password=hunter2",
        'password = "hunter2',
        "password='hunter2\\'hunter2'",
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
        "'-----BEGIN RSA PRIVATE KEY-----\\nhunter2 and no end",
    ],
)
def test_the_value_of_a_secret_is_masked(text: str) -> None:
    assert "hunter2" not in redact(text)
    assert MASK in redact(text)


def test_known_values_are_masked_wherever_they_are() -> None:
    assert redact("no hunter2 here", ["hunter2", "no"]) == f"no {MASK} here"


def test_source_keeps_its_expressions_and_loses_its_literals() -> None:
    assert redact("token = make_token(user)", is_source=True) == "token = make_token(user)"
    assert redact("token = 'abc'", is_source=True) == f"token = '{MASK}'"


def test_a_longer_secret_is_masked_before_its_beginning() -> None:
    assert redact("abcdefgh", ["abcd", "abcdefgh"]) == MASK


@given(st.text(alphabet="abcdefgh'\"=:, token", max_size=200), st.booleans())
def test_any_text_can_be_redacted_and_again(text: str, is_source: bool) -> None:
    redact(redact(text, is_source=is_source), is_source=is_source)
