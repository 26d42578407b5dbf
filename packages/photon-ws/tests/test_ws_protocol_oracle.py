"""The codec and wsproto, an independent one, understand each other and agree on what is wrong."""

from collections.abc import Iterable, Iterator

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, TextMessage
from wsproto.events import Event as WsprotoEvent
from wsproto.events import Ping as WsprotoPing
from wsproto.events import Pong as WsprotoPong
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import Frame, FrameProtocol, Opcode, ParseFailed

from photon_ws.protocol import (
    Close,
    DeflateParameters,
    Event,
    FrameDecoder,
    Ping,
    Pong,
    ProtocolViolation,
    encode_close,
    encode_frame,
    encode_message,
    encode_ping,
    encode_pong,
)

NO_LIMIT = 1 << 64
Cuts = list[int]

texts = st.text(max_size=300) | st.text("aé€😀", max_size=300).map(lambda text: text * 3)
blobs = st.binary(max_size=300) | st.integers(0, 70_000).map(lambda size: b"\xfe\x00" * size)
small = st.binary(max_size=125)
codes = st.sampled_from([1000, 1001, 1003, 1007, 1011, 3000, 4999])
reasons = st.text("aé€😀", max_size=25)
cuts = st.lists(st.integers(0, 300), max_size=12) | st.integers(1, 400).map(lambda n: [1] * n)
controls = small.map(Ping) | small.map(Pong)
closes = st.builds(Close, codes, reasons)
messages = texts | blobs
conversations = st.lists(messages | controls, max_size=8)


def chopped(data: bytes, sizes: Cuts) -> Iterator[bytes]:
    """Yield parts of these sizes, and the rest."""
    start = 0
    for size in sizes:
        yield data[start : start + size]
        start += size
    yield data[start:]


def decode(
    data: bytes,
    sizes: Cuts,
    *,
    is_client: bool = False,
    deflate: DeflateParameters | None = None,
) -> tuple[list[Event], int | None]:
    """Return the events of data that arrives in parts, and the code of its violation."""
    inflater = None if deflate is None else deflate.inflater(is_client=is_client)
    decoder = FrameDecoder(is_client=is_client, max_message_size=NO_LIMIT, inflater=inflater)
    events: list[Event] = []
    for part in chopped(data, sizes):
        try:
            decoder.feed(part, events)
            while decoder.has_more:  # it ends behind a large message that was compressed
                decoder.feed(b"", events)
        except ProtocolViolation as violation:
            assert not decoder.has_partial
            return events, violation.code
    return events, None


def of_wsproto(event: Event) -> WsprotoEvent:
    if isinstance(event, str):
        return TextMessage(data=event)
    if isinstance(event, bytes):
        return BytesMessage(data=event)
    if isinstance(event, Ping):
        return WsprotoPing(payload=event.data)
    if isinstance(event, Pong):
        return WsprotoPong(payload=event.data)
    return CloseConnection(code=event.code, reason=event.reason)


def joined(events: Iterable[WsprotoEvent]) -> list[Event]:
    """Return the events of wsproto, with the parts of messages joined."""
    result: list[Event] = []
    parts: list[str | bytes] = []
    for event in events:
        if isinstance(event, Message):
            parts.append(event.data)
            if event.message_finished:
                is_text = isinstance(event, TextMessage)
                result.append("".join(parts) if is_text else b"".join(parts))  # type: ignore[arg-type]
                parts = []
        elif isinstance(event, WsprotoPing):
            result.append(Ping(bytes(event.payload)))
        elif isinstance(event, WsprotoPong):
            result.append(Pong(bytes(event.payload)))
        elif isinstance(event, CloseConnection):
            result.append(Close(int(event.code), event.reason or ""))
    return result


def deflate_of(parameters: DeflateParameters) -> PerMessageDeflate:
    extension = PerMessageDeflate(
        client_no_context_takeover=parameters.client_no_context_takeover,
        server_no_context_takeover=parameters.server_no_context_takeover,
        client_max_window_bits=parameters.client_max_window_bits,
        server_max_window_bits=parameters.server_max_window_bits,
    )
    extension._enabled = True
    return extension


def wsproto_peer(*, is_client: bool, deflate: DeflateParameters | None = None) -> Connection:
    kind = ConnectionType.CLIENT if is_client else ConnectionType.SERVER
    return Connection(kind, [] if deflate is None else [deflate_of(deflate)])


