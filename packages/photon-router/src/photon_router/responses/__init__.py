"""From a result to a response, and the kinds of responses that handlers return.

==================  ===========================================================================
``_kinds``          kinds of responses: `Text`, `Redirect` ...
``_file``           `File`: a file, with preconditions and ranges
``_cases``          the response cases of a return annotation
``_encoders``       results encoded according to the document
``_null_policy``    ``None`` as ``null`` or as a missing member, according to the document
``_naive_times``    times without an offset, where the schema requires one
``_check``          responses checked against the document; for development and tests
==================  ===========================================================================
"""

from ._cases import ResponseCase as ResponseCase
from ._cases import Status as Status
from ._cases import response_cases_of as response_cases_of
from ._check import ResponseCheck as ResponseCheck
from ._differences import result_differences as result_differences
from ._differences import result_spellings as result_spellings
from ._encoders import Declared as Declared
from ._encoders import Encoder as Encoder
from ._encoders import ResolvedCase as ResolvedCase
from ._encoders import content_for as content_for
from ._encoders import encoder_of as encoder_of
from ._encoders import resolve_case as resolve_case
from ._encoders import resolve_union as resolve_union
from ._file import File as File
from ._file import disposition as disposition
from ._file import responding_with_files as responding_with_files
from ._kinds import Created as Created
from ._kinds import EventStream as EventStream
from ._kinds import JsonLines as JsonLines
from ._kinds import NoContent as NoContent
from ._kinds import Redirect as Redirect
from ._kinds import Stream as Stream
from ._kinds import Text as Text
from ._kinds import uri as uri
from ._naive_times import TimesOfDocument as TimesOfDocument
from ._naive_times import logging_naive_times as logging_naive_times
