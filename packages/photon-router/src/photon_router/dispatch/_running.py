"""A running application, between its start and its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from photon_runtime.parts import ProblemPage

from ..dependencies import Providers
from ..handlers import ErrorHandler
from ._dispatch import Dispatch, Endpoint
from ._match import PathTree
from ._mount import Mount


class _Registered(Protocol):
    """The registrations of parts that endpoints use."""

    error_handlers: dict[type[BaseException], ErrorHandler]
    problem_pages: list[ProblemPage]

    def use_providers(self, providers: Callable[[], Providers]) -> None: ...


@attrs.define(eq=False)
class Running:
    """An application that runs.

    Attributes:
        host: The registrations of its parts.
        providers: The providers of values that do not come from requests.
        current: The same, with the overrides of now.
        pages: The pages about the application.
        development: True in development mode.
        dispatch: Its handler.
        tree: The endpoints of its handler.
    """

    host: _Registered
    providers: Providers
    pages: Sequence[Mount]
    development: bool
    current: Providers = attrs.field(init=False)
    dispatch: Dispatch = attrs.field(init=False)
    tree: PathTree[Endpoint] = attrs.field(init=False)

    def use(self, providers: Providers, tree: PathTree[Endpoint]) -> None:
        """Respond to later requests with other endpoints, compiled for other overrides."""
        self.current, self.tree = providers, tree
        self.dispatch.use(tree)
