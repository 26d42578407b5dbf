"""Linting of AsyncAPI documents: errors, and possible improvements.

The schemas of a document are linted by the rules for schemas of OpenAPI documents. The other rules
are about channels, operations and messages; `structure` has the errors that prevent tools from
reading the document.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from photon_openapi.document import Problem, parts_of
from photon_openapi.linting import RANKS, Finding
from photon_openapi.linting import RULES as OPENAPI_RULES
from photon_openapi.linting import lint as lint_openapi
from photon_openapi.messages import pointer_of

from ._schemas import lifted
from ._sockets import AsyncApi
from ._structure import structure_errors

Profile: TypeAlias = Literal["minimal", "recommended", "strict", "camel", "snake"]
_SCHEMAS: Final = "/components/schemas/"
_IGNORED: Final = "component-unused"


class _Rule(NamedTuple):
    id: str
    level: Literal["error", "warning", "info"]
    check: Callable[[AsyncApi], Iterator[Problem]]


def lint(
    data: Mapping[str, Any], *, profile: Profile = "recommended", ignore: Collection[str] = ()
) -> list[Finding]:
    """Lint a document.

    Args:
        data: The document.
        profile: The profile, which selects the rules; see `photon_openapi.linting`.
        ignore: Ids of rules to ignore.

    Returns:
        The findings, the most severe first, without duplicates.

    Raises:
        ValueError: An ignored id is not that of a rule.
    """
    unknown = sorted(set(ignore) - IDS)
    if unknown:
        raise ValueError(f"the rule {', '.join(unknown)} does not exist")
    document = AsyncApi(data)
    findings = [
        Finding(rule.id, rule.level, problem.pointer, problem.message)
        for rule in RULES[profile]
        for problem in rule.check(document)
    ]
    if not any(each.rule == "structure" and each.pointer == "/asyncapi" for each in findings):
        findings += _schema_findings(document, profile)
    unique = dict.fromkeys(each for each in findings if each.rule not in ignore)
    return sorted(unique, key=lambda each: RANKS[each.level])


# -- improvements -------------------------------------------------------------------------------


def _unused_channels(document: AsyncApi) -> Iterator[Problem]:
    for socket in document.sockets:
        if not socket.messages:
            yield Problem(socket.pointer, "no operation sends or receives on this channel")


def _unused_messages(document: AsyncApi) -> Iterator[Problem]:
    used = {
        part.value["$ref"]
        for part in parts_of(document.data)
        if isinstance(part.value.get("$ref"), str)
    }
    for name in document.components("messages"):
        pointer = pointer_of(["components", "messages", name])
        if f"#{pointer}" not in used:
            yield Problem(pointer, "is not used; remove it")


def _payloads(document: AsyncApi) -> Iterator[Problem]:
    for socket in document.sockets:
        for messages in socket.messages.values():
            for message in messages:
                if "payload" not in message.data:
                    yield Problem(message.pointer, "lacks a payload, so its content is unknown")


def _summaries(document: AsyncApi) -> Iterator[Problem]:
    for socket in document.sockets:
        if not any(socket.data.get(key) for key in ("summary", "description", "title")):
            yield Problem(socket.pointer, "lacks a summary; write a docstring of the handler")


_MINIMAL: Final = (
    _Rule("structure", "error", structure_errors),
    _Rule("channel-unused", "warning", _unused_channels),
    _Rule("message-unused", "warning", _unused_messages),
)
_RECOMMENDED: Final = (
    *_MINIMAL,
    _Rule("message-payload", "warning", _payloads),
    _Rule("channel-summary", "info", _summaries),
)
RULES: Final[Mapping[Profile, tuple[_Rule, ...]]] = {
    "minimal": _MINIMAL,
    "recommended": _RECOMMENDED,
    "strict": _RECOMMENDED,
    "camel": _RECOMMENDED,
    "snake": _RECOMMENDED,
}
"""The rules of each profile, besides those for schemas."""
IDS: Final = frozenset(
    {rule.id for rules in RULES.values() for rule in rules}
    | {rule.id for rules in OPENAPI_RULES.values() for rule in rules}
)
"""The ids of all rules."""


# -- schemas ------------------------------------------------------------------------------------


def _schema_findings(document: AsyncApi, profile: Profile) -> Iterator[Finding]:
    """Yield the findings in schemas, which are linted as the components of an OpenAPI document."""
    schemas = dict(document.definitions)
    pointers = {}
    for number, (pointer, schema) in enumerate(_inline_schemas(document)):
        name = f"inline-{number}"
        while name in schemas:
            name += "-"
        schemas[name] = schema
        pointers[name] = pointer
    openapi = {
        "openapi": "3.1.1",
        "info": {"title": "", "version": ""},
        "components": {"schemas": schemas},
    }
    for finding in lint_openapi(openapi, profile=profile, ignore=[_IGNORED]):
        is_reference = finding.pointer.endswith("/$ref")  # checked in the whole document before
        if finding.pointer.startswith(_SCHEMAS) and not is_reference:
            name, _, rest = finding.pointer.removeprefix(_SCHEMAS).partition("/")
            pointer = pointers.get(name, _SCHEMAS + name) + (f"/{rest}" if rest else "")
            pointer = pointer.replace("/prefixItems/", "/items/")
            yield Finding(finding.rule, finding.level, pointer, finding.message)


def _inline_schemas(document: AsyncApi) -> Iterator[tuple[str, Any]]:
    """Yield the schemas of payloads, parameters and bindings, with their locations."""
    messages = {
        message.pointer: message
        for socket in document.sockets
        for listed in socket.messages.values()
        for message in listed
    }
    for pointer, message in messages.items():
        if "payload" in message.data:
            yield f"{pointer}/payload", message.payload
    for socket in document.sockets:
        for name, parameter in socket.parameters.items():
            if "x-schema" in parameter:
                pointer = socket.pointer + pointer_of(["parameters", name, "x-schema"])
                yield pointer, lifted(parameter["x-schema"])
        for key in ("query", "headers"):
            if key in socket.binding:
                yield f"{socket.pointer}/bindings/ws/{key}", lifted(socket.binding[key])
