from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_router.static._preconditions import Verdict, evaluate, is_range_current
from photon_runtime.http import Headers

TAG = '"one"'
CHANGED = 1_800_000_000
SAME = formatdate(CHANGED, usegmt=True)
BEFORE = formatdate(CHANGED - 1, usegmt=True)
AFTER = formatdate(CHANGED + 1, usegmt=True)

GO_ON, NOT_MODIFIED, FAILED = Verdict.GO_ON, Verdict.NOT_MODIFIED, Verdict.FAILED


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, GO_ON),
        # 13.1.1
        ({"if-match": "*"}, GO_ON),
        ({"if-match": TAG}, GO_ON),
        ({"if-match": f'"two", {TAG}'}, GO_ON),
        ({"if-match": '"two"'}, FAILED),
        ({"if-match": f"W/{TAG}"}, FAILED),
        ({"if-match": ""}, FAILED),
        # 13.1.2
        ({"if-none-match": "*"}, NOT_MODIFIED),
        ({"if-none-match": TAG}, NOT_MODIFIED),
        ({"if-none-match": f"W/{TAG}"}, NOT_MODIFIED),
        ({"if-none-match": f'"a,b", {TAG}'}, NOT_MODIFIED),
        ({"if-none-match": '"two"'}, GO_ON),
        ({"if-none-match": "one"}, GO_ON),
        # 13.1.3
        ({"if-modified-since": SAME}, NOT_MODIFIED),
        ({"if-modified-since": AFTER}, NOT_MODIFIED),
        ({"if-modified-since": BEFORE}, GO_ON),
        ({"if-modified-since": "yesterday"}, GO_ON),
        ({"if-modified-since": "Fri, 99 Jan 2027 08:00:00 GMT"}, GO_ON),
        # 13.1.4
        ({"if-unmodified-since": SAME}, GO_ON),
        ({"if-unmodified-since": AFTER}, GO_ON),
        ({"if-unmodified-since": BEFORE}, FAILED),
        ({"if-unmodified-since": "tomorrow"}, GO_ON),
        # 13.2.2: the tags win over the dates, and failing over having it
        ({"if-match": TAG, "if-unmodified-since": BEFORE}, GO_ON),
        ({"if-match": '"two"', "if-none-match": TAG}, FAILED),
        ({"if-match": TAG, "if-none-match": TAG}, NOT_MODIFIED),
        ({"if-none-match": '"two"', "if-modified-since": SAME}, GO_ON),
        ({"if-none-match": TAG, "if-modified-since": BEFORE}, NOT_MODIFIED),
        ({"if-unmodified-since": BEFORE, "if-none-match": TAG}, FAILED),
        ({"if-unmodified-since": AFTER, "if-modified-since": AFTER}, NOT_MODIFIED),
    ],
)
def test_preconditions_are_evaluated_in_the_order_of_the_standard(
    fields: dict[str, str], verdict: Verdict
) -> None:
    assert evaluate(Headers(fields.items()), tag=TAG, modified=CHANGED) is verdict


@pytest.mark.parametrize(
    ("condition", "is_current"),
    [
        (TAG, True),
        (f" {TAG} ", True),
        ('"two"', False),
        (f"W/{TAG}", False),
        (f"{TAG}, {TAG}", False),
        ("*", False),
        (SAME, True),
        (BEFORE, False),
        (AFTER, False),
        ("", False),
    ],
)
def test_a_range_counts_if_its_condition_names_exactly_this_version(
    condition: str, is_current: bool
) -> None:
    headers = Headers([("if-range", condition)])
    assert is_range_current(headers, tag=TAG, modified=CHANGED, now=CHANGED + 60) is is_current


def test_a_date_does_not_vouch_for_a_file_that_was_changed_just_now() -> None:
    headers = Headers([("if-range", SAME)])
    assert not is_range_current(headers, tag=TAG, modified=CHANGED, now=CHANGED + 0.5)
    assert is_range_current(Headers([]), tag=TAG, modified=CHANGED, now=CHANGED)


FIELDS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range")


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(st.characters(max_codepoint=255))))
def test_no_text_breaks_the_evaluation(fields: dict[str, str]) -> None:
    headers = Headers(fields.items())
    evaluate(headers, tag=TAG, modified=CHANGED)
    is_range_current(headers, tag=TAG, modified=CHANGED, now=CHANGED)
