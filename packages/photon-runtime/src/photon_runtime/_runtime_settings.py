"""The ``[runtime]`` section of photon.toml."""

from __future__ import annotations

import attrs

from ._section_binding import section


@section("runtime")
@attrs.frozen(kw_only=True)
class RuntimeSettings:
    """How code runs.

    Attributes:
        patch: Let the blocking calls of the standard library pause one coroutine instead of all,
            from before the application is imported.
    """

    patch: bool = True
