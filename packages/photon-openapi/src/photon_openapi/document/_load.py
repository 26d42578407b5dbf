"""Documents from files, YAML or JSON, or from plain data: bundled, and of one version.

Targets of references in other files are copied into the document (`_bundle`), and a document of
OpenAPI 3.0 becomes one of 3.1 (`_upgrade`).
"""

from __future__ import annotations

import json
import logging
import typing
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ..errors import DocumentError
from ._bundle import bundled
from ._upgrade import upgraded
from ._yaml import finite, parse_yaml

MAX_LEVELS: Final = 200
"""Maximum number of objects and lists within each other; public documents have some forty."""
_LONGEST_POINTER: Final = 100
_CONTAINERS: Final = (dict, list)
_log = logging.getLogger("photon.openapi")


def load_document(source: Path | str | Mapping[str, Any]) -> dict[str, Any]:
    """Load a document from a YAML or JSON file, or copy a loaded one.

    Targets of references in other files of its folder are copied into the document, and a document
    of OpenAPI 3.0 becomes one of 3.1; each part that is rewritten is logged as a warning.

    Raises:
        DocumentError: The file, or a file that it refers to, cannot be read, or is neither YAML nor
            JSON; or the document is nested more than ``MAX_LEVELS`` levels deep.
    """
    if isinstance(source, Mapping):
        data = _copied(source)
    else:
        path = Path(source)
        data = read_file(path)
        if not isinstance(data, dict):
            kind = type(data).__name__
            raise DocumentError([f"{path}: an OpenAPI document must be an object, not {kind}"])
        data = bundled(data, path, read_file)
    check_depth(data)
    data, warnings = upgraded(data)
    for warning in warnings:
        _log.warning("%s", warning)
    return data


def read_file(path: Path) -> Any:
    """Read one file.

    Raises:
        DocumentError: The file cannot be read, or is neither YAML nor JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(
            [f"{path}: {error.strerror}; the path is relative to {Path.cwd()}"]
        ) from error
    except UnicodeDecodeError as error:
        raise DocumentError([f"{path}: not UTF-8 ({error.reason})"]) from error
    try:
        # JSON is YAML, but the JSON parser has better messages and is much faster.
        return _read_json(text) if path.suffix == ".json" else parse_yaml(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise DocumentError([f"{path}: cannot be read: {error}"]) from error


def check_depth(data: object) -> None:
    """Refuse a document that validators, which recurse, could not walk.

    Raises:
        DocumentError: It is nested too deeply.
    """
    level: list[tuple[Any, str]] = [(data, "")]
    for _ in range(MAX_LEVELS):
        level = [
            (item, f"{pointer}/{name}" if len(pointer) < _LONGEST_POINTER else pointer)
            for value, pointer in level
            for name, item in (value.items() if isinstance(value, dict) else enumerate(value))
            if isinstance(item, _CONTAINERS)
        ]
        if not level:
            return
    raise DocumentError(
        [
            f"{level[0][1]}…: the document is nested more than {MAX_LEVELS} levels deep; move inner"
            " schemas to components/schemas"
        ]
    )


def _copied(source: Mapping[str, Any]) -> dict[str, Any]:
    try:
        copy = json.loads(json.dumps(dict(source), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError([f"the document cannot be written as JSON: {error}"]) from error
    return typing.cast("dict[str, Any]", copy)


def _read_json(text: str) -> Any:
    return json.loads(
        text, parse_float=finite, parse_constant=finite, object_pairs_hook=_without_duplicates
    )


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        duplicate = next(
            name for name, count in Counter(name for name, _ in pairs).items() if count > 1
        )
        raise ValueError(f"the key {duplicate!r} is duplicated in one object")
    return result
