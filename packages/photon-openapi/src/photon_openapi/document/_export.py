"""The document as text: the same bytes for the same document, served or exported."""

from __future__ import annotations

import json
from typing import Literal

import yaml

from ._document import OpenApi
from ._yaml import NUMBER


class _Dumper(yaml.CSafeDumper):
    """Writes strings of several lines as blocks.

    Strings that are numbers only in YAML 1.2, as ``1e3``, are quoted, too.
    """


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    # The dumper quotes strings that a block cannot represent (spaces at the ends of lines).
    style = "|" if "\n" in text.strip("\n") and text[0] not in "\n " else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER, list("-0123456789"))


def encode_document(document: OpenApi, *, form: Literal["json", "yaml"]) -> bytes:
    """Return a document as text, its members in order.

    Args:
        document: The document.
        form: ``yaml`` or ``json``.

    Returns:
        UTF-8 with a line feed at the end. YAML is written without anchors, even where the document
        contains one object twice.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if form == "yaml":
        # After encoding and decoding no object is shared, and every value is of a plain type.
        text = yaml.dump(json.loads(text), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text.encode("utf-8")
