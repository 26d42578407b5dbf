"""Whatever interrupts a command that changes files, the project is as before or complete."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from photon_cli.generation import (
    FileChange,
    apply_edits,
    project_lock,
    recover_interrupted,
    write_changes,
)
from photon_cli.generation import _journal as journal
from photon_cli.generation import _transaction as transaction
from photon_runtime.generators import CreateFile, Edit, GeneratorError, InsertCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBERS = range(4)
EDITS: list[Edit] = [
    *(CreateFile(f"new/{number}/made.txt", "made\n") for number in NUMBERS),
    *(InsertCode(f"old/{number}.txt", "line", place="end") for number in NUMBERS),
]
REMOVED = "old/removed/file.txt"


def tree(root: Path) -> dict[str, bytes]:
    """All files of a project by name, and its folders."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else b"<folder>"
        for path in root.rglob("*")
    }


def make(root: Path) -> Path:
    (root / "old" / "removed").mkdir(parents=True)
    for number in NUMBERS:
        (root / "old" / f"{number}.txt").write_text("before\n")
    (root / REMOVED).write_text("removed\n")
    return root


def change(root: Path) -> None:
    """Create files, change files, and remove the only file of a folder."""
    plan = apply_edits(root, EDITS)
    plan.file(REMOVED).after = None
    write_changes(root, plan.changes)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path / "project")


@pytest.fixture
def complete(tmp_path: Path) -> dict[str, bytes]:
    """The project after the changes."""
    other = make(tmp_path / "other")
    change(other)
    return tree(other)


def test_the_mode_of_a_file_stays(root: Path) -> None:
    (root / "old" / "0.txt").chmod(0o750)
    change(root)
    assert (root / "old" / "0.txt").stat().st_mode & 0o777 == 0o750


def test_all_changes_are_made_and_nothing_else_is_left(
    root: Path, complete: dict[str, bytes]
) -> None:
    assert complete["new/3/made.txt"] == b"made\n"
    assert complete["old/3.txt"] == b"before\nline\n"
    assert len(complete) == 14
    change(root)
    assert tree(root) == complete


class Interruption:
    """Calls a function at the n-th operation on the file system.

    A folder that cannot be removed is not a failure: it stays.
    """

    def __init__(self, left: int, function: Callable[[], None]) -> None:
        self.left, self.function = left, function
        self.is_over = False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        is_write = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
        if self.is_over or not (is_write or event.startswith("os.")):
            return
        if event == "os.rmdir" and self.function is fail:
            return
        self.left -= 1
        if self.left == 0:
            self.is_over = True
            self.function()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupt() -> None:
    raise KeyboardInterrupt


DRIVER = """
import contextlib, os, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
import test_cli_transaction as test

@contextlib.contextmanager
def no_guardian(root, lock):
    yield

test.transaction._guardian = no_guardian
for step in range(1, 10_000):
    root = Path({root!r}) / str(step)
    test.make(root)
    pid = os.fork()
    if not pid:
        interruption = test.Interruption(step, test.{function})
        sys.addaudithook(interruption)
        try:
            test.change(root)
        except BaseException as error:
            interruption.is_over = True
            (root.parent / f"{{step}}.error").write_text(repr(error))
        finally:
            os._exit(0 if interruption.left > 0 else 1)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0:
        break
"""


