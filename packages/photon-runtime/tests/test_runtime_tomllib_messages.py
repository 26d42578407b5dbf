"""The wording of tomllib's errors, in every Python that is supported."""

import tomllib

import pytest

from photon_runtime._tomllib_messages import syntax_message

# What is in the file, the sentence of Python 3.11 to 3.13, and what people read.
CONTRACT = [
    ("a = 1\nb = \nc = 2\n", "Invalid value (at line 2, column 5)", 2, "Invalid value (column 5)"),
    ("a=1\n\n[b]\nc = @", "Invalid value (at line 4, column 5)", 4, "Invalid value (column 5)"),
    ("a = [1\n\n", "Unclosed array (at end of document)", 1, "Unclosed array"),
    ('a = 1\nb = "x', "Unterminated string (at end of document)", 2, "Unterminated string"),
    ("[a]\n[a]\n", "Cannot declare ('a',) twice (at line 2, column 3)", 2, None),
]
CASES = pytest.mark.parametrize(("text", "sentence", "line", "what"), CONTRACT)


@CASES
def test_the_running_python_is_understood(
    text: str, sentence: str, line: int, what: str | None
) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert str(caught.value) == sentence
    message = syntax_message("f", text, caught.value)
    what = what or "Cannot declare ('a',) twice (column 3)"
    assert message == f"f:{line}: this is not TOML: {what}"


@CASES
def test_a_sentence_alone_is_understood(
    text: str, sentence: str, line: int, what: str | None
) -> None:
    what = what or "Cannot declare ('a',) twice (column 3)"
    message = syntax_message("f", text, tomllib.TOMLDecodeError(sentence))
    assert message == f"f:{line}: this is not TOML: {what}"


def test_the_attributes_of_newer_pythons_are_taken() -> None:
    error = tomllib.TOMLDecodeError("Invalid value (at line 1, column 5)")
    for name, value in {"msg": "No value", "lineno": 7, "colno": 3}.items():
        setattr(error, name, value)
    assert syntax_message("f", "", error) == "f:7: this is not TOML: No value (column 3)"


def test_a_sentence_without_a_position_names_the_last_line() -> None:
    error = tomllib.TOMLDecodeError("Something new")
    assert syntax_message("f", "a\nb\n", error) == "f:2: this is not TOML: Something new"
