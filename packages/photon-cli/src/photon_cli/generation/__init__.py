"""Applying and undoing the edits that generators describe; see `photon_runtime.generators`.

========================  =====================================================================
``_applying``             edits to changes of files, in memory; what is skipped, what conflicts
``_file_changes``         the files before and after
``_blueprints``           the templates of packages and of the project
``_source_text``          text whose encoding, line ends and layout stay
``_code_lines``           lines into and out of a text
``_python_imports``       imports into and out of Python code
``_python_statements``    calls, attributes and elements into and out of Python code
``_call_arguments``        arguments of calls into and out of Python code
``_toml_keys``            keys into and out of a TOML text
``_transaction``          changes to the disk: all or none
========================  =====================================================================
"""

from ._applying import apply_edits as apply_edits
from ._blueprints import Blueprints as Blueprints
from ._drift import DriftedFile as DriftedFile
from ._drift import list_drift as list_drift
from ._file_changes import EditResult as EditResult
from ._file_changes import FileChange as FileChange
from ._file_changes import Plan as Plan
from ._transaction import write_changes as write_changes
from ._undoing import undo_edits as undo_edits
