"""Code first: writes the security that handlers declare into the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from photon_openapi.errors import DocumentError

from ._verifier import Required, Verifier, as_requirement


def requirements(
    required: Sequence[Required], *, has_names: bool = False
) -> list[dict[str, list[str]]]:
    """Return the ``security`` of an operation.

    Args:
        required: The alternatives.
        has_names: True if they may be names of schemes, which a loaded document has.

    Raises:
        TypeError: An item is neither a verifier nor a requirement.
    """
    return [
        {each: []} if has_names and isinstance(each, str) else as_requirement(each).as_object()
        for each in required
    ]


def verifiers_in(required: Sequence[Required]) -> list[Verifier]:
    """Return the required verifiers, each once."""
    stated = (each for each in required if not isinstance(each, str))
    parts = (part for each in stated for part in as_requirement(each).parts)
    return list(dict.fromkeys(verifier for verifier, _ in parts))


def write_schemes(data: dict[str, Any], verifiers: Sequence[Verifier]) -> None:
    """Write the missing schemes of ``verifiers`` into a document.

    Raises:
        DocumentError: Two verifiers have one name, or an option of a scheme is missing.
    """
    present = _present(data)
    written: dict[str, Verifier] = {}
    problems = []
    for verifier in verifiers:
        name = verifier.name
        if written.setdefault(name, verifier) is not verifier:
            problems.append(f"two verifiers have the name {name!r}: pass another name= to one")
        elif name not in present:
            try:
                present[name] = verifier.described()
            except ValueError as error:
                problems.append(f"the verifier {name!r}: {error}")
    if problems:
        raise DocumentError(list(dict.fromkeys(problems)))
    if written:
        data.setdefault("components", {})["securitySchemes"] = present


def merge_verifiers(
    bound: Mapping[str, Verifier], required: Sequence[Verifier]
) -> dict[str, Verifier]:
    """Return all verifiers by name: those that are bound by name, and those that are required.

    Raises:
        DocumentError: Two of them have one name.
    """
    result = dict(bound)
    for verifier in required:
        if result.setdefault(verifier.name, verifier) is not verifier:
            raise DocumentError(
                [f"two verifiers have the name {verifier.name!r}: pass another name= to one"]
            )
    return result


def _present(data: Mapping[str, Any]) -> dict[str, Any]:
    components = data.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
    return dict(schemes) if isinstance(schemes, Mapping) else {}
