"""The ``[runtime]`` section of photon.toml."""

from __future__ import annotations

import importlib.util

import attrs

from ._remedies import NOT_IN_THREADS
from ._section_binding import section


def _are_modules(
    _: object, attribute: attrs.Attribute[tuple[str, ...]], names: tuple[str, ...]
) -> None:
    """Validate names of modules that are installed.

    Raises:
        ValueError: A module is not.
    """
    for name in names:
        if name in NOT_IN_THREADS:
            raise ValueError(f"the module {name} {NOT_IN_THREADS[name]}")
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            raise ValueError(f"the module {name} is not installed; it is the name in its import")


@section("runtime")
@attrs.frozen(kw_only=True)
class RuntimeSettings:
    """How code runs.

    Attributes:
        patch: Let the blocking calls of the standard library pause one coroutine instead of all,
            from before the application is imported.
        threads: Names of modules that wait in C, as ``MySQLdb``: their calls go to threads.
    """

    patch: bool = True
    threads: tuple[str, ...] = attrs.field(default=(), validator=_are_modules)
