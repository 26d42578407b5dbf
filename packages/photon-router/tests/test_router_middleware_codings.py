from __future__ import annotations

import zlib
from typing import Any

import brotli  # type: ignore[import-untyped]  # has no types
import pytest
from backports import zstd

from photon_router.middleware import _codings
from photon_router.middleware._codings import available_codings, coding_of


def stream_reader(name: str) -> Any:
    """Return a function that decodes the bytes received so far."""
    if name == "gzip":
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress
    return brotli.Decompressor().process if name == "br" else zstd.ZstdDecompressor().decompress


def test_all_codings_are_there_when_their_libraries_are() -> None:
    assert available_codings() == ["zstd", "br", "gzip"]


@pytest.mark.parametrize("name", ["gzip", "br", "zstd"])
def test_a_body_comes_back_as_it_was(name: str) -> None:
    body = b"so it goes, " * 500
    compressed = coding_of(name, 5).compress(body)
    assert len(compressed) < len(body) / 10
    assert stream_reader(name)(compressed) == body
    assert coding_of(name, 5).compress(body) == compressed


@pytest.mark.parametrize("name", ["gzip", "br", "zstd"])
def test_each_part_can_be_read_as_soon_as_it_is_there(name: str) -> None:
    compressor, read = coding_of(name, 5).begin(), stream_reader(name)
    for part in (b"one ", b"two ", b"three"):
        assert read(compressor.compress(part)) == part
    assert read(compressor.finish()) == b""


def test_a_coding_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_codings, "_EXTRAS", {"br": ("no_such_library", "brotli")})
    assert available_codings() == ["zstd", "gzip"]
    with pytest.raises(ValueError, match=r"pip install 'photon-router\[brotli\]'"):
        coding_of("br", 4)


def test_an_unknown_coding_is_refused() -> None:
    with pytest.raises(ValueError, match="'deflate'; the codings are zstd, br, gzip"):
        coding_of("deflate", 1)
