"""The errors of documents and values.

::

    PhotonError
    ├─ ValidationFailed     a value does not fit its schema: 422 with every fault
    │  └─ MalformedBody     a text cannot be read at all: 400
    ├─ SignatureError       an annotation or a handler is not written as it must be (a TypeError)
    └─ DocumentError        an OpenAPI document is not in order; lists every problem
"""

from __future__ import annotations

from collections.abc import Sequence

from photon_runtime.errors import PhotonError

from ._faults import MalformedBody as MalformedBody
from ._faults import ValidationFailed as ValidationFailed
from .annotations._signature_error import SignatureError as SignatureError


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
