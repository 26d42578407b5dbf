"""A panic of the installed libraries in Rust is recognised, and nothing else is."""

import pytest
from rpds import HashTrieMap

from photon_openapi.schema._rust_panics import is_panic


class Incomparable:
    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise ValueError("not comparable")


def test_a_real_panic_is_recognised(capfd: pytest.CaptureFixture[str]) -> None:
    keys = HashTrieMap({Incomparable(): 1})
    with pytest.raises(BaseException) as caught:  # noqa: PT011  it has no public class
        keys.get(Incomparable())
    assert is_panic(caught.value)
    assert "panicked" in capfd.readouterr().err  # Rust reports it itself


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), RecursionError()], ids=repr)
def test_no_other_error_is_taken_for_a_panic(error: BaseException) -> None:
    assert not is_panic(error)


def test_an_exception_of_that_name_is_the_application_s_own() -> None:
    assert not is_panic(type("PanicException", (Exception,), {})())
