"""`diff`: what is different between two documents, and whether it breaks clients.

====================  =========================================================================
``_diff``             `diff`
``_diff_operation``   what is different in one operation
``_diff_schemas``     how a schema has changed
``_changes``          `Change`, and how grave one is
====================  =========================================================================
"""

from ._changes import SEVERITIES as SEVERITIES
from ._changes import Change as Change
from ._diff import diff as diff
