"""HTTP/1.1: requests, responses, and a server that runs handlers as coroutines.

=====================  ========================================================================
``_request``           `Request`
``_response``          `Response`
``_server_sent_event``  `ServerSentEvent`: one event of a stream, and its format
``_described_response``  responses that their classes describe in the document; `Html`
``_headers``           `Headers`, and the rules for field names and values
``_multidict``         `MultiDict`: names with several values
``_rest_of_body``      bodies in chunks, and others that llhttp does not parse
``_root_path``         the path below which clients see the application
``_made_per_root``     values that contain addresses, made once for each root path
``_shared_text``       large texts to bytes, once for all clients
``_query``             queries and percent-encoding to text
``_cookies``           ``Cookie`` fields to cookies, and `SetCookie`
``_accept``            ``Accept``: which media types a client accepts
``_accept_encoding``   ``Accept-Encoding``: which content codings a client accepts
``_caching``           ``Vary`` and ``Cache-Control``
``_entity_tag``        entity tags: syntax, making, comparison
``_preconditions``     ``If-Match`` and the like: 304, 412, whether ``Range`` applies
``_parser``            bytes to requests, without input or output
``_framing``           the rules of RFC 9110 and 9112 that the parser leaves to the server
``_encode``            responses to bytes
``_wire``              the bytes of one connection: receive, send, time limits
``_connection``        one connection: receive, handle, respond
``_send``              responses onto the wire, whatever their bodies are
``_files``             `FileBody`: files sent by the operating system
``_upgrade``           `upgrade`: leaving HTTP for another protocol
``_connection_preface``  what precedes the first request: the PROXY header, TLS
``_proxy_protocol``    PROXY headers to addresses
``_tls``               TLS between a socket and a connection
``_peer``              the client of a request: the peer, or the one a trusted proxy names
``_listen``            `listen` and the like: TCP, Unix and inherited sockets
``_acceptor``          connections off the backlog
``_server``            `Server`: all connections, time limits, graceful stop
``_serve``             `serve`: an application in a thread, until a signal
``_lifetime``          heartbeats of a worker, and when it is replaced
``_settings``          `ServerSettings`: the ``[server]`` section of photon.toml
``_route``             `Route`: the resource and operation that a request matched
``_started``           a started application, as hosts see it: the context of its requests
``_adapter``           routes that change the protocol of their connection
``_problem``           an error as a problem document
``errors``             `HttpError`, `NotAcceptable`
=====================  ========================================================================
"""

from ._accept import names_media_type as names_media_type
from ._accept_encoding import choose_coding as choose_coding
from ._adapter import ArgumentAdapter as ArgumentAdapter
from ._adapter import CallAdapter as CallAdapter
from ._adapter import PartAdapter as PartAdapter
from ._caching import add_vary as add_vary
from ._caching import has_cache_directive as has_cache_directive
from ._caching import keep_private as keep_private
from ._connection import Handler as Handler
from ._cookies import SetCookie as SetCookie
from ._described_response import DescribedResponse as DescribedResponse
from ._described_response import Html as Html
from ._encode import forbids_body as forbids_body
from ._entity_tag import is_entity_tag as is_entity_tag
from ._entity_tag import strong_tag as strong_tag
from ._files import FileBody as FileBody
from ._headers import Headers as Headers
from ._headers import is_field_value as is_field_value
from ._headers import is_token as is_token
from ._lifetime import WorkerLink as WorkerLink
from ._listen import address_of as address_of
from ._listen import adopt as adopt
from ._listen import inherited_sockets as inherited_sockets
from ._listen import listen as listen
from ._listen import listen_unix as listen_unix
from ._listen import open_listeners as open_listeners
from ._listen import refuse_new_connections as refuse_new_connections
from ._listen import remove_unix as remove_unix
from ._made_per_root import MadePerRoot as MadePerRoot
from ._multidict import MultiDict as MultiDict
from ._peer import Peer as Peer
from ._preconditions import Precondition as Precondition
from ._preconditions import evaluate_preconditions as evaluate_preconditions
from ._preconditions import is_range_current as is_range_current
from ._preconditions import parse_date as parse_date
from ._problem import PROBLEM_TYPE as PROBLEM_TYPE
from ._problem import failure_response as failure_response
from ._problem import problem_response as problem_response
from ._query import decode_percent as decode_percent
from ._request import Request as Request
from ._response import CheckedName as CheckedName
from ._response import Response as Response
from ._root_path import current_root_path as current_root_path
from ._root_path import enter_root_path as enter_root_path
from ._root_path import is_below as is_below
from ._root_path import leave_root_path as leave_root_path
from ._root_path import parse_root_path as parse_root_path
from ._route import Route as Route
from ._serve import Application as Application
from ._serve import serve as serve
from ._server import Server as Server
from ._server import is_stopping as is_stopping
from ._server_sent_event import ServerSentEvent as ServerSentEvent
from ._settings import ServerSettings as ServerSettings
from ._started import StartedHandler as StartedHandler
from ._started import begin_request as begin_request
from ._started import context_of as context_of
from ._upgrade import Upgrade as Upgrade
from ._upgrade import UpgradedStream as UpgradedStream
from ._upgrade import upgrade as upgrade
from .errors import HttpError as HttpError
from .errors import NotAcceptable as NotAcceptable
