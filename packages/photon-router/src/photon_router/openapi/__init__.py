"""Work on OpenAPI documents themselves: judge them, compare them, stand in for them.

====================  =========================================================================
``_source``           documents from files and standard input
``_lint``             `lint`: what is wrong with a document, and what could be better
``_findings``         `Finding`, and what rules are
``_lint_operations``  rules for paths, operations, tags, security and components
``_lint_schemas``     rules for schemas
``_lint_style``       rules of style
``_schemas``          the schemas that stand in a document
``_diff``             `diff`: what is different between two documents
``_diff_operation``   what is different in one operation
``_diff_schemas``     how a schema has changed
``_changes``          `Change`, and how grave one is
``_reports``          findings and changes as text
``_positions``        lines of files for pointers
``_mock``             `MockApplication`: a server made of a document alone
``_mock_reload``      `ReloadingMock`: one that follows its document
``_mock_answers``     what it answers for one operation
``_sample``           `sample`: a value for a schema
``_flat``             schemas without ``allOf``, ``oneOf`` and references
``_scalars``          numbers and texts
``_pattern``          texts for regular expressions
``_draw``             choices, plain or by a seed
``_payload``          values as bodies and header fields
``_preferences``      ``Prefer``
====================  =========================================================================
"""

from ._changes import SEVERITIES as SEVERITIES
from ._changes import Change as Change
from ._diff import diff as diff
from ._findings import RANKS as RANKS
from ._findings import Finding as Finding
from ._lint import IDS as IDS
from ._lint import RULES as RULES
from ._lint import lint as lint
from ._mock import MockApplication as MockApplication
from ._mock_reload import ReloadingMock as ReloadingMock
from ._positions import Positions as Positions
from ._reports import CHANGES as CHANGES
from ._reports import FINDINGS as FINDINGS
from ._sample import sample as sample
from ._scalars import NoValue as NoValue
from ._source import Source as Source
from ._source import from_file as from_file
from ._source import from_text as from_text
