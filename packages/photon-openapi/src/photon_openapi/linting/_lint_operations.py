"""Rules for paths, operations, tags, security and components."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

from photon_runtime.media_types import is_json

from ..document import OpenApi, Operation, Problem, components_of, tokens_of
from ..messages import pointer_of
from ._findings import Rule, Subject

_BODILESS: Final = ("get", "head", "delete", "trace")
_EMPTY_STATUSES: Final = ("204", "205", "304")
_IGNORED: Final = "x-stack-size"


def _well_formed(subject: Subject) -> Iterator[Operation]:
    return (each for each in subject.document.operations() if each.is_well_formed)


# -- parts without effect ------------------------------------------------------------------------


def _scope_undeclared(subject: Subject) -> Iterator[Problem]:
    schemes = components_of(subject.data, "securitySchemes")
    for pointer, required in _requirements(subject):
        for name, scopes in required.items():
            scheme = schemes.get(name)
            flows = scheme.get("flows") if isinstance(scheme, dict) else None
            if not isinstance(flows, dict):
                continue
            known = {scope for flow in flows.values() for scope in _dict(_dict(flow).get("scopes"))}
            for scope in _list(scopes):
                if scope not in known:
                    yield Problem(
                        pointer,
                        f"the scope {scope!r} is not in any of the flows of {name!r}; add it",
                    )


def _requirements(subject: Subject) -> Iterator[tuple[str, OpenApi]]:
    listed = [("/security", subject.data.get("security"))]
    every = subject.document.operations()
    listed += [(f"{each.pointer}/security", each.data.get("security")) for each in every]
    for pointer, required in listed:
        for index, each in enumerate(_list(required)):
            if isinstance(each, dict):
                yield f"{pointer}/{index}", each


def _path_trailing_slash(subject: Subject) -> Iterator[Problem]:
    for path in _dict(subject.data.get("paths")):
        if path.endswith("/") and path != "/":
            yield Problem(
                pointer_of(["paths", path]),
                f"the path ends with a slash and differs from {path.rstrip('/')}; remove the slash",
            )


def _path_ambiguous(subject: Subject) -> Iterator[Problem]:
    paths = list(_dict(subject.data.get("paths")))
    numbers = {path: number for number, path in enumerate(paths)}
    by_length: dict[int, list[list[str]]] = {}
    for path in paths:
        by_length.setdefault(path.count("/"), []).append(path.split("/"))
    pairs = {pair for group in by_length.values() for pair in _ambiguous(group, 0)}
    for first, second in sorted(pairs, key=lambda pair: (numbers[pair[1]], numbers[pair[0]])):
        yield Problem(
            pointer_of(["paths", second]),
            f"a request may match this path and {first}; distinguish them by a literal segment",
        )


def _ambiguous(paths: list[list[str]], at: int) -> Iterator[tuple[str, str]]:
    """Yield the ambiguous pairs of paths, which are equal or open in all segments before ``at``.

    Paths that differ in a literal segment are not compared, so that the time is that of the pairs.
    """
    if len(paths) < 2:
        return
    if at == len(paths[0]):
        for first, second in itertools.combinations(paths, 2):
            if _is_ambiguous(first, second):
                yield "/".join(first), "/".join(second)
        return
    literals = dict.fromkeys(path[at] for path in paths if "{" not in path[at])
    for literal in literals:
        yield from _ambiguous(
            [path for path in paths if path[at] == literal or "{" in path[at]], at + 1
        )
    if not literals:
        yield from _ambiguous(paths, at + 1)


def _is_ambiguous(first: list[str], second: list[str]) -> bool:
    """Return whether two paths match a common URL and neither is more specific in each segment."""
    open_first = ["{" in each for each in first]
    open_second = ["{" in each for each in second]
    pairs = zip(first, second, open_first, open_second, strict=True)
    if any(a != b and not is_a and not is_b for a, b, is_a, is_b in pairs):
        return False
    differing = [(a, b) for a, b in zip(open_first, open_second, strict=True) if a != b]
    return len(set(differing)) > 1


def _body_on_get(subject: Subject) -> Iterator[Problem]:
    for operation in _well_formed(subject):
        if operation.method in _BODILESS and operation.data.get("requestBody") is not None:
            yield Problem(
                f"{operation.pointer}/requestBody",
                f"a body of a {operation.method.upper()} has no meaning (RFC 9110), and proxies "
                "drop it; use the query, or POST",
            )


def _response_body_forbidden(subject: Subject) -> Iterator[Problem]:
    for pointer, code, response in _declared_responses(subject):
        if code in _EMPTY_STATUSES and response.get("content"):
            yield Problem(
                f"{pointer}/content", f"a response {code} has no body; use another status"
            )


def _declared_responses(subject: Subject) -> Iterator[tuple[str, str, OpenApi]]:
    for operation in _well_formed(subject):
        for code, response in _dict(operation.data.get("responses")).items():
            if isinstance(response, dict):
                pointer = operation.pointer + pointer_of(["responses", code])
                yield pointer, code, subject.document.resolve(response) or {}


def _tag_duplicate(subject: Subject) -> Iterator[Problem]:
    seen = set()
    for index, name in _declared_tags(subject):
        if name in seen:
            yield Problem(f"/tags/{index}", f"{name!r} is declared twice; remove one of them")
        seen.add(name)


def _extension_ignored(subject: Subject) -> Iterator[Problem]:
    for operation in subject.document.operations():
        if _IGNORED in operation.data:
            yield Problem(
                f"{operation.pointer}/{_IGNORED}",
                "the member is ignored: coroutines do not have a fixed stack size; remove it",
            )


# -- information for clients and readers --------------------------------------------------------


def _operation_id(subject: Subject) -> Iterator[Problem]:
    for operation in subject.document.operations():
        if not operation.data.get("operationId"):
            yield Problem(
                operation.pointer,
                "the operation has no operationId, which names handlers and client functions; "
                "add one",
            )


def _operation_summary(subject: Subject) -> Iterator[Problem]:
    for operation in subject.document.operations():
        if not (operation.data.get("summary") or operation.data.get("description")):
            yield Problem(
                operation.pointer,
                "the operation has neither summary nor description; describe it",
            )


def _operation_tags(subject: Subject) -> Iterator[Problem]:
    for operation in subject.document.operations():
        if not operation.data.get("tags"):
            yield Problem(
                operation.pointer,
                "the operation has no tags, by which documentation is grouped; add one",
            )


def _operation_success(subject: Subject) -> Iterator[Problem]:
    for operation in _well_formed(subject):
        codes = _dict(operation.data.get("responses"))
        if not any(code[:1] in ("1", "2", "3") or code == "default" for code in codes):
            yield Problem(
                f"{operation.pointer}/responses", "no successful response is declared; add one"
            )


def _operation_4xx(subject: Subject) -> Iterator[Problem]:
    for operation in _well_formed(subject):
        codes = _dict(operation.data.get("responses"))
        can_fail = operation.parameters or operation.body is not None
        can_fail = can_fail or subject.document.required_security(operation)
        if can_fail and not any(code[:1] == "4" or code == "default" for code in codes):
            yield Problem(
                f"{operation.pointer}/responses",
                "no 4XX response is declared, but requests can be refused; declare it",
            )


def _response_schema(subject: Subject) -> Iterator[Problem]:
    for pointer, _, response in _declared_responses(subject):
        for media, described in _dict(response.get("content")).items():
            resolved = subject.document.resolve(described) if isinstance(described, dict) else None
            is_open = resolved is not None and not resolved.keys() & {"schema", "itemSchema"}
            if is_open and is_json(media):
                yield Problem(
                    pointer + pointer_of(["content", media]),
                    "the body has no schema, so its content is undefined for clients; add one",
                )


def _parameter_description(subject: Subject) -> Iterator[Problem]:
    for operation in _well_formed(subject):
        for parameter in operation.parameters:
            if not parameter.get("description"):
                yield Problem(
                    operation.pointer,
                    f"the {parameter['in']} parameter {parameter['name']!r} has no description",
                )


def _tag_undeclared(subject: Subject) -> Iterator[Problem]:
    declared = {name for _, name in _declared_tags(subject)}
    for operation in _well_formed(subject):
        for index, tag in enumerate(_list(operation.data.get("tags"))):
            if tag not in declared:
                yield Problem(
                    f"{operation.pointer}/tags/{index}",
                    f"the tag {tag!r} is not declared; describe it under /tags",
                )


def _tag_unused(subject: Subject) -> Iterator[Problem]:
    used = {tag for each in _well_formed(subject) for tag in _list(each.data.get("tags"))}
    parents = {_dict(each).get("parent") for each in _list(subject.data.get("tags"))}
    for index, name in _declared_tags(subject):
        if name not in used | parents:
            yield Problem(f"/tags/{index}", f"no operation has the tag {name!r}")


def _declared_tags(subject: Subject) -> list[tuple[int, Any]]:
    listed = enumerate(_list(subject.data.get("tags")))
    return [(index, tag.get("name")) for index, tag in listed if isinstance(tag, dict)]


def _security_missing(subject: Subject) -> Iterator[Problem]:
    if subject.data.get("security") is not None:
        return
    for operation in _well_formed(subject):
        if operation.data.get("security") is None:
            yield Problem(
                operation.pointer,
                "the operation declares no security; write `security: []` for public operations",
            )


def _component_unused(subject: Subject) -> Iterator[Problem]:
    used = _used_pointers(subject)
    for kind, components in _dict(subject.data.get("components")).items():
        if kind in ("securitySchemes",) or kind.startswith("x-"):
            continue
        for name in _dict(components):
            pointer = pointer_of(["components", kind, name])
            if pointer not in used:
                yield Problem(pointer, "the component is not used; remove it")
    required = {name for _, each in _requirements(subject) for name in each}
    for name in components_of(subject.data, "securitySchemes"):
        if name not in required:
            yield Problem(
                pointer_of(["components", "securitySchemes", name]),
                "the security scheme is not used; remove it",
            )


def _used_pointers(subject: Subject) -> set[str]:
    """Return the pointers of the components that are referred to."""
    used: set[str] = set()
    for part in subject.document.definitions.parts:
        mapping = _dict(_dict(part.value.get("discriminator")).get("mapping")).values()
        for reference in (part.value.get("$ref"), *mapping):
            if isinstance(reference, str) and not part.pointer.startswith(reference[1:] + "/"):
                tokens = tokens_of(reference.partition("#")[2])
                named = "#" in reference
                used.add(
                    pointer_of(tokens[:3])
                    if named
                    else pointer_of(["components", "schemas", reference])
                )
        if "$id" in part.value or "$anchor" in part.value:
            used.add(pointer_of(tokens_of(part.pointer)[:3]))
    return used


def _info_description(subject: Subject) -> Iterator[Problem]:
    if not _dict(subject.data.get("info")).get("description"):
        yield Problem("/info", "the document has no description; describe the API")


def _server_trailing_slash(subject: Subject) -> Iterator[Problem]:
    for index, server in enumerate(_list(subject.data.get("servers"))):
        url = str(_dict(server).get("url", ""))
        if url.endswith("/") and url != "/":
            yield Problem(
                f"/servers/{index}/url",
                "the URL ends with a slash, but paths begin with one; remove it",
            )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> OpenApi:
    return value if isinstance(value, dict) else {}


MINIMAL: Final = (
    Rule("scope-undeclared", "warning", _scope_undeclared),
    Rule("path-trailing-slash", "warning", _path_trailing_slash),
    Rule("path-ambiguous", "warning", _path_ambiguous),
    Rule("body-on-get", "warning", _body_on_get),
    Rule("response-body-forbidden", "warning", _response_body_forbidden),
    Rule("tag-duplicate", "warning", _tag_duplicate),
    Rule("extension-ignored", "info", _extension_ignored),
)
RECOMMENDED: Final = (
    Rule("operation-id", "warning", _operation_id),
    Rule("operation-summary", "warning", _operation_summary),
    Rule("operation-tags", "warning", _operation_tags),
    Rule("operation-success", "warning", _operation_success),
    Rule("operation-4xx", "warning", _operation_4xx),
    Rule("response-schema", "warning", _response_schema),
    Rule("tag-undeclared", "warning", _tag_undeclared),
    Rule("component-unused", "warning", _component_unused),
    Rule("tag-unused", "info", _tag_unused),
    Rule("security-missing", "info", _security_missing),
    Rule("parameter-description", "info", _parameter_description),
    Rule("info-description", "info", _info_description),
    Rule("server-trailing-slash", "info", _server_trailing_slash),
)
