from __future__ import annotations

import pytest

from photon_router.files._content_type import ContentTypes, is_html


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.HTM", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.min.js", "text/javascript; charset=utf-8"),
        ("a.js.map", "application/json"),
        ("a.json", "application/json"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.wasm", "application/wasm"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.woff2", "font/woff2"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.pdf", "application/pdf"),
        ("a.mp4", "video/mp4"),
        ("a.tar.gz", "application/gzip"),
        ("a.unheard-of", "application/octet-stream"),
        ("a", "application/octet-stream"),
        (".html", "application/octet-stream"),
    ],
)
def test_the_ending_tells_the_type(name: str, content_type: str) -> None:
    assert ContentTypes().of(name) == content_type


def test_an_application_may_know_better() -> None:
    types = ContentTypes({".GLTF": "model/gltf+json", ".txt": "text/plain; charset=latin-1"})
    assert types.of("a.gltf") == "model/gltf+json"
    assert types.of("a.txt") == "text/plain; charset=latin-1"
    assert ContentTypes().of("a.gltf") == "application/octet-stream"


def test_pages_are_told_from_others() -> None:
    assert is_html("text/html; charset=utf-8")
    assert not is_html("text/htmlx")
