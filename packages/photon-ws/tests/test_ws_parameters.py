import pytest

from photon_ws.protocol import (
    DeflateParameters,
    Deflater,
    ProtocolViolation,
    negotiate_deflate,
)

BOTH = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def negotiate(offers: str | None) -> tuple[DeflateParameters, str] | None:
    negotiated = negotiate_deflate(offers)
    if negotiated is not None:
        assert negotiated[0].server_no_context_takeover
        assert negotiated[0].client_no_context_takeover
    return negotiated


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate;client_max_window_bits=15",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover",
        "permessage-deflate ; client_no_context_takeover ;server_no_context_takeover",
        "x-webkit-deflate-frame, permessage-deflate",
        "permessage-bzip2; level=9, permessage-deflate; client_max_window_bits",
        ", ,permessage-deflate,",
    ],
)
def test_offers_are_accepted_without_context_takeover(offer: str) -> None:
    assert negotiate(offer) == (DeflateParameters(), BOTH)


@pytest.mark.parametrize("bits", range(9, 16))
def test_window_of_the_server_is_what_the_client_requires(bits: int) -> None:
    for value in (f"{bits}", f'"{bits}"', f'"\\{bits}"'):
        offer = f"permessage-deflate; server_max_window_bits={value}"
        assert negotiate(offer) == (
            DeflateParameters(server_max_window_bits=bits),
            f"{BOTH}; server_max_window_bits={bits}",
        )


@pytest.mark.parametrize("bits", range(8, 16))
def test_window_of_the_client_is_noted(bits: int) -> None:
    offer = f"permessage-deflate; client_max_window_bits={bits}"
    assert negotiate(offer) == (DeflateParameters(client_max_window_bits=bits), BOTH)


@pytest.mark.parametrize(
    "offer",
    [
        None,
        "",
        "permessage-bzip2",
        "Permessage-Deflate",
        "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits=+10",
        "permessage-deflate; server_max_window_bits=1e1",
        "permessage-deflate; client_max_window_bits=0",
        "permessage-deflate; client_max_window_bits=99999999999999999999",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
    ],
)
def test_invalid_offers_are_declined(offer: str | None) -> None:
    assert negotiate(offer) is None
    if offer:
        fallback = negotiate(f"{offer}, permessage-deflate; server_max_window_bits=12")
        assert fallback is not None
        assert fallback[0].server_max_window_bits == 12


def test_first_acceptable_offer_is_accepted() -> None:
    negotiated = negotiate(
        "permessage-deflate; server_max_window_bits=8,"
        "permessage-deflate; server_max_window_bits=10; client_max_window_bits, permessage-deflate"
    )
    assert negotiated is not None
    assert negotiated[1] == f"{BOTH}; server_max_window_bits=10"


@pytest.mark.parametrize(
    "offers",
    [
        ";",
        "=",
        "permessage-deflate;",
        "permessage-deflate; ",
        "permessage-deflate; =10",
        "permessage-deflate; server_max_window_bits=",
        'permessage-deflate; server_max_window_bits="10',
        'permessage-deflate; server_max_window_bits="1 0"',
        'permessage-deflate; server_max_window_bits=""',
        "permessage-deflate client_max_window_bits",
        "permessage-deflate; a b",
        "permessage deflate",
        "permessage-deflate / x",
        "größe",
    ],
)
def test_malformed_fields_are_an_error(offers: str) -> None:
    with pytest.raises(ValueError, match=r"position|token"):
        negotiate(offers)


def test_long_field_is_read_in_linear_time() -> None:
    assert negotiate("a;" + ";".join(f'p{n}="x\\y"' for n in range(20_000))) is None
    with pytest.raises(ValueError, match="position"):
        negotiate("a; b=" + '"' + "\\a" * 50_000)


def test_each_side_gets_its_own_compressor_and_decompressor() -> None:
    parameters = DeflateParameters(
        server_no_context_takeover=False, server_max_window_bits=9, client_max_window_bits=15
    )
    content = bytes(range(256)) * 8  # repeats at a distance that 9 bits reach
    assert isinstance(parameters.deflater(threshold=7), Deflater)
    assert parameters.deflater(threshold=7).threshold == 7
    for is_client in (False, True):
        message = parameters.deflater(is_client=is_client).deflate(content)
        receiver = parameters.inflater(is_client=not is_client)
        assert receiver.inflate(message, is_last=True, limit=10_000) == content
    reference = bytes.fromhex("f200110000")
    hello = bytes.fromhex("f248cdc9c90700")
    shared = parameters.inflater(is_client=True)
    assert shared.inflate(hello, is_last=True, limit=9) == b"Hello"
    assert shared.inflate(reference, is_last=True, limit=9) == b"Hello"
    alone = parameters.inflater()
    alone.inflate(hello, is_last=True, limit=9)
    with pytest.raises(ProtocolViolation):
        alone.inflate(reference, is_last=True, limit=9)
