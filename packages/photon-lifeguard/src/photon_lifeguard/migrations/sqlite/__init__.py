"""Changes of tables on SQLite, which has hardly any ``ALTER TABLE``.

====================  =========================================================================
``_operations``       `SqliteOperations`: Alembic's operations, each as a rebuild of its table
``_rebuild``          the rebuild: a new table, the rows, then everything that belongs to it
``_table_sql``        the text of a ``CREATE TABLE``, cut into columns and constraints
``_tokens``           the tokens of SQLite's SQL
====================  =========================================================================
"""

from ._operations import SqliteOperations as SqliteOperations
from ._table_sql import TableSql as TableSql
from ._table_sql import condition as condition
from ._table_sql import plain as plain
