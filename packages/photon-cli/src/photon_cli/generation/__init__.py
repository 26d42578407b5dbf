"""What generators describe, applied and taken back; see `photon_runtime.generators`.

========================  =====================================================================
``_generating``           a generator's edits, their effect, and the record of it
``_destroying``           taking back what is recorded
``_applying``             edits to changes of files, in memory; what is skipped, what conflicts
``_file_changes``         the files before and after
``_ledger``               ``.photon/generated.toml``
``_drift``                files whose template has changed since
``_blueprints``           the templates of packages and of the project
``_overrides``            templates of packages into the project
``_source_text``          text whose encoding, line ends and layout stay
``_insertions``           insertions of each kind into and out of a text:
                          ``_code_lines`` ``_python_imports`` ``_python_statements``
                          ``_call_arguments`` ``_toml_keys``
``_transaction``          changes to the disk, all or none: ``_journal`` ``_project_lock``
========================  =====================================================================
"""

from ._applying import apply_edits as apply_edits
from ._blueprints import Blueprints as Blueprints
from ._destroying import plan_destruction as plan_destruction
from ._destroying import undo_edits as undo_edits
from ._drift import DriftedFile as DriftedFile
from ._drift import list_drift as list_drift
from ._file_changes import EditResult as EditResult
from ._file_changes import FileChange as FileChange
from ._file_changes import Plan as Plan
from ._generating import InstalledGenerator as InstalledGenerator
from ._generating import plan_generation as plan_generation
from ._insertions import text_without as text_without
from ._ledger import LEDGER as LEDGER
from ._ledger import Ledger as Ledger
from ._overrides import OutdatedOverride as OutdatedOverride
from ._overrides import Template as Template
from ._overrides import list_outdated_overrides as list_outdated_overrides
from ._overrides import list_templates as list_templates
from ._overrides import plan_override as plan_override
from ._project_lock import project_lock as project_lock
from ._project_lock import recover_interrupted as recover_interrupted
from ._transaction import write_changes as write_changes
