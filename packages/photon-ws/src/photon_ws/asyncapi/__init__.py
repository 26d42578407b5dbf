"""AsyncAPI 3 documents of the WebSockets of an application.

==============  ===============================================================================
``_writer``     `asyncapi_document`: from the OpenAPI document, which describes the sockets, too
``_channel``    the address of a socket, and its handshake
``_messages``   its messages
``_security``   security schemes and requirements
``_schemas``    schemas in the dialect of AsyncAPI, and back
``_structure``  the errors that prevent tools from reading a document
``linting``     `lint`: the errors of a document, and possible improvements
``comparison``  `diff`: the differences between two documents
``_sockets``    the parts of a document that lint, diff and the page read
``_page``       the documentation page
``_pages``      the pages that an application serves
==============  ===============================================================================
"""

from ._pages import add_pages as add_pages
from ._writer import asyncapi_document as asyncapi_document
