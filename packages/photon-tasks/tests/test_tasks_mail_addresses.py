"""Addresses, and the header fields that are written from them."""

from __future__ import annotations

import email.policy
import smtplib
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.utils import getaddresses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from photon_tasks.mail import Address
from photon_tasks.mail._fields import address_field, check_field, check_url, text_field
from photon_tasks.mail.addresses import read_address, read_addresses

_LINE_ENDS = ["\r\n", "\n", "\r", "\v", "\f", "\0", "\x1c", "\x85", "\u2028", "\u2029", "\x7f"]
_PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200)
_LOCAL = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,10}(\.[a-z0-9]{1,5})?", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "address", "name"),
    [
        ("ada@example.com", "ada@example.com", ""),
        ("  ada@example.com ", "ada@example.com", ""),
        ("<ada@example.com>", "ada@example.com", ""),
        ("Ada <ada@example.com>", "ada@example.com", "Ada"),
        ("Ada K. Lovelace <ada+x@Example.COM>", "ada+x@example.com", "Ada K. Lovelace"),
        ('"Lovelace, Ada" <ada@example.com>', "ada@example.com", "Lovelace, Ada"),
        (r'"a \"b\" \\c" <ada@example.com>', "ada@example.com", r'a "b" \c'),
        ("Jörg <jörg@example.com>", "jörg@example.com", "Jörg"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", ""),
        ("ada@localhost", "ada@localhost", ""),
        ("ada@[192.0.2.1]", "ada@[192.0.2.1]", ""),
        ("ada@[IPv6:2001:db8::1]", "ada@[IPv6:2001:db8::1]", ""),
    ],
)
def test_address_is_read(text: str, address: str, name: str) -> None:
    found = read_address(text)

    assert (found.address, found.name) == (address, name)
    assert read_address(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "a b@example.com",
        "ada@example.com, eve@example.com",
        "ada@example.com; eve@example.com",
        "ada@example.com eve@example.com",
        "Ada <ada@example.com>, Eve <eve@example.com>",
        "<ada@example.com> <eve@example.com>",
        "Lovelace, Ada <ada@example.com>",
        "eve@example.com <ada@example.com>",
        "group: ada@example.com;",
        '"ada lovelace"@example.com',
        "ada(comment)@example.com",
        "<@relay.example:ada@example.com>",
        ".ada@example.com",
        "ada..b@example.com",
        "ada@-example.com",
        "ada@example..com",
        "ada@exa_mple.com",
        "ada@[192.0.2]",
        "ada@straße.example",
        "ada\u00a0b@example.com",
        "a" * 65 + "@example.com",
        "ada@" + "a." * 130 + "com",
    ],
)
def test_what_is_not_one_address_is_refused_with_the_field(text: str) -> None:
    with pytest.raises(ValueError, match=r"^To: "):
        read_address(text, "To")


@pytest.mark.parametrize("end", _LINE_ENDS)
@pytest.mark.parametrize(
    "form", ["a{}b@example.com", "A{}B <ada@example.com>", "ada@example.com{}X"]
)
def test_line_ends_in_addresses_are_refused(form: str, end: str) -> None:
    with pytest.raises(ValueError, match="line ends"):
        read_address(form.format(end), "To")
    with pytest.raises(ValueError, match="line ends"):
        Address("ada@example.com", f"Ada{end}Bcc: eve@example.com")
    with pytest.raises(ValueError, match="line ends"):
        Address(f"ada@example.com{end}", "Ada")


def test_each_address_counts_once() -> None:
    found = read_addresses(["a@x.example", "A <a@x.example>", Address("b@x.example")], "To")

    assert [each.address for each in found] == ["a@x.example", "b@x.example"]
    assert read_addresses("a@x.example", "To")[0].address == "a@x.example"


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="an address is a str, not int"):
        read_addresses([1], "To")  # type: ignore[list-item]  # what is tested


@given(st.text(max_size=40))
@example('"\\" <a@b>')
@example("a@b\r\nBcc: c@d")
@example('"a" <b@c>, d@e')
def test_a_text_is_one_address_or_refused(text: str) -> None:
    """What is accepted is one address, for the parser of the standard library, too."""
    try:
        found = read_address(text)
    except ValueError:
        return
    parsed = getaddresses([text.strip()])
    assert len(parsed) == 1
    assert parsed[0][1].rpartition("@")[0] == found.address.rpartition("@")[0]


@pytest.mark.slow
@given(_LOCAL, _PLAIN)
@example("ada", "=?utf-8?q?eve=40example.com?=")
@example("ada", "é, eve@example.com")
@example("ada", '"')
@example("ada", "\\")
@example("ada", "a" * 200)
def test_a_written_address_is_read_as_the_same_one(local: str, name: str) -> None:
    address = Address(f"{local}@example.com", name)
    field = address_field("To", [address, Address("bob@example.com", name)])

    assert smtplib.quoteaddr(address.address) == f"<{address.address}>"
    _require_one_field(field)
    message = BytesParser(policy=email.policy.compat32).parsebytes(field.encode() + b"\r\n")
    read = getaddresses([str(message["To"])])
    assert [each[1] for each in read] == [address.address, "bob@example.com"]
    for written, _ in read:
        assert str(make_header(decode_header(written))).strip() == name.strip() or _is_folded(name)


def _is_folded(name: str) -> bool:
    """Return whether the parser of this test joins the pieces of a name in another way."""
    return "  " in name or name != name.strip()


@given(_PLAIN)
@example("=?utf-8?q?x?=")
@example("a " * 90)
@example("x" * 200)
@example("a" + " " * 150 + "b")
@example(" a")
@example("ä" * 200)
def test_a_written_text_is_read_as_it_was(text: str) -> None:
    field = text_field("Subject", text)

    _require_one_field(field)
    message = BytesParser(policy=email.policy.default).parsebytes(field.encode() + b"\r\n")
    assert message["Subject"] == text


def _require_one_field(field: str) -> None:
    lines = field.split("\r\n")
    assert lines.pop() == ""
    assert all(line[0] == " " for line in lines[1:])
    assert all(line.strip() and len(line.encode()) < 998 for line in lines)
    assert field.count("\r") == field.count("\n") == field.count("\r\n")
    assert not any(each in field.replace("\r\n", "") for each in _LINE_ENDS)


@pytest.mark.parametrize("name", ["Bcc", "bcc", "Content-Type", "Subject", "DKIM-Signature", "To"])
def test_fields_of_arguments_cannot_be_headers(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        check_field(name, "x")


@pytest.mark.parametrize("name", ["", "X A", "X:", "X\r\nBcc", "Xä", "x" * 65])
def test_names_of_fields_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match="header field"):
        check_field(name, "x")


@pytest.mark.parametrize("end", _LINE_ENDS)
def test_line_ends_in_values_are_refused_with_the_name(end: str) -> None:
    with pytest.raises(ValueError, match="X-Campaign must not have line ends"):
        check_field("X-Campaign", f"spring{end}Bcc: eve@example.com")


@pytest.mark.parametrize(
    "url",
    ["", "javascript:x", "https://x.example/a b", "https://x>,<https://y", "//x", "https://ä"],
)
def test_only_urls_can_be_unsubscribed_at(url: str) -> None:
    with pytest.raises(ValueError, match="List-Unsubscribe"):
        check_url("List-Unsubscribe", url)
