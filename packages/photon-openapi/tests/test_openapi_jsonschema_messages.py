"""No sentence of jsonschema reaches a client: it repeats the value and varies by version."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from photon_openapi.schema import SchemaCheck
from photon_openapi.schema._check import _KEYWORDS
from photon_openapi.schema._messages import _MESSAGES, _OWN_MESSAGES

# Keywords that never fail themselves, but apply other keywords.
LEADING = {"$ref", "$dynamicRef", "allOf", "dependentSchemas", "if"}
# A schema for each keyword, a value that does not match it, and the error.
FAILURES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "additionalProperties": ({"additionalProperties": False}, {"a": 1}, "unknown member"),
    "anyOf": ({"anyOf": [{"type": "null"}, {"type": "string"}]}, 1, "expected null or string"),
    "const": ({"const": 1}, 2, "must be 1"),
    "contains": ({"contains": {"const": 1}}, [2], "lacks an item"),
    "dependentRequired": ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "lacks a member"),
    "enum": ({"enum": [1]}, 2, "must be one of 1"),
    "exclusiveMaximum": ({"exclusiveMaximum": 1}, 1, "must be < 1"),
    "exclusiveMinimum": ({"exclusiveMinimum": 1}, 1, "must be > 1"),
    "items": ({"items": False}, [1], "must have at most 0 items"),
    "maxItems": ({"maxItems": 1}, [1, 2], "must have at most 1 item"),
    "maxLength": ({"maxLength": 1}, "ab", "must have at most 1 character"),
    "maxProperties": ({"maxProperties": 0}, {"a": 1}, "must have at most 0 members"),
    "maximum": ({"maximum": 1}, 2, "must be <= 1"),
    "minItems": ({"minItems": 1}, [], "must have at least 1 item"),
    "minLength": ({"minLength": 1}, "", "must have at least 1 character"),
    "minProperties": ({"minProperties": 1}, {}, "must have at least 1 member"),
    "minimum": ({"minimum": 1}, 0, "must be >= 1"),
    "multipleOf": ({"multipleOf": 2}, 3, "must be a multiple of 2"),
    "not": ({"not": {}}, 1, "has a value that is not allowed"),
    "oneOf": ({"oneOf": [{}, {}]}, 1, "matches more than one"),
    "pattern": ({"pattern": "^a"}, "b", "must match the pattern"),
    "patternProperties": ({"patternProperties": {"^a": False}}, {"a": 1}, "unknown member"),
    "prefixItems": ({"prefixItems": [False]}, [1], "is not allowed"),
    "properties": ({"properties": {"a": False}}, {"a": 1}, "unknown member"),
    "propertyNames": ({"propertyNames": {"maxLength": 0}}, {"a": 1}, "the member's name"),
    "required": ({"required": ["a"]}, {}, 'missing required member "a"'),
    "type": ({"type": "string"}, 1, "expected string, got integer"),
    "unevaluatedItems": ({"unevaluatedItems": False}, [1], "has more items than are allowed"),
    "unevaluatedProperties": ({"unevaluatedProperties": False}, {"a": 1}, "has unknown members"),
    "uniqueItems": ({"uniqueItems": True}, [1, 1], "must not contain the same item twice"),
}


def test_every_keyword_of_the_installed_version_is_known() -> None:
    assert set(Draft202012Validator.VALIDATORS) - LEADING - {"format"} == set(FAILURES)


@pytest.mark.parametrize("keyword", FAILURES)
def test_a_keyword_that_fails_has_our_message(keyword: str) -> None:
    schema, value, message = FAILURES[keyword]
    (theirs, *_) = Draft202012Validator(schema).iter_errors(value)
    (ours, *_) = SchemaCheck(schema).errors(value)
    assert ours.message.startswith(message)
    assert ours.message != theirs.message


def test_messages_that_are_passed_on_come_from_keywords_of_our_own() -> None:
    checked = {*_KEYWORDS, *SchemaCheck({})._listing_validator().VALIDATORS}
    assert set(_OWN_MESSAGES) <= checked
    assert not set(_OWN_MESSAGES) & set(_MESSAGES)
    standard = Draft202012Validator.VALIDATORS
    own = SchemaCheck({})._listing_validator().VALIDATORS
    assert [name for name in _OWN_MESSAGES if own[name] is standard[name]] == []
