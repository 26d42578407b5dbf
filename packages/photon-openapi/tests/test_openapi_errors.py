import time
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photon_openapi.errors import MAX_ERRORS, ErrorDetail, MalformedBody, ValidationError
from photon_openapi.messages import pointer_of
from photon_openapi.schema._check import SchemaCheck
from photon_openapi.schema._messages import errors_from_schema
from photon_runtime.errors import PhotonError


def found(schema: Any, instance: object, **options: Any) -> list[tuple[str | None, str]]:
    check = SchemaCheck(schema, **options)
    errors = check.errors(instance)
    assert bool(errors) != check.is_valid(instance)
    return [(error.pointer, error.message) for error in errors]


def test_an_error_is_written_with_its_location() -> None:
    assert ErrorDetail("query", "is required", name="page").as_dict() == {
        "in": "query",
        "name": "page",
        "message": "is required",
    }
    assert ErrorDetail("body", "m", pointer="").as_dict() == {
        "in": "body",
        "pointer": "",
        "message": "m",
    }


def test_errors_carry_status_and_errors() -> None:
    failed = ValidationError(
        [ErrorDetail("body", "m", pointer="/a"), ErrorDetail("path", "n", name="id")]
    )
    assert (failed.status, len(failed.errors)) == (422, 2)
    assert str(failed) == "body /a: m; path id: n"
    assert isinstance(failed, PhotonError)
    malformed = MalformedBody("is not UTF-8")
    assert (malformed.status, malformed.errors[0].pointer) == (400, "")


def test_pointers_escape_slashes_and_tildes_and_stay_short() -> None:
    assert pointer_of(["a/b", 0, "~"]) == "/a~1b/0/~0"
    assert pointer_of([]) == ""
    assert len(pointer_of(["x" * 10_000])) == 500


@pytest.mark.parametrize(
    ("schema", "instance", "message"),
    [
        ({"type": "integer"}, "1", "expected integer, got string"),
        ({"type": ["integer", "null"]}, [], "expected integer or null, got array"),
        ({"type": "string"}, True, "expected string, got boolean"),
        ({"enum": ["a", 1]}, "b", 'must be one of "a", 1'),
        ({"const": "a"}, "b", 'must be "a"'),
        ({"minimum": 1}, 0, "must be >= 1"),
        ({"exclusiveMinimum": 1}, 1, "must be > 1"),
        ({"maximum": 1}, 2, "must be <= 1"),
        ({"exclusiveMaximum": 1}, 1, "must be < 1"),
        ({"multipleOf": 0.5}, 0.7, "must be a multiple of 0.5"),
        ({"minLength": 1}, "", "must have at least 1 character"),
        ({"maxLength": 1}, "ab", "must have at most 1 character"),
        ({"minItems": 2}, [], "must have at least 2 items"),
        ({"maxItems": 1}, [1, 2], "must have at most 1 item"),
        ({"minProperties": 1}, {}, "must have at least 1 member"),
        ({"maxProperties": 0}, {"a": 1}, "must have at most 0 members"),
        ({"uniqueItems": True}, [1, 1], "must not contain the same item twice"),
        ({"pattern": "^a$"}, "b", "must match the pattern ^a$"),
        ({"not": {"const": 1}}, 1, "has a value that is not allowed"),
        ({"contains": {"const": 1}}, [], "lacks an item that it must contain"),
        ({"prefixItems": [True], "items": False}, [1, 2], "must have at most 1 item"),
        (
            {"oneOf": [{"minimum": 0}, {"minimum": 1}]},
            2,
            "matches more than one of the allowed schemas, and must match exactly one",
        ),
        (
            {"dependentRequired": {"a": ["b"]}},
            {"a": 1},
            "lacks a member that another member requires",
        ),
        (
            {"properties": {"a": True}, "unevaluatedProperties": False},
            {"b": 1},
            "has unknown members",
        ),
        ({"contains": True, "minContains": 2}, [1], "does not satisfy 'minContains'"),
        (False, 1, "is not allowed"),
    ],
    ids=str,
)
def test_each_keyword_has_words(schema: Any, instance: object, message: str) -> None:
    assert found(schema, instance) == [("", message)]


OBJECT = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
    },
    "required": ["id", "items", "name"],
    "additionalProperties": False,
}
COMPONENTS = {
    "Item": {
        "type": "object",
        "properties": {"price": {"type": "number", "minimum": 0}, "a/b": {"type": "string"}},
        "required": ["price"],
    }
}


