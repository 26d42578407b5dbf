"""Signatures of handlers and dependencies, read once by `photon_runtime.signatures`.

======================  =======================================================================
``_signature``          the arguments and the result of a function
``_signature_checks``   annotations and defaults that contradict each other
======================  =======================================================================
"""

from ._signature import ABSENT as ABSENT
from ._signature import MISSING as MISSING
from ._signature import Argument as Argument
from ._signature import Signature as Signature
from ._signature import is_generator as is_generator
from ._signature import read_signature as read_signature
