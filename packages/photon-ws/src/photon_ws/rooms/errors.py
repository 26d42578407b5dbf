"""The errors of rooms.

::

    PhotonError
    ├─ RoomsMissing       a room is used outside of a running application
    ├─ RoomLimitReached   the application has no room for another room or member
    └─ StoreUnavailable   the store of rooms cannot be reached
       └─ StoreRefused    the store of rooms lacks a right, which another attempt does not change
"""

from __future__ import annotations

from photon_runtime.errors import PhotonError


class RoomsMissing(PhotonError):
    """A room is used by code that does not belong to a running application with rooms."""


class RoomLimitReached(PhotonError):
    """The room has its maximum of members, or the application its maximum of rooms."""


class StoreUnavailable(PhotonError):
    """The store that connects the rooms of several workers cannot be reached."""


class StoreRefused(StoreUnavailable):
    """The user of the store lacks a right: an error at the start, because waiting does not help."""
