"""What can be seen of databases: metrics, spans, slow statements, repeated statements.

====================  =========================================================================
``_metrics``          `DatabaseMetrics`: pools and statements as metrics
====================  =========================================================================
"""

from ._metrics import DatabaseMetrics as DatabaseMetrics
