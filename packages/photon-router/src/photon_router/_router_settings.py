"""The ``[router]`` section of photon.toml."""

from __future__ import annotations

import attrs

from photon_runtime.settings import section


@section("router")
@attrs.frozen
class RouterSettings:
    """Defaults of the router; options in the code take precedence.

    Attributes:
        validate_responses: True to check responses of handlers against the document; by default in
            development and in the environment ``test``.
        strict_content_type: True to read JSON only from bodies whose ``Content-Type`` is JSON.
            Without one, or with that of an HTML form, a page of another site could have sent the
            request; then the response is 415.
        strict_query: True to reject parameters of the query that an operation does not have.
        strict_members: True to reject members of objects that their classes do not have.
        assert_formats: True to assert ``format`` in the schemas of a loaded document.
        docs: False to not serve the document and its page, even if the code has paths for them.
    """

    validate_responses: bool | None = None
    strict_content_type: bool = True
    strict_query: bool = False
    strict_members: bool = False
    assert_formats: bool = False
    docs: bool = True
