"""`lint`: the errors of a document, and possible improvements.

====================  =========================================================================
``_lint``             `lint`, and the profiles
``_findings``         `Finding` and `Rule`
``_lint_operations``  rules for paths, operations, tags, security and components
``_lint_schemas``     rules for schemas
``_lint_style``       rules of style
====================  =========================================================================
"""

from ._findings import RANKS as RANKS
from ._findings import Finding as Finding
from ._lint import IDS as IDS
from ._lint import RULES as RULES
from ._lint import lint as lint
