"""`diff`: the differences between two documents, and their effect on clients.

====================  =========================================================================
``_diff``             `diff`
``_diff_operation``   the differences in one operation
``_diff_schemas``     the differences between two schemas
``_changes``          `Change` and its severity
====================  =========================================================================
"""

from ._changes import SEVERITIES as SEVERITIES
from ._changes import Change as Change
from ._diff import diff as diff