def test_every_error_is_listed_in_the_order_of_the_document() -> None:
    instance = {"extra": 1, "items": [{"price": -1, "a/b": 1}, {}, 3], "id": "x"}
    assert found(OBJECT, instance, components=COMPONENTS) == [
        ("/extra", "unknown member"),
        ("/items/0/price", "must be >= 0"),
        ("/items/0/a~1b", "expected string, got integer"),
        ("/items/1/price", 'missing required member "price"'),
        ("/items/2", "expected object, got integer"),
        ("/id", "expected integer, got string"),
        ("/name", 'missing required member "name"'),
    ]


def test_a_jsonschema_validator_of_your_own_serves_as_well() -> None:
    validator = jsonschema.Draft202012Validator({"type": "integer", "minimum": 3})
    assert errors_from_schema(validator, 1) == [ErrorDetail("body", "must be >= 3", pointer="")]


def test_of_a_union_only_the_branch_that_was_meant_is_reported() -> None:
    cat = {
        "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
        "required": ["lives"],
        "type": "object",
    }
    dog = {
        "properties": {"kind": {"const": "dog"}, "age": {"type": "integer"}},
        "required": ["age"],
        "type": "object",
    }
    union = {"anyOf": [cat, dog, {"type": "null"}]}
    assert found(union, {"kind": "dog"}) == [("/age", 'missing required member "age"')]
    assert found(union, {"kind": "cat", "lives": "9"}) == [
        ("/lives", "expected integer, got string")
    ]
    assert found(union, 3) == [("", "expected object or null, got integer")]
    assert found({"oneOf": [cat, dog]}, {"kind": "dog"})[0][0] == "/age"


def test_names_of_members_are_checked_in_words() -> None:
    assert found({"propertyNames": {"pattern": "^a$"}}, {"b": 1}) == [
        ("/b", "the member's name is not allowed: it must match the pattern ^a$")
    ]
    assert found(
        {"patternProperties": {"^x": False, "^y": {"type": "integer"}}}, {"xa": 1, "y": ""}
    ) == [
        ("/xa", "unknown member"),
        ("/y", "expected integer, got string"),
    ]


def test_the_value_is_never_repeated() -> None:
    secret = "s3cret" * 500_000
    schemas: list[Any] = [
        {"type": "integer"},
        {"const": 1},
        {"enum": [1]},
        {"maxLength": 1},
        {"pattern": "^b"},
        False,
        {"not": {}},
        {"anyOf": [{"type": "integer"}, {"maxLength": 2}]},
        {"if": True, "then": False},
    ]
    for schema in schemas:
        errors = found(schema, secret)
        assert errors
        assert all("s3cret" not in message and len(message) < 400 for _, message in errors)


def test_a_list_of_errors_ends() -> None:
    assert len(found({"items": {"type": "string"}}, list(range(1000)))) == MAX_ERRORS


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        ({"items": {"$ref": "#/components/schemas/Item"}}, [{"price": 1}] * 100_000 + [{}]),
        ({"anyOf": [{"items": {"type": "string"}}, {"type": "null"}]}, list(range(1_000_000))),
        (
            {"additionalProperties": {"type": "integer"}},
            {str(n): n for n in range(99_999)} | {"x": ""},
        ),
        ({"uniqueItems": True}, [{"a": n} for n in range(20_000)] + [{"a": 1}]),
        ({"pattern": "^(a+)+$"}, "a" * 1_000_000 + "!"),
    ],
    ids=["items", "union", "members", "unique", "pattern"],
)
def test_a_large_wrong_value_is_listed_quickly(schema: Any, instance: object) -> None:
    check = SchemaCheck(schema, components=COMPONENTS)
    started = time.process_time()
    assert check.errors(instance)
    assert time.process_time() - started < 3.0


def test_items_that_only_an_exact_check_refuses_are_found_among_many() -> None:
    dates = ["2024-01-01"] * 100
    schema = {"items": {"type": "string", "format": "date"}}
    assert SchemaCheck(schema, exact=True).errors([*dates, "2024-13-01"]) == [
        ErrorDetail("body", "is not a valid date", pointer="/100")
    ]
    assert SchemaCheck(schema).errors([*dates, "2024-13-01"]) == []


def test_formats_are_checked_on_demand_only() -> None:
    schema = {"format": "ipv4"}
    assert found(schema, "x") == []
    assert found(schema, "x", assert_formats=True) == [("", "is not a valid ipv4")]


