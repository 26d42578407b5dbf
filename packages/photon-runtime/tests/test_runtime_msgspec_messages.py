"""The wording of msgspec's errors about settings; recorded sentences are those since 0.19."""

from typing import Any, Literal

import msgspec
import pytest

from photon_runtime._msgspec_messages import conversion_message, text_message, wrong_type

CONTRACT: list[tuple[Any, object, str, str, str]] = [
    (int, "x", "Expected `int`, got `str`", "expected `int`, got `str`", "expected `int`"),
    (
        list[int],
        ["x"],
        "Expected `int`, got `str` - at `$[0]`",
        "expected `int`, got `str` - at `$[0]`",
        "expected `int`",
    ),
    (
        Literal["a", "b"],
        "c",
        "Invalid enum value 'c'",
        "invalid enum value 'c'",
        "invalid enum value 'c'",
    ),
]


@pytest.mark.parametrize(("kind", "value", "sentence", "message", "wanted"), CONTRACT)
def test_the_installed_version_and_the_recorded_sentences_are_understood(
    kind: Any, value: object, sentence: str, message: str, wanted: str
) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, kind)
    assert str(caught.value) == sentence
    for error in (caught.value, msgspec.ValidationError(sentence)):
        assert conversion_message(error) == message
        assert text_message(error) == (
            f"{wanted}, and the text that was given cannot be read as one"
        )


def test_our_own_sentence_about_a_type_is_that_of_msgspec() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert("x", int)
    assert wrong_type(int, "x") == str(caught.value)
