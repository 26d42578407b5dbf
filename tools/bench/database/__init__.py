"""The database suite: what one request costs whose handler uses a database.

``python3 tools/dev.py bench --database``; see ``README.md`` of the folder above.
"""

from bench.database._command import main as main
