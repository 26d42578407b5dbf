"""Built-in middleware, usable in code and in the settings.

========================  =====================================================================
``_settings``             `MiddlewareSettings`: ``[middleware]`` in photon.toml, and the order
``_chain``                the middleware chain of an application, and the origin of each entry
``_layer``                `Layer`: the base class of built-in middleware
``_request_id``           `RequestId`: an id for each request
``_security_headers``     `SecurityHeaders`: security fields on every response
``_hosts``, ``_https``    `TrustedHosts`, `HttpsRedirect`
``_cors``                 `Cors`: pages of other origins
``_rate_limit``           `RateLimit`: limits requests per time window
``_bucket``               token buckets in memory or in Redis
``_limits``               `BodyLimit`, `Deadline`
``_compression``          `Compression`
``_codings``              gzip, brotli, Zstandard
``_decompression``        `Decompression`: compressed request bodies
``_decodings``            decoders with bounded output
``_conditional``          `Conditional`: 304 and 412
``_sessions``, ``_session``  `Sessions`: signed cookies; `Session`: what is in them
``_csrf``                 `Csrf`: protection against cross-site request forgery
``_hints``                settings that the document shows to be mistakes
``_paths``, ``_checks``   path sets and validators of options
========================  =====================================================================
"""

from photon_runtime.http import strong_tag as strong_tag

from ._bucket import MemoryStore as MemoryStore
from ._bucket import RateStore as RateStore
from ._bucket import RedisStore as RedisStore
from ._bucket import Taken as Taken
from ._chain import ChainEntry as ChainEntry
from ._chain import bind_chain as bind_chain
from ._chain import chain as chain
from ._chain import operations_of as operations_of
from ._compression import Compression as Compression
from ._conditional import Conditional as Conditional
from ._conditional import check_preconditions as check_preconditions
from ._cors import Cors as Cors
from ._csrf import Csrf as Csrf
from ._csrf import csrf_token as csrf_token
from ._decompression import Decompression as Decompression
from ._hints import log_hints as log_hints
from ._hints import middleware_hints as middleware_hints
from ._hosts import TrustedHosts as TrustedHosts
from ._https import HttpsRedirect as HttpsRedirect
from ._layer import Layer as Layer
from ._limits import BodyLimit as BodyLimit
from ._limits import Deadline as Deadline
from ._rate_limit import RateLimit as RateLimit
from ._rate_limit import client_address as client_address
from ._request_id import RequestId as RequestId
from ._request_id import RequestIdFilter as RequestIdFilter
from ._request_id import current_request_id as current_request_id
from ._security_headers import SecurityHeaders as SecurityHeaders
from ._session import Session as Session
from ._session import session_of as session_of
from ._sessions import Sessions as Sessions
from ._settings import MiddlewareSettings as MiddlewareSettings
