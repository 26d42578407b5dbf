"""Security schemes and requirements: of OpenAPI, as AsyncAPI has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from photon_openapi.messages import pointer_of

_SCOPED: Final = ("oauth2", "openIdConnect")


def security_scheme(scheme: Mapping[str, Any]) -> dict[str, Any]:
    """Return a security scheme of OpenAPI as one of AsyncAPI."""
    result = dict(scheme)
    if result.get("type") == "apiKey":
        result["type"] = "httpApiKey"
    elif result.get("type") == "mutualTLS":
        result["type"] = "X509"
    elif result.get("type") == "oauth2":
        result["flows"] = {name: _flow(flow) for name, flow in result.get("flows", {}).items()}
    return result


def security_of(
    requirements: Sequence[Mapping[str, Sequence[str]]], schemes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the members of an AsyncAPI operation for the security of an OpenAPI operation.

    In AsyncAPI one of the listed schemes is sufficient. Where several are necessary at once, or
    none is, the requirements are in ``x-security`` as OpenAPI has them.

    Args:
        requirements: The security requirements, of which one must be met.
        schemes: The security schemes of the AsyncAPI document.
    """
    if not any(requirements):
        return {}
    listed: list[dict[str, Any]] = []
    for requirement in requirements:
        for name, scopes in requirement.items():
            each: dict[str, Any] = {
                "$ref": "#" + pointer_of(["components", "securitySchemes", name])
            }
            scheme = schemes.get(name, {})
            if scopes and scheme.get("type") in _SCOPED:
                each = {**scheme, "scopes": list(scopes)}
            if each not in listed:
                listed.append(each)
    result: dict[str, Any] = {"security": listed}
    if any(len(requirement) != 1 for requirement in requirements):
        result["x-security"] = [dict(requirement) for requirement in requirements]
    return result


def _flow(flow: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in flow.items() if key != "scopes"}
    return result | {"availableScopes": dict(flow.get("scopes", {}))}
