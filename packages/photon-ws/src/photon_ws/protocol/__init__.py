"""The WebSocket protocol without input or output: bytes to events, messages to bytes.

===============  ================================================================================
``_events``      `Ping`, `Pong`, `Close`, and the violation that ends a connection
``_close``       close codes and the payload of close frames
``_mask``        masking of payloads
``_decoder``     `FrameDecoder`: received bytes to messages and control frames (RFC 6455)
``_encoder``     `encode_message` and the like: messages and control frames to bytes
``_deflate``     `Deflater` and `Inflater`: permessage-deflate (RFC 7692)
``_extensions``  the grammar of ``Sec-WebSocket-Extensions``
``_parameters``  `DeflateParameters`: negotiation of permessage-deflate
``_origins``     `Origins`: the origins whose pages may connect
``_handshake``   `accept_handshake`: a request to the fields of the ``101`` response
===============  ================================================================================
"""

from ._decoder import FrameDecoder as FrameDecoder
from ._deflate import Deflater as Deflater
from ._deflate import Inflater as Inflater
from ._encoder import encode_close as encode_close
from ._encoder import encode_frame as encode_frame
from ._encoder import encode_message as encode_message
from ._encoder import encode_ping as encode_ping
from ._encoder import encode_pong as encode_pong
from ._events import Close as Close
from ._events import Event as Event
from ._events import Message as Message
from ._events import Ping as Ping
from ._events import Pong as Pong
from ._events import ProtocolViolation as ProtocolViolation
from ._handshake import Handshake as Handshake
from ._handshake import accept_handshake as accept_handshake
from ._origins import Origins as Origins
from ._parameters import DeflateParameters as DeflateParameters
from ._parameters import negotiate_deflate as negotiate_deflate
