"""The ``[dev]`` section of photon.toml."""

from __future__ import annotations

import attrs

from photon_runtime.settings import section


@section("dev")
@attrs.frozen(kw_only=True)
class DevSettings:
    """What ``photon dev`` does, in the environment ``development``.

    Attributes:
        page_reload: True to reload pages in browsers when a file has changed.
    """

    page_reload: bool = True
