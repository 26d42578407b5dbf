"""Watching the files of a project, for ``photon dev`` and ``photon mock --watch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from photon_runtime.project import Project

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator, Sequence

_SUFFIXES = frozenset(
    {".py", ".toml", ".yaml", ".yml", ".json", ".html", ".jinja", ".j2", ".jinja2", ".txt", ".xml"}
)
_IGNORED = frozenset({"__pycache__", "node_modules", "venv"})
_PERIOD = 500
"""Milliseconds after which an empty batch comes, so that the caller can look at something else."""


@attrs.frozen(eq=False)
class WatchedProject(Project):
    """The project of a command, whose files can be watched."""

    def changes(self, folder: Path, *, stop: threading.Event) -> Iterator[list[str]]:
        """Yield the files in a folder and below that have changed, in batches that may be empty.

        They are those that ``photon dev`` starts again for.

        Args:
            folder: The folder.
            stop: Ends the iteration when it is set.

        Blocks: the calling thread, for at most half a second each time.
        """
        return changes([folder.resolve()], stop=stop)


def changes(roots: Sequence[Path], *, stop: threading.Event) -> Iterator[list[str]]:
    """Yield the files that have changed, by their names below the roots, in batches.

    A batch is empty where nothing has changed for half a second.

    Args:
        roots: The folders, with all that is below them.
        stop: Ends the iteration when it is set.

    Blocks: the calling thread, for at most half a second each time.
    """
    import watchfiles

    batches = watchfiles.watch(
        *roots,
        watch_filter=lambda _, path: is_watched(Path(path), roots),
        stop_event=stop,
        yield_on_timeout=True,
        rust_timeout=_PERIOD,
        raise_interrupt=False,
    )
    for batch in batches:
        yield sorted({_shown(Path(path), roots) for _, path in batch})


def is_watched(path: Path, roots: Iterable[Path]) -> bool:
    """Return whether a change of a file is relevant.

    Args:
        path: The file.
        roots: The watched folders; only what is below them decides, not where they are.
    """
    if path.suffix not in _SUFFIXES:
        return False
    return any(
        not any(part in _IGNORED or part.startswith(".") for part in path.relative_to(root).parts)
        for root in roots
        if path.is_relative_to(root)
    )


def _shown(path: Path, roots: Sequence[Path]) -> str:
    return next((str(path.relative_to(r)) for r in roots if path.is_relative_to(r)), str(path))
