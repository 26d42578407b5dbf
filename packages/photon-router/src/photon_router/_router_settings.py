"""The ``[router]`` section of photon.toml."""

from __future__ import annotations

import attrs


@attrs.frozen
class RouterSettings:
    """How the router behaves, where the code does not say it itself.

    Attributes:
        validate_responses: Whether what handlers answer is checked against the document; by
            default in development and in the environment ``test``.
        strict_query: Whether parameters of the query that an operation does not have are refused.
        assert_formats: Whether ``format`` in the schemas of a loaded document is asserted.
        docs: Whether the document and its page are served, where the code has paths for them.
    """

    validate_responses: bool | None = None
    strict_query: bool = False
    assert_formats: bool = False
    docs: bool = True
