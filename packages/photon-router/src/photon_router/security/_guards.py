"""Compiles the security of a document and its verifiers to guards, once, at start-up.

Nothing is looked up by name later: a guard contains the checks themselves. All errors are reported
together before the application starts: operations that require a scheme without a verifier,
verifiers that cannot verify their scheme, verifiers without a scheme. There are no default
credentials.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from photon_openapi.document import Document, OpenApi, Operation
from photon_runtime.callables import require_function
from photon_runtime.errors import SignatureError

from ..dependencies import Providers
from ._guard import Guard, RequiredCredential
from ._verifier import Binding, Verifier
from ._verifier_dependencies import provided, with_request

_log = logging.getLogger("photon.security")


class Guards:
    """Compiles the guards of operations.

    Args:
        verifiers: Verifiers by the names of the document's security schemes.
        providers: The providers of further arguments of their functions.
    """

    def __init__(
        self, verifiers: Mapping[str, Verifier], providers: Providers | None = None
    ) -> None:
        """Copy the verifiers."""
        self._verifiers = dict(verifiers)
        self._providers = Providers() if providers is None else providers

    def compile(
        self, document: Document, operations: Sequence[Operation], problems: list[str]
    ) -> list[Guard | None]:
        """Return the guards of ``operations`` in order, ``None`` for public operations.

        Args:
            document: The document.
            operations: Its operations.
            problems: List to which errors are added; if there are any, the guards are invalid.
        """
        schemes = _schemes(document)
        bindings = self._bindings(schemes, problems)
        compiled: dict[str, Guard | None] = {}  # equal requirements share a guard
        guards: list[Guard | None] = []
        for operation in operations:
            required = document.required_security(operation)
            missing = {name for option in required for name in option} - bindings.keys()
            # A scheme that is not declared is an error of the document.
            unverified = sorted((missing - self._verifiers.keys()) & schemes.keys())
            if unverified:
                names = ", ".join(unverified)
                problems.append(f"{operation.name}: requires {names}, which nothing verifies")
            if missing:
                guards.append(None)
                continue
            key = repr(required)
            if key not in compiled:
                compiled[key] = _guard(required, bindings, operation)
            guards.append(compiled[key])
        return guards

    def _bindings(self, schemes: Mapping[str, OpenApi], problems: list[str]) -> dict[str, Binding]:
        bindings = {}
        for name, verifier in self._verifiers.items():
            scheme = schemes.get(name)
            if scheme is None:
                known = ", ".join(schemes) or "none"
                problems.append(
                    f"/components/securitySchemes: the scheme {name!r} of a verifier does not "
                    f"exist (existing schemes: {known})"
                )
                continue
            try:
                bindings[name] = self._bound(verifier, scheme)
                require_function(bindings[name].check, "the check of a verifier")
            except (SignatureError, ValueError) as error:
                problems.append(f"/components/securitySchemes/{name}: {error}")
        return bindings

    def _bound(self, verifier: Verifier, scheme: OpenApi) -> Binding:
        own = provided(verifier, self._providers)
        return verifier.bind(scheme) if own is verifier else with_request(own.bind(scheme))


def _schemes(document: Document) -> dict[str, OpenApi]:
    components = document.data.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    result: dict[str, OpenApi] = {}
    for name, scheme in schemes.items() if isinstance(schemes, dict) else ():
        pointer = f"/components/securitySchemes/{name}"
        if isinstance(scheme, dict) and document.is_well_formed(scheme, pointer):
            resolved = document.resolve(scheme)
            result |= {} if resolved is None else {name: resolved}
    return result


def _guard(
    required: Sequence[OpenApi], bindings: Mapping[str, Binding], operation: Operation
) -> Guard | None:
    alternatives = [
        [
            RequiredCredential(name, bindings[name], frozenset(scopes))
            for name, scopes in option.items()
        ]
        for option in required
        if option
    ]
    if not alternatives:
        return None
    _warn_of_weak_alternatives(alternatives, operation)
    return Guard(alternatives, is_optional={} in required)


def _warn_of_weak_alternatives(
    alternatives: Sequence[Sequence[RequiredCredential]], operation: Operation
) -> None:
    """Warn where a weak alternative makes a strong one pointless."""
    weak = [option for option in alternatives if all(each.binding.is_weak for each in option)]
    if weak and len(weak) < len(alternatives):
        names = " or ".join("+".join(each.name for each in option) for option in weak)
        _log.warning(
            "%s: the weakest of its alternatives is sufficient: %s (a password, or a key in the "
            "query)",
            operation.name,
            names,
        )
