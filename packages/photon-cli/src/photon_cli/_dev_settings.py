"""The ``[dev]`` section of photon.toml."""

from __future__ import annotations

import re

import attrs

from photon_runtime.settings import section

_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")


def _are_hosts(settings: DevSettings, field: object, value: tuple[str, ...]) -> None:
    for host in value:
        if not _HOST.fullmatch(host):
            raise ValueError(
                "a host has the form example.com, *.example.com or [::1], in lower case and "
                f"without scheme and port, not {host!r}"
            )


@section("dev")
@attrs.frozen(kw_only=True)
class DevSettings:
    """What ``photon dev`` does, in the environment ``development``.

    Attributes:
        page_reload: True to reload pages in browsers when a file has changed.
        allowed_hosts: Host names beside ``localhost`` and the addresses of the server under which
            pages reload, such as that of a tunnel; ``*.example.com`` matches all subdomains.
    """

    page_reload: bool = True
    allowed_hosts: tuple[str, ...] = attrs.field(default=(), validator=_are_hosts)
