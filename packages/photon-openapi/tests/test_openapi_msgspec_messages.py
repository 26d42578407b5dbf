"""The wording of msgspec's errors, in every version that is supported.

``RECORDED`` contains the errors of the other versions, so that one environment tests all of them:
from 0.19 to 0.22 and since 0.23 the sentences are the same. When the tests with the installed
version fail after an update, record its sentences here beside the old ones.
"""

from typing import Annotated, Any

import attrs
import msgspec
import pytest

from photon_openapi.schema._msgspec_messages import (
    DECODE_ERRORS,
    conversion_message,
    parse_validation_error,
    syntax_message,
)

EARLY = "is not valid JSON: it ends too early"
HALF = f"{EARLY}, or escapes half of a surrogate pair"
NOT_UTF8 = "is not UTF-8"

# Bodies, and the messages about them in every version.
MALFORMED = [
    (b"", EARLY),
    (b'{"id": 1', EARLY),
    (b'"a', EARLY),
    (b"nul", EARLY),
    (b'"a\xc3', EARLY),  # cut within a character
    (b'"\\u12', EARLY),
    (b'"\\ud800"', HALF),
    (b'"\xff"', NOT_UTF8),
    (b'{"\xff": 1}', NOT_UTF8),
    (b'"a\xc3"', NOT_UTF8),
    (b'"\xc3("', NOT_UTF8),
    (b'"\xed\xa0\x80"', NOT_UTF8),
    (b'["\xff', NOT_UTF8),
    (b"[\xff]", "is not valid JSON: invalid character at line 1, column 2"),
    (b"[1,\n 2\n,]", "is not valid JSON: trailing comma in array at line 3, column 2"),
    (b"[1 2]", "is not valid JSON: expected ',' or ']' at line 1, column 4"),
    (b"{}\n {}", "is not valid JSON: trailing characters at line 2, column 2"),
    (b'"\\udc00"', "is not valid JSON: invalid utf-16 surrogate pair at line 1, column 8"),
]

TRUNCATED = msgspec.DecodeError("Input data was truncated")
CODEC = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
INVALID = msgspec.DecodeError("Invalid UTF-8 encoded string")
AT = "JSON is malformed: {} (byte {})"

BAD_UTF8 = [b'"\xff"', b'{"\xff": 1}', b'"a\xc3"', b'"\xc3("', b'"\xed\xa0\x80"']

RECORDED: dict[str, dict[bytes, Exception]] = {
    "0.19 to 0.22": dict.fromkeys(BAD_UTF8, CODEC),
    "since 0.23": dict.fromkeys(BAD_UTF8, INVALID),
    "all": {
        **{data: TRUNCATED for data, message in MALFORMED if message in {EARLY, HALF}},
        b'["\xff': TRUNCATED,
        b"[\xff]": msgspec.DecodeError(AT.format("invalid character", 1)),
        b"[1,\n 2\n,]": msgspec.DecodeError(AT.format("trailing comma in array", 8)),
        b"[1 2]": msgspec.DecodeError(AT.format("expected ',' or ']'", 3)),
        b"{}\n {}": msgspec.DecodeError(AT.format("trailing characters", 5)),
        b'"\\udc00"': msgspec.DecodeError(AT.format("invalid utf-16 surrogate pair", 7)),
    },
}


def refusal(data: bytes, type_: Any = Any) -> BaseException:
    with pytest.raises(DECODE_ERRORS) as caught:
        msgspec.json.Decoder(type_).decode(data)
    return caught.value


@pytest.mark.parametrize(("data", "message"), MALFORMED, ids=repr)
def test_the_installed_version_is_parsed(data: bytes, message: str) -> None:
    assert syntax_message(data, refusal(data)) == message


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(data, error, id=f"{version}: {data!r}")
        for version, errors in RECORDED.items()
        for data, error in errors.items()
    ],
)
def test_every_supported_version_is_parsed(data: bytes, error: BaseException) -> None:
    assert syntax_message(data, error) == dict(MALFORMED)[data]


@pytest.mark.parametrize("data", [data for data, _ in MALFORMED], ids=repr)
def test_the_error_of_the_installed_version_is_a_recorded_one(data: bytes) -> None:
    error = refusal(data)
    recorded = [errors[data] for errors in RECORDED.values() if data in errors]
    assert type(error) in {type(each) for each in recorded}
    if not isinstance(error, UnicodeDecodeError):  # an error of Python
        assert str(error) in {str(each) for each in recorded}


def test_a_sentence_that_is_not_known_says_nothing_wrong() -> None:
    assert syntax_message(b"{", msgspec.DecodeError("Something new")) == "is not valid JSON"


def test_an_error_of_the_codec_about_a_byte_is_not_an_offset_into_the_body() -> None:
    error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd (byte 7)")
    assert syntax_message(b'"\xff"', error) == NOT_UTF8


@attrs.define
class Item:
    name: str
    price: float = attrs.field(default=1.0)

    @price.validator
    def _check(self, _: object, value: float) -> None:
        if value < 0:
            raise ValueError("must not be negative")


@attrs.define
class Order:
    items: list[Item]
    counts: dict[str, int] = attrs.field(factory=dict)
    pages: dict[int, int] = attrs.field(factory=dict)
    code: Annotated[str, msgspec.Meta(pattern="^a")] = "a"


ERRORS: list[tuple[bytes, str, tuple[str, list[str | int]]]] = [
    (b"[]", "Expected `object`, got `array`", ("expected object, got array", [])),
    (
        b"{}",
        "Object missing required field `items`",
        ("Object missing required field items", []),
    ),
    (
        b'{"items":[{"name":1}]}',
        "Expected `str`, got `int` - at `$.items[0].name`",
        ("expected str, got int", ["items", 0, "name"]),
    ),
    (
        b'{"items":[],"counts":{"a b":"x"}}',
        "Expected `int`, got `str` - at `$.counts[...]`",
        ("expected int, got str", ["counts"]),
    ),
    (
        b'{"items":[],"pages":{"x":1}}',
        "Expected `int`, got `str` - at `key` in `$.pages`",
        ("expected int, got str", ["pages"]),
    ),
    (
        b'{"items":[],"code":"`"}',
        "Expected `str` matching regex '^a' - at `$.code`",
        ("expected str matching regex '^a'", ["code"]),
    ),
]


@pytest.mark.parametrize(("data", "sentence", "expected"), ERRORS, ids=lambda part: str(part)[:40])
def test_the_sentence_about_a_value_and_its_path_is_parsed(
    data: bytes, sentence: str, expected: tuple[str, list[str | int]]
) -> None:
    error = refusal(data, Order)
    assert str(error) == sentence  # of the installed version; the same since 0.19
    assert parse_validation_error(error) == expected
    assert parse_validation_error(msgspec.ValidationError(sentence)) == expected


def test_the_message_of_a_validator_is_its_own() -> None:
    error = refusal(b'{"items":[{"name":"x","price":-1}]}', Order)
    assert parse_validation_error(error) == ("must not be negative", ["items", 0])


def test_a_message_about_a_converted_value_has_no_marks() -> None:
    with pytest.raises(msgspec.MsgspecError) as caught:
        msgspec.convert("1", int)
    assert conversion_message(caught.value) == "Expected int, got str"
