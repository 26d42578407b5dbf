import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from photon_openapi.document._export import encode_document
from photon_openapi.document._yaml import MAX_DEPTH, finite, parse_yaml

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
)


class Loader(yaml.CSafeLoader):
    """Only strings, so that the structure can be compared."""


Loader.yaml_implicit_resolvers = {}


@pytest.mark.slow
@given(JSON)
@example(["0E0", "1e3", "-1.", "1_0", "012", "no", "~", "<<", "=", "2024-05-31"])
def test_what_is_written_as_yaml_is_read_as_it_was(value: object) -> None:
    written = encode_document({"value": value}, form="yaml").decode()
    assert parse_yaml(written) == {"value": value}


@given(st.text("ab:-{}[],& *!<'\"#\n 0.", max_size=30))
def test_any_text_is_read_or_refused_as_pyyaml_does(text: str) -> None:
    try:
        found = parse_yaml(text)
    except (yaml.YAMLError, ValueError):
        return
    wanted = yaml.load(text, Loader)
    assert isinstance(found, list) is isinstance(wanted, list)
    assert isinstance(found, dict) is isinstance(wanted, dict)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &x 1\nb: *x", {"a": 1, "b": 1}),
        ("&k a: 1\nb: *k", {"a": 1, "b": "a"}),
        ("b: {<<: [{a: 1, c: 2}, {a: 3, d: 4}], c: 5}", {"b": {"a": 1, "d": 4, "c": 5}}),
        ("'<<': 1", {"<<": 1}),
        ("a: !!str 1", {"a": "1"}),
        ("a: !!float 1", {"a": 1.0}),
        ("a: !!int 1", {"a": 1}),
        ("a: ! 1", {"a": "1"}),
        ("a: !!map {b: !!seq [1]}", {"a": {"b": [1]}}),
        ("!!int 200: !!str 1", {"200": "1"}),
        ("- -0\n- 1.\n- .5\n- 0x10\n- +1", [0, 1.0, ".5", "0x10", "+1"]),
        ("", None),
    ],
)
def test_yaml_has_the_values_of_json(text: str, value: object) -> None:
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", r"(?s)'a' is duplicated.*line 3"),
        ("a: &a [*a]", "the anchor 'a' is not defined"),
        ("a: *gone", "the anchor 'gone' is not defined|undefined alias"),
        ("a: 1\n--- \nb: 2", "single document"),
        ("? [a]\n: 1", "a key must be a string"),
        ("{a: 1}: 2", "a key must be a string|expected|mapping"),
        ("a: !!int x", "is not a JSON value"),
        ("a: !!binary AAAA", "is not a JSON value"),
        ("a: !!set {x}", "JSON has no"),
        ("!colour a: 1", "as !colour is not a JSON value"),
        ("!!int x: 1", "is not a JSON value"),
        ("a: {<<: 3}", "only mappings can be merged"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested more than"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(yaml.YAMLError, match=words):
        parse_yaml(text)


def test_numbers_are_finite() -> None:
    assert finite("1e3") == 1000
    with pytest.raises(ValueError, match="not a JSON number"):
        parse_yaml("1e999")


def test_a_document_that_grows_without_end_by_its_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(yaml.YAMLError, match="aliases"):
        parse_yaml("\n".join(lines))


def test_what_is_used_again_and_again_by_its_alias_is_allowed() -> None:
    text = "a: &a {type: string}\nb: [" + ", ".join(["*a"] * 20_000) + "]"
    assert parse_yaml(text)["b"][-1] == {"type": "string"}