@given(conversations, closes | st.none(), cuts, st.booleans())
def test_what_wsproto_sends_is_decoded(
    conversation: list[Event], close: Close | None, sizes: Cuts, is_client: bool
) -> None:
    expected = [*conversation, close] if close is not None else conversation
    peer = wsproto_peer(is_client=not is_client)
    data = b"".join(bytes(peer.send(of_wsproto(event))) for event in expected)
    assert decode(data, sizes, is_client=is_client) == (expected, None)


fragmented_texts = st.lists(texts, min_size=1, max_size=5)
fragmented_blobs = st.lists(blobs, min_size=1, max_size=5)


@given(fragmented_texts | fragmented_blobs, st.lists(controls, max_size=5), cuts)
def test_fragments_of_wsproto_with_control_frames_between_are_decoded(
    fragments: list[str] | list[bytes], between: list[Event], sizes: Cuts
) -> None:
    peer = wsproto_peer(is_client=True)
    kind = TextMessage if isinstance(fragments[0], str) else BytesMessage
    data = b""
    for number, fragment in enumerate(fragments):
        is_last = number == len(fragments) - 1
        data += bytes(peer.send(kind(data=fragment, message_finished=is_last)))  # type: ignore[arg-type]
        if number < len(between) and not is_last:
            data += bytes(peer.send(of_wsproto(between[number])))
    whole = fragments[0][:0].join(fragments)  # type: ignore[arg-type]
    assert decode(data, sizes) == ([*between[: len(fragments) - 1], whole], None)


parameters = st.builds(
    DeflateParameters,
    server_no_context_takeover=st.booleans(),
    client_no_context_takeover=st.booleans(),
    server_max_window_bits=st.integers(9, 15),
    client_max_window_bits=st.integers(9, 15),
)


@given(
    st.lists(fragmented_texts | fragmented_blobs, min_size=1, max_size=4),
    parameters,
    cuts,
    st.booleans(),
)
def test_compressed_messages_of_wsproto_are_decoded(
    conversation: list[list[str] | list[bytes]],
    deflate: DeflateParameters,
    sizes: Cuts,
    is_client: bool,
) -> None:
    peer = wsproto_peer(is_client=not is_client, deflate=deflate)
    data, expected = b"", []
    for fragments in conversation:
        kind = TextMessage if isinstance(fragments[0], str) else BytesMessage
        for number, fragment in enumerate(fragments, 1):
            event = kind(data=fragment, message_finished=number == len(fragments))  # type: ignore[arg-type]
            data += bytes(peer.send(event))
        expected.append(fragments[0][:0].join(fragments))  # type: ignore[arg-type]
    assert decode(data, sizes, is_client=is_client, deflate=deflate) == (expected, None)


def encode(event: Event, deflate: DeflateParameters | None, *, mask: bool) -> bytes:
    if isinstance(event, str | bytes):
        deflater = None if deflate is None else deflate.deflater(is_client=mask, threshold=20)
        return encode_message(event, deflater, mask=mask)
    if isinstance(event, Close):
        return encode_close(event.code, event.reason, mask=mask)
    return (encode_ping if isinstance(event, Ping) else encode_pong)(event.data, mask=mask)


@given(conversations, closes, parameters | st.none(), cuts, st.booleans())
def test_wsproto_decodes_what_is_sent(
    conversation: list[Event],
    close: Close,
    deflate: DeflateParameters | None,
    sizes: Cuts,
    is_client: bool,
) -> None:
    expected = [*conversation, close]
    peer = wsproto_peer(is_client=not is_client, deflate=deflate)
    received: list[WsprotoEvent] = []
    data = b"".join(encode(event, deflate, mask=is_client) for event in expected)
    for part in chopped(data, sizes):
        peer.receive_data(part)
        received += peer.events()
        if peer.state.name == "REMOTE_CLOSING":
            break
    assert joined(received) == expected


# -- errors: both refuse the same, and with the same code ---------------------------------------


def decode_by_wsproto(data: bytes, *, is_client: bool = False) -> tuple[list[Event], int | None]:
    protocol = FrameProtocol(is_client, [])
    protocol.receive_bytes(data)
    events: list[Event] = []
    parts: list[str | bytes] = []
    try:
        for frame in protocol.received_frames():
            events += _of_frame(frame, parts)
    except ParseFailed as error:
        return events, int(error.code)
    return events, None


def _of_frame(frame: Frame, parts: list[str | bytes]) -> Iterator[Event]:
    if frame.opcode is Opcode.CLOSE:
        assert isinstance(frame.payload, tuple)
        yield Close(int(frame.payload[0]), frame.payload[1])
        return
    assert isinstance(frame.payload, str | bytes)
    if frame.opcode in {Opcode.PING, Opcode.PONG}:
        assert isinstance(frame.payload, bytes)
        yield (Ping if frame.opcode is Opcode.PING else Pong)(frame.payload)
        return
    parts.append(frame.payload)
    if frame.message_finished:
        yield "".join(parts) if isinstance(frame.payload, str) else b"".join(parts)  # type: ignore[arg-type]
        parts.clear()


