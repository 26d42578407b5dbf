"""Migrations: Alembic's revision files, applied by plain functions and by ``photon db``.

====================  =========================================================================
``_applying``         `migrate`, `rollback`: each migration in a transaction, under a lock
``_status``           `status`, `pending`, `current`, `heads`
``_scripts``          the revision files
``photon_runtime.revision_files``  `plan_revision`, `read_heads`: planning and writing them
``_merging``          `merge`, `rebase`
``_stamping``         `stamp`: noted as applied without running
``_generating``       `diff`, `plan_migration`: from models to migrations
``_databases``        `create`, `drop`, `truncate`
``_seeds``            `seed`, `dump`
``_checking``         `check`: pending migrations on a copy, with the locks that they take
``_entities``         `entities`: models from tables
``_schema_sql``       `schema_sql`
``_starting``         `prepare_start`: migrations at the start of an application
``_environment``      Alembic without ``alembic.ini`` and ``env.py``
``_engine``, ``_lock``, ``_log``  connections, one process at a time, what was applied
``sqlite``            changes of tables on SQLite
====================  =========================================================================

They are for scripts, tests and the command line, and block the thread; a coroutine calls them by
`photon_runtime.offload`. The library Alembic is the extra ``photon-lifeguard[migrations]``.
"""

from photon_runtime.revision_files import RevisionFile as RevisionFile
from photon_runtime.revision_files import plan_revision as plan_revision
from photon_runtime.revision_files import read_heads as read_heads

from ._applying import AppliedMigration as AppliedMigration
from ._applying import migrate as migrate
from ._applying import rollback as rollback
from ._changes import Change as Change
from ._checking import Check as Check
from ._checking import CheckedMigration as CheckedMigration
from ._checking import CheckedStatement as CheckedStatement
from ._checking import LockTaken as LockTaken
from ._checking import check as check
from ._databases import create as create
from ._databases import drop as drop
from ._databases import truncate as truncate
from ._entities import entities as entities
from ._generating import KnownRenames as KnownRenames
from ._generating import PlannedMigration as PlannedMigration
from ._generating import diff as diff
from ._generating import plan_empty as plan_empty
from ._generating import plan_migration as plan_migration
from ._merging import merge as merge
from ._merging import rebase as rebase
from ._schema_sql import schema_sql as schema_sql
from ._scripts import Revision as Revision
from ._seeds import Seeded as Seeded
from ._seeds import dump as dump
from ._seeds import seed as seed
from ._seeds import seeds_folder as seeds_folder
from ._sql import pending_sql as pending_sql
from ._stamping import stamp as stamp
from ._starting import prepare_start as prepare_start
from ._status import MigrationState as MigrationState
from ._status import Status as Status
from ._status import current as current
from ._status import heads as heads
from ._status import history as history
from ._status import pending as pending
from ._status import status as status
