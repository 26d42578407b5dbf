"""`sample`: a value that matches a schema.

====================  =========================================================================
``_sample``           `sample`, and `Samples` for many schemas of one document
``_scalars``          numbers and strings
``_pattern``          strings for regular expressions
``_draw``             choices, plain or by a seed
====================  =========================================================================
"""

from ._sample import Samples as Samples
from ._sample import sample as sample
from ._scalars import NoValue as NoValue
