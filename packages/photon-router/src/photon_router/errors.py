"""The errors of the router.

::

    PhotonError
    ├─ HttpError            a response other than success (from photon_runtime.http)
    │  └─ NotAcceptable     the client accepts none of the available media types: 406
    ├─ ValidationError      a request is invalid: 422 with the complete list of its errors
    │  └─ MalformedBody     a body cannot be read at all: 400
    ├─ SignatureError       the signature or an option of a handler is invalid (also a TypeError)
    ├─ AttributeNotLoaded   a result of SQLAlchemy has not loaded what is sent
    └─ DocumentError        the OpenAPI document and the handlers do not match; lists every problem
"""

from photon_openapi.errors import AttributeNotLoaded as AttributeNotLoaded
from photon_openapi.errors import DocumentError as DocumentError
from photon_openapi.errors import MalformedBody as MalformedBody
from photon_openapi.errors import ValidationError as ValidationError
from photon_runtime.errors import SignatureError as SignatureError
from photon_runtime.http import HttpError as HttpError
from photon_runtime.http import NotAcceptable as NotAcceptable