def agree(data: bytes, sizes: Cuts, *, is_client: bool = False) -> None:
    """Check that wsproto finds the same events and the same error, in whatever parts data arrives.

    wsproto may find an error later: when the payload of a frame begins, for which it gets some
    bytes more; or at the end of a surrogate, which may never come.
    """
    own = decode(data, [], is_client=is_client)
    assert decode(data, sizes, is_client=is_client) == own
    oracle = decode_by_wsproto(data, is_client=is_client)
    if own != oracle:
        events, code = decode_by_wsproto(data + b"a" * 130, is_client=is_client)
        assert own[0] == events[: len(own[0])]
        assert own[1] == code or (own[1] == 1007 and b"\xed" in data)


frame_bytes = st.builds(
    lambda first, masked, payload, tail: first + masked(payload) + tail,
    st.integers(0, 255).map(lambda first: bytes([first]))
    | st.sampled_from([b"\x81", b"\x01", b"\x80", b"\x00", b"\x82", b"\x88", b"\x89"]),
    st.sampled_from(
        [
            lambda payload: bytes([0x80 | len(payload)]) + bytes(4) + payload,
            lambda payload: bytes([0x80 | len(payload)]) + bytes(4) + payload,
            lambda payload: bytes([0x80 | len(payload)]) + bytes(4) + payload,
            lambda payload: b"\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload,
            lambda payload: b"\xff" + len(payload).to_bytes(8, "big") + bytes(4) + payload,
            lambda payload: bytes([len(payload)]) + payload,
        ]
    ),
    st.binary(max_size=125)
    | st.text("aé€😀", max_size=30).map(lambda text: text.encode()[:125])
    | st.sampled_from(
        [b"\xed\xa0", b"\xed", b"\xc3", b"\x03\xe8", b"\x03\xed", b"\xf4\x90", b"\x03"]
    ),
    st.just(b"") | st.just(b"") | st.binary(max_size=3),
)


@settings(max_examples=300)
@given(st.lists(frame_bytes, max_size=6), cuts)
@example([b"\x01\x81\x00\x00\x00\x00\xed", b"\x80\x81\x00\x00\x00\x00\xa0"], [])
@example([b"\x81\xfe\x00"], [1])
@example([b"\x81\xfe\x7e"], [1])
def test_any_frames_have_the_same_meaning_for_both(frames: list[bytes], sizes: Cuts) -> None:
    agree(b"".join(frames), sizes)


zero_masked = st.builds(
    lambda opcode, payload, is_final: encode_frame(opcode, payload, is_final=is_final),
    st.sampled_from([1, 1, 2, 0]),
    st.text("aé€😀", max_size=100).map(str.encode) | st.binary(max_size=200),
    st.booleans(),
)


@settings(max_examples=300)
@given(
    st.lists(zero_masked, min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), min_size=1, max_size=4),
    cuts,
)
def test_changed_bytes_have_the_same_meaning_for_both(
    frames: list[bytes], changes: list[tuple[int, int]], sizes: Cuts
) -> None:
    data = bytearray(b"".join(frames))
    for position, value in changes:
        data[position % len(data)] = value
    agree(bytes(data), sizes, is_client=True)


@settings(max_examples=300)
@given(
    st.lists(texts, min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=4),
    cuts,
    parameters,
)
def test_changed_bytes_of_compressed_messages_are_refused_or_decoded(
    conversation: list[str],
    changes: list[tuple[int, int]],
    sizes: Cuts,
    deflate: DeflateParameters,
) -> None:
    data = bytearray(b"".join(encode(text, deflate, mask=True) for text in conversation))
    for position, value in changes:
        data[position % len(data)] = value
    whole = decode(bytes(data), [], deflate=deflate)
    assert decode(bytes(data), sizes, deflate=deflate) == whole
    assert whole[1] in {None, 1002, 1007, 1009}
    if not changes:
        assert whole == (conversation, None)


@given(st.binary(max_size=400), cuts, st.booleans())
def test_random_bytes_never_raise_another_error(data: bytes, sizes: Cuts, is_client: bool) -> None:
    assume(data)
    deflate = DeflateParameters()
    assert decode(data, sizes, is_client=is_client, deflate=deflate)[1] in {None, 1002, 1007, 1009}