@pytest.fixture(params=["kill", "fail", "interrupt"])
def interrupted(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, list[Path]]:
    """Projects that were interrupted at each operation on the file system, without a guardian."""
    folder = tmp_path / "interrupted"
    folder.mkdir()
    script = DRIVER.format(
        folder=str(Path(__file__).parent), root=str(folder), function=request.param
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    projects = sorted(
        (each for each in folder.iterdir() if each.is_dir()), key=lambda x: int(x.name)
    )
    assert len(projects) > 30
    return request.param, projects


@pytest.mark.slow
def test_an_interruption_at_any_step_leaves_the_project_as_before_or_complete(
    interrupted: tuple[str, list[Path]], tmp_path: Path, complete: dict[str, bytes]
) -> None:
    kind, projects = interrupted
    before = tree(make(tmp_path / "untouched"))
    results = []
    for project in projects:
        recover_interrupted(project)
        after = tree(project)
        assert after in (before, complete), project.name
        results.append(after == complete)
        error = project.with_suffix(".error")
        if kind == "fail" and error.exists():
            assert "GeneratorError('nothing was changed: " in error.read_text()
            assert after == before
    if kind != "fail":  # a failure may be one that does not matter, as of a link that is copied
        assert results == sorted(results)  # there is one moment that decides
    assert True in results
    assert False in results


TOY = """
from photon_runtime.generators import *

class Toy:
    def plan(self, project, arguments):
        for number in range(20):
            yield CreateFile(f"toys/{number}/{arguments.name}.py", "x = 1\\n" * 200)
        yield InsertCode("main.py", f"import {arguments.name}", place="imports")
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A folder with an installed generator of 20 files."""
    info = tmp_path / "site" / "toy-1.dist-info"
    info.mkdir(parents=True)
    (info.parent / "toy.py").write_text(TOY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[photon.generators]\ntoy = toy:Toy\n")
    return info.parent


def make_toy_project(root: Path) -> Path:
    root.mkdir()
    (root / "photon.toml").write_text("[project]\nname = 'toy'\n")
    (root / "main.py").write_text("import os\n")
    return root


def start(root: Path, site: Path, *arguments: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-m", "photon_cli", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_a_random_moment_needs_no_other_command_to_recover(
    tmp_path: Path, toy: Path, number: signal.Signals
) -> None:
    reference = make_toy_project(tmp_path / "reference")
    before = tree(reference)
    process = start(reference, toy, "generate", "toy", "robot")
    began = time.monotonic()
    output, _ = process.communicate()
    duration = time.monotonic() - began
    assert process.returncode == 0, output
    complete = tree(reference)

    counts = {True: 0, False: 0}
    for attempt in range(50 if number == signal.SIGKILL else 10):
        root = make_toy_project(tmp_path / str(attempt))
        process = start(root, toy, "generate", "toy", "robot")
        time.sleep(random.uniform(0.3, 1.0) * duration)  # not for security
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.communicate()  # until the guardian has ended, which has the same output
        after = tree(root)
        assert after in (before, complete)
        counts[after == complete] += 1
        shutil.rmtree(root)
    assert counts[False]  # otherwise the moments were too late


@pytest.mark.slow
def test_a_kill_while_files_are_renamed_is_completed_by_the_guardian(
    root: Path, complete: dict[str, bytes]
) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import os, signal, pathlib, test_cli_transaction as test\n"
        "replace, count = os.replace, [0]\n"
        "def replacing(*arguments):\n"
        "    count[0] += 1\n"
        "    if count[0] == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return replace(*arguments)\n"
        "os.replace = replacing\n"
        f"test.change(pathlib.Path({str(root)!r}))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stdout
    assert tree(root) == complete


@pytest.mark.slow
def test_what_a_killed_command_and_guardian_left_is_completed_by_any_command(
    tmp_path: Path, toy: Path
) -> None:
    root = make_toy_project(tmp_path / "project")
    plan = apply_edits(root, [CreateFile("a/b.txt", "made")])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(journal.Journal, "go_forward", fail_at_end)
        patched.setattr(journal.Journal, "go_backward", fail_at_end)
        with pytest.raises(GeneratorError, match="taking back what was changed failed, too"):
            write_changes_without_guardian(root, plan.changes, patched)
    assert (root / journal.JOURNAL).exists()
    assert not (root / "a" / "b.txt").exists()
    process = start(root, toy, "generate", "override", "--list")
    output, _ = process.communicate()
    assert "an interrupted `photon generate` or `destroy` was completed" in output
    assert (root / "a" / "b.txt").read_text() == "made"
    assert not (root / journal.JOURNAL).exists()


def fail_at_end(_: object) -> list[str]:
    raise OSError(errno.EIO, "Input/output error")


def write_changes_without_guardian(
    root: Path, changes: list[FileChange], patched: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def no_guardian(_root: Path, _lock: int) -> Iterator[None]:
        yield

    patched.setattr(transaction, "_guardian", no_guardian)
    write_changes(root, changes)


def test_files_that_were_edited_after_an_interruption_are_left_alone_and_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = apply_edits(root, EDITS)
    with monkeypatch.context() as patched:
        patched.setattr(journal.Journal, "go_forward", fail_at_end)
        patched.setattr(journal.Journal, "go_backward", fail_at_end)
        with pytest.raises(GeneratorError):
            write_changes_without_guardian(root, plan.changes, patched)
    (root / "old" / "1.txt").write_text("edited\n")
    assert recover_interrupted(root) == [
        "an interrupted `photon generate` or `destroy` was completed",
        "old/1.txt was changed since and is left as it is",
    ]
    assert (root / "old" / "1.txt").read_text() == "edited\n"
    assert (root / "old" / "2.txt").read_text() == "before\nline\n"
    assert recover_interrupted(root) == []


def test_a_file_that_was_saved_meanwhile_is_left_alone(root: Path) -> None:
    plan = apply_edits(root, EDITS)
    (root / "old" / "2.txt").write_text("saved\n")
    before = tree(root)
    with pytest.raises(GeneratorError, match=r"nothing was changed: old/2\.txt was changed mean"):
        write_changes(root, plan.changes)
    assert tree(root) == before


def test_a_file_that_is_saved_between_two_renames_is_left_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = journal.Journal.decide

    def deciding(own: journal.Journal, steps: list[journal.Step]) -> None:
        decide(own, steps)
        (root / "old" / "3.txt").write_text("saved\n")

    monkeypatch.setattr(journal.Journal, "decide", deciding)
    before = tree(root)
    with pytest.raises(GeneratorError, match=r"nothing was changed: old/3\.txt was changed mean"):
        change(root)
    assert tree(root) == before | {"old/3.txt": b"saved\n"}


@pytest.mark.parametrize("path", ["old/1.txt", "old", "."])
def test_what_is_read_only_is_named_and_nothing_is_changed(root: Path, path: str) -> None:
    before = tree(root)
    mode = (root / path).stat().st_mode
    (root / path).chmod(mode & ~0o222)
    try:
        with pytest.raises(GeneratorError, match=r"cannot be written: read-only"):
            change(root)
        assert tree(root) == before
    finally:
        (root / path).chmod(mode)


def test_a_full_disk_leaves_the_project_as_before(root: Path) -> None:
    before = tree(root)
    plan = apply_edits(root, [*EDITS, CreateFile("large.txt", "x" * 100_000)])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(GeneratorError, match=r"nothing was changed: .*File too large"):
            write_changes(root, plan.changes)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert tree(root) == before


def test_a_symbolic_link_stays_and_its_file_changes(root: Path) -> None:
    (root / "link.txt").symlink_to("old/1.txt")
    plan = apply_edits(root, [InsertCode("link.txt", "more", place="end")])
    write_changes(root, plan.changes)
    assert (root / "link.txt").is_symlink()
    assert (root / "old" / "1.txt").read_text() == "before\nmore\n"


def test_two_edits_of_one_file_by_two_names_are_one_change(root: Path) -> None:
    (root / "link").symlink_to("old")
    edits = [InsertCode(f"{name}/1.txt", name, place="end") for name in ("old", "link")]
    plan = apply_edits(root, edits)
    write_changes(root, plan.changes)
    assert (root / "old" / "1.txt").read_text() == "before\nold\nlink\n"


def test_two_commands_at_once_wait_for_each_other(root: Path) -> None:
    entered, failures = threading.Event(), []

    def hold() -> None:
        with project_lock(root):
            entered.set()
            try:
                with project_lock(root, patience=0.05):
                    pass
            except GeneratorError as error:
                failures.append(str(error))

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    change(root)
    thread.join()
    assert "another `photon generate` or `destroy` is working in" in failures[0]


@pytest.mark.slow
def test_several_generations_at_once_all_happen(tmp_path: Path, toy: Path) -> None:
    root = make_toy_project(tmp_path / "project")
    names = ["one", "two", "three", "four"]
    processes = [start(root, toy, "generate", "toy", name, "--json") for name in names]
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0, output
        assert json.loads(output)["written"]
    assert len(list((root / "toys").rglob("*.py"))) == 80
    assert (root / "main.py").read_text().count("import ") == 5
    for name in names:
        process = start(root, toy, "destroy", "toy", name)
        assert process.wait() == 0
        assert process.stdout is not None
        process.stdout.close()
    assert tree(root).keys() == {"photon.toml", "main.py"}
