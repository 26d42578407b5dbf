import json
from typing import Any, Literal

import attrs
import pytest

from photon_openapi.errors import ErrorDetail, MalformedBody, ValidationError
from photon_openapi.schema import SchemaCheck
from photon_ws.channels._message_types import message_types
from photon_ws.channels._problem import (
    BinaryMessage,
    close_arguments,
    problem_message,
    problem_schema,
    problem_tag,
)


@attrs.frozen
class Said:
    kind: Literal["said"] = "said"


@attrs.frozen
class Left:
    kind: Literal["left"] = "left"


@attrs.frozen
class Level:
    level: Literal["low", "high"]


@attrs.frozen
class Free:
    type: str


@attrs.frozen
class Numbered:
    type: int


@attrs.frozen
class Own:
    type: Literal["note", "problem"]


@attrs.frozen
class Status:
    status: Literal["ok"] = "ok"


@pytest.mark.parametrize(
    ("type_", "tag"),
    [
        (Said | Left, "kind"),
        (Said, "kind"),
        (Said | str, "kind"),
        (Level, "type"),
        (Numbered, "type"),
        (Status, "status"),
        (str, "type"),
        (Any, "type"),
    ],
    ids=str,
)
def test_problems_have_the_tag_of_the_messages_that_are_sent(type_: Any, tag: str) -> None:
    assert problem_tag(message_types(type_)) == tag


@pytest.mark.parametrize("type_", [Free, Own])
def test_messages_that_could_be_taken_for_problems_are_refused(type_: Any) -> None:
    with pytest.raises(TypeError, match=rf"{type_.__name__}\.type may have this value"):
        problem_tag(message_types(type_))


ERRORS = [ErrorDetail("body", "is required", pointer="/text"), ErrorDetail("body", "is wrong")]
REFUSALS = [ValidationError(ERRORS), MalformedBody("is not JSON"), BinaryMessage(ERRORS[1:])]


def test_a_problem_lists_every_error() -> None:
    assert json.loads(problem_message(REFUSALS[0], "kind", 3)) == {
        "kind": "problem",
        "title": "message validation failed: 2 errors",
        "status": 422,
        "number": 3,
        "errors": [
            {"pointer": "/text", "message": "is required"},
            {"pointer": "", "message": "is wrong"},
        ],
    }


@pytest.mark.parametrize("tag", ["type", "kind", "status", "errors", "title"])
@pytest.mark.parametrize("error", REFUSALS, ids=str)
def test_problems_match_their_schema(tag: str, error: ValidationError) -> None:
    message = json.loads(problem_message(error, tag, 1))
    check = SchemaCheck(problem_schema(tag))
    assert check.errors(message) == []
    assert message[tag] == "problem"
    assert not check.is_valid({**message, tag: "other"})


def test_the_reason_of_a_close_is_the_first_error() -> None:
    assert [close_arguments(each) for each in REFUSALS] == [
        (1007, "message validation failed at /text: is required"),
        (1007, "the message cannot be read: is not JSON"),
        (1003, "the message must be text: is wrong"),
    ]
