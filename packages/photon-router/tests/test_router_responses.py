"""Kinds of responses: what they say on the wire."""

import http.client
import os
import urllib.parse
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_router import (
    Application,
    Created,
    File,
    Html,
    HttpError,
    JsonLines,
    NoContent,
    Redirect,
    Text,
)
from photon_router.responses import disposition, uri
from photon_runtime.testing import live_server


def test_pages_and_texts_are_in_utf_8() -> None:
    assert Html("<p>ä", status=201).content_type == "text/html; charset=utf-8"
    assert Text("ä", headers={"x-a": "1"}).header("x-a") == "1"
    assert Html("<p>ä").body == "<p>ä".encode()
    assert (NoContent().status, NoContent().body) == (204, b"")


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("/tea", "/tea"),
        ("https://a.example/b?c=d&e=%20#f", "https://a.example/b?c=d&e=%20#f"),
        ("/grün tee", "/gr%C3%BCn%20tee"),
        ('/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
    ],
)
def test_an_address_is_encoded_as_far_as_it_must_be(location: str, sent: str) -> None:
    assert Redirect(location).header("location") == sent
    assert Created(1, location=location).header("location") == sent


@pytest.mark.parametrize("location", ["", "/a\r\nset-cookie: b=c", "/a\x00", "\n", "/\x7f"])
def test_an_address_cannot_bring_header_fields_along(location: str) -> None:
    with pytest.raises(ValueError, match="is not a URL"):
        Redirect(location)
    with pytest.raises(ValueError, match="is not a URL"):
        Created(1, location=location)


@given(st.text())
def test_no_address_breaks_the_head(location: str) -> None:
    try:
        sent = uri(location)
    except ValueError:
        return
    assert sent.isascii()
    assert sent.isprintable()
    assert " " not in sent


def test_a_redirection_has_the_status_of_one() -> None:
    assert Redirect("/").status == 303
    assert Redirect("/", status=308).status == 308
    with pytest.raises(ValueError, match="the status of a redirect must be one of"):
        Redirect("/", status=200)


@pytest.mark.parametrize(
    ("name", "inline", "expected"),
    [
        ("tea.txt", False, 'attachment; filename="tea.txt"'),
        ("tea.txt", True, 'inline; filename="tea.txt"'),
        ("grün.txt", False, "attachment; filename=\"gr_n.txt\"; filename*=UTF-8''gr%C3%BCn.txt"),
        ('a"b.txt', False, "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("../../a\\b\r\nx: y", False, 'attachment; filename="bx: y"'),
        ("100%.txt", False, "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("", False, "attachment"),
    ],
)
def test_a_name_for_saving_is_reported_in_two_ways(name: str, inline: bool, expected: str) -> None:
    assert disposition(name, inline=inline) == expected


@given(st.text())
def test_every_name_makes_a_header_field_that_gives_it_back(name: str) -> None:
    value = disposition(name, inline=False)
    assert value.isascii()
    assert value.isprintable()
    if "filename*=" in value:
        told = urllib.parse.unquote(value.rpartition("''")[2])
        assert told == disposition_name(name)


def disposition_name(name: str) -> str:
    last = name.replace("\\", "/").rpartition("/")[2]
    bare = "".join(each for each in last if not (ord(each) < 32 or ord(each) == 127))
    return bare.encode("utf-8", "replace").decode()


def test_a_file_is_sent_for_saving(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_bytes(b"a,b\n" * 50_000)
    router = Application()

    @router.get("/report")
    def report(shown: bool = False) -> File:
        """Send the report."""
        return File(path, filename="Bericht für März.csv", inline=shown)

    assert list(router.document()["paths"]["/report"]["get"]["responses"]["200"]["content"]) == [
        "*/*"
    ]
    with live_server(router, development=True) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
        connection.request("GET", "/report")
        response = connection.getresponse()
        assert response.read() == path.read_bytes()
        assert response.headers["content-length"] == "200000"
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-disposition"].endswith(
            "filename*=UTF-8''Bericht%20f%C3%BCr%20M%C3%A4rz.csv"
        )
        connection.request("HEAD", "/report?shown=true")
        response = connection.getresponse()
        assert response.read() == b""
        assert response.headers["content-disposition"].startswith("inline")
        connection.close()


def test_the_type_of_a_file_is_what_the_decorator_says() -> None:
    router = Application()

    @router.get("/logo", media_type="image/png")
    def logo() -> File:
        return File(__file__)

    responses = router.document()["paths"]["/logo"]["get"]["responses"]
    assert list(responses["200"]["content"]) == ["image/png"]


@pytest.mark.parametrize("kind", ["missing", "folder", "below a file", "pipe", "nul"])
def test_what_is_no_file_is_404(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    paths: dict[str, str | Path] = {
        "missing": tmp_path / "none",
        "folder": tmp_path,
        "below a file": tmp_path / "file" / "x",
        "pipe": tmp_path / "pipe",
        "nul": f"{tmp_path}/\x00",
    }
    with pytest.raises(HttpError) as caught:
        File(paths[kind])
    assert caught.value.status == 404
    assert str(tmp_path) not in str(caught.value.detail)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a", "application/octet-stream"),
        ("a.tar.gz", "application/gzip"),
        ("a.txt.bz2", "application/octet-stream"),
    ],
)
def test_the_name_says_the_type(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"x")
    response = File(path)
    assert response.content_type == kind
    response.body.close()  # type: ignore[union-attr]
    response = File(path, content_type="text/x-own")
    assert response.content_type == "text/x-own"
    response.body.close()  # type: ignore[union-attr]


def test_json_that_was_made_elsewhere_is_one_line() -> None:
    written = msgspec.Raw(b'[\r\n{"a": 1},\n2]')
    assert list(JsonLines([written, 3]).body) == [b'[  {"a": 1}, 2]\n', b"3\n"]
