"""The servers of a document, with the one that serves it first.

The servers in a document are where its author expects clients. The documentation page sends
requests with the credentials that are typed into it, so it offers its own origin first: another
host would get them otherwise. The URLs are relative, and so on the origin of the page itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from photon_openapi.document import OpenApi, base_paths
from photon_runtime.http import is_below


def put_own_servers_first(data: OpenApi, root_path: str) -> OpenApi:
    """Put the server of this application before the others of a document, in place.

    Paths and operations with servers of their own get the same.

    Args:
        data: The document.
        root_path: Path below which clients see the application.
    """
    data["servers"] = _with_own(data.get("servers") or [], root_path)
    for each in _with_servers(data):
        each["servers"] = _with_own(each["servers"], root_path)
    return data


def _with_servers(data: OpenApi) -> Iterator[dict[str, Any]]:
    """Yield the paths and operations that have servers of their own."""
    for item in (data.get("paths") or {}).values():
        if isinstance(item, dict):
            for each in (item, *item.values()):
                if isinstance(each, dict) and each.get("servers"):
                    yield each


def _with_own(servers: Sequence[Mapping[str, Any]], root_path: str) -> list[Mapping[str, Any]]:
    own = [_public(base, root_path) or "/" for base in base_paths(servers)]
    others = [each for each in servers if each.get("url") not in own]
    return [{"url": url, "description": "This server"} for url in dict.fromkeys(own)] + others


def _public(base: str, root_path: str) -> str:
    return base if is_below(base, root_path) else root_path + base
