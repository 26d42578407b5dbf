"""What can be seen of databases: metrics, spans, slow statements, repeated statements, readiness.

====================  =========================================================================
``_engine``           `observe_engine`: the statements and transactions of an engine
``_observer``         `DatabaseObserver`: what a pool and its statements report
``_metrics``          `DatabaseMetrics`: the same as metrics
``_slow_log``         `SlowLog`: slow statements, without values
``_statement_text``   the text of a statement without values, its operation and tables
``_work``             the statements of a request
``_executed``         `ExecutedStatement`: one statement, for reports
``_loading``          what SQLAlchemy executes a statement for
``_repetitions``      `Repetition`: N+1 and other repeated statements, with the remedy
``_counting``         `count_queries`, `assert_queries`
``_readiness``        `ReadinessCheck`
====================  =========================================================================
"""

from ._counting import QueryCount as QueryCount
from ._counting import assert_queries as assert_queries
from ._counting import count_queries as count_queries
from ._engine import EngineWatch as EngineWatch
from ._engine import observe_engine as observe_engine
from ._executed import ExecutedStatement as ExecutedStatement
from ._loading import Load as Load
from ._loading import load_of as load_of
from ._metrics import DatabaseMetrics as DatabaseMetrics
from ._observer import DatabaseObserver as DatabaseObserver
from ._readiness import ReadinessCheck as ReadinessCheck
from ._repetitions import Repetition as Repetition
from ._work import RequestStatements as RequestStatements
from ._work import uncounted as uncounted
