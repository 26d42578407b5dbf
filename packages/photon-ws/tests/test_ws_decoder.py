import struct
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from websockets.utils import apply_mask

from photon_ws.protocol import (
    Close,
    DeflateParameters,
    Event,
    FrameDecoder,
    Inflater,
    Ping,
    Pong,
    ProtocolViolation,
    _decoder,
    encode_close,
    encode_frame,
    encode_message,
    encode_ping,
    encode_pong,
)

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MEBIBYTE = 1024 * 1024


def decoder(
    limit: int = MEBIBYTE, *, deflate: bool = False, is_client: bool = False
) -> FrameDecoder:
    return FrameDecoder(
        is_client=is_client, max_message_size=limit, inflater=Inflater() if deflate else None
    )


def masked(opcode: int, payload: bytes, *, is_final: bool = True, deflated: bool = False) -> bytes:
    return encode_frame(opcode, payload, is_final=is_final, deflated=deflated, mask=True)


def decode(data: bytes, limit: int = MEBIBYTE, *, step: int = 0) -> list[Event]:
    """Decode data, in chunks of ``step`` bytes."""
    events: list[Event] = []
    frames = decoder(limit)
    for start in range(0, len(data), step or len(data)):
        frames.feed(data[start : start + (step or len(data))], events)
    return events


def violation(data: bytes, frames: FrameDecoder | None = None) -> tuple[int, list[Event]]:
    """Return the code of the violation in ``data``, and the events before it."""
    events: list[Event] = []
    with pytest.raises(ProtocolViolation) as caught:
        (frames or decoder()).feed(data, events)
    assert 0 < len(caught.value.reason.encode()) <= 123
    return caught.value.code, events


STEPS = pytest.mark.parametrize("step", [0, 1, 2, 3, 7, 100])


@STEPS
def test_messages_and_control_frames_come_out_in_order(step: int) -> None:
    data = b"".join(
        [
            masked(TEXT, "grüße".encode()),
            masked(BINARY, b"\x00\xff"),
            masked(PING, b"are you there"),
            masked(PONG, b""),
            masked(TEXT, b""),
            masked(CLOSE, b"\x03\xe8bye"),
        ]
    )
    expected = ["grüße", b"\x00\xff", Ping(b"are you there"), Pong(b""), "", Close(1000, "bye")]
    assert decode(data, step=step) == expected


