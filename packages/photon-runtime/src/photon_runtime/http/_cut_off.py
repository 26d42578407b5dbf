"""Log records of connections that the server ends because a time limit is over.

The client of such a connection loses a request or a part of a response, so it is never silent. The
end of an idle connection is not such a case: nothing is lost.
"""

from __future__ import annotations

import logging

from ._peer import Peer

_log = logging.getLogger("photon.http")


def log_cut_off(event: str, peer: object, setting: str, seconds: float) -> None:
    """Log that a time limit of the server has ended something.

    Args:
        event: What ended, and why, with ``%s`` for the peer.
        peer: Address of the other side, or a `Peer`.
        setting: Name of the time limit.
        seconds: Its value.
    """
    _log.info(f"{event}; the limit is %s = %g seconds", peer_name(peer), setting, seconds)


def peer_name(peer: object) -> str:
    """Return the address of a connection's peer, for log records."""
    address = peer.address if isinstance(peer, Peer) else peer
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    return str(address) if address else "a Unix socket"
