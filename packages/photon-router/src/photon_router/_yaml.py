"""The document as YAML: the same bytes for the same document."""

from __future__ import annotations

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Writes every value out: anchors make a document hard to read and to compare."""

    def ignore_aliases(self, data: Any) -> bool:
        """Say that nothing is worth an alias."""
        return True


def to_yaml(document: dict[str, Any]) -> bytes:
    """Return ``document`` as YAML in UTF-8, members in their order."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text.encode("utf-8")
