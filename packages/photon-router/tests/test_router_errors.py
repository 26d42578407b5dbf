import pytest

from photon_router import DocumentError, HttpError, SignatureError, ValidationError
from photon_router.errors import MalformedBody
from photon_runtime.errors import PhotonError


@pytest.mark.parametrize(
    "error", [DocumentError, HttpError, SignatureError, ValidationError, MalformedBody]
)
def test_every_error_is_a_photon_error(error: type[Exception]) -> None:
    assert issubclass(error, PhotonError)


def test_a_wrong_handler_is_also_a_type_error() -> None:
    assert issubclass(SignatureError, TypeError)


def test_a_malformed_body_is_a_failed_validation() -> None:
    with pytest.raises(ValidationError) as caught:
        raise MalformedBody("is not UTF-8")
    assert caught.value.status == 400
    assert [detail.as_dict() for detail in caught.value.errors] == [
        {"in": "body", "pointer": "", "message": "is not UTF-8"}
    ]


def test_a_document_error_lists_its_problems_line_by_line() -> None:
    error = DocumentError(["/paths/~1a: wrong", "/paths/~1b: wrong too"])
    assert error.problems == ("/paths/~1a: wrong", "/paths/~1b: wrong too")
    assert str(error) == (
        "the application cannot start, 2 problems:\n"
        "  - /paths/~1a: wrong\n"
        "  - /paths/~1b: wrong too"
    )
    assert "1 problem:" in str(DocumentError(["x"]))