@STEPS
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70001])
def test_every_length_of_payload_is_decoded(size: int, step: int) -> None:
    if step in {1, 2} and size > 1000:
        step = 1000 + step
    content = bytes(range(256)) * (size // 256 + 1)
    assert decode(masked(BINARY, content[:size]), step=step) == [content[:size]]
    assert decode(masked(TEXT, b"a" * size), step=step) == ["a" * size]


@STEPS
def test_control_frames_between_fragments_come_first(step: int) -> None:
    data = b"".join(
        [
            masked(TEXT, "€".encode()[:1], is_final=False),
            masked(PING, b"1"),
            masked(CONTINUATION, "€".encode()[1:2], is_final=False),
            masked(CONTINUATION, b"", is_final=False),
            masked(PONG, b"2"),
            masked(CONTINUATION, "€".encode()[2:]),
            masked(BINARY, b"x", is_final=False),
            masked(CONTINUATION, b"y"),
        ]
    )
    assert decode(data, step=step) == [Ping(b"1"), Pong(b"2"), "€", b"xy"]


@STEPS
def test_client_decodes_unmasked_frames(step: int) -> None:
    frames = decoder(is_client=True)
    data = encode_message("a" * 300) + encode_ping(b"1") + encode_message(b"") + encode_close(1001)
    events: list[Event] = []
    for start in range(0, len(data), step or len(data)):
        frames.feed(memoryview(data)[start : start + (step or len(data))], events)
    assert events == ["a" * 300, Ping(b"1"), b"", Close(1001, "")]


@STEPS
def test_masks_are_removed_without_the_c_code_of_websockets(
    step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_decoder, "apply_mask", apply_mask)
    content = bytes(range(256)) * 20
    data = masked(BINARY, content) + masked(TEXT, b"abc") + masked(PING, b"12345")
    assert decode(data, step=step) == [content, "abc", Ping(b"12345")]
    frames = decoder()
    for size in (4096, 5000):
        events: list[Event] = []
        frames.feed(memoryview(masked(BINARY, bytes(size))), events)
        assert events == [bytes(size)]


def test_data_is_only_used_during_the_call() -> None:
    frames = decoder()
    events: list[Event] = []
    buffer = bytearray(2)
    data = masked(BINARY, b"abc") + masked(TEXT, b"abcd" * 100) + masked(PING, b"abcd")
    for start in range(0, len(data), 2):
        part = data[start : start + 2]
        buffer[: len(part)] = part
        with memoryview(buffer)[: len(part)] as view:
            frames.feed(view, events)
        buffer[:] = b"##"
    assert events == [b"abc", "abcd" * 100, Ping(b"abcd")]


def test_nothing_is_decoded_after_a_close_frame() -> None:
    frames = decoder()
    events: list[Event] = []
    frames.feed(masked(CLOSE, b"") + masked(TEXT, b"late") + b"\xff\xff", events)
    frames.feed(masked(TEXT, b"later"), events)
    assert events == [Close(1005, "")]
    assert not frames.has_partial


def test_nothing_is_decoded_after_a_violation() -> None:
    frames = decoder()
    code, events = violation(masked(TEXT, b"one") + b"\xf1" + masked(TEXT, b"two"), frames)
    assert (code, events) == (1002, ["one"])
    frames.feed(masked(TEXT, b"three"), events)
    assert events == ["one"]
    assert not frames.has_partial


def test_decoder_knows_whether_it_is_in_the_middle_of_something() -> None:
    frames = decoder()
    events: list[Event] = []
    seen = []
    for part in (
        masked(TEXT, b"a"),
        masked(TEXT, b"b", is_final=False),
        masked(PING, b""),
        masked(CONTINUATION, b"c"),
        b"\x81",
        b"\x80abcd",
        masked(PING, b"12")[:-1],
    ):
        frames.feed(part, events)
        seen.append(frames.has_partial)
    assert seen == [False, True, True, False, True, False, True]


@pytest.mark.parametrize("bits", [0x10, 0x20, 0x30, 0x40, 0x70])
@pytest.mark.parametrize("opcode", [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG])
def test_reserved_bits_are_refused(bits: int, opcode: int) -> None:
    frame = bytearray(masked(opcode, b""))
    frame[0] |= bits
    assert violation(bytes(frame)) == (1002, [])


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_unknown_opcodes_are_refused(opcode: int) -> None:
    assert violation(masked(opcode, b"abc")) == (1002, [])


@pytest.mark.parametrize("is_client", [False, True])
@pytest.mark.parametrize("size", [0, 5, 126, 70000])
@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
def test_wrong_masking_is_refused(size: int, opcode: int, is_client: bool) -> None:
    frame = encode_frame(opcode, bytes(size), mask=is_client)
    assert violation(frame[:2], decoder(is_client=is_client)) == (1002, [])


@pytest.mark.parametrize("size", range(125, 145))
@pytest.mark.parametrize("second", [0, 5, 127, 0xFF])
def test_header_is_not_mistaken_for_another_length(second: int, size: int) -> None:
    data = bytes([0x81, second]) + (1000).to_bytes(8, "big")
    assert violation(data.ljust(size, b"a")) == (1002, [])
    assert decode(masked(TEXT, b"a" * 70_000), step=size) == ["a" * 70_000]


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frames_are_neither_long_nor_fragmented(opcode: int) -> None:
    assert violation(masked(opcode, bytes(126))[:2]) == (1002, [])
    assert violation(masked(opcode, b"", is_final=False)) == (1002, [])
    if opcode != CLOSE:
        assert len(decode(masked(opcode, bytes(125)))) == 1


def test_continuation_needs_a_message_and_a_message_ends_before_the_next() -> None:
    assert violation(masked(CONTINUATION, b"a")) == (1002, [])
    assert violation(masked(TEXT, b"a") + masked(CONTINUATION, b"b")) == (1002, ["a"])
    for opcode in (TEXT, BINARY):
        begun = masked(TEXT, b"a", is_final=False)
        assert violation(begun + masked(opcode, b"b")) == (1002, [])


@pytest.mark.parametrize(
    "header",
    [
        b"\x81\xfe\x00\x00",
        b"\x82\xfe\x00\x7d",
        b"\x01\xfe\x00\x7d",
        b"\x81\xff" + struct.pack("!Q", 0),
        b"\x81\xff" + struct.pack("!Q", 125),
        b"\x81\xff" + struct.pack("!Q", 65535),
        b"\x81\xff" + struct.pack("!Q", 1 << 63),
        b"\x81\xff" + struct.pack("!Q", (1 << 63) + 5),
    ],
)
def test_lengths_that_are_not_minimal_are_refused(header: bytes) -> None:
    assert violation(header) == (1002, [])
    assert violation(header + bytes(200)) == (1002, [])


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("length", [1 << 62, (1 << 63) - 1, 1 << 32, MEBIBYTE + 1])
def test_announced_size_is_refused_before_it_arrives(length: int, opcode: int) -> None:
    tracemalloc.start()
    try:
        header = bytes((0x80 | opcode, 0xFF)) + struct.pack("!Q", length)
        assert violation(header) == (1009, [])
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_message_may_have_the_maximum_size_and_not_more(opcode: int) -> None:
    exact = b"a" * 100
    assert len(decode(masked(opcode, exact), 100)) == 1
    assert violation(masked(opcode, exact + b"a")[:2], decoder(100)) == (1009, [])
    parts = [masked(opcode, b"a" * 60, is_final=False), masked(CONTINUATION, b"a" * 40)]
    assert len(decode(b"".join(parts), 100)) == 1
    larger = parts[0] + masked(CONTINUATION, b"a" * 41)
    assert violation(larger[:-41], decoder(100)) == (1009, [])
    assert decode(b"".join(parts * 3), 100, step=5) == decode(b"".join(parts), 100) * 3


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x03", 1002),
        *((code.to_bytes(2, "big"), 1002) for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016)),
        *((code.to_bytes(2, "big"), 1002) for code in (1100, 2000, 2999, 5000, 65535)),
        (b"\x03\xe8\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80", 1007),
        (b"\x03\xe8\xe2\x82", 1007),
    ],
)
def test_invalid_close_frames_are_refused(payload: bytes, code: int) -> None:
    assert violation(masked(CLOSE, payload)) == (code, [])


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 4999])
def test_close_codes_that_may_be_sent_are_accepted(code: int) -> None:
    assert decode(masked(CLOSE, code.to_bytes(2, "big"))) == [Close(code, "")]
    assert decode(encode_close(code, "why", mask=True)) == [Close(code, "why")]


