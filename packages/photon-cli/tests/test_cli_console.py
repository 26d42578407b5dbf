from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

APPLICATION = """
    import contextlib

    class Part:
        @contextlib.contextmanager
        def console_values(self, application):
            yield {"greeting": f"hello from {application.state}"}
            print("values left")

    class App:
        parts = (Part(),)
        state = "nowhere"

        @contextlib.contextmanager
        def start(self, *, development=False):
            self.state = f"development={development}"
            yield lambda request: None
            print("ended")

    app = App()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "photon.toml").write_text("[project]\nname = 'shop'\napp = 'main:app'\n")
    (tmp_path / "main.py").write_text(textwrap.dedent(APPLICATION))
    return tmp_path


def environ(folder: Path) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if name != "PHOTON_ENV"}
    return kept | {"XDG_STATE_HOME": str(folder / "state"), "TERM": "dumb", "HOME": str(folder)}


def console(folder: Path, *arguments: str, script: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "photon_cli", "console", *arguments],
        cwd=folder,
        env=environ(folder),
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_code_has_the_started_application_and_the_names_of_its_parts(project: Path) -> None:
    result = console(project, "-c", "print(greeting, app.state, settings.environment)")
    assert result.stdout == (
        "hello from development=True development=True development\nvalues left\nended\n"
    )
    assert result.returncode == 0


def test_a_script_is_piped_in_and_may_block_in_any_environment(project: Path) -> None:
    script = """
import threading, time
threading.Thread(target=lambda: (time.sleep(0.01), print("thread"))).start()
time.sleep(0.2)
print(app.state)
"""
    result = console(project, "-e", "production", script=script)
    assert result.stdout.startswith("thread\ndevelopment=False\n")


def test_the_exit_code_is_that_of_the_code(project: Path) -> None:
    assert console(project, "-c", "raise SystemExit(7)").returncode == 7
    failed = console(project, "-c", "def f():\n    1 / 0\nf()")
    assert failed.returncode == 1
    assert failed.stderr.endswith("line 2, in f\nZeroDivisionError: division by zero\n")
    assert "photon_cli" not in failed.stderr
    assert "ended" in failed.stdout
    assert console(project, "-c", "print(").returncode == 1


def test_an_application_that_does_not_start_is_a_message(project: Path) -> None:
    (project / "main.py").write_text("1 / 0\n")
    result = console(project, "-c", "print(1)")
    assert result.returncode == 3
    assert "ZeroDivisionError" in result.stderr


class Terminal:
    """A console on a terminal."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.pid, self.descriptor = pty.fork()
        if not self.pid:  # pragma: no cover - the child
            os.chdir(folder)
            command = [sys.executable, "-m", "photon_cli", "console", *arguments]
            os.execve(sys.executable, command, environ(folder))
        self.output = ""  # up to the text that the last call has found
        self.unread = ""

    def read_until(self, text: str) -> None:
        """Wait until a text was printed behind the one that the last call has found."""
        end = time.monotonic() + 20
        while text not in self.unread:
            left = end - time.monotonic()
            readable, _, _ = select.select([self.descriptor], [], [], max(left, 0))
            assert readable, f"no {text!r} in {self.unread!r}"
            self.unread += os.read(self.descriptor, 65536).decode(errors="replace")
        before, _, self.unread = self.unread.partition(text)
        self.output = before + text

    def send(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def exit_code(self) -> int:
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        return code


@pytest.fixture
def terminal(project: Path) -> Iterator[Callable[..., Terminal]]:
    started: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        started.append(Terminal(project, *arguments))
        return started[-1]

    yield start
    for each in started:
        if each.pid:
            os.kill(each.pid, 9)
            os.waitpid(each.pid, 0)
        os.close(each.descriptor)


def test_ctrl_c_interrupts_a_wait_and_the_console_stays(
    terminal: Callable[..., Terminal], project: Path
) -> None:
    shell = terminal("--plain")
    shell.read_until(">>> ")
    assert "shop (development), Python 3." in shell.output
    assert "greeting, app, settings, project" in shell.output
    shell.send("import time; print('now', 6 * 7); time.sleep(60)\n")
    shell.read_until("now 42")
    shell.send("\x03")
    shell.read_until("KeyboardInterrupt")
    shell.read_until(">>> ")
    shell.send("1 / 0\n")
    shell.read_until("ZeroDivisionError: division by zero")
    shell.send("exit(5)\n")
    shell.read_until("ended")
    assert shell.exit_code() == 5
    history = (project / "state" / "photon" / "console_history").read_text()
    assert "1 / 0" in history


def test_ipython_lets_tasks_run_while_it_waits_for_a_line(
    terminal: Callable[..., Terminal], project: Path
) -> None:
    shell = terminal()
    shell.read_until("In [")
    mark = project / "ran"
    shell.send(
        f"import photon_runtime as rt; rt.spawn(lambda: (rt.sleep(0.2), open({str(mark)!r}, 'w')))"
        "\r"
    )
    end = time.monotonic() + 20
    while not mark.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    shell.send("exit\r")
    assert shell.exit_code() == 0
