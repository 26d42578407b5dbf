"""WSGI in both directions (PEP 3333).

==================  ===========================================================================
``_mounted``        `Wsgi`: a WSGI application mounted in a Photon application
``_export``         `WsgiExport`: a Photon application under a WSGI server
``_streamed_body``  streamed bodies whose first chunk is available
``_protocol``       the types of WSGI
==================  ===========================================================================
"""

from ._export import WsgiExport as WsgiExport
from ._mounted import Wsgi as Wsgi
from ._streamed_body import with_first_chunk as with_first_chunk
