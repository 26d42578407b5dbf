"""The whole suite in several processes: each test runs once, each can fail it, and all end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import suite
from environments import ROOT

pytestmark = pytest.mark.slow

CONFTEST = """
    import os
    import time
    from pathlib import Path

    import pytest

    pytest_plugins = ["shared_files"]
    LOG = Path(__file__).with_name("log")

    def log(*words):
        with LOG.open("a") as file:
            print(*words, os.getpid(), file=file)

    @pytest.fixture(scope="session")
    def server():
        log("started")
        yield
        log("stopped")

    @pytest.fixture(autouse=True)
    def run(request, server):
        log("ran", request.node.nodeid)

    @pytest.fixture(scope="session")
    def place():
        '''All processes have come to a test; returns how many of them were here before.'''
        mark = LOG.with_name(f"here-{os.getpid()}")
        mark.touch()
        latest = time.monotonic() + 30
        while len(marks := sorted(LOG.parent.glob("here-*"), key=os.path.getmtime)) < 3:
            assert time.monotonic() < latest, "a process has not come"
            time.sleep(0.01)
        return marks.index(mark)
"""
VARIABLES = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # they take a second to load
RUN = """
    import os, sys
    from pathlib import Path
    from suite import run_suite
    sys.exit(run_suite(Path(sys.executable), sys.argv[1:], folder=Path(), variables=os.environ))
"""


class Suite:
    """A folder with test files, and what has happened in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = dict(VARIABLES)
        self.write("conftest", CONFTEST)
        settings = f"[pytest]\npythonpath = {ROOT / 'tools'}\nmarkers = slow\n  timeout\n"
        (folder / "pytest.ini").write_text(settings)

    def write(self, name: str, text: str) -> None:
        (self.folder / f"{name}.py").write_text(textwrap.dedent(text))

    def run(self, *arguments: str) -> int:
        arguments = ("-p", "no:cacheprovider", *arguments)
        python = Path(sys.executable)
        return suite.run_suite(python, arguments, folder=self.folder, variables=self.variables)

    def log(self, word: str) -> list[list[str]]:
        """Return the lines of the log that begin with a word, without it."""
        lines = (self.folder / "log").read_text().splitlines()
        return [words[1:] for words in map(str.split, lines) if words[0] == word]

    def ran(self) -> list[str]:
        return sorted(name for name, _ in self.log("ran"))


