"""The server conforms to RFC 6455 and RFC 7692: the cases of Autobahn, driven by kosoku.

Messages of more than 16 KiB in sections 12 and 13, which take half an hour, run if
``PHOTON_AUTOBAHN`` is ``all``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kosoku
import pytest

from photon import Photon, PhotonWebSocket
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server

FRAMES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
LARGEST = 16 * 1024 * 1024
# kosoku does not expect small messages without compression.
SETTINGS = f"""
[websockets]
max_message_size = {LARGEST}
deflate_threshold = 0
"""

compressed = pytest.mark.parametrize(
    "section", [*(f"12.{n}" for n in range(1, 6)), *(f"13.{n}" for n in range(1, 8))]
)


def cases_of(section: str) -> list[str]:
    """Return the cases of a section of compression: sizes of messages, then of fragments."""
    if os.environ.get("PHOTON_AUTOBAHN") == "all":
        return [f"{section}.*"]
    return [f"{section}.{case}" for case in (*range(1, 8), 11, 12)]


def check(results: Iterable[Any], *, non_strict: int = 0) -> None:
    """Check that no case failed, and that at most ``non_strict`` passed with a remark."""
    found: dict[str, list[str]] = {}
    for result in results:
        for behavior in {result.behavior.value, result.behavior_close.value}:
            found.setdefault(behavior, []).append(f"{result.case_id}: {result.result}")
    assert found.pop("OK")
    found.pop("INFORMATIONAL", None)
    assert len(found.pop("NON-STRICT", [])) <= non_strict
    assert found == {}


@contextmanager
def echo_server(folder: Path) -> Iterator[str]:
    """Serve an application that sends each message back; yield its URL."""
    (folder / "photon.toml").write_text(SETTINGS)
    app = Photon()
    app.use_settings(load_settings(folder, environment="test", environ={}))

    @app.websocket("/")
    def echo(ws: PhotonWebSocket) -> None:
        for message in ws:
            ws.write_message(message)

    with live_server(app) as server:
        yield server.url.replace("http", "ws") + "/"


def run_against_server(folder: Path, cases: Sequence[str], concurrency: int = 4) -> list[Any]:
    with echo_server(folder) as url:
        try:
            return asyncio.run(kosoku.run_fuzzingclient(url, cases=cases, concurrency=concurrency))
        except kosoku.FailureError as error:
            return list(error.results)


def test_server_conforms(tmp_path: Path) -> None:
    check(run_against_server(tmp_path, FRAMES, concurrency=16))


@pytest.mark.slow
def test_server_conforms_with_large_messages_and_many_fragments(tmp_path: Path) -> None:
    check(run_against_server(tmp_path, ["9.*"]))


@pytest.mark.slow
@compressed
def test_server_conforms_with_compression(section: str, tmp_path: Path) -> None:
    check(run_against_server(tmp_path, cases_of(section)))
