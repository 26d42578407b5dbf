from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from photon_ws.asyncapi.linting import lint

DOCUMENT: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Chat", "version": "1"},
    "servers": {"main": {"host": "chat.example", "protocol": "wss"}},
    "channels": {
        "chat": {
            "address": "/chat/{room}",
            "summary": "Talk.",
            "messages": {"Say": {"$ref": "#/components/messages/Say"}},
            "parameters": {"room": {"x-schema": {"type": "integer"}}},
        }
    },
    "operations": {
        "receive": {
            "action": "receive",
            "channel": {"$ref": "#/channels/chat"},
            "messages": [{"$ref": "#/channels/chat/messages/Say"}],
        }
    },
    "components": {
        "messages": {"Say": {"payload": {"$ref": "#/components/schemas/Text"}}},
        "schemas": {"Text": {"type": "array", "items": [{"type": "string"}]}},
    },
}
Edit = Callable[[dict[str, Any]], object]


def chat(document: dict[str, Any]) -> dict[str, Any]:
    return document["channels"]["chat"]  # type: ignore[no-any-return]


def test_a_document_in_order_has_no_findings() -> None:
    assert lint(DOCUMENT) == []


@pytest.mark.parametrize(
    ("edit", "rule", "pointer"),
    [
        (lambda d: d.pop("asyncapi"), "structure", "/asyncapi"),
        pytest.param(lambda d: d.update(asyncapi="2.6.0"), "structure", "/asyncapi", id="old"),
        (lambda d: d["info"].pop("title"), "structure", "/info"),
        (lambda d: d["info"].update(version=1), "structure", "/info/version"),
        (lambda d: d.update(operations=[]), "structure", "/operations"),
        (
            lambda d: d["operations"]["receive"].update(messages=3),
            "structure",
            "/operations/receive/messages",
        ),
        (lambda d: d["channels"].update(other=3), "structure", "/channels/other"),
        (lambda d: d["servers"]["main"].pop("host"), "structure", "/servers/main"),
        (lambda d: chat(d).pop("parameters"), "structure", "/channels/chat"),
        (
            lambda d: chat(d).update(address="/chat"),
            "structure",
            "/channels/chat/parameters/room",
        ),
        (
            lambda d: d["operations"]["receive"].update(action="subscribe"),
            "structure",
            "/operations/receive/action",
        ),
        (
            lambda d: d["operations"]["receive"].update(channel={"$ref": "#/channels/x"}),
            "structure",
            "/operations/receive/channel",
        ),
        (
            lambda d: d["operations"]["receive"].update(
                messages=[{"$ref": "#/components/messages/Say"}]
            ),
            "structure",
            "/operations/receive/messages/0",
        ),
        (
            lambda d: chat(d)["messages"]["Say"].update({"$ref": "#/components/messages/x"}),
            "structure",
            "/channels/chat/messages/Say/$ref",
        ),
        (lambda d: d["operations"].clear(), "channel-unused", "/channels/chat"),
        (
            lambda d: d["components"]["messages"].update(Old={"payload": {}}),
            "message-unused",
            "/components/messages/Old",
        ),
        (
            lambda d: d["components"]["messages"]["Say"].pop("payload"),
            "message-payload",
            "/components/messages/Say",
        ),
        (lambda d: chat(d).pop("summary"), "channel-summary", "/channels/chat"),
        (
            lambda d: d["components"]["schemas"]["Text"]["items"][0].update(
                minLength=3, maxLength=2
            ),
            None,
            "/components/schemas/Text/items/0",
        ),
        (
            lambda d: d["components"]["messages"]["Say"].update(payload={"type": "strung"}),
            None,
            "/components/messages/Say/payload/type",
        ),
        (
            lambda d: chat(d)["parameters"]["room"]["x-schema"].update(minLength=1),
            None,
            "/channels/chat/parameters/room/x-schema/minLength",
        ),
    ],
)  # fmt: skip
def test_errors_are_found_with_their_location(edit: Edit, rule: str | None, pointer: str) -> None:
    document = copy.deepcopy(DOCUMENT)
    edit(document)
    findings = lint(document)
    assert pointer in {each.pointer for each in findings}, findings
    if rule is not None:
        assert rule in {each.rule for each in findings if each.pointer == pointer}
        rest = [each for each in lint(document, ignore=[rule]) if each.rule == rule]
        assert rest == []


def test_an_unknown_rule_cannot_be_ignored() -> None:
    with pytest.raises(ValueError, match="the rule nothing does not exist"):
        lint(DOCUMENT, ignore=["nothing"])


@pytest.mark.parametrize("part", [None, 3, "text", [], [3], {"a": None}, {"$ref": 3}])
@pytest.mark.parametrize("name", ["info", "channels", "operations", "components", "servers"])
def test_malformed_documents_are_reported_and_not_raised(name: str, part: object) -> None:
    lint({**DOCUMENT, name: part})


def test_replies_and_parameters_that_are_referred_to_are_followed() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["channels"]["answers"] = {
        "address": None,
        "summary": "Answers.",
        "messages": {"Said": {"payload": {"type": "string"}}},
    }
    document["operations"]["receive"]["reply"] = {"channel": {"$ref": "#/channels/answers"}}
    document["components"]["parameters"] = {"room": {"description": "The room."}}
    chat(document)["parameters"]["room"] = {"$ref": "#/components/parameters/room"}
    assert lint(document) == []
