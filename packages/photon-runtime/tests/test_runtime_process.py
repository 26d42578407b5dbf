from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from photon_runtime import Event, run, sleep
from photon_runtime.errors import LoadError, PhotonError
from photon_runtime.process import reporting_failures, signs_of_life, stop_event
from photon_runtime.workers import Link


def output(script: str, folder: Path, **variables: str) -> str:
    """Run a script in a folder; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


APPLICATION = """\
import logging, resource, time
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
def app(request): ...
print(type(time.sleep).__name__, len(logging.getLogger().handlers), soft == hard)
"""
PREPARE = """
    import resource
    from photon_runtime.process import prepare_process
    from photon_runtime.project import Project
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    prepare_process(Project.here(environment="test"), "main:app")
"""


@pytest.mark.parametrize("is_patching", [True, False])
def test_limits_logs_and_patch_are_there_before_the_application_is_imported(
    tmp_path: Path, is_patching: bool
) -> None:
    (tmp_path / "main.py").write_text(APPLICATION)
    printed = output(PREPARE, tmp_path, PHOTON__RUNTIME__PATCH=str(is_patching).lower())
    kind, handlers, is_raised = printed.split()
    assert kind == ("function" if is_patching else "builtin_function_or_method")
    assert (handlers, is_raised) == ("1", "True")


def test_importing_the_module_patches_nothing(tmp_path: Path) -> None:
    script = "import time, photon_runtime.process\nprint(type(time.sleep).__name__)"
    assert output(script, tmp_path) == "builtin_function_or_method\n"


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (LoadError("there is no module `mian`"), 3, "Error: there is no module `mian`\n"),
        (PhotonError("not so"), 1, "photon_runtime.errors.PhotonError: not so\n"),
    ],
)
def test_a_failure_is_reported_and_ends_the_process(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int, text: str
) -> None:
    with pytest.raises(SystemExit) as caught, reporting_failures():
        raise error
    assert caught.value.code == code
    assert capsys.readouterr().err.endswith(text)


def test_an_exit_passes_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, reporting_failures():
        sys.exit(7)
    assert caught.value.code == 7
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_stop_event_and_the_handlers_are_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def main() -> bool:
        with stop_event() as stop:
            assert not stop.is_set()
            os.kill(os.getpid(), number)
            return stop.wait(timeout=5)

    assert run(main)
    assert signal.getsignal(number) is before


def test_signs_of_life_are_given_while_the_block_runs_and_no_longer() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def main() -> None:
        with signs_of_life(Link(writing)):
            sleep(0.01)
        Event().wait(timeout=0.01)

    run(main)
    assert os.read(reading, 10) == b"."
    os.close(writing)
    assert os.read(reading, 10) == b""
    os.close(reading)
