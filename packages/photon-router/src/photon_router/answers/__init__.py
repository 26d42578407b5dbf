"""From a result to a response.

===================  ==========================================================================
``_result``          what a return annotation says: the answers that a result may become
``_answers``         results encoded, as the document says
``_projection``        the members that the annotation names, and no others
``_null_policy``       whether the document has ``null`` or nothing for ``None``
``_answers_check``   whether an answer is what the document says; for development and tests
===================  ==========================================================================
"""

from ._answers import Declared as Declared
from ._answers import Encoder as Encoder
from ._answers import ResolvedCase as ResolvedCase
from ._answers import content_for as content_for
from ._answers import encoder_of as encoder_of
from ._answers import resolve_case as resolve_case
from ._answers import resolve_union as resolve_union
from ._answers_check import AnswerCheck as AnswerCheck
from ._result import ResponseCase as ResponseCase
from ._result import Status as Status
from ._result import plain_type as plain_type
from ._result import response_cases_of as response_cases_of
