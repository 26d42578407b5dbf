"""The jobs suite: what a job costs in a worker, and how soon it runs.

``python3 tools/dev.py bench --jobs``; see ``README.md`` of the folder above.
"""

from bench.jobs._command import main as main
