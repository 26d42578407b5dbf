"""From the security of a document and its verifiers to guards, once, at start.

Nothing is looked up by name later: a guard holds the checks themselves. What keeps an application
from starting is told all at once: operations that require what nothing verifies, verifiers that do
not fit their scheme or have none. There are no credentials by default.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from photon_openapi.document import Document, OpenApi, Operation
from photon_runtime.callables import require_function
from photon_runtime.errors import SignatureError

from ._guard import Guard, Part
from ._verifier import Binding, Verifier

_log = logging.getLogger("photon.security")


class Guards:
    """Makes the guards of operations.

    Args:
        verifiers: What verifies credentials, by the names of the document's schemes.
    """

    def __init__(self, verifiers: Mapping[str, Verifier]) -> None:
        """Keep the verifiers."""
        self._verifiers = dict(verifiers)

    def compile(
        self, document: Document, operations: Sequence[Operation], problems: list[str]
    ) -> list[Guard | None]:
        """Return the guards of ``operations`` in order, ``None`` for those that are open to all.

        Args:
            document: The document.
            operations: Its operations.
            problems: What is wrong is added here; then the guards are of no use.
        """
        bindings = self._bindings(document, problems)
        made: dict[str, Guard | None] = {}  # equal requirements share a guard
        guards: list[Guard | None] = []
        for operation in operations:
            required = document.required_security(operation)
            missing = {name for option in required for name in option} - bindings.keys()
            unverified = sorted(missing - self._verifiers.keys())
            if unverified:
                names = ", ".join(unverified)
                problems.append(f"{operation.name}: requires {names}, which nothing verifies")
            if missing:
                guards.append(None)
                continue
            key = repr(required)
            if key not in made:
                made[key] = _guard(required, bindings, operation)
            guards.append(made[key])
        return guards

    def _bindings(self, document: Document, problems: list[str]) -> dict[str, Binding]:
        schemes = _schemes(document)
        bindings = {}
        for name, verifier in self._verifiers.items():
            scheme = schemes.get(name)
            if scheme is None:
                known = ", ".join(schemes) or "none at all"
                problems.append(
                    f"/components/securitySchemes: there is no {name!r}, which a verifier is for "
                    f"(there is: {known})"
                )
                continue
            try:
                bindings[name] = verifier.bind(scheme)
                require_function(bindings[name].check, "the check of a verifier")
            except (SignatureError, ValueError) as error:
                problems.append(f"/components/securitySchemes/{name}: {error}")
        return bindings


def _schemes(document: Document) -> dict[str, OpenApi]:
    components = document.data.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    found: dict[str, OpenApi] = {}
    for name, scheme in schemes.items() if isinstance(schemes, dict) else ():
        pointer = f"/components/securitySchemes/{name}"
        if isinstance(scheme, dict) and document.is_well_formed(scheme, pointer):
            resolved = document.resolve(scheme)
            found |= {} if resolved is None else {name: resolved}
    return found


def _guard(
    required: Sequence[OpenApi], bindings: Mapping[str, Binding], operation: Operation
) -> Guard | None:
    alternatives = [
        [Part(name, bindings[name], frozenset(scopes)) for name, scopes in option.items()]
        for option in required
        if option
    ]
    if not alternatives:
        return None
    _warn_of_mixture(alternatives, operation)
    return Guard(alternatives, is_optional={} in required)


def _warn_of_mixture(alternatives: Sequence[Sequence[Part]], operation: Operation) -> None:
    """Warn where a weak alternative makes a strong one pointless."""
    weak = [parts for parts in alternatives if all(part.binding.is_weak for part in parts)]
    if weak and len(weak) < len(alternatives):
        names = " or ".join("+".join(part.name for part in parts) for parts in weak)
        _log.warning(
            "%s: whoever has the weakest of its alternatives gets in: %s (a password, or a key in "
            "the query)",
            operation.name,
            names,
        )
