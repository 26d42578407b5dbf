"""Values that no annotation describes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import attrs
import pytest

from photon_openapi.annotations import ClassRules, rename, using_class_rules
from photon_openapi.codec import SEND_NULL, Projections, encode


@rename("camel")
@attrs.frozen
class Camel:
    tag_list: list[str]


@attrs.frozen
class Plain:
    page_no: int
    inner: Any = None


def sent(value: object, rules: ClassRules | None = None, type_: Any = Any) -> Any:
    with using_class_rules(rules or ClassRules()):
        projection = Projections(looks_into_undescribed=True).of(type_, SEND_NULL)
    assert projection is not None
    return json.loads(encode(projection(value)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Camel(["a"]), {"tagList": ["a"]}),
        ([Camel([]), 1], [{"tagList": []}, 1]),
        ({"tag_list": (Camel([]),)}, {"tag_list": [{"tagList": []}]}),
        (Plain(1, Camel([])), {"page_no": 1, "inner": {"tagList": []}}),
        (
            Plain(1, {"a": [Plain(2)]}),
            {"page_no": 1, "inner": {"a": [{"page_no": 2, "inner": None}]}},
        ),
        ({"a": {"b": [1, 2.5, None, True]}}, {"a": {"b": [1, 2.5, None, True]}}),
    ],
)
def test_objects_keep_the_names_of_their_classes(value: object, expected: object) -> None:
    assert sent(value) == expected
    assert sent({"x": value}, type_=dict[str, Any]) == {"x": expected}
    assert sent(value, type_=dict[str, Any] | Any) == expected


def test_the_rule_of_an_application_applies_at_every_depth() -> None:
    value = {"own_key": [Plain(1, Plain(2, Camel([])))]}
    inner = {"pageNo": 2, "inner": {"tagList": []}}
    assert sent(value, ClassRules("camel")) == {"own_key": [{"pageNo": 1, "inner": inner}]}


def test_values_without_such_objects_are_sent_unchanged() -> None:
    projection = Projections(looks_into_undescribed=True).of(Any, SEND_NULL)
    assert projection is not None
    value = {"a": [1, {"b": (2, 3)}]}
    assert projection(value) is value
    assert Projections().of(Any, SEND_NULL) is None


def test_a_class_that_cannot_be_read_is_left_to_the_encoder() -> None:
    @attrs.frozen
    class Unreadable:
        page_no: Nowhere  # type: ignore[name-defined]  # noqa: F821

    assert sent([Unreadable(1)], ClassRules("camel")) == [{"page_no": 1}]


PROGRAM = """
import json
import subprocess
import sys
from typing import Annotated, Any

import attrs

from photon_openapi.annotations import Param
from photon_openapi.codec import SEND_NULL, Projections, encode


@attrs.frozen
class Named:
    page_no: Annotated[int, Param(name="pageNo")]


@attrs.define(slots=False)
class Ordered:
    z: int
    a: int


projection = Projections(looks_into_undescribed=True).of(Any, SEND_NULL)
print(encode(projection([{"x": Named(1)}, Ordered(1, 2)])).decode())
"""


def test_a_class_that_nothing_has_read_before_has_its_names() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.stdout == '[{"x":{"pageNo":1}},{"z":1,"a":2}]\n', done.stderr
