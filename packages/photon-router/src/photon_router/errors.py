"""The errors of the router.

::

    PhotonError
    ├─ HttpError            an answer other than success (from photon_runtime.http)
    │  └─ NotAcceptable     the client takes none of the media types that there are: 406
    ├─ ValidationFailed     a request does not fit its operation: 422 with every fault
    │  └─ MalformedBody     a body cannot be read at all: 400
    ├─ SignatureError       a handler is not written as it must be (also a TypeError)
    └─ DocumentError        the OpenAPI document and the handlers do not fit; lists every problem
"""

from __future__ import annotations

from collections.abc import Sequence

from photon_runtime.errors import PhotonError
from photon_runtime.errors import SignatureError as SignatureError
from photon_runtime.http import HttpError as HttpError
from photon_runtime.http import NotAcceptable as NotAcceptable

from ._faults import MalformedBody as MalformedBody
from ._faults import ValidationFailed as ValidationFailed


class DocumentError(PhotonError):
    """The OpenAPI document is not in order, or does not fit the handlers.

    Attributes:
        problems: All of them, one sentence each, with the place in the document.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        """Keep the problems."""
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(f"the application cannot start, {count}:{lines}")