def test_a_wrong_schema_and_a_lost_reference_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="type"):
        SchemaCheck({"type": "nothing"})
    with pytest.raises(ValueError, match="Lost"):
        SchemaCheck({"$ref": "#/components/schemas/Lost"}, components=COMPONENTS)


def test_nothing_is_ever_fetched() -> None:
    with pytest.raises(ValueError, match="disabled"):
        SchemaCheck({"$ref": "http://127.0.0.1:9/schema.json"})


def test_a_number_out_of_range_is_an_error_and_not_a_crash() -> None:
    check = SchemaCheck({"multipleOf": 0.01, "maximum": 5})
    assert check.errors(10**308)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1.0, 0.07])
    | st.sampled_from(["", "a", "ab"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abx"), inner, max_size=3)
    ),
    max_leaves=6,
)
leaves = st.sampled_from(
    [
        True,
        False,
        {"type": "integer"},
        {"type": ["string", "null"]},
        {"minimum": 1},
        {"enum": ["a", 1, None]},
        {"multipleOf": 0.01},
        {"pattern": "^a+$"},
        {"uniqueItems": True},
        {"required": ["a", "b"]},
        {"additionalProperties": False, "properties": {"a": True}},
        {"minItems": 1, "maxLength": 1},
    ]
)
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"items": inner}),
        st.fixed_dictionaries(
            {"prefixItems": st.lists(inner, min_size=1, max_size=2), "items": inner}
        ),
        st.fixed_dictionaries({"properties": st.fixed_dictionaries({"a": inner, "b": inner})}),
        st.fixed_dictionaries({"additionalProperties": inner}),
        st.fixed_dictionaries({"patternProperties": st.fixed_dictionaries({"^a": inner})}),
        st.fixed_dictionaries({"propertyNames": inner}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=5,
)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(schemas, values)
def test_validity_errors_and_reference_agree(schema: Any, instance: object) -> None:
    check = SchemaCheck(schema)
    is_valid = check.is_valid(instance)
    assert is_valid == (not check.errors(instance))
    assert is_valid == jsonschema_rs.Draft202012Validator(schema).is_valid(instance)
    if "multipleOf" not in str(schema):  # where jsonschema computes in floats
        assert is_valid == jsonschema.Draft202012Validator(schema).is_valid(instance)


HUGE = 10**30


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"minimum": HUGE}, HUGE, HUGE - 1),
        ({"exclusiveMaximum": HUGE}, HUGE - 1, HUGE),
        ({"minimum": 9007199254740993}, 9007199254740993, 9007199254740992),
        ({"minimum": 9007199254740993}, 9007199254740994.0, 9007199254740992.0),
        ({"const": HUGE}, HUGE, HUGE + 1),
        ({"enum": [HUGE]}, HUGE, HUGE + 1),
        ({"maximum": 1.1}, 1.1, 1.1000000000000003),
        ({"multipleOf": 0.01}, 0.07, 0.075),
        ({"multipleOf": 0.01}, 19.99, 19.995),
        ({"multipleOf": HUGE}, 3 * HUGE, 3 * HUGE + 1),
        ({"multipleOf": 1e-8}, 12391239123, 1e-9),
        ({"type": "integer"}, 1.0, 1.5),
        ({"const": 1}, 1.0, True),
        ({"uniqueItems": True}, [1, True], [1, 1.0]),
    ],
    ids=str,
)
def test_numbers_are_compared_exactly(schema: Any, good: object, bad: object) -> None:
    check = SchemaCheck(schema)
    assert (check.is_valid(good), check.is_valid(bad)) == (True, False)
    assert check.errors(good) == []
    assert len(check.errors(bad)) == 1


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(?=(a+)+$)", r"^(a+)\1*$"])
@pytest.mark.parametrize(
    "dialect", [{}, {"$schema": "https://json-schema.org/draft/2020-12/schema"}]
)
def test_no_pattern_takes_forever(pattern: str, dialect: dict[str, str]) -> None:
    # Within a reference, where jsonschema would use the validator of the dialect.
    schemas = {"A": {**dialect, "pattern": pattern, "patternProperties": {pattern: False}}}
    check = SchemaCheck({"$ref": "#/components/schemas/A"}, components=schemas)
    text = "a" * 5000 + "!"
    for value in (text, {text: 1}):
        if not check.is_valid(value):
            check.errors(value)


def refs(*names: str) -> list[dict[str, str]]:
    return [{"$ref": f"#/components/schemas/{name}"} for name in names]


