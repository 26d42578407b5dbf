"""Observable metrics: a function returns the figures when they are read.

For what exists anyway, such as the connections of a pool that are in use. In a process with other
workers the figures are read every few seconds and stored for the others, because only this process
can call the function.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import attrs

from ._instruments import Counter, Family, Gauge

_log = logging.getLogger("photon.metrics")

Observation: TypeAlias = "float | Mapping[tuple[str, ...], float]"


@attrs.define
class Observable:
    """A metric whose figures a function returns.

    Attributes:
        family: Instruments that store the figures.
        callback: Function that returns the figure; with labels, the figures by label values.
    """

    family: Family[Counter] | Family[Gauge]
    callback: Callable[[], Observation]
    _is_failing: bool = attrs.field(default=False, init=False)

    def read(self) -> None:
        """Call the function and store its result; a failure is logged once."""
        try:
            figures = dict(self._figures())
        except Exception:
            if not self._is_failing:
                _log.exception("the metric %s cannot be read", self.family.definition.name)
            self._is_failing = True
            return
        self._is_failing = False
        for values, figure in figures.items():
            self.family.labels(*values).cells[0][0] = figure
        for values, instrument in self.family.series():
            if values not in figures and instrument.kind == "gauge":
                instrument.cells[0][0] = 0.0  # the counted object no longer exists: a closed pool

    def _figures(self) -> Iterator[tuple[tuple[str, ...], float]]:
        observed = self.callback()
        if not self.family.definition.labels:
            observed = {(): float(observed)}  # type: ignore[arg-type]  # else it is an error
        elif not isinstance(observed, Mapping):
            raise TypeError(f"expected figures by label values, got {observed!r}")
        for values, figure in observed.items():
            yield values, float(figure)
