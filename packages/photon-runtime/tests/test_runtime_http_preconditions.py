from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_runtime.http import (
    Headers,
    Precondition,
    evaluate_preconditions,
    is_range_current,
    parse_date,
)

TAG = '"one"'
CHANGED = 1_800_000_000
SAME = formatdate(CHANGED, usegmt=True)
BEFORE = formatdate(CHANGED - 1, usegmt=True)
AFTER = formatdate(CHANGED + 1, usegmt=True)

PASSED = Precondition.PASSED
NOT_MODIFIED = Precondition.NOT_MODIFIED
FAILED = Precondition.FAILED


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({}, PASSED),
        # 13.1.1
        ({"if-match": "*"}, PASSED),
        ({"if-match": TAG}, PASSED),
        ({"if-match": f'"two", {TAG}'}, PASSED),
        ({"if-match": '"two"'}, FAILED),
        ({"if-match": f"W/{TAG}"}, FAILED),
        ({"if-match": ""}, FAILED),
        # 13.1.2
        ({"if-none-match": "*"}, NOT_MODIFIED),
        ({"if-none-match": TAG}, NOT_MODIFIED),
        ({"if-none-match": f"W/{TAG}"}, NOT_MODIFIED),
        ({"if-none-match": f'"a,b", {TAG}'}, NOT_MODIFIED),
        ({"if-none-match": '"two"'}, PASSED),
        ({"if-none-match": "one"}, PASSED),
        # 13.1.3
        ({"if-modified-since": SAME}, NOT_MODIFIED),
        ({"if-modified-since": AFTER}, NOT_MODIFIED),
        ({"if-modified-since": BEFORE}, PASSED),
        ({"if-modified-since": "yesterday"}, PASSED),
        ({"if-modified-since": "Fri, 99 Jan 2027 08:00:00 GMT"}, PASSED),
        # 13.1.4
        ({"if-unmodified-since": SAME}, PASSED),
        ({"if-unmodified-since": AFTER}, PASSED),
        ({"if-unmodified-since": BEFORE}, FAILED),
        ({"if-unmodified-since": "tomorrow"}, PASSED),
        # 13.2.2: the tags win over the dates, and failing over having it
        ({"if-match": TAG, "if-unmodified-since": BEFORE}, PASSED),
        ({"if-match": '"two"', "if-none-match": TAG}, FAILED),
        ({"if-match": TAG, "if-none-match": TAG}, NOT_MODIFIED),
        ({"if-none-match": '"two"', "if-modified-since": SAME}, PASSED),
        ({"if-none-match": TAG, "if-modified-since": BEFORE}, NOT_MODIFIED),
        ({"if-unmodified-since": BEFORE, "if-none-match": TAG}, FAILED),
        ({"if-unmodified-since": AFTER, "if-modified-since": AFTER}, NOT_MODIFIED),
    ],
)
def test_preconditions_are_evaluated_in_the_order_of_the_standard(
    fields: dict[str, str], result: Precondition
) -> None:
    headers = Headers(fields.items())
    assert evaluate_preconditions(headers, etag=TAG, last_modified=CHANGED) is result


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"if-match": "*"}, FAILED),
        ({"if-match": TAG}, FAILED),
        ({"if-none-match": "*"}, PASSED),
        ({"if-none-match": TAG}, PASSED),
        ({"if-modified-since": AFTER}, PASSED),
        ({"if-unmodified-since": BEFORE}, PASSED),
    ],
)
def test_a_condition_on_tags_never_matches_what_has_none(
    fields: dict[str, str], result: Precondition
) -> None:
    headers = Headers(fields.items())
    assert evaluate_preconditions(headers, etag=None, last_modified=None) is result


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"if-match": TAG}, PASSED),
        ({"if-none-match": "*"}, FAILED),
        ({"if-none-match": TAG}, FAILED),
        ({"if-none-match": '"two"'}, PASSED),
        ({"if-modified-since": AFTER}, PASSED),
        ({"if-unmodified-since": BEFORE}, FAILED),
    ],
)
def test_a_change_is_refused_where_a_read_gets_304(
    fields: dict[str, str], result: Precondition
) -> None:
    headers = Headers(fields.items())
    found = evaluate_preconditions(headers, etag=TAG, last_modified=CHANGED, is_read=False)
    assert found is result


def test_dates_are_read_in_seconds_of_unix_time() -> None:
    assert parse_date(SAME) == CHANGED
    assert parse_date("yesterday") is None
    assert parse_date(None) is None


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
    assert (
        is_range_current(headers, etag=TAG, last_modified=CHANGED, now=CHANGED + 60) is is_current
    )


def test_a_date_does_not_vouch_for_a_file_that_was_changed_just_now() -> None:
    headers = Headers([("if-range", SAME)])
    assert not is_range_current(headers, etag=TAG, last_modified=CHANGED, now=CHANGED + 0.5)
    assert is_range_current(Headers([]), etag=TAG, last_modified=CHANGED, now=CHANGED)


FIELDS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range")


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(st.characters(max_codepoint=255))))
def test_no_text_breaks_the_evaluation(fields: dict[str, str]) -> None:
    headers = Headers(fields.items())
    evaluate_preconditions(headers, etag=TAG, last_modified=CHANGED)
    is_range_current(headers, etag=TAG, last_modified=CHANGED, now=CHANGED)
