"""The state that the compilation of all operations of an application shares."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import attrs

from photon_openapi.agreement import Agreement
from photon_openapi.annotations import class_rules, using_class_rules
from photon_openapi.codec import Projections
from photon_openapi.document import Document, Operation
from photon_runtime.http import Handler

from .._router_settings import RouterSettings
from ..arguments import FormSettings
from ..dependencies import Providers
from ._fillings import Fillings


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
        fillings: The arguments that operations fill, or do not.
        agreement: The comparison of the document with the classes of the handlers (spec first).
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
    fillings: Fillings = attrs.field(factory=Fillings, init=False)
    agreement: Agreement = attrs.field(
        default=attrs.Factory(lambda self: Agreement(self.document.definitions), takes_self=True),
        init=False,
    )


def naming(names: Mapping[Any, Mapping[str, str]]) -> AbstractContextManager[None]:
    """Read classes with the names of a loaded document within the block.

    Args:
        names: The names on the wire by class and attribute.
    """
    return using_class_rules(attrs.evolve(class_rules(), names=names))
