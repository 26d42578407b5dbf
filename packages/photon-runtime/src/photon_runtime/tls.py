"""TLS for sockets that wait in the scheduler, in packages above."""

from ._tls import client_context as client_context
from ._tls import waiting_in_hub as waiting_in_hub
