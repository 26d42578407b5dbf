import pytest

from photon_ws.protocol import (
    Close,
    Deflater,
    Event,
    FrameDecoder,
    encode_close,
    encode_frame,
    encode_message,
    encode_ping,
    encode_pong,
)


def decode(data: bytes, *, is_client: bool = True) -> list[Event]:
    events: list[Event] = []
    FrameDecoder(is_client=is_client, max_message_size=1 << 20).feed(data, events)
    return events


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 65537])
def test_messages_of_every_length_are_one_frame(size: int) -> None:
    text, data = "a" * size, b"\xff" * size
    for message in (text, data):
        assert decode(encode_message(message)) == [message]
        assert decode(encode_message(message, mask=True), is_client=False) == [message]


def test_frames_are_those_of_the_examples_of_the_standard() -> None:
    assert encode_message("Hello") == bytes.fromhex("810548656c6c6f")
    assert encode_frame(1, b"Hel", is_final=False) == bytes.fromhex("010348656c")
    assert encode_frame(0, b"lo") == bytes.fromhex("80026c6f")
    assert encode_ping(b"Hello") == bytes.fromhex("890548656c6c6f")
    assert encode_pong(b"Hello") == bytes.fromhex("8a0548656c6c6f")
    assert encode_message(bytes(256))[:4] == bytes.fromhex("827e0100")
    assert encode_message(bytes(65536))[:10] == bytes.fromhex("827f0000000000010000")
    assert encode_close(1000) == bytes.fromhex("880203e8")


def test_each_frame_of_a_client_has_a_key_of_its_own() -> None:
    assert len({encode_message("x" * 30, mask=True)[2:6] for _ in range(50)}) == 50


def test_text_with_surrogates_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        encode_message("\ud800")


def test_messages_below_the_threshold_are_not_compressed() -> None:
    deflater = Deflater(threshold=10)
    assert encode_message("a" * 9, deflater) == encode_message("a" * 9)
    assert encode_message("a" * 10, deflater)[0] == 0xC1
    assert encode_message(b"a" * 10, deflater)[0] == 0xC2
    assert encode_message("", Deflater(threshold=0)) == b"\x81\x00"


def test_close_reason_is_cut_at_a_character() -> None:
    assert decode(encode_close(4000, "a" * 124)) == [Close(4000, "a" * 123)]
    assert decode(encode_close(4000, "a" + "€" * 41)) == [Close(4000, "a" + "€" * 40)]
    assert decode(encode_close(4000, "ab" + "😀" * 40)) == [Close(4000, "ab" + "😀" * 30)]
    assert decode(encode_close(4000, "\ud800")) == [Close(4000, "?")]
    assert decode(encode_close(4000, "no", mask=True), is_client=False) == [Close(4000, "no")]


def test_close_without_a_code_is_empty() -> None:
    assert encode_close(1005) == b"\x88\x00"


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65536])
def test_codes_that_must_not_be_sent_are_refused(code: int) -> None:
    with pytest.raises(ValueError, match=f"not {code};"):
        encode_close(code)
    with pytest.raises(ValueError, match="not 1005;"):
        encode_close(1005, "reason")


def test_ping_and_pong_have_at_most_125_bytes() -> None:
    for encode in (encode_ping, encode_pong):
        assert len(encode(bytes(125))) == 127
        with pytest.raises(ValueError, match="at most 125 bytes, not 126"):
            encode(bytes(126))
