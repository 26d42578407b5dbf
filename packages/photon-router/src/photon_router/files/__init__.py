"""Responses with files: one code for `StaticFiles` and for a `File` of a handler.

==================  ===========================================================================
``_open_file``      open regular files, and the variant of one that is sent
``_responder``      the response with a file: validators, ranges, header fields
``_ranges``         ``Range``, and bodies of several ranges
``_content_type``   media types by name
==================  ===========================================================================
"""

from ._content_type import ContentTypes as ContentTypes
from ._content_type import is_html as is_html
from ._content_type import type_of_name as type_of_name
from ._open_file import OPEN_FLAGS as OPEN_FLAGS
from ._open_file import OpenFile as OpenFile
from ._open_file import Variant as Variant
from ._open_file import is_absence as is_absence
from ._open_file import open_regular as open_regular
from ._open_file import wrap_regular as wrap_regular
from ._responder import NOSNIFF as NOSNIFF
from ._responder import FileResponder as FileResponder
