"""The assertions of ``format``, when it is asserted."""

import copy
import decimal
import sys
from typing import Any

import pytest

from photon_openapi.document._definitions import Definitions
from photon_openapi.schema._check import SchemaCheck
from photon_openapi.schema._formats import asserted

TOP = 2**63


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("int8", [-128, 127, 0, 5.0], [-129, 128, 0.5]),
        ("int16", [-32768, 32767], [-32769, 32768]),
        ("int32", [-(2**31), 2**31 - 1, 1e3], [-(2**31) - 1, 2**31, 1.5, 1e30, 2**70]),
        ("int64", [-TOP, TOP - 1, str(-TOP), str(TOP - 1)], [TOP, str(TOP), "1.0", "", "1" * 99]),
        ("uint8", [0, 255], [-1, 256]),
        ("uint16", [0, 65535], [-1, 65536]),
        ("uint32", [0, 2**32 - 1], [-1, 2**32]),
        ("uint64", [0, 2 * TOP - 1, str(2 * TOP - 1)], [-1, 2 * TOP, "-1", "x"]),
        ("double-int", [1 - 2**53, 2**53 - 1], [-(2**53), 2**53, 0.5]),
        ("float", [1e300, -1, 0.1], []),
        ("double", [1e300, -1, 0.1], []),
        ("date", ["2024-05-31", 5], ["2024-05-32", ""]),
        ("uuid", ["00000000-0000-0000-0000-000000000000"], ["0"]),
        ("nobody-knows", ["", 5, None], []),
    ],
)
def test_validity_and_errors_agree_on_a_format(
    name: str, accepted: list[Any], refused: list[Any]
) -> None:
    check = SchemaCheck({"properties": {"it": {"format": name}}}, assert_formats=True)
    for value in accepted:
        assert check.is_valid({"it": value}), value
        assert check.errors({"it": value}) == []
    for value in refused:
        assert not check.is_valid({"it": value}), value
        [error] = check.errors({"it": value})
        assert (error.pointer, error.message) == ("/it", f"is not a valid {name}")


@pytest.mark.parametrize("value", ["2147483648", True, None, [2**40], {"a": 2**40}])
def test_a_format_says_nothing_of_values_of_other_types(value: object) -> None:
    assert SchemaCheck({"format": "int32"}, assert_formats=True).is_valid(value)


def test_a_decimal_is_a_number_too() -> None:
    accepts = asserted("int32")
    assert accepts(decimal.Decimal("7.0"))
    assert not accepts(decimal.Decimal("7.1"))
    assert not accepts(decimal.Decimal("1e999"))


def test_formats_only_describe_by_default() -> None:
    check = SchemaCheck({"properties": {"it": {"format": "int32"}}})
    assert check.is_valid({"it": 2**40})
    assert check.errors({"it": 2**40}) == []


def test_formats_are_asserted_behind_references_and_in_resources() -> None:
    definitions = Definitions(
        {
            "components": {
                "schemas": {
                    "Small": {"$id": "https://example.com/small", "format": "int8"},
                    "Pair": {"items": {"$ref": "#/components/schemas/Small"}},
                }
            }
        },
        assert_formats=True,
    )
    schema = {"$ref": "#/components/schemas/Pair"}
    check = SchemaCheck(schema, components=definitions, assert_formats=True)
    assert check.is_valid([1, 127])
    assert not check.is_valid([1, 128])
    assert [error.pointer for error in check.errors([1, 128])] == ["/1"]


def test_a_format_that_is_not_a_string_is_a_wrong_schema() -> None:
    with pytest.raises(ValueError, match="format"):
        SchemaCheck({"format": ["int32"]}, assert_formats=True)


def test_the_formats_of_integers_count_beside_other_keywords_and_not_in_data() -> None:
    schema = {
        "properties": {
            "format": {"type": "integer", "format": "int8", "allOf": [{"minimum": 0}]},
            "id": {"type": ["integer", "string"], "format": "int64"},
            "data": {"const": {"format": "int8"}},
        }
    }
    before = copy.deepcopy(schema)
    check = SchemaCheck(schema, assert_formats=True)
    assert schema == before
    assert check.is_valid({"format": 1, "id": str(TOP - 1), "data": {"format": "int8"}})
    for wrong in ({"format": 128}, {"format": -1}, {"id": str(TOP)}, {"id": "x"}, {"id": TOP}):
        assert not check.is_valid(wrong), wrong
        assert len(check.errors(wrong)) == 1


def test_no_check_of_a_format_calls_python() -> None:
    formats = [{"format": name} for name in ("int32", "email", "date-time")]
    check = SchemaCheck({"prefixItems": formats}, assert_formats=True)
    value = [5, "a@example.com", "2024-05-31T00:00:00Z"]
    called: list[object] = []
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, _: called.append(frame) if event == "call" else None)
    try:
        is_valid = check.is_valid(value)
    finally:
        sys.setprofile(before)
    assert (is_valid, called) == (True, [])
