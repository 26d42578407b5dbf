"""What libraries keep for the running thread or request does not reach the next request.

Each test runs one scenario of ``programs/use_request_state.py`` under the patch in an interpreter
of its own: requests that follow one another on one connection, and two on each of 20 at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parent / "programs" / "use_request_state.py"


def found_by(scenario: str) -> dict[str, Any]:
    """Run a scenario and return what it printed."""
    command = [sys.executable, "-m", "photon_runtime.patch", str(PROGRAM), scenario, "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "scenario",
    [
        "thread_locals",
        "asgiref_locals",
        "werkzeug_locals",
        "structlog_fields",
        "telemetry_baggage",
        "decimal_contexts",
        "decimal_contexts_in_use",
        "sentry_scopes",
    ],
)
def test_each_request_of_a_connection_starts_clean(scenario: str) -> None:
    found = found_by(scenario)
    assert found["one"] == [["a"], ["b"], ["c"]]
    assert found["mixed"] == []
    assert found.get("before", 0) == 0
    assert found.get("after", 30) == 30, "a request does not change the application's"


def test_a_sockets_handler_keeps_its_values_and_tasks_have_their_own() -> None:
    tasks = [["0"], ["1"], ["2"], ["own"]]
    assert found_by("sockets_and_tasks")["answers"] == ["a", "a,b", tasks] * 2
