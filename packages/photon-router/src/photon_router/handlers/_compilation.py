"""What the compilation of all operations of an application shares."""

from __future__ import annotations

import attrs

from photon_openapi.document import Document

from .._router_settings import RouterSettings
from ..arguments import FormSettings
from ..dependencies import Providers


@attrs.frozen
class CompilationContext:
    """What the compilation of all operations of an application shares.

    Attributes:
        document: The document.
        providers: What makes the values that do not come from a request.
        settings: The behaviour of the router.
        forms: The limits of forms.
        problems: The problems found, in order; the application cannot start with any.
    """

    document: Document
    providers: Providers = attrs.field(factory=Providers)
    settings: RouterSettings = attrs.field(factory=RouterSettings)
    forms: FormSettings = attrs.field(factory=FormSettings)
    problems: list[str] = attrs.field(factory=list)
