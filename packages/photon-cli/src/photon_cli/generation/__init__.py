"""Applying and undoing the edits that generators describe; see `photon_runtime.generators`.

==================  ===========================================================================
``_file_changes``   edits to changes of files, in memory; what is skipped, what conflicts
``_insertion``      lines into and out of a text
``_toml_keys``      keys into and out of a TOML text
``_transaction``    changes to the disk: all or none
==================  ===========================================================================
"""

from ._file_changes import EditResult as EditResult
from ._file_changes import FileChange as FileChange
from ._file_changes import Plan as Plan
from ._file_changes import apply_edits as apply_edits
from ._file_changes import undo_edits as undo_edits
from ._transaction import write_changes as write_changes
