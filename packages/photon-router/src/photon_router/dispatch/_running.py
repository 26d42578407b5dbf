"""An application between its start and its end."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ._dispatch import Dispatch
from ._mount import Mount
from ._provide import ApplicationValues


@attrs.frozen(eq=False)
class Running:
    """An application that runs.

    Attributes:
        dispatch: Its handler.
        values: Its dependencies that live as long.
        pages: Its pages about itself.
        development: Whether people are developing it.
    """

    dispatch: Dispatch
    values: ApplicationValues
    pages: Sequence[Mount]
    development: bool
