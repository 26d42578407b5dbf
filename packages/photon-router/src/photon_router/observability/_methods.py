"""The methods that have a name in metrics and traces.

A client makes up any word that it likes; what is counted and named by it needs a bound.
"""

from typing import Final

METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")
)
