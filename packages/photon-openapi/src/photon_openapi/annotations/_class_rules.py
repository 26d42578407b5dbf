"""The rules of an application for the classes that it uses: names, and unknown members.

Theory of operation. A class has one description wherever it is used, and is not changed by the
applications that use it: two applications of one process may spell its members differently. So the
rules of an application are a context variable that is set while its document is written and its
endpoints are compiled, which is when classes are read. What is computed then (decoders,
projections, schemas) keeps the names that it was made with; no request looks at the rules. What
outlives a compilation, such as a cache by class, has the rules in its key.

Outside of a compilation, a class has its own names only: jobs, settings and mail do not depend on
the application that made them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import attrs

from ._rename import NameRule

Names: TypeAlias = tuple[tuple[str, str], ...]
"""Names on the wire by those of the attributes, as pairs, which can be hashed."""


def _pairs(names: Mapping[Any, Mapping[str, str]]) -> tuple[tuple[Any, Names], ...]:
    return tuple((cls, tuple(each.items())) for cls, each in names.items())


@attrs.frozen
class ClassRules:
    """The rules of an application for its classes.

    Attributes:
        rename: The rule for the names of members that have none of their own.
        closed: True to refuse unknown members, unless a class says otherwise.
        names: Names on the wire of members by class, such as those of a loaded document. They take
            precedence over ``rename``, and the names that a class has of its own over both.
    """

    rename: NameRule | None = None
    closed: bool = False
    names: tuple[tuple[Any, Names], ...] = attrs.field(default={}, converter=_pairs)

    def names_of(self, cls: Any) -> Names:
        """Return the names of the members of one class."""
        return next((names for each, names in self.names if each is cls), ())


_WITHOUT = ClassRules()
_current: ContextVar[ClassRules] = ContextVar("photon_class_rules", default=_WITHOUT)


def class_rules() -> ClassRules:
    """Return the rules of the application that is being compiled; without one, the usual ones."""
    return _current.get()


@contextmanager
def using_class_rules(rules: ClassRules) -> Iterator[None]:
    """Read classes by the rules of an application within the block."""
    token = _current.set(rules)
    try:
        yield
    finally:
        _current.reset(token)
