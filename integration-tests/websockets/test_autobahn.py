"""Both peers conform to RFC 6455 and RFC 7692: the cases of Autobahn, driven by kosoku.

Messages of more than 16 KiB in sections 12 and 13, which take half an hour, run if
``PHOTON_AUTOBAHN`` is ``all``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import kosoku
import pytest

import photon_runtime as rt
from photon import Photon, PhotonWebSocket
from photon_runtime.settings import load_settings
from photon_runtime.testing import live_server
from photon_ws import WebSocketClosed
from photon_ws.client import connect

FRAMES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
LARGEST = 16 * 1024 * 1024
# kosoku does not expect small messages without compression.
SETTINGS = f"""
[websockets]
max_message_size = {LARGEST}
deflate_threshold = 0
"""


@pytest.fixture(scope="module", autouse=True)
def imports_of_its_own() -> Iterator[None]:
    """Remove what kosoku puts on the search path: replacements for modules of other packages."""
    paths, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if any(f"{os.sep}kosoku{os.sep}{folder}{os.sep}" in file for folder in ("cases", "shim")):
            del sys.modules[name]


# kosoku leaves the closing of its files to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*kosoku:ResourceWarning")

compressed = pytest.mark.parametrize(
    "section", [*(f"12.{n}" for n in range(1, 6)), *(f"13.{n}" for n in range(1, 8))]
)


IS_COMPLETE = os.environ.get("PHOTON_AUTOBAHN") == "all"
within_limit = pytest.mark.timeout(600 if IS_COMPLETE else 60)


def cases_of(section: str) -> list[str]:
    """Return the cases of a section of compression: sizes of messages, then of fragments."""
    if IS_COMPLETE:
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


# -- the server ---------------------------------------------------------------------------------


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
@within_limit
@compressed
def test_server_conforms_with_compression(section: str, tmp_path: Path) -> None:
    check(run_against_server(tmp_path, cases_of(section)))


# -- the client ---------------------------------------------------------------------------------


def echo_all(port: int) -> None:
    """Connect for each case of the server, send each message back, and ask for the results."""
    root = f"ws://127.0.0.1:{port}"
    with connect(f"{root}/getCaseCount") as ws:
        count = int(ws.receive_text(timeout=10))
    urls = iter([f"{root}/runCase?case={case}&agent=photon" for case in range(1, count + 1)])
    with rt.scope() as tasks:
        for _ in range(8):
            tasks.spawn(echo_each, urls)
    with connect(f"{root}/updateReports?agent=photon") as ws:
        ws.read_message(timeout=10)


def echo_each(urls: Iterator[str]) -> None:
    for url in urls:
        with connect(url, max_message_size=LARGEST) as ws, suppress(WebSocketClosed):
            for message in ws:
                ws.write_message(message)


async def run_against_client(cases: Sequence[str], excluded: Sequence[str] = ()) -> list[Any]:
    async with kosoku.run_fuzzingserver(cases, excluded, port=0) as server:
        client = asyncio.create_task(asyncio.to_thread(rt.run, echo_all, server.port))
        try:
            results = await server.get_result()
        except kosoku.FailureError as error:
            results = list(error.results)
        await client
    return results


def test_client_conforms() -> None:
    check(asyncio.run(run_against_client(FRAMES)))


@pytest.mark.slow
def test_client_conforms_with_large_messages_and_many_fragments() -> None:
    check(asyncio.run(run_against_client(["9.*"])))


@pytest.mark.slow
@within_limit
@compressed
def test_client_conforms_with_compression(section: str) -> None:
    # Messages of 16 and 64 bytes are below the threshold of the client.
    small = [f"{section}.1", f"{section}.2"]
    check(asyncio.run(run_against_client(cases_of(section), small)))
