"""The errors of the router.

::

    PhotonError
    ├─ HttpError            an answer other than success (from photon_runtime.http)
    │  └─ NotAcceptable     the client takes none of the media types that there are: 406
    ├─ ValidationError     a request does not fit its operation: 422 with every fault
    │  └─ MalformedBody     a body cannot be read at all: 400
    ├─ SignatureError       a handler is not written as it must be (also a TypeError)
    └─ DocumentError        the OpenAPI document and the handlers do not fit; lists every problem
"""

from photon_openapi.errors import DocumentError as DocumentError
from photon_openapi.errors import MalformedBody as MalformedBody
from photon_openapi.errors import ValidationError as ValidationError
from photon_runtime.errors import SignatureError as SignatureError
from photon_runtime.http import HttpError as HttpError
from photon_runtime.http import NotAcceptable as NotAcceptable
