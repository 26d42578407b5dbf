"""Results of handlers that are objects of a session.

==============  ===============================================================================
``_expired``    `refresh_expired`: values that the database made during a flush
``_encoding``   `while_encoding`, `refuse_statements`: encoding executes no statement
==============  ===============================================================================
"""

from ._encoding import refuse_statements as refuse_statements
from ._encoding import while_encoding as while_encoding
from ._expired import refresh_expired as refresh_expired
