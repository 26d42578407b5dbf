"""The ``[router]`` section of photon.toml."""

from __future__ import annotations

import attrs

from photon_runtime.settings import section


@section("router")
@attrs.frozen
class RouterSettings:
    """How the router behaves, where the code does not say it itself.

    Attributes:
        validate_responses: Whether what handlers answer is checked against the document; by
            default in development and in the environment ``test``.
        strict_content_type: Whether JSON is read only from bodies whose ``Content-Type`` names it.
            Without one, or with that of an HTML form, a page of another site could have sent the
            request; then the response is 415.
        strict_query: Whether parameters of the query that an operation does not have are refused.
        assert_formats: Whether ``format`` in the schemas of a loaded document is asserted.
        docs: Whether the document and its page are served, where the code has paths for them.
    """

    validate_responses: bool | None = None
    strict_content_type: bool = True
    strict_query: bool = False
    assert_formats: bool = False
    docs: bool = True