@pytest.fixture
def folder(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


def test_each_test_runs_once_and_each_process_has_a_server(
    folder: Suite, capfd: pytest.CaptureFixture[str]
) -> None:
    names = [f"test_{number:02}" for number in range(20)]
    for name in names:
        folder.write(name, "def test_a(place): pass\ndef test_b(): pass\n")
    assert folder.run() == 0
    assert folder.ran() == [f"{name}.py::test_{each}" for name in names for each in "ab"]
    assert len(folder.log("started")) == len(folder.log("stopped")) == 3
    printed = capfd.readouterr().out
    assert all(f"{name}.py" in printed for name in names)
    assert printed.count("[100%]") == 3


def test_slow_files_come_first_and_each_process_begins_at_its_place(folder: Suite) -> None:
    slow = "import pytest\n@pytest.mark.slow\ndef test(place): pass\n"
    folder.write("test_a", "def test(place): pass")
    for name in ("test_b", "test_c", "test_d", "test_e", "test_f", "test_g"):
        folder.write(name, slow)
    assert folder.run() == 0
    by_process: dict[str, list[str]] = {}
    for name, process in folder.log("ran"):
        by_process.setdefault(process, []).append(name)
    assert sorted(names[0] for names in by_process.values()) == [
        "test_b.py::test",
        "test_d.py::test",
        "test_f.py::test",
    ]
    assert [
        names.index("test_a.py::test") + 1 == len(names)
        for names in by_process.values()
        if "test_a.py::test" in names
    ] == [True]


def test_files_with_the_longest_time_limits_come_first(folder: Suite) -> None:
    text = "import pytest\n@pytest.mark.slow\n@pytest.mark.timeout({})\ndef test(place): pass\n"
    for name, limit in {"a": 60, "b": 60, "c": 60, "x": 300, "y": 900, "z": 600}.items():
        folder.write(f"test_{name}", text.format(limit))
    assert folder.run() == 0
    by_process: dict[str, list[str]] = {}
    for name, process in folder.log("ran"):
        by_process.setdefault(process, []).append(name[len("test_")])
    assert "y" in {names[0] for names in by_process.values()}
    for names in by_process.values():
        assert [each for each in "yzx" if each in names] == names[: len(set(names) & set("xyz"))]


def test_each_process_begins_the_collection_at_its_place_and_writes_bytecode(
    folder: Suite,
) -> None:
    text = """
        import os, sys
        from pathlib import Path
        name = Path(__file__).stem
        with open(Path(__file__).parents[2] / "log", "a") as log:
            print("collected", name, os.getpid(), file=log)
        def test(place): assert sys.dont_write_bytecode
    """
    names = [f"test_{each}" for each in "abcdef"]
    for name in names:
        (folder.folder / f"packages/{name}").mkdir(parents=True)
        folder.write(f"packages/{name}/{name}", text)
    with (folder.folder / "pytest.ini").open("a") as file:
        file.write("testpaths = packages\n")
    folder.variables["PYTHONDONTWRITEBYTECODE"] = "1"
    assert folder.run() == 0
    collected: dict[str, list[str]] = {}
    for name, process in folder.log("collected"):
        collected.setdefault(process, []).append(name)
    assert sorted(collected.values()) == [names, names[2:] + names[:2], names[4:] + names[:4]]
    assert folder.ran() == [f"packages/{name}/{name}.py::test" for name in names]
    assert len(list(folder.folder.glob("packages/*/__pycache__/*-pytest-*.pyc"))) == len(names)


@pytest.mark.parametrize("failing", range(3))
def test_a_failure_in_any_process_is_a_failure(folder: Suite, failing: int) -> None:
    for number in range(9):  # each process takes the next file before the first has ended
        folder.write(f"test_{number}", f"def test(place): assert place != {failing}")
    assert folder.run() == 1


def test_an_error_of_the_collection_is_a_failure(
    folder: Suite, capfd: pytest.CaptureFixture[str]
) -> None:
    folder.write("test_a", "def test(): pass")
    folder.write("test_b", "import nothing_of_this_name")
    assert folder.run() == 2
    assert "nothing_of_this_name" in capfd.readouterr().out
    assert not (folder.folder / "log").exists()


def test_a_process_without_a_file_is_not_a_failure(folder: Suite) -> None:
    folder.write("test_a", "def test(): pass")
    assert folder.run() == 0
    assert folder.ran() == ["test_a.py::test"]


def test_a_selection_without_tests_is_a_failure(folder: Suite) -> None:
    folder.write("test_a", "def test(): pass")
    assert folder.run("-k", "missing") == pytest.ExitCode.NO_TESTS_COLLECTED


def test_the_first_failure_ends_all_processes(folder: Suite) -> None:
    for number in range(20):
        folder.write(f"test_{number:02}", "def test(place): assert place")
    assert folder.run("-x") != 0
    assert len(folder.ran()) < 20


@pytest.mark.parametrize("whole_group", [True, False])
def test_an_interrupt_ends_all_processes_and_their_servers(
    folder: Suite, whole_group: bool
) -> None:
    """Ctrl-C reaches the whole group; a signal may reach the parent alone."""
    for number in range(9):  # each process takes the next file before the first has ended
        folder.write(f"test_{number}", "import time\ndef test(place): time.sleep(50)")
    seconds = f"import suite\nsuite._STOPPING = {10 if whole_group else 0}\n"
    with subprocess.Popen(
        [sys.executable, "-c", seconds + textwrap.dedent(RUN), "-p", "no:cacheprovider"],
        cwd=folder.folder,
        env={**VARIABLES, "PYTHONPATH": str(ROOT / "tools")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        while len(list(folder.folder.glob("here-*"))) < 3:
            assert process.poll() is None
        if whole_group:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode != 0
    if whole_group:
        assert len(folder.log("stopped")) == 3
    for _, pid in folder.log("ran"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
