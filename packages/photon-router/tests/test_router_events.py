"""Server-sent events: each as bytes."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photon_router import ServerSentEvent
from photon_router.streaming._events import encode_event

TEXTS = st.text(st.characters(codec="utf-8"))
LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"))


def parse(stream: bytes) -> list[dict[str, str]]:
    """Read a stream as the HTML standard says (section 9.2.6)."""
    events: list[dict[str, str]] = []
    fields: dict[str, list[str]] = {}
    for line in re.split(r"\r\n|\r|\n", stream.decode()):
        if not line:
            if "data" in fields:
                events.append({name: "\n".join(values) for name, values in fields.items()})
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
    return events


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        (ServerSentEvent({"a": 1}), b'data: {"a":1}\n\n'),
        (ServerSentEvent(None), b"data: null\n\n"),
        (ServerSentEvent("a\nb"), b'data: "a\\nb"\n\n'),
        (ServerSentEvent(text="a\r\nb\rc\n"), b"data: a\ndata: b\ndata: c\ndata: \n\n"),
        (ServerSentEvent(text=""), b"data: \n\n"),
        (ServerSentEvent(1, event="e", id="i"), b"event: e\nid: i\ndata: 1\n\n"),
        (ServerSentEvent(id=""), b"id: \n\n"),
        (ServerSentEvent(retry=1.5), b"retry: 1500\n\n"),
        (ServerSentEvent(comment="a\nb"), b": a\n: b\n\n"),
    ],
    ids=str,
)
def test_an_event_is_a_few_lines(event: ServerSentEvent, sent: bytes) -> None:
    assert event.encode() == sent


@pytest.mark.parametrize("name", ["event", "id"])
@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\nb", "a\0"])
def test_a_name_or_id_of_several_lines_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"the {name} of an event must be one line"):
        ServerSentEvent(1, **{name: value})  # type: ignore[arg-type]


def test_an_event_has_one_content() -> None:
    with pytest.raises(ValueError, match=r"either data, .* or text"):
        ServerSentEvent(1, text="1")
    with pytest.raises(ValueError, match="retry must be zero or more seconds"):
        ServerSentEvent(1, retry=-1)


def test_other_values_are_the_data_of_an_event() -> None:
    assert encode_event("tea") == b"data: tea\n\n"
    assert encode_event(["tea"]) == b'data: ["tea"]\n\n'
    assert encode_event(ServerSentEvent(1)) == b"data: 1\n\n"


@given(TEXTS, LINES, LINES, TEXTS)
def test_a_client_reads_what_was_meant(text: str, name: str, id: str, comment: str) -> None:
    event = ServerSentEvent(text=text, event=name, id=id, comment=comment)
    (read,) = parse(event.encode())
    assert read["data"] == re.sub(r"\r\n|\r", "\n", text)
    assert (read["event"], read["id"]) == (name, id)


@pytest.mark.slow
@given(st.recursive(st.none() | st.integers() | TEXTS, st.lists))
def test_data_is_read_as_json(data: object) -> None:
    (read,) = parse(ServerSentEvent(data).encode())
    assert json.loads(read["data"]) == data


def test_json_that_was_made_elsewhere_adds_no_fields_and_ends_no_event() -> None:
    written = msgspec.Raw(b'{\n"a": 1}\r\n\nevent: evil')
    assert ServerSentEvent(written).encode() == (
        b'data: {\ndata: "a": 1}\ndata: \ndata: event: evil\n\n'
    )
