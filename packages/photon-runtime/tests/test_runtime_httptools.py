"""What the parser relies on in httptools' errors, held against the installed version."""

import httptools
import pytest


class Refused(Exception):
    pass


class Protocol:
    def on_url(self, target: bytes) -> None:
        if target == b"/refused":
            raise Refused


@pytest.fixture
def parser() -> httptools.HttpRequestParser:
    return httptools.HttpRequestParser(Protocol())


def test_an_upgrade_says_where_the_other_protocol_begins(
    parser: httptools.HttpRequestParser,
) -> None:
    head = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
    with pytest.raises(httptools.HttpParserUpgrade) as caught:
        parser.feed_data(memoryview(head + b"other"))
    assert caught.value.args[0] == len(head)


def test_the_error_of_a_callback_is_the_context(parser: httptools.HttpRequestParser) -> None:
    with pytest.raises(httptools.HttpParserCallbackError) as caught:
        parser.feed_data(b"GET /refused HTTP/1.1\r\n\r\n")
    assert isinstance(caught.value.__context__, Refused)


def test_an_error_says_in_a_sentence_what_is_not_http(
    parser: httptools.HttpRequestParser,
) -> None:
    with pytest.raises(httptools.HttpParserError) as caught:
        parser.feed_data(b"nonsense\r\n\r\n")
    assert str(caught.value) == "Invalid method encountered"
