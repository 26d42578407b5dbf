"""A mock that reloads its document when a file has changed.

The new mock replaces the previous one between two requests. If the changed document cannot be
served, the previous mock continues.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from photon_openapi.errors import DocumentError
from photon_runtime import offload, scope
from photon_runtime.http import Handler, Request, Response

from ._mock import MockApplication

_SUFFIXES = (".yaml", ".yml", ".json")


class Changes(Protocol):
    """Yields the files that have changed, in batches that may be empty, until ``stop`` is set."""

    def __call__(self, *, stop: threading.Event) -> Iterator[list[str]]:
        """Start watching; each step blocks the thread only briefly."""
        ...


class ReloadingMock:
    """Serves a mock, and replaces it by a new one when a file has changed.

    Args:
        load: Function that creates a mock, or raises `DocumentError`.
        changes: Source of the names of changed files.
        report: Function that shows a line to the user.

    Attributes:
        docs_url: Path of the documentation page.
    """

    docs_url = "/docs"

    def __init__(
        self,
        load: Callable[[], MockApplication],
        changes: Changes,
        *,
        report: Callable[[str], None],
    ) -> None:
        """Store the arguments; the first mock is created at start-up."""
        self._load, self._changes, self._report = load, changes, report
        self._handler: Handler
        self._running = ExitStack()

    @contextmanager
    def start(self, *, development: bool = False) -> Iterator[Handler]:
        """Start a mock, and watch for changes; see `MockApplication.start`.

        Raises:
            DocumentError: The document is invalid; lists every problem.
        """
        stop = threading.Event()
        batches = self._changes(stop=stop)
        try:
            offload(next, batches)  # so that changes while the document is read are not missed
            self._replace(development=development)
            with scope() as running:
                running.spawn(self._follow, batches, development)
                try:
                    yield self._respond
                finally:
                    running.cancel()
        finally:
            stop.set()
            self._running.close()

    def _respond(self, request: Request) -> Response:
        return self._handler(request)

    def _follow(self, batches: Iterator[list[str]], development: bool) -> None:
        while (changed := offload(next, batches, None)) is not None:
            documents = [name for name in changed if name.endswith(_SUFFIXES)]
            if documents:
                self._reload(documents, development=development)

    def _reload(self, changed: list[str], *, development: bool) -> None:
        previous = self._running
        try:
            self._replace(development=development)
        except DocumentError as error:
            problems = "".join(f"\n  - {problem}" for problem in error.problems)
            self._report(f"changed: {changed[0]}; the previous document is still served:{problems}")
        else:
            previous.close()
            self._report(f"changed: {changed[0]}; the new document is served")

    def _replace(self, *, development: bool) -> None:
        """Start a mock and replace the previous one.

        Raises:
            DocumentError: The document is invalid; the previous mock remains.
        """
        with ExitStack() as stack:
            handler = stack.enter_context(self._load().start(development=development))
            self._running, self._handler = stack.pop_all(), handler
