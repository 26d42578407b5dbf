from __future__ import annotations

import copy
from typing import Any

import pytest

from photon_openapi.errors import DocumentError
from photon_ws.asyncapi.comparison import diff

DOCUMENT: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Chat", "version": "1"},
    "channels": {
        "chat": {
            "address": "/chat/{room}",
            "messages": {
                "Say": {"$ref": "#/components/messages/Say"},
                "Said": {"$ref": "#/components/messages/Said"},
            },
            "parameters": {"room": {"x-schema": {"type": "integer"}}},
            "bindings": {"ws": {"query": {"type": "object", "properties": {"q": {}}}}},
            "x-subprotocols": ["v1"],
        }
    },
    "operations": {
        "receive": {
            "action": "receive",
            "channel": {"$ref": "#/channels/chat"},
            "messages": [{"$ref": "#/channels/chat/messages/Say"}],
            "security": [{"$ref": "#/components/securitySchemes/key"}],
        },
        "send": {
            "action": "send",
            "channel": {"$ref": "#/channels/chat"},
            "messages": [{"$ref": "#/channels/chat/messages/Said"}],
        },
    },
    "components": {
        "messages": {
            name: {
                "contentType": "application/json",
                "payload": {"$ref": "#/components/schemas/Text"},
            }
            for name in ("Say", "Said")
        },
        "schemas": {
            "Text": {
                "type": "object",
                "properties": {
                    "text": {"type": "string", "maxLength": 10},
                    "at": {"type": "array", "items": [{"type": "integer"}]},
                },
                "required": ["text"],
            }
        },
        "securitySchemes": {"key": {"type": "httpApiKey", "name": "k", "in": "query"}},
    },
}
CHAT = "channels/chat"
TEXT = "components/schemas/Text"
OTHER = "channels/chat/messages/Other"
REMOVED: Any = object()


def edited(edits: dict[str, Any]) -> Any:
    """Return the document with other values at some paths."""
    document = copy.deepcopy(DOCUMENT)
    for path, value in edits.items():
        *parents, last = path.split("/")
        part: Any = document
        for name in parents:
            part = part[int(name)] if isinstance(part, list) else part[name]
        if value is REMOVED:
            del part[last]
        else:
            part[last] = value
    return document


def reference(path: str) -> dict[str, str]:
    return {"$ref": f"#/{path}"}


INTEGER = {"x-schema": {"type": "integer"}}
BREAKS = "breaking"
HARMLESS = "non-breaking"
CASES: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "nothing": ({}, set()),
    "version": ({"info/version": "2"}, {("version-changed", "info")}),
    "channel": ({"channels": {}, "operations": {}}, {("channel-removed", BREAKS)}),
    "parameter renamed": (
        {f"{CHAT}/address": "/chat/{name}", f"{CHAT}/parameters": {"name": INTEGER}},
        set(),
    ),
    "message renamed": (
        {
            OTHER: reference("components/messages/Say"),
            "operations/receive/messages": [reference(OTHER)],
        },
        set(),
    ),
    "received message added": (
        {
            OTHER: {"payload": {"type": "integer"}},
            "operations/receive/messages": [
                reference(f"{CHAT}/messages/Say"),
                reference(OTHER),
            ],
        },
        {("message-added", HARMLESS)},
    ),
    "sent message added": (
        {
            OTHER: {"payload": {"type": "integer"}},
            "operations/send/messages": [reference(f"{CHAT}/messages/Said"), reference(OTHER)],
        },
        {("message-added", BREAKS)},
    ),
    "received messages removed": (
        {"operations/receive/messages": []},
        {("message-removed", BREAKS)},
    ),
    "sent messages removed": ({"operations/send": REMOVED}, {("message-removed", HARMLESS)}),
    "member required": (
        {f"{TEXT}/required": ["text", "at"]},
        {("property-required", BREAKS), ("property-required", HARMLESS)},
    ),
    "type of an item": (
        {f"{TEXT}/properties/at/items": [{"type": "string"}]},
        {("type-changed", BREAKS)},
    ),
    "content type": (
        {"components/messages/Said/contentType": "text/plain"},
        {("content-type-changed", BREAKS)},
    ),
    "parameter": (
        {f"{CHAT}/parameters/room/x-schema": {"type": "integer", "minimum": 1}},
        {("limit-narrowed", BREAKS)},
    ),
    "query": (
        {f"{CHAT}/bindings/ws/query/required": ["q"]},
        {("property-required", BREAKS)},
    ),
    "security removed": (
        {"operations/receive/security": REMOVED},
        {("security-tightened", BREAKS), ("security-loosened", HARMLESS)},
    ),
    "subprotocol": (
        {f"{CHAT}/x-subprotocols": ["v2"]},
        {("subprotocol-removed", BREAKS), ("subprotocol-added", HARMLESS)},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_changes_have_the_effect_on_clients(name: str) -> None:
    edits, expected = CASES[name]
    assert {(each.id, each.severity) for each in diff(DOCUMENT, edited(edits))} == expected


def test_a_channel_that_is_added_breaks_nothing() -> None:
    old = edited({"channels": {}, "operations": {}})
    assert [(each.id, each.severity) for each in diff(old, DOCUMENT)] == [
        ("channel-added", "non-breaking")
    ]


def test_pointers_lead_to_the_schema_of_the_message() -> None:
    new = edited({f"{TEXT}/properties/text/maxLength": 5})
    breaking = [each for each in diff(DOCUMENT, new) if each.severity == "breaking"]
    assert [each.pointer for each in breaking] == [
        "/components/messages/Say/payload/properties/text"
    ]


@pytest.mark.parametrize("wrong", [{}, {"openapi": "3.1.0"}, {"asyncapi": "2.6.0"}])
def test_other_documents_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DocumentError, match="must be the version of AsyncAPI"):
        diff(wrong, DOCUMENT)


def channels(*names: str) -> dict[str, Any]:
    """Return a document with channels that share an address, each answered on another one."""
    document: dict[str, Any] = {
        "asyncapi": "3.1.0",
        "info": {"title": "Prices", "version": "1"},
        "channels": {"answers": {"address": "/", "messages": {"done": {"payload": {}}}}},
        "operations": {},
    }
    for name in names:
        message = {"payload": {"properties": {"event": {"const": name}}}}
        document["channels"][name] = {"address": "/", "messages": {name: message}}
        document["operations"][name] = {
            "action": "receive",
            "channel": reference(f"channels/{name}"),
            "reply": {"channel": reference("channels/answers")},
        }
    return document


def test_channels_with_one_address_are_matched_by_name() -> None:
    old = channels("subscribe", "leave")
    assert diff(old, old) == []
    [change] = diff(old, channels("leave"))
    assert (change.id, change.pointer) == ("channel-removed", "/channels/subscribe")
    assert diff(channels("subscribe"), channels("follow")) != []
