from __future__ import annotations

from email import message_from_bytes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_router.files._ranges import MAX_RANGES, RangesBody, Span, spans_of

SIZE = 10_000


@pytest.mark.parametrize(
    ("field", "spans"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-999", [(500, 1000)]),
        ("bytes=-500", [(9500, 10_000)]),
        ("bytes=9500-", [(9500, 10_000)]),
        ("bytes=0-", [(0, 10_000)]),
        ("bytes=9999-", [(9999, 10_000)]),
        ("bytes=9000-20000", [(9000, 10_000)]),
        ("bytes=-20000", [(0, 10_000)]),
        ("bytes=0-" + "9" * 5000, [(0, 10_000)]),
        ("bytes=" + "0" * 5000 + "7-9", [(7, 10)]),
        ("BYTES=0-1", [(0, 2)]),
        ("bytes= 0-1 ,\t, 4000-4001,", [(0, 2), (4000, 4002)]),
        ("bytes=0-0,-1", [(0, 1), (9999, 10_000)]),
        ("bytes=4000-4999,0-999", [(0, 1000), (4000, 5000)]),
        ("bytes=0-999,500-1499", [(0, 1500)]),
        ("bytes=0-99,100-199", [(0, 200)]),
        ("bytes=0-99,150-199", [(0, 200)]),
        ("bytes=0-99,181-199", [(0, 100), (181, 200)]),
        ("bytes=0-1,20000-", [(0, 2)]),
        ("bytes=0-1,-0", [(0, 2)]),
    ],
)
def test_ranges_become_spans(field: str, spans: list[tuple[int, int]]) -> None:
    assert spans_of(field, SIZE) == spans


@pytest.mark.parametrize("field", ["bytes=10000-", "bytes=-0", "bytes=99999-100000,10000-10001"])
def test_ranges_that_the_file_does_not_have_give_none(field: str) -> None:
    assert spans_of(field, SIZE) == []


@pytest.mark.parametrize(
    "field",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=5",
        "bytes=1-0",
        "bytes=0-1,5-4",
        "bytes=a-b",
        "bytes=0x0-1",
        "bytes=--1",
        "bytes=1--2",
        "bytes=0 - 1",
        "bytes=+1-2",
        "bytes=\u0660-\u0661",
        "items=0-1",
        "0-1",
    ],
)
def test_what_is_not_well_formed_does_not_count(field: str) -> None:
    assert spans_of(field, SIZE) is None


def test_too_many_ranges_do_not_count() -> None:
    most = ",".join(f"{n * 200}-{n * 200}" for n in range(MAX_RANGES))
    assert len(spans_of(f"bytes={most}", SIZE) or []) == MAX_RANGES
    assert spans_of(f"bytes={most},9999-", SIZE) is None
    assert spans_of("bytes=" + "0-," * 100_000, SIZE) is None


def test_an_empty_file_has_no_ranges() -> None:
    assert spans_of("bytes=0-", 0) is None
    assert spans_of("bytes=-5", 0) is None


numbers = st.integers(0, 3000)
specs = st.one_of(
    st.tuples(numbers, numbers).map(lambda pair: f"{min(pair)}-{max(pair)}"),
    numbers.map(lambda first: f"{first}-"),
    numbers.map(lambda length: f"-{length}"),
)


@given(st.lists(specs, min_size=1, max_size=MAX_RANGES), st.integers(1, 2500))
def test_spans_hold_all_that_was_asked_for_and_never_a_byte_twice(
    asked: list[str], size: int
) -> None:
    spans = spans_of("bytes=" + ",".join(asked), size)
    assert spans is not None
    ends = [0]
    for span in spans:
        assert ends[-1] <= span.first < span.end <= size
        ends.append(span.end)
    sent = {position for span in spans for position in range(span.first, span.end)}
    for spec in asked:
        first, _, last = spec.partition("-")
        if first:
            wanted = range(int(first), min(int(last or size), size - 1) + 1)
        else:
            wanted = range(max(0, size - int(last)), size)
        assert sent.issuperset(wanted)


@given(st.text(), st.integers(0, 2**63))
def test_no_text_breaks_the_reading(field: str, size: int) -> None:
    spans_of(field, size)
    spans_of(f"bytes={field}", size)


@given(st.text(alphabet="0123456789-, =bytes\t"), st.integers(1, 2000))
def test_whatever_counts_lies_in_the_file(field: str, size: int) -> None:
    for span in spans_of(f"bytes={field}", size) or []:
        assert 0 <= span.first < span.end <= size


def test_a_body_of_ranges_is_as_long_as_it_says(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8
    (tmp_path / "x").write_bytes(content)
    with open(tmp_path / "x", "rb") as file:
        spans = [Span(0, 10), Span(500, 501), Span(1000, 2048)]
        body = RangesBody(file, spans, size=2048, content_type="text/plain")
        sent = b"".join(body)
    assert len(sent) == body.length
    message = message_from_bytes(f"Content-Type: {body.content_type}\r\n\r\n".encode() + sent)
    parts = message.get_payload()
    assert [part["content-range"] for part in parts] == [  # type: ignore[index]
        "bytes 0-9/2048",
        "bytes 500-500/2048",
        "bytes 1000-2047/2048",
    ]
    assert {part["content-type"] for part in parts} == {"text/plain"}  # type: ignore[index]
    for span in spans:
        assert content[span.first : span.end] in sent
