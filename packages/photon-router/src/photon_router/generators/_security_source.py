"""Verifiers of the security schemes of a document, which refuse all credentials until written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from photon_openapi.document import Document

from ._code_layout import expression, quoted
from ._docstrings import docstring
from ._module_code import Definition
from ._names import NameScope, snake_name

VERIFIERS = "VERIFIERS"
"""The name of the mapping of all verifiers."""


def required_schemes(document: Document) -> dict[str, Any]:
    """Return the security schemes that operations require, by name."""
    names = {
        name
        for operation in document.operations()
        for option in document.required_security(operation)
        for name in option
    }
    schemes = (document.data.get("components") or {}).get("securitySchemes") or {}
    return {name: document.resolve(each) or {} for name, each in schemes.items() if name in names}


def security_definitions(schemes: dict[str, Any]) -> Iterator[Definition]:
    """Yield a function for each scheme, and the mapping of their verifiers."""
    scope = NameScope()
    verifiers = []
    for name, scheme in schemes.items():
        function = scope.claim(f"find_{snake_name(name)}")
        verifier, arguments, subject = _verifier(scheme)
        text = docstring(
            f"Return the client with {subject}, or `None` to refuse it.\n\nScheme `{name}` of the "
            "document. Until this is written, all are refused."
        )
        signature = f"def {function}({', '.join(arguments)}) -> Identity | None:"
        yield Definition(function, f"{signature}\n{text}\n    return None")
        verifiers.append(f"{quoted(name)}: {verifier}({function})")
    code = "{" + ", ".join(verifiers) + "}"
    yield Definition(VERIFIERS, expression(code, before=f"{VERIFIERS} = "))


def _verifier(scheme: dict[str, Any]) -> tuple[str, Sequence[str], str]:
    """Return the class of a scheme's verifier, the arguments of its function, and their subject."""
    kind = scheme.get("type")
    if kind == "apiKey":
        return "ApiKey", ["key: str"], "a key"
    if kind == "http" and str(scheme.get("scheme")).lower() == "basic":
        return "BasicAuth", ["name: str", "password: str"], "a name and a password"
    if kind == "mutualTLS":
        return "MutualTls", ["certificate: bytes"], "a certificate"
    return "BearerToken", ["token: str"], "a token"