# Each is valid up to its last byte, at which a reader can know that it is not UTF-8.
INVALID = [
    b"\x80",
    b"abc\xff",
    b"\xc0",
    b"\xc1",
    b"\xc3a",
    b"\xe0\x80",
    b"\xe0\x9f",
    b"\xe2\x82a",
    b"\xed\xa0",
    b"\xed\xbf",
    b"\xf0\x80",
    b"\xf0\x8f",
    b"\xf4\x90",
    b"\xf5",
    b"\xf0\x9f\x92a",
]


@pytest.mark.parametrize("text", INVALID)
def test_invalid_text_fails_at_its_first_wrong_byte(text: bytes) -> None:
    frame = masked(TEXT, b"hello" + text + b"x" * 500)
    head = len(frame) - 500 - len(text)
    events: list[Event] = []
    frames = decoder()
    for position in range(head + len(text) - 1):
        frames.feed(frame[position : position + 1], events)
    code, _ = violation(frame[head + len(text) - 1 :][:1], frames)
    assert code == 1007
    assert violation(masked(TEXT, text)) == (1007, [])


@pytest.mark.parametrize("text", INVALID)
def test_invalid_text_fails_in_its_fragment(text: bytes) -> None:
    for cut in range(len(text)):
        frames = decoder()
        frames.feed(masked(TEXT, b"hi" + text[:cut], is_final=False), [])
        code, _ = violation(masked(CONTINUATION, text[cut:], is_final=False), frames)
        assert code == 1007


