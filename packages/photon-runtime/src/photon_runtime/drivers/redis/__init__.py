"""Connections to Redis and Valkey that pause one task and obey deadlines, without the patch.

==================  ===========================================================================
``_connection``     `connect`: redis-py's connections with sockets that wait in the hub
``_connections``    `Connections`: a few connections to a server, which calls borrow
``_script``         `Script`: a Lua script, which is sent by its digest
``_subscription``   `next_message`: what is published, from a server that answers
==================  ===========================================================================

Other than the drivers of databases, these connections need a hub. redis-py's own clients cooperate
under the patch.
"""

from redis.exceptions import AuthenticationError as AuthenticationError
from redis.exceptions import ConnectionError as ConnectionError
from redis.exceptions import NoPermissionError as NoPermissionError
from redis.exceptions import NoScriptError as NoScriptError
from redis.exceptions import RedisError as RedisError
from redis.exceptions import ResponseError as ResponseError

from ._connection import connect as connect
from ._connections import Connections as Connections
from ._script import Script as Script
from ._subscription import next_message as next_message
