"""The ``[router]`` section of photon.toml."""

from __future__ import annotations

import attrs


@attrs.frozen
class RouterSettings:
    """How the router behaves.

    Attributes:
        validate_responses: Whether what handlers answer is checked against the document; by
            default in development and in the environment ``test``.
    """

    validate_responses: bool | None = None