def nested(name: str, levels: int, inner: dict[str, Any]) -> dict[str, Any]:
    for _ in range(levels):
        inner = {name: inner}
    return inner


EXPRESSION = {
    "Expression": {"oneOf": refs("And", "Or", "Not")},
    **{
        name: {
            "type": "object",
            "required": ["op", "in"],
            "properties": {"in": refs("Expression")[0], "op": {"const": name}},
        }
        for name in ("And", "Or", "Not")
    },
}
CLOSED = {
    "Closed": {"allOf": refs("Base"), "unevaluatedProperties": False},
    "Base": {"type": "object", "properties": {"in": refs("Closed")[0]}},
}
TWICE = {
    "Twice": {"allOf": [*refs("Inner"), {"properties": {"in": refs("Twice")[0]}}]},
    "Inner": {"properties": {"in": refs("Twice")[0], "n": {"type": "integer"}}},
}


@pytest.mark.parametrize(
    ("components", "instance"),
    [
        (EXPRESSION, nested("in", 40, {"op": "And", "in": 3})),
        (CLOSED, {**nested("in", 40, {}), "x": 1}),
        (CLOSED, nested("in", 40, {"x": 1})),
        (TWICE, nested("in", 40, {"n": "x"})),
    ],
    ids=["union", "closed outside", "closed inside", "two ways"],
)
def test_schemas_that_lead_back_to_themselves_are_walked_once(
    components: dict[str, Any], instance: object
) -> None:
    schema = refs(next(iter(components)))[0]
    check = SchemaCheck(schema, components=components)
    check.errors({"in": 1})
    began = time.process_time()
    assert check.errors(instance)
    assert time.process_time() - began < 2  # walked again at each level it is hours


def test_a_value_that_is_walked_once_is_reported_at_each_location() -> None:
    components = {"Item": {"required": ["id"], "properties": {"id": {"type": "integer"}}}}
    same = {"id": "x"}
    schema = {"properties": {"a": refs("Item")[0], "b": {"allOf": refs("Item")}}}
    message = "expected integer, got string"
    for instance in ({"a": {"id": "x"}, "b": {"id": "x"}}, {"a": same, "b": same}):
        for _ in "twice":
            check = SchemaCheck(schema, components=components)
            assert found(schema, instance, components=components) == [
                ("/a/id", message),
                ("/b/id", message),
            ]
            assert [error.pointer for error in check.errors(instance)] == ["/a/id", "/b/id"]


def test_nested_unions_report_the_location() -> None:
    inner = {
        "oneOf": [{"type": "string"}, {"properties": {"a": {"type": "integer"}}, "type": "object"}]
    }
    schema = {"properties": {"x": {"anyOf": [{"type": "array", "items": inner}, {"type": "null"}]}}}
    assert found(schema, {"x": [{"a": "b"}, "c", 3]}) == [
        ("/x/0/a", "expected integer, got string"),
        ("/x/2", "expected string or object, got integer"),
    ]
    assert found({"anyOf": [inner, {"type": "null"}]}, 3) == [
        ("", "expected string or object or null, got integer")
    ]
    assert found({"anyOf": [False, False]}, 3) == [("", "is not allowed")]


def test_members_are_unknown_only_where_all_else_fits() -> None:
    base = {"properties": {"id": {"type": "integer"}}}
    schema = {"allOf": [base], "unevaluatedProperties": False}
    assert found(schema, {"id": "x"}) == [("/id", "expected integer, got string")]
    assert found(schema, {"id": 1, "x": 1}) == [("", "has unknown members")]
    identified = {"$id": "https://example.com/it", **schema}
    assert found(identified, {"id": 1, "x": 1}) == [("", "has unknown members")]
    items = {"prefixItems": [{"type": "integer"}], "unevaluatedItems": False}
    assert found(items, [1, 2]) == [("", "has more items than are allowed")]
    assert found(items, ["x", 2]) == [("/0", "expected integer, got string")]


def test_a_stack_that_ends_within_the_registry_is_an_error_too() -> None:
    # Some stack depths cause a PanicException, which is not an Exception.
    components = {"Never": {"not": {"$ref": "#/components/schemas/Never"}}}
    check = SchemaCheck({"$ref": "#/components/schemas/Never"}, components=components)

    def errors(levels: int) -> list[ErrorDetail]:
        return errors(levels - 1) if levels else check.errors([])

    for levels in range(12):
        assert [error.message for error in errors(levels)] == ["nested too deeply to be checked"]
