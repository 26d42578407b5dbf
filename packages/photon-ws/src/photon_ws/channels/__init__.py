"""Typed channels: WebSockets whose messages are JSON values with types.

===================  ==========================================================================
``_websocket``       `WebSocket`: the class that handlers annotate their argument with
``_channel``         `Channel`: the types of one handler, checked and compiled at start-up
``_type_arguments``  the type arguments of an annotation
``_message_types``   the types of one direction, and how messages of them are distinguished
``_decoder``         received messages to values
``_encoder``         values to messages that are sent
``_problem``         the messages that answer invalid ones
``_peer``            `ChannelPeer`: the other end, for clients and tests
===================  ==========================================================================
"""

from ._channel import Channel as Channel
from ._channel import channel_of as channel_of
from ._peer import ChannelPeer as ChannelPeer
from ._problem import OnInvalid as OnInvalid
from ._websocket import WebSocket as WebSocket
