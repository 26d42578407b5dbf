from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_router.static._names import names_of


def names(path: str, *, raw: str | None = None, hidden: bool = False) -> list[str] | None:
    found = names_of(path, raw_path=path if raw is None else raw, hidden=hidden)
    return None if found is None else list(found)


@pytest.mark.parametrize(
    "path",
    ["a", "a/b.txt", "ä/ö.js", "a b", "a..b", "x...y", "%2e%2e", "~root", "console.js", "comma"],
)
def test_plain_paths_are_cut_at_their_slashes(path: str) -> None:
    assert names(path) == path.split("/")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/etc/passwd",
        "a//b",
        "a/",
        ".",
        "..",
        "../x",
        "a/../b",
        "a/./b",
        "...",
        "a\\..\\b",
        "..\\x",
        "a\x00.txt",
        "a\nb",
        "\x7f",
        "c:",
        "C:/x",
        "a.txt::$DATA",
        "a.",
        "a ",
        "a/b. /c",
        "con",
        "NUL.txt",
        "x/aux.h",
        "COM1",
        "lpt9.tar.gz",
        "com¹",
        "con .txt",
        "CONIN$",
        "a/" * 100 + "b",
    ],
)
def test_paths_that_could_be_something_else_are_refused(path: str) -> None:
    assert names(path) is None
    assert names(path, hidden=True) is None


def test_an_encoded_slash_is_refused_wherever_it_is() -> None:
    assert names("a/b", raw="/static/a%2Fb") is None
    assert names("a/b", raw="/static/a%2fb") is None
    assert names("a%2fb", raw="/static/a%252fb") == ["a%2fb"]


def test_names_with_a_dot_are_hidden_but_the_well_known_folder() -> None:
    for path in (".git/config", "a/.env", ".htaccess", "a/.well-known/x", ".well-known/.x"):
        assert names(path) is None
        assert names(path, hidden=True) == path.split("/")
    assert names(".well-known/security.txt") == [".well-known", "security.txt"]


@given(st.text())
def test_whatever_comes_out_cannot_leave_its_folder(path: str) -> None:
    for name in names(path, hidden=True) or []:
        assert name not in ("", ".", "..")
        assert not set(name) & set("/\\\x00:")
