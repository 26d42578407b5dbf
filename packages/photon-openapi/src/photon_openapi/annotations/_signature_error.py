"""The error for handlers; it stands alone, since markers and constraints raise it as well."""

from photon_runtime.errors import PhotonError


class SignatureError(PhotonError, TypeError):
    """A handler or dependency is not written as it must be; says where and what to write."""
