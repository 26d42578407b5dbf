import datetime
import decimal
import enum
import re
import time
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_openapi.annotations._param import Param
from photon_openapi.codec._convert import make_converter, structuring_errors
from photon_openapi.codec._text import strings_converter, takes_strings, text_converter
from photon_openapi.schema._constraints import constraint_checker
from photon_openapi.schema._schema import SchemaBuilder


class Color(enum.Enum):
    RED = "red"
    ONE = 1


class Level(enum.IntEnum):
    LOW = 1


UTC = datetime.UTC


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (str, " as it is ", " as it is "),
        (object, "a", "a"),
        (Any, "a", "a"),
        (int, "12", 12),
        (int, "-12", -12),
        (int, "+12", 12),
        (int, "007", 7),
        (float, "1.5", 1.5),
        (float, "1e3", 1000.0),
        (float, ".5", 0.5),
        (bool, "true", True),
        (bool, "ON", True),
        (bool, "No", False),
        (bool, "0", False),
        (bytes, "é", "é".encode()),
        (decimal.Decimal, "1.50", decimal.Decimal("1.50")),
        (
            uuid.UUID,
            "12345678-1234-5678-1234-567812345678",
            uuid.UUID(int=0x12345678123456781234567812345678),
        ),
        (datetime.date, "2024-05-31", datetime.date(2024, 5, 31)),
        (datetime.time, "12:30:05", datetime.time(12, 30, 5)),
        (datetime.time, "12:30", datetime.time(12, 30)),
        (
            datetime.datetime,
            "2024-05-31T12:30:05Z",
            datetime.datetime(2024, 5, 31, 12, 30, 5, tzinfo=UTC),
        ),
        (datetime.datetime, "2024-05-31T12:30", datetime.datetime(2024, 5, 31, 12, 30)),
        (datetime.timedelta, "PT1H30M", datetime.timedelta(minutes=90)),
        (Color, "red", Color.RED),
        (Color, "1", Color.ONE),
        (Level, "1", Level.LOW),
        (Literal["a", 2, True], "2", 2),
        (Literal["a", 2, True], "true", True),
        (int | None, "3", 3),
        (str | int, "3", 3),
        (int | str, "x", "x"),
        (NewType("UserId", int), "3", 3),
        (Annotated[int, Param(ge=5)], "3", 3),
    ],
    ids=str,
)
def test_text_is_read_as_the_type(type_: Any, text: str, value: object) -> None:
    converted = text_converter(type_)(text)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("type_", "text", "message"),
    [
        *[
            (int, text, "expected an integer")
            for text in (
                "",
                " 1",
                "1 ",
                "1_000",
                "0x10",
                "1.0",
                "٣",
                "²",
                "--1",
                "-+1",
                "+",
                "one",
                "1" * 4301,
                "1\n",
            )
        ],
        *[
            (float, text, "expected a number")
            for text in (
                "",
                "nan",
                "inf",
                "-Infinity",
                "1e999",
                "1_0",
                " 1",
                "٣",
                "1" * 5000,
                "1.5\n",
            )
        ],
        *[
            (decimal.Decimal, text, "expected a decimal number")
            for text in (
                "NaN",
                "sNaN",
                "Infinity",
                "1_0",
                "",
                "1e999999999",
            )
        ],
        *[(bool, text, "expected true or false") for text in ("", "2", "y", "truee", "K" * 99)],
        (uuid.UUID, "x", "expected a UUID"),
        (datetime.date, "2024-02-30", "expected a date, such as 2024-05-31"),
        (datetime.datetime, "2024-05-31", "expected a date and time"),
        (datetime.datetime, "1717000000", "expected a date and time"),
        (datetime.time, "24:00", "expected a time"),
        (datetime.timedelta, "90", "expected an ISO 8601 duration"),
        (Color, "RED", 'expected one of "red", "1"'),
        (Literal["a", 2], "b", 'expected one of "a", "2"'),
        (int | None, "", "expected an integer"),
        (int | bool, "x", "expected an integer, or true or false"),
    ],
    ids=lambda part: str(part)[:20],
)
def test_text_that_is_no_such_value_is_refused_in_words(
    type_: Any, text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        text_converter(type_)(text)


@given(st.text())
def test_an_integer_is_plain_ascii_digits(text: str) -> None:
    try:
        value = text_converter(int)(text)
    except ValueError:
        assert not re.fullmatch(r"[+-]?[0-9]+", text)
    else:
        assert re.fullmatch(r"[+-]?[0-9]+", text)
        assert value == int(text)


@given(st.integers() | st.floats() | st.decimals() | st.booleans() | st.datetimes() | st.times())
def test_what_python_writes_is_read_back_unless_it_is_not_finite(value: Any) -> None:
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    try:
        assert text_converter(type(value))(text) == value
    except ValueError:
        assert isinstance(value, float | decimal.Decimal)
        assert not decimal.Decimal(value).is_finite() or abs(decimal.Decimal(value).adjusted()) > 9


@pytest.mark.parametrize("type_", [int, float, decimal.Decimal, bool, uuid.UUID, Color])
def test_ten_million_digits_are_refused_quickly(type_: Any) -> None:
    text = "1" * 10_000_000
    started = time.process_time()
    with pytest.raises(ValueError, match="expected"):
        text_converter(type_)(text)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("type_", [list[int], dict[str, int], complex])
def test_a_type_that_one_text_cannot_hold_is_refused(type_: Any) -> None:
    with pytest.raises(TypeError, match="cannot be read from one string"):
        text_converter(type_)


@pytest.mark.parametrize(
    ("type_", "given_texts", "value"),
    [
        (list[int], ["1", "2"], [1, 2]),
        (list[str], ["a"], ["a"]),
        (list, ["a"], ["a"]),
        (Sequence[int], ["1"], [1]),
        (set[int], ["1", "1"], {1}),
        (frozenset[str], ["a"], frozenset("a")),
        (tuple[int, ...], ["1", "2"], (1, 2)),
        (tuple[int, str], ["1", "b"], (1, "b")),
        (list[int] | None, ["1"], [1]),
        (list[Annotated[int, Param(ge=1)]], ["0"], [0]),
    ],
    ids=str,
)
def test_texts_are_read_as_a_list(type_: Any, given_texts: list[str], value: object) -> None:
    assert takes_strings(type_)
    converted = strings_converter(type_)(given_texts)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("type_", "given_texts", "message"),
    [
        (list[int], ["1", "x"], "item 2: expected an integer"),
        (list[int], ["x"], "expected an integer"),
        (tuple[int, str], ["1"], "expected 2 values, got 1"),
        (tuple[int, str], ["x", "1"], "item 1: expected an integer"),
    ],
)
def test_the_wrong_item_of_a_list_is_named(
    type_: Any, given_texts: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        strings_converter(type_)(given_texts)


def test_a_scalar_takes_no_list() -> None:
    assert not takes_strings(str)
    with pytest.raises(TypeError, match="does not take several values"):
        strings_converter(int)


def check(type_: Any, value: object) -> list[str] | None:
    checker = constraint_checker(SchemaBuilder().schema(type_))
    return None if checker is None else checker(value)


@pytest.mark.parametrize(
    "type_", [int, str, int | None, list[int], Color, decimal.Decimal, set[bytes], datetime.date]
)
def test_a_type_without_constraints_has_no_checker(type_: Any) -> None:
    assert check(type_, 1) is None


@pytest.mark.parametrize(
    ("type_", "value", "messages"),
    [
        (Annotated[int, Param(ge=1)], 0, ["must be >= 1"]),
        (Annotated[int, Param(ge=1)], 1, []),
        (Annotated[int | None, Param(ge=1)], None, []),
        (
            Annotated[str, Param(pattern="^a", max_length=2)],
            "bbb",
            ["must match the pattern ^a", "must have at most 2 characters"],
        ),
        (Annotated[decimal.Decimal, Param(ge=2)], decimal.Decimal("1.5"), ["must be >= 2"]),
        (Annotated[float, Param(multiple_of=0.01)], 0.07, []),
        (
            list[Annotated[int, Param(gt=0)]],
            [1, 0, -1],
            ["item 2: must be > 0", "item 3: must be > 0"],
        ),
        (Annotated[set[int], Param(min_length=2)], {1}, ["must have at least 2 items"]),
        (Annotated[tuple[int, ...], Param(max_length=1)], (1, 2), ["must have at most 1 item"]),
        (Literal["a"], "b", ['must be one of "a"']),
        (
            Annotated[list[datetime.date], Param(max_length=1)],
            [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)],
            ["must have at most 1 item"],
        ),
    ],
    ids=str,
)
def test_constraints_are_checked_on_the_value(
    type_: Any, value: object, messages: list[str]
) -> None:
    assert check(type_, value) == messages


