"""Values that clients send, and objects that they are stored in.

================  =============================================================================
``_assign``       `assign`: the members of a value become attributes of an object
``_conflicts``    `find_conflicts`, `refuse_conflicts`: values that the database would refuse
``_wire_names``   the names of members on the wire, for the pointers of errors
================  =============================================================================
"""

from ._assign import assign as assign
from ._conflicts import ValueConflict as ValueConflict
from ._conflicts import find_conflicts as find_conflicts
from ._conflicts import refuse_conflicts as refuse_conflicts
