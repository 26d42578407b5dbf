import gc
import random
import sys
import threading
import tracemalloc
import zlib

import pytest

from photon_ws.protocol import (
    Deflater,
    Event,
    FrameDecoder,
    Inflater,
    ProtocolViolation,
    encode_frame,
    encode_message,
)

CONTINUATION, TEXT, BINARY, PING = 0, 1, 2, 9
MEBIBYTE = 1024 * 1024


def inflate(payload: bytes, limit: int = MEBIBYTE, inflater: Inflater | None = None) -> bytes:
    return (inflater or Inflater()).inflate(payload, is_last=True, limit=limit)


def compress(content: bytes, flush: int = zlib.Z_SYNC_FLUSH, bits: int = 15) -> bytes:
    deflate = zlib.compressobj(wbits=-bits)
    return (deflate.compress(content) + deflate.flush(flush)).removesuffix(b"\x00\x00\xff\xff")


def code_of(payload: bytes, limit: int = MEBIBYTE, inflater: Inflater | None = None) -> int:
    with pytest.raises(ProtocolViolation) as caught:
        inflate(payload, limit, inflater)
    return caught.value.code


@pytest.mark.parametrize("bits", range(9, 16))
def test_messages_are_compressed_each_by_itself(bits: int) -> None:
    content = random.Random(bits).randbytes(20_000).hex().encode()
    deflater = Deflater(bits)
    messages = [deflater.deflate(content) for _ in range(3)]
    assert len(set(messages)) == 1
    assert len(messages[0]) < len(content) * 0.7
    for message in messages:
        window = zlib.decompressobj(-bits)
        assert window.decompress(message + b"\x00\x00\xff\xff") == content
        assert inflate(message, inflater=Inflater(bits)) == content


