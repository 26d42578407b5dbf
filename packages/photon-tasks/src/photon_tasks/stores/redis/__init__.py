"""Jobs in a Redis or Valkey.

====================  =========================================================================
``_store``            `RedisStore`
``_scripts``          its scripts, and its keys; the folder ``lua`` has their texts
``_records``          jobs as the scripts read and return them
``_server_check``     what is checked of a server before it is used
====================  =========================================================================
"""

from ._store import RedisStore as RedisStore
