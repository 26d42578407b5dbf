"""``photon run`` and ``photon dev`` patch before the application is imported."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

APPLICATION = """
    import threading
    import time
    from photon_runtime.http import Response
    from photon_runtime.patch import is_patched

    lock = threading.Lock()

    def app(request):
        time.sleep(0.3)
        with lock:
            time.sleep(0.01)
        return Response(body=f"{is_patched()} {threading.current_thread().name}")
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., str]]:
    (tmp_path / "photon.toml").write_text("[project]\nname = 'shop'\napp = 'main:app'\n")
    (tmp_path / "main.py").write_text(textwrap.dedent(APPLICATION))
    started: list[subprocess.Popen[str]] = []

    def serve(*arguments: str) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", "photon_cli", *arguments, "--port", "0"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout is not None
        said = ""
        while "URL" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        return said.split()[-1]

    yield serve
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def ask(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        said: str = answer.read().decode()
        return said


@pytest.mark.parametrize("arguments", [("run",), ("run", "--workers", "2"), ("dev",)])
def test_blocking_handlers_do_not_hold_each_other_up(
    served: Callable[..., str], arguments: tuple[str, ...]
) -> None:
    url = served(*arguments)
    assert ask(url).startswith("True ")
    start = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, [url] * 20))
    assert time.monotonic() - start < 2.5
    assert {answer.split()[0] for answer in answers} == {"True"}


@pytest.mark.parametrize("command", ["run", "dev"])
def test_the_patch_can_be_refused(served: Callable[..., str], command: str) -> None:
    assert ask(served(command, "--no-patch")).startswith("False ")


def test_settings_refuse_the_patch(served: Callable[..., str], tmp_path: Path) -> None:
    with (tmp_path / "photon.toml").open("a") as file:
        file.write("[runtime]\npatch = false\n")
    assert ask(served("run")).startswith("False ")