def test_deflaters_of_threads_do_not_mix() -> None:
    def compress_often(content: bytes) -> None:
        deflater = Deflater(threshold=1)
        for _ in range(200):
            results.append(inflate(deflater.deflate(content)) == content)

    results: list[bool] = []
    contents = [bytes([number]) * 5000 for number in range(4)]
    threads = [threading.Thread(target=compress_often, args=[content]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 800


def test_message_sent_by_a_finalizer_does_not_enter_another() -> None:
    deflater = Deflater(threshold=1)
    finalized = []

    class Trigger(bytes):
        def __del__(self) -> None:
            finalized.append(deflater.deflate(b"from the finalizer"))

    for _ in range(100):
        trigger = Trigger(b"x" * 300)
        trigger.cycle = trigger  # type: ignore[attr-defined]
        del trigger
        assert inflate(deflater.deflate(b"from the caller" * 50)) == b"from the caller" * 50
        gc.collect(0)
    assert all(inflate(message) == b"from the finalizer" for message in finalized)
    assert finalized


@pytest.mark.parametrize("bits", [0, 7, 8, 16, -15])
def test_windows_that_zlib_cannot_compress_with_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match="9 to 15"):
        Deflater(bits)


def test_examples_of_the_standard_are_decompressed() -> None:
    assert inflate(bytes.fromhex("f248cdc9c90700")) == b"Hello"
    assert inflate(bytes.fromhex("000500faff48656c6c6f00")) == b"Hello"
    assert inflate(bytes.fromhex("f348cdc9c9070000")) == b"Hello"  # a final block
    assert inflate(bytes.fromhex("f248050000 00ffff cac9c90700")) == b"Hello"  # two blocks
    shared = Inflater(context_takeover=True)
    assert inflate(bytes.fromhex("f248cdc9c90700"), inflater=shared) == b"Hello"
    assert inflate(bytes.fromhex("f200110000"), inflater=shared) == b"Hello"


def test_reference_to_an_earlier_message_needs_context_takeover() -> None:
    inflater = Inflater()
    assert inflate(bytes.fromhex("f248cdc9c90700"), inflater=inflater) == b"Hello"
    assert code_of(bytes.fromhex("f200110000"), inflater=inflater) == 1007


@pytest.mark.parametrize("context_takeover", [False, True])
def test_empty_messages_are_decompressed(context_takeover: bool) -> None:
    inflater = Inflater(context_takeover=context_takeover)
    for payload in (b"\x00", b"", b"\x02\x00", b"", b"\x00"):
        assert inflate(payload, inflater=inflater) == b""
    assert inflate(compress(b"content"), inflater=inflater) == b"content"


@pytest.mark.parametrize("context_takeover", [False, True])
def test_final_blocks_may_be_followed_by_others(context_takeover: bool) -> None:
    inflater = Inflater(context_takeover=context_takeover)
    message = compress(b"one ", zlib.Z_FINISH) * 3 + compress(b"two")
    for _ in range(2):
        assert inflate(message, inflater=inflater) == b"one one one two"
        assert b"".join(
            inflater.inflate(message[at : at + 1], is_last=at + 1 == len(message), limit=100)
            for at in range(len(message))
        ) == b"one one one two"  # fmt: skip


def test_number_of_final_blocks_is_limited() -> None:
    assert code_of(compress(b"", zlib.Z_FINISH) * 1000 + b"\x00") == 1007


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", b"\x07", b"hello", b"\x01\x05\x00\xff\xff"])
def test_invalid_data_is_refused(payload: bytes) -> None:
    assert code_of(payload) == 1007


def test_incomplete_data_is_refused() -> None:
    message = compress(random.Random(1).randbytes(1000).hex().encode())
    for size in range(1, len(message) - 1):
        assert code_of(message[:size]) == 1007
    assert inflate(message)


def test_small_message_does_not_become_a_large_one() -> None:
    bomb = compress(bytes(10 * MEBIBYTE))
    assert len(bomb) < 12_000
    tracemalloc.start()
    try:
        assert code_of(bomb) == 1009
        assert tracemalloc.get_traced_memory()[1] < 3 * MEBIBYTE
    finally:
        tracemalloc.stop()


def test_limit_is_exact_over_all_parts() -> None:
    message = compress(b"a" * 1000)
    assert inflate(message, 1000) == b"a" * 1000
    assert code_of(message, 999) == 1009
    assert code_of(message, 0) == 1009
    assert inflate(compress(b""), 0) == b""


def test_limit_may_be_larger_than_memory() -> None:
    assert inflate(compress(b"a" * 1000), sys.maxsize) == b"a" * 1000
    assert inflate(compress(b"a" * 1000), 1 << 70) == b"a" * 1000


def receive(data: bytes, limit: int = MEBIBYTE, *, step: int = 0) -> list[Event]:
    decoder = FrameDecoder(max_message_size=limit, inflater=Inflater())
    events: list[Event] = []
    for start in range(0, len(data), step or len(data)):
        decoder.feed(data[start : start + (step or len(data))], events)
    return events


@pytest.mark.parametrize("step", [0, 1, 5, 1000])
def test_compressed_messages_are_decoded_in_any_chunks_and_fragments(step: int) -> None:
    text = "Zwölf Boxkämpfer " * 400
    payload = compress(text.encode())
    cut = len(payload) // 2
    data = b"".join(
        [
            encode_message(text, Deflater(threshold=1), mask=True),
            encode_message(text, mask=True),
            encode_frame(TEXT, payload[:cut], deflated=True, mask=True, is_final=False),
            encode_frame(PING, b"between", mask=True),
            encode_frame(CONTINUATION, b"", mask=True, is_final=False),
            encode_frame(CONTINUATION, payload[cut:], mask=True, is_final=False),
            encode_frame(CONTINUATION, b"", mask=True),
            encode_frame(BINARY, compress(b"\xff"), deflated=True, mask=True),
        ]
    )
    ping, *messages = sorted(
        receive(data, step=step), key=lambda event: isinstance(event, str | bytes)
    )
    assert messages == [text, text, text, b"\xff"]
    assert ping not in messages


@pytest.mark.parametrize("opcode", [CONTINUATION, PING])
def test_only_the_first_frame_of_a_message_says_that_it_is_compressed(opcode: int) -> None:
    data = encode_frame(TEXT, b"\x00", deflated=True, mask=True, is_final=False)
    data += encode_frame(opcode, b"", deflated=True, mask=True)
    with pytest.raises(ProtocolViolation) as caught:
        receive(data)
    assert caught.value.code == 1002


def test_invalid_text_within_a_compressed_fragment_fails_at_once() -> None:
    payload = compress(b"hello \xed\xa0")
    payload += b"\x00\x00\xff\xff"
    data = encode_frame(TEXT, payload, deflated=True, mask=True, is_final=False)
    with pytest.raises(ProtocolViolation) as caught:
        receive(data)
    assert caught.value.code == 1007


def test_compressed_size_is_bounded_as_well() -> None:
    header = encode_frame(TEXT, bytes(1200), deflated=True, mask=True)[:8]
    with pytest.raises(ProtocolViolation) as caught:
        receive(header, 100)
    assert caught.value.code == 1009
    noise = random.Random(2).randbytes(MEBIBYTE)
    frame = encode_message(noise, Deflater(threshold=1), mask=True)
    assert len(frame) > MEBIBYTE
    assert receive(frame) == [noise]
    empty_blocks = b"\x00\x00\x00\xff\xff" * 200
    data = encode_frame(TEXT, empty_blocks, deflated=True, mask=True, is_final=False)
    data += encode_frame(CONTINUATION, empty_blocks, mask=True, is_final=False) * 5
    with pytest.raises(ProtocolViolation) as caught:
        receive(data, 1000)
    assert caught.value.code == 1009
