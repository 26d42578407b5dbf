"""The private part of prometheus-client that is used here: ``mmap_dict``, its file format.

prometheus-client adds up the files of all processes in ``PROMETHEUS_MULTIPROC_DIR`` by a public
class, but the files themselves are private. What is used: ``MmapedDict(path)`` with ``read_value``,
``write_value``, ``close``, ``read_all_values_from_file``, the members ``_f`` (the file), ``_m``
(its map) and ``_positions`` (where each value is), and ``mmap_key``. A test checks all of it
against the public class that reads the files, for each version that is supported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import finalize

from ._instruments import Cell


class FigureFile:
    """A file of figures, open for writing."""

    def __init__(self, path: Path) -> None:
        """Open or make the file."""
        from prometheus_client.mmap_dict import MmapedDict

        self._dict: Any = MmapedDict(str(path))  # type: ignore[no-untyped-call]
        finalize(self, self._dict._f.close)  # the maps live as long as their cells

    def cell(self, key: str) -> Cell:
        """Return the place of the figure ``key`` in the file; it stays valid when the file grows.

        A longer file is mapped anew, and both maps show the same bytes.
        """
        self._dict.read_value(key)  # adds it
        position: int = self._dict._positions[key]
        return memoryview(self._dict._m)[position : position + 8].cast("d")

    def merge(self, figure: tuple[str, float, float], aggregation: str) -> None:
        """Merge a figure of another file into that of the same key.

        Args:
            figure: Its key, the value, and the time at which it was set.
            aggregation: ``sum``, ``min``, ``max`` or ``mostrecent``.
        """
        key, value, moment = figure
        is_known = key in self._dict._positions
        before, moment_before = self._dict.read_value(key)
        if aggregation == "sum":
            value += before
        elif is_known and aggregation == "mostrecent":
            value = value if moment >= moment_before else before
        elif is_known:
            value = min(before, value) if aggregation == "min" else max(before, value)
        self._dict.write_value(key, value, max(moment, moment_before))

    def close(self) -> None:
        """Close the file; not while its cells are in use."""
        self._dict.close()


def figures_of(path: Path) -> list[tuple[str, float, float]]:
    """Return the keys of a file, the values, and the times at which they were set, if ever."""
    from prometheus_client.mmap_dict import MmapedDict

    if not path.stat().st_size:
        return []  # the process was killed before it could count
    found = MmapedDict.read_all_values_from_file(str(path))  # type: ignore[no-untyped-call]
    return [(key, value, moment) for key, value, moment, _ in found]


def figure_key(metric: str, sample: str, labels: dict[str, str], description: str) -> str:
    """Return the key of a figure: names, labels and description as JSON."""
    from prometheus_client.mmap_dict import mmap_key

    return mmap_key(metric, sample, list(labels), list(labels.values()), description)
