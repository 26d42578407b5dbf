"""Missing values in templates: an error, or nothing and a warning in the log.

In development and in tests every use of a missing value is an error (`jinja2.StrictUndefined`). In
production an incomplete page is better than an error: a missing value is rendered as nothing, is
false and empty, and a warning names its line, once for each place. Everything else that is done
with it, such as reading an attribute of it, is an error there, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import attrs
from jinja2 import StrictUndefined, Undefined

from ._jinja_internals import line_of_caller

_log = logging.getLogger("photon.templates")
_MAX_PLACES = 1000


def undefined_class(*, strict: bool) -> type[Undefined]:
    """Return the class of missing values for one environment.

    Args:
        strict: True to make their use an error.
    """
    if strict:
        return StrictUndefined
    reporter = _Reporter()

    class ReportedUndefined(_LenientUndefined):
        """A missing value of one environment."""

        __slots__ = ()
        _report = reporter.report

    return ReportedUndefined


class _LenientUndefined(Undefined):
    """A missing value that is rendered as nothing and reported."""

    __slots__ = ()
    _report: Callable[[Undefined], None]

    def __str__(self) -> str:
        type(self)._report(self)
        return ""

    def __bool__(self) -> bool:
        type(self)._report(self)
        return False

    def __len__(self) -> int:
        type(self)._report(self)
        return 0

    def __iter__(self) -> Iterator[object]:
        type(self)._report(self)
        return iter(())


@attrs.define(eq=False)
class _Reporter:
    """Logs each place that uses a missing value once."""

    _places: set[tuple[str, int, str | None]] = attrs.field(factory=set, init=False)

    def report(self, value: Undefined) -> None:
        """Log the line of the template that is being rendered, if it is new."""
        line = line_of_caller()
        if line is None or len(self._places) >= _MAX_PLACES:
            return
        place = (line.file, line.line, value._undefined_name)
        if place not in self._places:
            self._places.add(place)
            message = value._undefined_message
            _log.warning("%s:%s: %s; it is rendered as nothing", line.file, line.line, message)
