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
from ._changes import Direction as Direction
from ._changes import Severity as Severity
from ._changes import severity_of as severity_of
from ._diff import diff as diff
from ._diff_schemas import SchemaDiff as SchemaDiff
