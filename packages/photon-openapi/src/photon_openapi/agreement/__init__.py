"""Agreement of a document with the classes of the code: what is known, at start, never to fit.

===================  ==========================================================================
``_kinds``           `Kind`: the values of one JSON type that a schema or a class has
``_schema_kinds``    the kinds of a schema
``_type_kinds``      the kinds of a type
``_agreement``       `Agreement`: compares both, in the direction that the values travel
``_objects``         the comparison of objects with classes
``_scalars``         that of strings, numbers and enumerations
``_nearest``         names for messages
===================  ==========================================================================
"""

from ._agreement import Agreement as Agreement
from ._nearest import nearest as nearest
