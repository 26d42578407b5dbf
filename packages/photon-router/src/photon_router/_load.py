"""OpenAPI documents from files: JSON, or YAML with the values of JSON.

Of YAML 1.2 the JSON schema counts, as OpenAPI asks for: ``no`` and ``on`` are texts, and so are
``2024-05-31``, ``12:30``, ``1_000`` and ``012``. Keys are always texts, as they stand there: a
status code is written as a number. What JSON cannot hold (NaN, infinities, binary data, sets) is
refused.
"""

from __future__ import annotations

import json
import math
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .errors import DocumentError

_TAG = "tag:yaml.org,2002:"
_KINDS = ("null", "bool", "int", "float", "str", "seq", "map")
# Which plain texts are no strings, with the characters that they begin with.
_VALUES = (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?", list("-0123456789")),
    ("merge", r"<<", ["<"]),
)


def load_document(source: Path | str | Mapping[str, Any]) -> dict[str, Any]:
    """Load a document from a YAML or JSON file, or take a copy of one that is loaded.

    Raises:
        DocumentError: The file cannot be read, or is neither YAML nor JSON.
    """
    if isinstance(source, Mapping):
        return _copied(source)
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(
            [f"{path}: {error.strerror}; it is looked up from {Path.cwd()}"]
        ) from error
    except UnicodeDecodeError as error:
        raise DocumentError([f"{path}: not a text in UTF-8 ({error.reason})"]) from error
    try:
        # JSON is YAML, but the JSON reader gives better messages and is much faster.
        data = _read_json(text) if path.suffix == ".json" else yaml.load(text, _SpecLoader)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise DocumentError([f"{path}: cannot be read: {error}"]) from error
    if not isinstance(data, dict):
        raise DocumentError(
            [f"{path}: an OpenAPI document is an object, not {type(data).__name__}"]
        )
    return data


def _copied(source: Mapping[str, Any]) -> dict[str, Any]:
    try:
        copy = json.loads(json.dumps(dict(source), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError([f"the document holds what JSON cannot: {error}"]) from error
    return typing.cast(dict[str, Any], copy)


def _read_json(text: str) -> Any:
    return json.loads(text, parse_float=_finite, parse_constant=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number of JSON")
    return number


class _SpecLoader(yaml.CSafeLoader):
    """YAML with the values of JSON alone."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping whose keys are texts, as they were written."""
        self.flatten_mapping(node)
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                key.tag = f"{_TAG}str"
        return super().construct_mapping(node, deep=True)


def _construct_float(loader: _SpecLoader, node: yaml.ScalarNode) -> float:
    return _finite(str(loader.construct_scalar(node)).lstrip("."))


_SpecLoader.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in _VALUES:
    _SpecLoader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(rf"(?:{_pattern})\Z"), _first)
_SpecLoader.yaml_constructors = {
    **{f"{_TAG}{kind}": yaml.CSafeLoader.yaml_constructors[f"{_TAG}{kind}"] for kind in _KINDS},
    f"{_TAG}float": _construct_float,
    None: yaml.CSafeLoader.yaml_constructors[None],
}
