"""Sources of documents: files, standard input, and applications.

=================  ============================================================================
``_source``        `Source`: a document with its name and the lines of its parts
``_positions``     `Positions`: the lines of a file, by JSON pointer
``_application``   the document of an application, which the command line imports
=================  ============================================================================
"""

from ._application import DocumentedApplication as DocumentedApplication
from ._application import Project as Project
from ._application import application_document as application_document
from ._positions import Positions as Positions
from ._source import Source as Source
from ._source import from_file as from_file
from ._source import from_text as from_text
