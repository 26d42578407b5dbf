"""`HubThread`: a second hub in a process, for work that must not wait for the first one."""

from ._hub import current_hub as current_hub
from ._hub_thread import HubThread as HubThread
from ._hub_thread import PendingCall as PendingCall