def test_references_are_followed_only_when_the_components_are_given() -> None:
    schema = {"$ref": "#/components/schemas/Size"}
    assert constraint_checker(schema) is None
    checker = constraint_checker(schema, components={"Size": {"maximum": 3}})
    assert checker is not None
    assert checker(4) == ["must be <= 3"]


@pytest.mark.parametrize("pattern", [r"^(a+)+$", r"^(?=a)(a|a)*$", r"^(a|aa)+\1$"])
def test_a_hostile_text_cannot_hang_a_pattern(pattern: str) -> None:
    checker = constraint_checker({"type": "string", "pattern": pattern})
    assert checker is not None
    started = time.process_time()
    assert checker("a" * 5000 + "!") == [f"must match the pattern {pattern}"]
    assert time.process_time() - started < 1.0


@attrs.define
class Cat:
    lives: int
    name: str = "Tom"


@attrs.define
class Dog:
    lives: int
    tricks: list[str]


class Pair(NamedTuple):
    left: int
    right: int = 0


class Options(TypedDict):
    size: int


def structure(value: object, type_: Any, *, text: bool = False) -> object:
    return make_converter(text=text).structure(value, type_)


@pytest.mark.parametrize(
    ("type_", "value", "result"),
    [
        (int, 1, 1),
        (float, 1, 1.0),
        (Color, "red", Color.RED),
        (Level, 1, Level.LOW),
        (Literal["a", 1], 1, 1),
        (Cat, {"lives": 9}, Cat(9)),
        (Cat | Dog, {"lives": 9}, Cat(9)),
        (Cat | Dog, {"lives": 9, "tricks": ["sit"]}, Dog(9, ["sit"])),
        (Cat | Dog | None, None, None),
        (str | int, 1, 1),
        (list[Cat], [{"lives": 1}], [Cat(1)]),
        (Sequence[int], [1], [1]),
        (tuple[int, str], [1, "a"], (1, "a")),
        (set[int], [1, 1], {1}),
        (dict[int, Cat], {"1": {"lives": 1}}, {1: Cat(1)}),
        (Pair, [1], Pair(1)),
        (Options, {"size": 1}, {"size": 1}),
        (datetime.date, "2024-05-31", datetime.date(2024, 5, 31)),
        (bytes, "aGk=", b"hi"),
        (int, 1.0, 1),
        (Any, {"a": 1}, {"a": 1}),
        (NewType("UserId", int), 1, 1),
        (Annotated[decimal.Decimal, Param(ge=1)], "1.5", decimal.Decimal("1.5")),
    ],
    ids=str,
)
def test_json_is_structured(type_: Any, value: object, result: object) -> None:
    assert structure(value, type_) == result


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (int, "1"),
        (int, True),
        (int, 1.5),
        (float, "1"),
        (str, 1),
        (bool, 1),
        (bool, "true"),
        (Level, True),
        (Level, "1"),
        (Literal[1], True),
        (list[int], "12"),
        (list[str], "ab"),
        (tuple[int, str], [1]),
        (dict[str, int], []),
        (Cat, []),
        (Cat, {"lives": "9"}),
        (Cat | Dog, {"lives": "9"}),
        (Cat | None, 1),
        (Pair, []),
        (Pair, {"left": 1}),
        (Options, []),
        (decimal.Decimal, "NaN"),
        (Annotated[decimal.Decimal, Param(multiple_of=0.5)], "1.25"),
    ],
    ids=str,
)
def test_json_is_never_coerced(type_: Any, value: object) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        structure(value, type_)
    assert list(structuring_errors(caught.value))


