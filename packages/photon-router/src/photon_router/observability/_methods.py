"""The methods that metrics and traces name.

A client can send any word as a method; the number of names in metrics and traces must be bounded.
"""

from typing import Final

METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")
)
