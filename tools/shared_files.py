"""A plugin of pytest with which several processes share the test files of one run.

Theory of operation. Every process collects all tests. Then it takes one test file after another
and runs its tests. A process takes a file by creating a file of that name in a folder that all
processes use; only one of them can create it, and the others continue with the next. So the
processes end at about the same time, whichever tests are added and however fast each process is.
Recorded durations would age, and pytest-xdist requires that all processes give the tests the same
names; some names contain an address.

Files with a test that is marked as slow come first, because the last files decide how far apart the
processes end. Each process begins at a place of its own in the list of the slow files
(``--begin-at``) and goes round: neighbours use the same servers, and each process starts servers of
its own.

The next file is taken when the last test of a file begins, because pytest has to know the following
test: without one it would finish the fixtures of the session.

A process that stops early (``-x``, Ctrl-C) takes all remaining files and runs none of them, so that
the others end after their current file. If a process is killed, its current file is not run again;
its exit status fails the run.

The progress of a process is its share of the tests that no other process has taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import attrs
import pytest


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
            for name, tests in files.items()
            if any(test.get_closest_marker("slow") for test in tests)
        ]
        first = int(len(slow) * self.begin_at)
        ordered = [*slow[first:], *slow[:first], *files]
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