@pytest.mark.parametrize(
    ("type_", "value", "result"),
    [
        (int, "1", 1),
        (Level, "1", Level.LOW),
        (list[int], ["1"], [1]),
        (list[int], "1", [1]),
        (Cat, {"lives": "9"}, Cat(9)),
        (Cat | Dog, {"lives": "9", "tricks": "sit"}, Dog(9, ["sit"])),
    ],
    ids=str,
)
def test_structures_of_text_are_read(type_: Any, value: object, result: object) -> None:
    assert structure(value, type_, text=True) == result


def test_errors_in_structures_have_their_path() -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        structure([{"tricks": [1, "a", 2], "lives": 1}, {"lives": 1}], list[Dog])
    assert dict(structuring_errors(caught.value)) == {
        (0, "tricks", 0): "Expected str, got int",
        (0, "tricks", 2): "Expected str, got int",
        (1, "tricks"): "is required",
    }


def broken(value: float) -> float:
    return value / 0


def test_a_mistake_in_the_application_is_no_error_of_the_value() -> None:
    @attrs.define
    class Broken:
        x: float = attrs.field(converter=broken)

    with pytest.raises(Exception) as caught:  # noqa: PT011
        structure({"x": 1}, Broken)
    with pytest.raises(ZeroDivisionError):
        list(structuring_errors(caught.value))
