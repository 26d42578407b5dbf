"""The one error of the benchmark."""


class BenchError(Exception):
    """A measurement failed; the message has the cause and what to do about it."""
