"""The one error of the benchmark."""


class BenchError(Exception):
    """Something could not be measured; the message says what, and what to do about it."""
