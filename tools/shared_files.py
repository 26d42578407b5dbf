"""A plugin of pytest with which several processes share the test files of one run.

Theory of operation. Every process collects all tests. Then it takes one test file after another
and runs its tests. A process takes a file by creating a file of that name in a folder that all
processes use; only one of them can create it, and the others continue with the next. So the
processes end at about the same time, whichever tests are added and however fast each process is.
Recorded durations would age, and pytest-xdist requires that all processes give the tests the same
names; some names contain an address.

Files with a test that is marked as slow come first, because the last files decide how far apart the
processes end; before all others those with the longest time limits, which say how long a test may
take. Each process begins at a place of its own in the list of the other slow files (``--begin-at``)
and goes round: neighbours use the same servers, and each process starts servers of its own.

pytest compiles each test file in its own way, which is half of the time of the collection. So each
process begins the collection, too, at a place of its own, and writes the bytecode for the others.

The next file is taken when the last test of a file begins, because pytest has to know the following
test: without one it would finish the fixtures of the session.

A process that stops early (``-x``, Ctrl-C) takes all remaining files and runs none of them, so that
the others end after their current file. If a process is killed, its current file is not run again;
its exit status fails the run.

The progress of a process is its share of the tests that no other process has taken.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import attrs
import pytest

_LONG = 300
"""Time limit, in seconds, from which on a test is one of those that run first."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a process that shares its files."""
    group = parser.getgroup("shared files")
    group.addoption(
        "--share-files", metavar="FOLDER", help="run only files that no other process has taken"
    )
    group.addoption(
        "--begin-at",
        metavar="SHARE",
        type=float,
        default=0.0,
        help="how much of the list of slow files comes before the first one, from 0 to 1",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Share files if the option names a folder."""
    folder = config.getoption("share_files")
    if folder:
        shared = SharedFiles(Path(folder), begin_at=config.getoption("begin_at"))
        config.pluginmanager.register(shared)


@attrs.define
class SharedFiles:
    """The loop of a process that shares its files.

    Attributes:
        folder: The folder with one empty file for each test file that a process has taken.
        begin_at: Share of the slow files that come last, because others begin with them.
    """

    folder: Path
    begin_at: float = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, object, object]:
        """Collect from a place of this process, and write bytecode whatever the environment says.

        The tests find the environment as it was.
        """
        config, before = session.config, sys.dont_write_bytecode
        if config.args_source is config.ArgsSource.TESTPATHS:
            config.args = _from_place(config.args, config.rootpath, self.begin_at)
        sys.dont_write_bytecode = False
        try:
            return (yield)
        finally:
            sys.dont_write_bytecode = before

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the tests of the files that this process takes."""
        if session.testsfailed or session.config.option.collectonly:
            return None  # the loop of pytest reports the errors of the collection
        files = self._in_order(session.items)
        items = self._items_of_taken_files(session, files)
        try:
            item = next(items, None)
            while item is not None:
                following = next(items, None)
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.shouldfail:
                    raise session.Failed(session.shouldfail)
                if session.shouldstop:
                    raise session.Interrupted(session.shouldstop)
                item = following
        finally:
            for name in files:
                self._take(name)
        return True

    def _in_order(self, items: list[pytest.Item]) -> dict[str, list[pytest.Item]]:
        """Return the tests of each file, in the order in which this process tries the files."""
        files: dict[str, list[pytest.Item]] = {}
        for item in items:
            files.setdefault(item.nodeid.partition("::")[0], []).append(item)
        slow = [
            name
            for name in sorted(files)
            if any(test.get_closest_marker("slow") for test in files[name])
        ]
        limits = {name: _limit_of(files[name]) for name in slow}
        long = [name for name in slow if limits[name] >= _LONG]
        long.sort(key=lambda name: -limits[name])
        first = int(len(slow) * self.begin_at)
        ordered = [*long, *slow[first:], *slow[:first], *files]
        return {name: files[name] for name in dict.fromkeys(ordered)}

    def _items_of_taken_files(
        self, session: pytest.Session, files: dict[str, list[pytest.Item]]
    ) -> Iterator[pytest.Item]:
        for name, items in files.items():
            if self._take(name):
                yield from items
            else:  # at least 1: pytest takes 0 for a mistake in its arguments
                session.testscollected = max(1, session.testscollected - len(items))

    def _take(self, name: str) -> bool:
        """Take a file; return whether it was free."""
        try:
            (self.folder / quote(name, safe="")).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def _limit_of(tests: Sequence[pytest.Item]) -> float:
    """Return the longest time limit that the tests of a file have of their own, in seconds."""
    marks = [test.get_closest_marker("timeout") for test in tests]
    return max((mark.args[0] for mark in marks if mark is not None and mark.args), default=0.0)


def _from_place(paths: Sequence[str], root: Path, share: float) -> list[str]:
    """Return the paths from a place on, and then those before it.

    Args:
        paths: The paths; a folder that has folders alone is replaced by these.
        root: The folder that they are relative to.
        share: How many of the test files come before the place, from 0 to 1.
    """
    parts = [part for path in paths for part in _parts_of(path, root)]
    counts = [sum(1 for _ in (root / part).rglob("test_*.py")) for part in parts]
    before = [0, *itertools.accumulate(counts)]
    first = next(at for at, count in enumerate(before) if count >= share * before[-1])
    return [*parts[first:], *parts[:first]]


def _parts_of(path: str, root: Path) -> list[str]:
    folder = root / path
    inner = sorted(folder.iterdir()) if folder.is_dir() else []
    is_of_folders = bool(inner) and all(each.is_dir() for each in inner)
    return [str(each.relative_to(root)) for each in inner] if is_of_folders else [path]