@pytest.mark.parametrize("text", [b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"])
def test_incomplete_character_at_the_end_is_refused(text: bytes) -> None:
    assert violation(masked(TEXT, text)) == (1007, [])
    begun = masked(TEXT, text, is_final=False)
    assert violation(begun + masked(CONTINUATION, b"")) == (1007, [])


def many_frames(opcode: int, payload: bytes, count: int) -> Iterator[bytes]:
    frame = masked(opcode, payload, is_final=opcode >= CLOSE)
    chunk = frame * 1000
    for _ in range(count // 1000):
        yield chunk


def feed_all(frames: FrameDecoder, chunks: Iterable[bytes]) -> list[Event]:
    events: list[Event] = []
    for chunk in chunks:
        frames.feed(chunk, events)
    return events


def test_empty_fragments_without_end_are_refused() -> None:
    frames = decoder()
    frames.feed(masked(TEXT, b"", is_final=False), [])
    with pytest.raises(ProtocolViolation) as caught:
        feed_all(frames, many_frames(CONTINUATION, b"", 1_000_000))
    assert caught.value.code == 1009


def test_fragments_of_one_byte_take_the_memory_of_their_message() -> None:
    frames = decoder()
    frames.feed(masked(BINARY, b"", is_final=False), [])
    tracemalloc.start()
    try:
        events = feed_all(frames, many_frames(CONTINUATION, b"a", 100_000))
        assert tracemalloc.get_traced_memory()[0] < 300_000
    finally:
        tracemalloc.stop()
    frames.feed(masked(CONTINUATION, b"!"), events)
    assert events == [b"a" * 100_000 + b"!"]


def test_pings_within_a_message_do_not_collect_anything() -> None:
    frames = decoder()
    frames.feed(masked(TEXT, b"begun", is_final=False), [])
    for chunk in many_frames(PING, b"12345", 20_000):
        events: list[Event] = []
        frames.feed(chunk, events)
        assert events == [Ping(b"12345")] * 1000
    assert frames.has_partial
    assert encode_pong(b"12345") == b"\x8a\x0512345"


def test_one_call_decodes_a_limited_number_of_frames() -> None:
    frames = FrameDecoder(max_message_size=MEBIBYTE, max_frames=3)
    events: list[Event] = []
    last = masked(TEXT, b"de")
    sent = masked(PING, b"p") * 2 + masked(TEXT, b"a", is_final=False)
    sent += masked(CONTINUATION, b"b") + masked(TEXT, b"c") * 3 + last[:-1]
    has_more = []
    for data in (sent, b"", b"", last[-1:]):
        frames.feed(data, events)
        has_more.append(frames.has_more)
    assert [type(each) for each in events[:2]] == [Ping, Ping]
    assert events[2:] == ["ab", "c", "c", "c", "de"]
    assert has_more == [True, True, False, False]


def test_nothing_is_left_to_decode_behind_the_end() -> None:
    frames = FrameDecoder(max_message_size=MEBIBYTE, max_frames=2)
    events: list[Event] = []
    frames.feed(encode_ping(mask=True) + encode_close(1000, mask=True) + bytes(100), events)
    assert not frames.has_more


def test_a_call_ends_behind_a_large_message_that_was_compressed() -> None:
    parameters = DeflateParameters()
    bomb = encode_message("x" * 1_000_000, parameters.deflater(is_client=True), mask=True)
    decoder = FrameDecoder(max_message_size=1 << 20, max_frames=256, inflater=parameters.inflater())
    events: list[Event] = []
    decoder.feed(bomb * 20, events)
    assert [len(event) for event in events if isinstance(event, str)] == [1_000_000]
    while decoder.has_more:
        decoder.feed(b"", events)
    assert len(events) == 20
