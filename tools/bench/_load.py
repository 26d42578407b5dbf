"""Put a server under load with wrk, and read its report."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.scenarios import Exchange

_POST_SCRIPT = Path(__file__).parent / "post.lua"
_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6}
_PROGRAMS = {"wrk": "wrk", "taskset": "util-linux", "setpriv": "util-linux"}
_GRACE = 30.0  # seconds wrk may take beyond the duration it was given


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The view of the client: requests, requests per second, latencies in microseconds."""

    requests: int
    rate: float
    p50_us: float
    p99_us: float


def require_tools(*programs: str) -> None:
    """Make sure the programs needed are installed: those named, else all.

    Raises:
        BenchError: One is missing; the message says what to install.
    """
    for program in programs or _PROGRAMS:
        if shutil.which(program) is None:
            raise BenchError(
                f"`{program}` is not on the PATH; install it: apt-get install {_PROGRAMS[program]}"
            )


def run_load(
    exchange: Exchange, *, port: int, seconds: int, connections: int, core: int
) -> LoadResult:
    """Repeat ``exchange`` over kept-alive connections for ``seconds``, from one thread on ``core``.

    Raises:
        BenchError: wrk failed, or saw errors or refusals.

    Blocks: for the duration.
    """
    command = ["taskset", "-c", str(core), "wrk", "--latency", "-t", "1"]
    command += ["-c", str(connections), "-d", f"{seconds}s"]
    if exchange.body is not None:
        command += ["-s", str(_POST_SCRIPT)]
    command.append(f"http://127.0.0.1:{port}{exchange.target}")
    if exchange.body is not None:
        command += ["--", exchange.body.decode()]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + _GRACE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(
            f"wrk did not end within {_GRACE:.0f} s after the {seconds} s of load"
        ) from error
    if done.returncode != 0:
        raise BenchError(
            f"wrk ended with status {done.returncode}: {(done.stderr or done.stdout).strip()}"
        )
    return parse_wrk(done.stdout)


def parse_wrk(text: str) -> LoadResult:
    """Read the report of ``wrk --latency``.

    Raises:
        BenchError: The report is not wrk's, or has errors or responses other than 2xx or 3xx.
    """
    for complaint in (r"Socket errors: .*", r"Non-2xx or 3xx responses: \d+"):
        if found := re.search(complaint, text):
            raise BenchError(f"wrk: {found[0].strip()}")
    result = LoadResult(
        requests=int(_field(r"(\d+) requests in ", text)),
        rate=float(_field(r"Requests/sec:\s+([\d.]+)", text)),
        p50_us=parse_duration(_field(r"^\s+50%\s+(\S+)", text)),
        p99_us=parse_duration(_field(r"^\s+99%\s+(\S+)", text)),
    )
    if result.requests == 0:
        raise BenchError("wrk: not one request was answered")
    return result


def parse_duration(text: str) -> float:
    """Turn wrk's ``620.00us``, ``1.21ms``, ``2.00s``, ``1.50m``, ``0.10h`` into microseconds.

    Raises:
        BenchError: The text is not a duration of wrk.
    """
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m|h)", text)
    if match is None:
        raise BenchError(f"wrk: {text!r} is not a duration such as 620.00us or 1.21ms")
    return float(match[1]) * _UNITS[match[2]]


def _field(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise BenchError(
            f"wrk: nothing in its report matches {pattern!r}; the report was: {text.strip()!r}"
        )
    return str(match[1])
