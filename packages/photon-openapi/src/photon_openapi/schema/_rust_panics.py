"""Panics of libraries in Rust: the only module that knows how they come.

Where code behind PyO3 gives up (jsonschema-rs, and referencing's rpds), it raises
``pyo3_runtime.PanicException``. That is not an ``Exception``, so ``except Exception`` lets it
through, and each such library has a class of its own, which cannot be imported. It is therefore
recognised by its name. The contract test makes the installed rpds panic.
"""


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of code in Rust."""
    return type(error).__name__ == "PanicException" and not isinstance(error, Exception)
