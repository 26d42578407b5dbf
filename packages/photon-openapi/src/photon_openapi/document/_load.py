"""Documents from files, YAML or JSON, or from plain data: whole, and of one version.

What a document refers to in other files is put into it (`_bundle`), and one of OpenAPI 3.0 becomes
one of 3.1 (`_upgrade`).
"""

from __future__ import annotations

import json
import logging
import typing
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import DocumentError
from ._bundle import bundled
from ._upgrade import upgraded
from ._yaml import finite, parse_yaml

_log = logging.getLogger("photon.openapi")


def load_document(source: Path | str | Mapping[str, Any]) -> dict[str, Any]:
    """Load a document from a YAML or JSON file, or take a copy of one that is loaded.

    What it refers to in other files of its folder is put into it, and a document of OpenAPI 3.0
    becomes one of 3.1; what was written anew for that is logged as a warning.

    Raises:
        DocumentError: The file, or one that it refers to, cannot be read, or is neither YAML nor
            JSON.
    """
    if isinstance(source, Mapping):
        data = _copied(source)
    else:
        path = Path(source)
        data = read_file(path)
        if not isinstance(data, dict):
            kind = type(data).__name__
            raise DocumentError([f"{path}: an OpenAPI document is an object, not {kind}"])
        data = bundled(data, path, read_file)
    data, warnings = upgraded(data)
    for warning in warnings:
        _log.warning("%s", warning)
    return data


def read_file(path: Path) -> Any:
    """Read one file.

    Raises:
        DocumentError: It cannot be read, or is neither YAML nor JSON.
    """
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
        return _read_json(text) if path.suffix == ".json" else parse_yaml(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise DocumentError([f"{path}: cannot be read: {error}"]) from error


def _copied(source: Mapping[str, Any]) -> dict[str, Any]:
    try:
        copy = json.loads(json.dumps(dict(source), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError([f"the document holds what JSON cannot: {error}"]) from error
    return typing.cast("dict[str, Any]", copy)


def _read_json(text: str) -> Any:
    return json.loads(
        text, parse_float=finite, parse_constant=finite, object_pairs_hook=_without_doubles
    )


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(
            name for name, count in Counter(name for name, _ in pairs).items() if count > 1
        )
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found
