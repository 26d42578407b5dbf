"""A mock server for an OpenAPI document.

====================  =========================================================================
``_mock``             `MockApplication`
``_mock_reload``      `ReloadingMock`: a mock that reloads its document
``_mock_responses``   the responses of one operation
``_payload``          values as bodies and header fields
``_preferences``      ``Prefer``
====================  =========================================================================
"""

from ._mock import MockApplication as MockApplication
from ._mock_reload import ReloadingMock as ReloadingMock
