"""YAML to plain values, with the values of JSON.

The JSON schema of YAML 1.2 applies, as OpenAPI requires: ``no`` and ``on`` are strings, and so are
``2024-05-31``, ``12:30``, ``1_000`` and ``012``. Keys are always strings, exactly as written: a
status code may be written as a number. Values that JSON does not have (NaN, infinities, binary
data, sets) are refused, and so are duplicate keys in a mapping (YAML 1.2, section 3.2.1.1): one
would silently hide the other.

libyaml emits events, and the values are built from them in one pass, without the intermediate tree
of nodes that PyYAML builds. A loader of PyYAML with other resolvers reads the same values, but
takes six times as long (1.5 s for 3,000 operations, instead of 0.24 s).

The value of an alias is shared and has no cost here, but each walk of the document visits it each
time. So it is counted each time, and a document that grows exponentially by aliases of aliases
("billion laughs") is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError
from yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

MAX_DEPTH: Final = 500
MAX_VALUES: Final = 5_000_000
"""Maximum number of values of a document; the values of an alias count each time."""
_TAG = "tag:yaml.org,2002:"
_CONSTANTS = {
    **dict.fromkeys(("null", "Null", "NULL", "~", "")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?\Z")
_FIRST = frozenset("-0123456789")


def parse_yaml(text: str) -> Any:
    """Read a string that is one YAML document; an empty document is ``None``.

    Raises:
        yaml.YAMLError: The string is not YAML, or contains several documents or values that JSON
            does not have.
    """
    return _Builder().build(text)


def finite(text: str) -> float:
    """Read a number of JSON.

    Raises:
        ValueError: The string is not a number, or the number is not finite.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a JSON number")
    return number


class _Container:
    """A list or mapping that is being built, with its anchor."""

    __slots__ = ("anchor", "is_merge", "items", "key", "size", "start", "value")

    def __init__(self, start: Any, value: Any) -> None:
        self.start = start
        self.anchor = start.anchor
        self.value = value
        self.key: str | None = None
        self.is_merge = False
        self.items: list[Any] = []  # mappings to be merged
        self.size = 1


class _Builder:
    def __init__(self) -> None:
        self.anchors: dict[str, Any] = {}
        self.sizes: dict[str, int] = {}
        self.stack: list[_Container] = []
        self.result: Any = None
        self.documents = 0
        self.handlers: dict[type[Event], Callable[[Any], None]] = {
            ScalarEvent: self.scalar,
            MappingStartEvent: self.start,
            SequenceStartEvent: self.start,
            MappingEndEvent: self.end,
            SequenceEndEvent: self.end,
            AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
        }

    def build(self, text: str) -> Any:
        handlers = self.handlers
        for event in yaml.parse(text, yaml.CLoader):
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)
        return self.result

    def document(self, event: Event) -> None:
        self.documents += 1
        if self.documents > 1:
            raise _error(event, "expected a single document")

    def start(self, event: Any) -> None:
        is_mapping = type(event) is MappingStartEvent
        if event.tag not in (None, "!", f"{_TAG}{'map' if is_mapping else 'seq'}"):
            raise _error(event, f"JSON has no type for {event.tag}")
        if len(self.stack) >= MAX_DEPTH:
            raise _error(event, f"the document is nested more than {MAX_DEPTH} levels deep")
        self.stack.append(_Container(event, {} if is_mapping else []))

    def end(self, event: Event) -> None:
        container = self.stack.pop()
        value = container.value
        if container.items:
            merged: dict[str, Any] = {}
            for each in reversed(container.items):  # earlier ones take precedence
                merged |= each
            value = merged | value
        if container.anchor is not None:
            self.anchors[container.anchor] = value
            self.sizes[container.anchor] = container.size
        self.count(container.size, container.start)
        self.add(value, container.start)

    def alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            raise _error(event, f"the anchor {event.anchor!r} is not defined")
        self.count(self.sizes.get(event.anchor, 1), event)
        self.add(self.anchors[event.anchor], event)

    def count(self, size: int, event: Event) -> None:
        """Add to the number of values of the open container."""
        if self.stack:
            self.stack[-1].size += size
        if size > MAX_VALUES:
            raise _error(
                event, f"with aliases expanded, the document has more than {MAX_VALUES} values"
            )

    def scalar(self, event: Any) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and top.key is None and type(top.value) is dict:
            if event.tag not in (None, "!"):
                _scalar(event)  # raises if the value does not match the tag
            elif event.value == "<<" and event.implicit[0] and event.tag is None:
                top.is_merge = True
            if event.anchor is not None:
                self.anchors[event.anchor] = event.value
            top.key = event.value  # as it was written
            return
        value = _scalar(event)
        if top is not None:
            top.size += 1
        if event.anchor is not None:
            self.anchors[event.anchor] = value
        self.add(value, event)

    def add(self, value: Any, event: Event) -> None:
        """Add a value to the open container."""
        if not self.stack:
            self.result = value
            return
        top = self.stack[-1]
        if type(top.value) is list:
            top.value.append(value)
        elif top.key is None:
            if not isinstance(value, str):
                raise _error(event, "a key must be a string")
            top.key = value
        elif top.is_merge:
            self.merge(top, value, event)
        elif top.key in top.value:
            raise _error(event, f"the key {top.key!r} is duplicated in one mapping")
        else:
            top.value[top.key] = value
            top.key = None

    def merge(self, top: _Container, value: Any, event: Event) -> None:
        several = value if isinstance(value, list) else [value]
        if not all(isinstance(each, dict) for each in several):
            raise _error(event, "only mappings can be merged")
        top.items += several
        top.key, top.is_merge = None, False


def _scalar(event: Any) -> Any:
    text = event.value
    if event.tag is None or event.tag == "!":
        return _plain(text) if event.implicit[0] and event.tag is None else text
    kind = event.tag.removeprefix(_TAG)
    if kind == "str":
        return text
    value = _plain(text)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if {"null": type(None), "bool": bool, "int": int, "float": float}.get(kind) is type(value):
        return value
    raise _error(event, f"{text!r} as {event.tag} is not a JSON value")


def _plain(text: str) -> Any:
    """Return the value of a plain scalar."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in _FIRST:
        if _INTEGER.fullmatch(text):
            return int(text)
        if NUMBER.match(text):
            return finite(text)
    return text


def _error(event: Any, message: str) -> ConstructorError:
    return ConstructorError(None, None, message, event.start_mark)
