"""The wording of multipart's errors, of which clients read the first argument."""

from typing import Any

import pytest
from multipart import (  # type: ignore[import-untyped]  # it has annotations, but no py.typed
    MultipartError,
    ParserError,
    ParserLimitReached,
    PushMultipartParser,
)

from photon_router.arguments._multipart_messages import form_message

HEAD = b'--B\r\nContent-Disposition: form-data; name="a"\r\n'
WHOLE = HEAD + b"\r\nx\r\n" + HEAD + b"\r\nx\r\n--B--\r\n"

# What the client sent, a limit, the sort of the error, and what the client reads.
CONTRACT: list[tuple[bytes, dict[str, int], type[Exception], str]] = [
    (WHOLE, {"max_segment_count": 1}, ParserLimitReached, "maximum segment count exceeded"),
    (
        HEAD + b"x: " + b"y" * 200 + b"\r\n\r\n",
        {"max_header_size": 100},
        ParserLimitReached,
        "maximum segment header length exceeded",
    ),
    (
        HEAD + b"x: y\r\n\r\n",
        {"max_header_count": 1},
        ParserLimitReached,
        "maximum segment header count exceeded",
    ),
    (HEAD + b"\r\nx", {}, ParserError, "unexpected end of multipart stream (parser closed)"),
    (b"--B\r\nx\r\n\r\nx", {}, ParserError, "malformed segment header"),
    (b"--B\r\nx: \xff\r\n\r\nx", {}, ParserError, "segment header failed to decode"),
    (b"--B\r\nx: y\r\n\r\nx", {}, ParserError, "missing Content-Disposition segment header"),
]


def read(parser: PushMultipartParser, data: bytes) -> None:
    list(parser.parse(data))
    parser.close()


@pytest.mark.parametrize(("data", "limits", "sort", "message"), CONTRACT)
def test_an_error_of_the_installed_version_has_its_sentence_first(
    data: bytes, limits: dict[str, Any], sort: type[Exception], message: str
) -> None:
    with pytest.raises(sort) as caught:
        read(PushMultipartParser("B", **limits), data)
    assert form_message(caught.value) == message


def test_an_error_without_a_sentence_has_a_message_too() -> None:
    assert form_message(MultipartError()) == "the reason is unknown"
