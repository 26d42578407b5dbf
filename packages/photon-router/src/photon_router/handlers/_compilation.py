"""The state that the compilation of all operations of an application shares."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import attrs

from photon_openapi.codec import Projections
from photon_openapi.document import Document, Operation
from photon_runtime.http import Handler

from .._router_settings import RouterSettings
from ..arguments import FormSettings
from ..dependencies import Providers


@attrs.frozen
class CompilationContext:
    """The state that the compilation of all operations of an application shares.

    Attributes:
        document: The document.
        providers: The providers of values that do not come from requests.
        settings: The behaviour of the router.
        forms: The limits of forms.
        problems: The problems in order; any of them prevents the start of the application.
        projections: The projections of the results of all handlers.
        decoders: The decoders of bodies, by class and reference to its schema.
        substitute: Makes the handler of an operation that cannot be served, from its problems, so
            that all others are served; ``None`` to refuse the start.
    """

    document: Document
    providers: Providers = attrs.field(factory=Providers)
    settings: RouterSettings = attrs.field(factory=RouterSettings)
    forms: FormSettings = attrs.field(factory=FormSettings)
    problems: list[str] = attrs.field(factory=list)
    projections: Projections = attrs.field(
        factory=functools.partial(Projections, looks_into_undescribed=True)
    )
    decoders: dict[tuple[object, object], Callable[[bytes], object]] = attrs.field(factory=dict)
    substitute: Callable[[Operation, Sequence[str]], Handler] | None = None
