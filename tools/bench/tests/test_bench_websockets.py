"""The WebSocket suite: its frames, its client, its tables, and one whole run."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench._results import Sample
from bench.errors import BenchError
from bench.websockets import _load_client
from bench.websockets._frames import (
    _ACCEPT,
    is_deflate_agreed,
    masked_frame,
    message_of,
    parse_frame,
    text_frame,
    text_of,
)
from bench.websockets._load import load_client
from bench.websockets._report import WebSocketOutcome, table, to_json
from bench.websockets._run import IdleSample, WebSocketOptions, WebSocketRow, plan
from bench.websockets._scenarios import SCENARIOS, LoadTask
from bench.websockets._servers import SERVERS

ROOT = Path(__file__).resolve().parents[3]
ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + _ACCEPT.encode()


# Frames


def unmasked(frame: bytes) -> bytes:
    """Turn a frame of a client into the same frame of a server."""
    length = frame[1] & 0x7F
    start = {126: 4, 127: 10}.get(length, 2)
    key, masked = frame[start : start + 4], frame[start + 4 :]
    payload = bytes(byte ^ key[n % 4] for n, byte in enumerate(masked))
    return bytes([frame[0], length]) + frame[2:start] + payload


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
@pytest.mark.parametrize("deflate", [False, True])
def test_a_message_of_every_length_is_read_back(size: int, deflate: bool) -> None:
    text = message_of(size)
    frame = unmasked(text_frame(text, deflate=deflate))
    parsed = parse_frame(frame + b"more")
    assert parsed is not None
    assert (parsed.size, parsed.is_compressed, parsed.is_last) == (len(frame), deflate, True)
    assert text_of(parsed) == text
    assert parse_frame(frame[:-1]) is None
    assert parse_frame(frame[:1]) is None


def test_a_masked_frame_of_a_server_is_an_error() -> None:
    with pytest.raises(BenchError, match="masked"):
        parse_frame(masked_frame(b"payload"))


def test_the_handshake_is_checked_with_its_extension() -> None:
    extension = b"\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"
    assert not is_deflate_agreed(ACCEPTED, "/echo")
    assert is_deflate_agreed(ACCEPTED + extension, "/echo")
    for refused in (b"HTTP/1.1 404 Not Found", ACCEPTED.replace(b"101", b"200"), ACCEPTED[:-4]):
        with pytest.raises(BenchError, match="/echo: the handshake was answered with 'HTTP"):
            is_deflate_agreed(refused, "/echo")


# The client


def test_the_client_counts_whole_messages_however_they_arrive() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client = _load_client.Client(LoadTask("echo", 0, 1, 10, deflate=False, seconds=0))
        client._sockets[ours.fileno()] = ours
        message = unmasked(text_frame(message_of(10), deflate=False))
        ping = unmasked(masked_frame(b"?", opcode=9))
        counts = []
        for part in (message, message[:5], message[5:] + ping + message * 2, message[:1]):
            theirs.sendall(part)
            counts.append(client._receive(ours.fileno()))
        assert counts == [1, 0, 3, 0]
        assert unmasked(theirs.recv(100)) == bytes([0x8A, 1]) + b"?"
        theirs.close()
        with pytest.raises(BenchError, match="closed a connection"):
            client._receive(ours.fileno())


def answer(server: socket.socket, response: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(response)
        connection.recv(4096)


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "the handshake was answered with 'HTTP/1.1 403"),
        (ACCEPTED + b"\r\n\r\n", "closed the connection before its first message"),
        (ACCEPTED + b"\r\n\r\n\x81\x02no", "expected the message '.*', got 'no'"),
        (ACCEPTED + b"\r\n\r\n\x88\x00", "the first message is not one frame"),
    ],
)
def test_a_server_that_does_not_send_the_message_back_is_reported(
    response: bytes, problem: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server, response), daemon=True).start()
        task = LoadTask("echo", server.getsockname()[1], 1, 10, deflate=False, seconds=1)
        with pytest.raises(BenchError, match=problem), load_client(task, core=0):
            pass


# Tables


def sample(cpu_us: float) -> Sample:
    return Sample(cpu_us=cpu_us, rate=1000.0, p50_us=620.0, p99_us=1500.0, memory=52_000_000)


def row(server: str, *cpu_us: float, scenario: str = "echo-64") -> WebSocketRow:
    return WebSocketRow(scenario, server, dict(enumerate(map(sample, cpu_us), start=1)))


def idle(server: str, each: float) -> WebSocketRow:
    figures = IdleSample(0, 0, 0, 0, 99_000_000, each, sockets=10_000, cpu_share=0.012)
    return WebSocketRow("idle", server, {1: figures}, is_deflated=True)


def report(*rows: WebSocketRow) -> str:
    return table(WebSocketOutcome({"cpu": "Test CPU"}, {"rounds": 3}, {}, rows))


def cells(text: str, server: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.startswith(f"| {server} ")]
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_servers_are_compared_with_photon_round_by_round() -> None:
    text = report(row("granian", 40, 80, 60), row("photon", 20, 20, 60))
    assert cells(text, "granian")[:3] == ["granian", "60.0 (40.0-80.0)", "2.00"]  # not 60 / 20
    assert text.index("| photon ") < text.index("| granian ")


def test_idle_sockets_have_a_table_of_their_own() -> None:
    text = report(idle("photon", 15_000), idle("uvicorn", 60_000))
    assert cells(text, "uvicorn") == ["uvicorn", "60,000", "4.00", "10,000", "99", "1.2"]


def test_a_server_that_does_not_compress_is_marked() -> None:
    text = report(row("granian", 20, scenario="echo-64-deflate"))
    assert "| granian, not compressed |" in text
    assert "not compressed" not in report(row("granian", 20))


def test_each_limit_is_reported_as_kept_or_exceeded() -> None:
    rows = [row("photon", 29), row("granian", 30), row("aiohttp", 28), idle("photon", 20_001)]
    rows += [row("photon", 44, scenario="echo-16k"), row("granian", 60, scenario="echo-16k")]
    limits = report(*rows).split("### Limits")[1]
    verdicts = {
        each.split("|")[1].strip(): each.split("|")[-2].strip()
        for each in limits.splitlines()
        if each.startswith(("| echo", "| idle"))
    }
    assert verdicts == {
        "echo-64": "kept",
        "echo-64, to aiohttp": "EXCEEDED",
        "idle": "EXCEEDED",
        "echo-16k": "kept",
        "echo-16k, to granian": "kept",
    }


def test_a_server_that_fails_is_a_row_with_the_reason() -> None:
    failed = row("gevent")
    failed.error = "it ended\nwith status 1"
    outcome = WebSocketOutcome({}, {}, {}, [row("photon", 20), failed])
    assert "| gevent | ERROR: it ended with status 1 |" in table(outcome)
    assert outcome.failed


def test_the_json_has_every_round() -> None:
    outcome = WebSocketOutcome({}, {}, {}, [row("photon", 20, 21), idle("photon", 15_000)])
    echo, at_rest = json.loads(to_json(outcome))["rows"]
    assert [each["cpu_us"] for each in echo["rounds"].values()] == [20, 21]
    assert at_rest["rounds"]["1"]["each"] == 15_000


def test_every_server_takes_part_in_every_scenario() -> None:
    options = WebSocketOptions(tuple(SERVERS), tuple(SCENARIOS), 1, 1, 1, 1, 1, 0, 1)
    rows = {(each.scenario, each.server) for each in plan(options)}
    assert rows == {(scenario, server) for scenario in SCENARIOS for server in SERVERS}


def run(*arguments: str) -> str:
    command = [sys.executable, "tools/bench", "--websockets", "--servers", "photon", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_run_measures_photon_in_every_scenario_of_load() -> None:
    loads = [name for name in SCENARIOS if name != "idle"]
    arguments = ["--scenarios", ",".join(loads), "--connections", "10", "--members", "20"]
    text = run("--rounds", "1", "--seconds", "1", *arguments)
    assert text.count("| photon ") == len(loads) + 1  # and the head of the limits
    assert "not compressed" not in text


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_an_idle_socket_keeps_its_limit_of_memory() -> None:
    limits = run("--scenarios", "idle", "--idle-sockets", "1000").split("### Limits")[1]
    assert " kept |" in limits, limits
