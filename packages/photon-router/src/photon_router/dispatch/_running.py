"""An application between its start and its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs

from ..dependencies import Providers
from ..handlers import ErrorHandler
from ._dispatch import Dispatch
from ._mount import Mount


class _Registered(Protocol):
    """What parts have registered, as far as endpoints are concerned."""

    error_handlers: dict[type[BaseException], ErrorHandler]


@attrs.define(eq=False)
class Running:
    """An application that runs.

    Attributes:
        host: What its parts have registered.
        providers: What makes the values that do not come from requests.
        pages: Its pages about itself.
        development: Whether people are developing it.
        dispatch: Its handler.
    """

    host: _Registered
    providers: Providers
    pages: Sequence[Mount]
    development: bool
    dispatch: Dispatch = attrs.field(init=False)
