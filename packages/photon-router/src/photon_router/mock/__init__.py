"""A server that is made of an OpenAPI document alone.

====================  =========================================================================
``_mock``             `MockApplication`
``_mock_reload``      `ReloadingMock`: one that follows its document
``_mock_answers``     what it answers for one operation
``_payload``          values as bodies and header fields
``_preferences``      ``Prefer``
====================  =========================================================================
"""

from ._mock import MockApplication as MockApplication
from ._mock_reload import ReloadingMock as ReloadingMock
