"""Watching the files of a project, for ``photon dev`` and ``photon mock --watch``.

A batch of changes ends when no further change has come for `_QUIET`: an editor that writes a
temporary file and renames it, a formatter, and a checkout of many files are one batch each. What
changes is judged by its name alone, so that the temporary files of editors, databases, caches and
environments never count, wherever they are.
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import attrs

from photon_runtime.project import Project

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator, Sequence

CODE = frozenset({".py", ".toml", ".yaml", ".yml", ".json", ".html", ".jinja", ".po", ".ftl"})
"""Endings of files that an application may have read at its start."""

TEMPLATES = frozenset({".html", ".htm", ".jinja", ".jinja2", ".j2", ".xml", ".txt", ".md"})
"""Endings of files that an application may have read at its start, or at each request."""

ASSETS = frozenset(
    {".css", ".js", ".mjs", ".map", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif"}
    | {".ico", ".woff", ".woff2", ".ttf", ".webmanifest"}
)
"""Endings of files that are read at each request, by browsers."""

_IGNORED = frozenset(
    {"__pycache__", "node_modules", "venv", "env", "build", "dist", "htmlcov", "site-packages"}
)
_QUIET = 0.2
"""Seconds without a change that end a batch; also the time after which an empty one comes."""

_LONGEST = 5.0
"""Seconds after which a batch ends in any case."""


@attrs.frozen(eq=False)
class WatchedProject(Project):
    """The project of a command, whose files can be watched."""

    def changes(self, folder: Path, *, stop: threading.Event) -> Iterator[list[str]]:
        """Yield the files in a folder and below that have changed, in batches that may be empty.

        Args:
            folder: The folder.
            stop: Ends the iteration when it is set.

        Blocks: the calling thread, for a fraction of a second each time.
        """
        root = folder.resolve()
        for batch in changes([root], stop=stop):
            code = [path for path in batch if path.suffix in CODE or is_dotenv(path)]
            if code or not batch:
                yield [shown(path, [root]) for path in code]


def changes(roots: Sequence[Path], *, stop: threading.Event) -> Iterator[list[Path]]:
    """Yield the files that have changed, sorted, in batches.

    A batch is empty where nothing has changed for a while.

    Args:
        roots: The folders, with all that is below them.
        stop: Ends the iteration when it is set.

    Blocks: the calling thread, for a fraction of a second each time.
    """
    import watchfiles

    pending: set[Path] = set()
    begun = 0.0
    for found in watchfiles.watch(
        *roots,
        watch_filter=lambda change, path: (
            is_watched(Path(path), roots)
            or (change is watchfiles.Change.added and _is_new_folder(Path(path), roots))
        ),
        stop_event=stop,
        yield_on_timeout=True,
        rust_timeout=round(_QUIET * 1000),
        raise_interrupt=False,
    ):
        # Further changes of the same file do not keep watchfiles from ending its own batch.
        begun = begun if pending else monotonic()
        pending.update(*(_files_at(Path(path), roots) for _, path in found))
        if not found or monotonic() - begun > _LONGEST:
            yield sorted(pending)
            pending.clear()


def _is_new_folder(path: Path, roots: Sequence[Path]) -> bool:
    """Return whether it is a folder whose files were there before it could be watched."""
    is_named = any(
        _is_source(path.relative_to(root) / "_") for root in roots if path.is_relative_to(root)
    )
    return is_named and path.is_dir()


def _files_at(path: Path, roots: Sequence[Path]) -> Iterator[Path]:
    if is_watched(path, roots):
        yield path
    elif path.is_dir():
        yield from (below for below in path.rglob("*") if is_watched(below, roots))


def is_watched(path: Path, roots: Iterable[Path]) -> bool:
    """Return whether a change of a file is relevant.

    Args:
        path: The file.
        roots: The watched folders; only what is below them decides, not where they are.
    """
    if not is_dotenv(path) and path.suffix not in CODE | TEMPLATES | ASSETS:
        return False
    return any(_is_source(path.relative_to(root)) for root in roots if path.is_relative_to(root))


def _is_source(path: Path) -> bool:
    """Return whether a path below a watched folder has no hidden or generated folder in it."""
    *folders, name = path.parts
    if name.startswith(".") and not is_dotenv(path):
        return False
    return not any(
        folder in _IGNORED or folder.startswith(".") or folder.endswith(".egg-info")
        for folder in folders
    )


def is_dotenv(path: Path) -> bool:
    """Return whether it is a file of variables, such as ``.env`` or ``.env.local``."""
    return path.name == ".env" or (path.name.startswith(".env.") and not path.name.endswith("~"))


def shown(path: Path, roots: Sequence[Path]) -> str:
    """Return a path as it is shown: below the first of the folders that it is in."""
    return next((str(path.relative_to(r)) for r in roots if path.is_relative_to(r)), str(path))
