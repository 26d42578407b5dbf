"""The attributes of attrs' validators exist in the installed version of attrs.

The class names and attributes were the same in 24.2, 25.1 and 26.1; the oldest and the newest
environments of ``tools/dev.py`` run these tests with both ends of the supported range.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from attrs import validators

from photon_openapi.schema._attrs_validators import _VALIDATORS, apply_validator

NUMBER = {"type": "number"}
TEXT = {"type": "string"}
ARRAY = {"type": "array"}
BETWEEN = {"exclusiveMinimum": 0, "exclusiveMaximum": 1}

CONTRACT: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (validators.lt(1), NUMBER, {"exclusiveMaximum": 1}),
    (validators.le(1), NUMBER, {"maximum": 1}),
    (validators.gt(1), NUMBER, {"exclusiveMinimum": 1}),
    (validators.ge(1), NUMBER, {"minimum": 1}),
    (validators.min_len(1), TEXT, {"minLength": 1}),
    (validators.max_len(1), TEXT, {"maxLength": 1}),
    (validators.in_([2, 1]), NUMBER, {"enum": [2, 1]}),
    (validators.in_({2, 1}), NUMBER, {"enum": [1, 2]}),
    (validators.matches_re("a"), TEXT, {"pattern": "^(?:a)$"}),
    (validators.matches_re("a", func=re.search), TEXT, {"pattern": "a"}),
    (validators.matches_re("a", func=re.match), TEXT, {"pattern": "^(?:a)"}),
    (validators.instance_of(str), {}, TEXT),
    (validators.optional(validators.lt(1)), NUMBER, {"exclusiveMaximum": 1}),
    (
        validators.and_(validators.lt(1), validators.ge(0)),
        NUMBER,
        {"exclusiveMaximum": 1, "minimum": 0},
    ),
    (validators.deep_iterable(validators.lt(1)), ARRAY, {"items": {"exclusiveMaximum": 1}}),
    (
        validators.deep_mapping(validators.instance_of(str), validators.lt(1)),
        {"type": "object", "additionalProperties": {"type": "number"}},
        {"additionalProperties": {"type": "number", "exclusiveMaximum": 1}},
    ),
    (validators.not_(validators.lt(1)), NUMBER, {"not": {"exclusiveMaximum": 1}}),
    (
        validators.or_(validators.lt(1), validators.gt(2)),
        NUMBER,
        {"anyOf": [{"exclusiveMaximum": 1}, {"exclusiveMinimum": 2}]},
    ),
]


@pytest.mark.parametrize(
    ("validator", "schema", "added"), CONTRACT, ids=lambda part: repr(part)[:60]
)
def test_a_validator_of_the_installed_version_is_parsed(
    validator: Any, schema: dict[str, Any], added: dict[str, Any]
) -> None:
    written = dict(schema)
    apply_validator(validator, written)
    assert written == {**schema, **added}


def test_every_sort_of_validator_that_is_known_is_under_contract() -> None:
    assert {type(validator) for validator, _, _ in CONTRACT} == set(_VALIDATORS)


@pytest.mark.parametrize("validator", [lambda *_: None, validators.is_callable()], ids=repr)
def test_any_other_validator_is_passed_over(validator: Callable[..., Any]) -> None:
    schema: dict[str, Any] = {}
    apply_validator(validator, schema)
    assert schema == {}
