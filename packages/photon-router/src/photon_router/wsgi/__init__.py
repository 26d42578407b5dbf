"""WSGI both ways (PEP 3333).

=============  ================================================================================
``_mounted``   `Wsgi`: another application inside of Photon, mounted below a prefix
``_export``    `WsgiExport`: Photon inside of another server
``_parts``     bodies that have begun, as those who send them need them
``_protocol``  the vocabulary of both
=============  ================================================================================
"""

from ._export import WsgiExport as WsgiExport
from ._mounted import Wsgi as Wsgi
from ._parts import begun as begun
