"""A mock that follows its document: it is made anew when a file has changed.

The new one takes over between two requests. While what was written cannot be served, the one before
goes on.
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
        """Begin to watch; each step blocks the thread, for a moment at the most."""
        ...


class ReloadingMock:
    """Serves a mock, and in its place a new one when a file has changed.

    Args:
        load: Makes a mock; refuses by `DocumentError`.
        changes: What it follows.
        tell: Is given a line for people.

    Attributes:
        docs_url: Path of the documentation page.
    """

    docs_url = "/docs"

    def __init__(
        self, load: Callable[[], MockApplication], changes: Changes, *, tell: Callable[[str], None]
    ) -> None:
        """Begin without a mock."""
        self._load, self._changes, self._tell = load, changes, tell
        self._handler: Handler
        self._running = ExitStack()

    @contextmanager
    def start(self, *, development: bool = False) -> Iterator[Handler]:
        """Start a mock, and follow the changes; see `MockApplication.start`.

        Raises:
            DocumentError: The document is not in order; lists every problem.
        """
        stop = threading.Event()
        batches = self._changes(stop=stop)
        try:
            offload(next, batches)  # what changes while the document is read is not to be missed
            self._replace(development=development)
            with scope() as running:
                running.spawn(self._follow, batches, development)
                try:
                    yield self._answer
                finally:
                    running.cancel()
        finally:
            stop.set()
            self._running.close()

    def _answer(self, request: Request) -> Response:
        return self._handler(request)

    def _follow(self, batches: Iterator[list[str]], development: bool) -> None:
        while (changed := offload(next, batches, None)) is not None:
            documents = [name for name in changed if name.endswith(_SUFFIXES)]
            if documents:
                self._reload(documents, development=development)

    def _reload(self, changed: list[str], *, development: bool) -> None:
        former = self._running
        try:
            self._replace(development=development)
        except DocumentError as error:
            problems = "".join(f"\n  - {problem}" for problem in error.problems)
            self._tell(f"changed: {changed[0]}; the former document is served on:{problems}")
        else:
            former.close()
            self._tell(f"changed: {changed[0]}; the new document is served")

    def _replace(self, *, development: bool) -> None:
        """Start a mock and put it in the place of the one before.

        Raises:
            DocumentError: There is none to be had; the one before stays.
        """
        with ExitStack() as stack:
            handler = stack.enter_context(self._load().start(development=development))
            self._running, self._handler = stack.pop_all(), handler
