"""YAML to plain values, with the values of JSON.

Of YAML 1.2 the JSON schema counts, as OpenAPI asks for: ``no`` and ``on`` are texts, and so are
``2024-05-31``, ``12:30``, ``1_000`` and ``012``. Keys are always texts, as they stand there: a
status code is written as a number. What JSON cannot hold (NaN, infinities, binary data, sets) is
refused, and so is a key that stands twice in one mapping (YAML 1.2, section 3.2.1.1): the one would
silently hide the other.

libyaml gives events, and the values are built from these in one pass, without the tree of nodes in
between that PyYAML makes. A loader of PyYAML with other resolvers reads the same values, but needs
six times as long (1.5 s for 3,000 operations, where this takes 0.24 s).

What an alias stands for is shared and costs nothing here, but whoever walks the document comes by
it each time. So it is counted each time, and a document that grows without end by aliases of
aliases ("billion laughs") is refused.
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
"""Values that a document may have, with what aliases stand for counted each time."""
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
    """Read a text that is one YAML document; nothing is ``None``.

    Raises:
        yaml.YAMLError: It is not YAML, holds several documents, or what JSON cannot hold.
    """
    return _Builder().build(text)


def finite(text: str) -> float:
    """Read a number of JSON.

    Raises:
        ValueError: It is none, or not finite.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number of JSON")
    return number


class _Container:
    """A list or mapping on its way, with the anchor that it gets in the end."""

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
            raise _wrong(event, "expected a single document")

    def start(self, event: Any) -> None:
        is_mapping = type(event) is MappingStartEvent
        if event.tag not in (None, "!", f"{_TAG}{'map' if is_mapping else 'seq'}"):
            raise _wrong(event, f"JSON has no {event.tag}")
        if len(self.stack) >= MAX_DEPTH:
            raise _wrong(event, f"it is nested more than {MAX_DEPTH} levels deep")
        self.stack.append(_Container(event, {} if is_mapping else []))

    def end(self, event: Event) -> None:
        container = self.stack.pop()
        value = container.value
        if container.items:
            merged: dict[str, Any] = {}
            for each in reversed(container.items):  # earlier ones go before
                merged |= each
            value = merged | value
        if container.anchor is not None:
            self.anchors[container.anchor] = value
            self.sizes[container.anchor] = container.size
        self.count(container.size, container.start)
        self.add(value, container.start)

    def alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            raise _wrong(event, f"there is no anchor {event.anchor!r} before")
        self.count(self.sizes.get(event.anchor, 1), event)
        self.add(self.anchors[event.anchor], event)

    def count(self, size: int, event: Event) -> None:
        """Count the values of something that is put into what is open."""
        if self.stack:
            self.stack[-1].size += size
        if size > MAX_VALUES:
            raise _wrong(event, f"with its aliases it has more than {MAX_VALUES} values")

    def scalar(self, event: Any) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and top.key is None and type(top.value) is dict:
            if event.tag not in (None, "!"):
                _scalar(event)  # what the tag says must hold
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
        """Put a value into what is open."""
        if not self.stack:
            self.result = value
            return
        top = self.stack[-1]
        if type(top.value) is list:
            top.value.append(value)
        elif top.key is None:
            if not isinstance(value, str):
                raise _wrong(event, "a key is a text")
            top.key = value
        elif top.is_merge:
            self.merge(top, value, event)
        elif top.key in top.value:
            raise _wrong(event, f"the key {top.key!r} stands twice in one mapping")
        else:
            top.value[top.key] = value
            top.key = None

    def merge(self, top: _Container, value: Any, event: Event) -> None:
        several = value if isinstance(value, list) else [value]
        if not all(isinstance(each, dict) for each in several):
            raise _wrong(event, "only mappings can be merged")
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
    raise _wrong(event, f"{text!r} as {event.tag} is no value of JSON")


def _plain(text: str) -> Any:
    """Return what a text without quotes stands for."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in _FIRST:
        if _INTEGER.fullmatch(text):
            return int(text)
        if NUMBER.match(text):
            return finite(text)
    return text


def _wrong(event: Any, message: str) -> ConstructorError:
    return ConstructorError(None, None, message, event.start_mark)
