"""The WebSocket suite: what one message costs, and what an idle socket holds.

``python3 tools/dev.py bench --websockets``; see ``README.md`` of the folder above.
"""

from bench.websockets._command import main as main
