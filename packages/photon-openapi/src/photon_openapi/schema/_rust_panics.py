"""Panics of libraries written in Rust: the only module that depends on their form.

When code behind PyO3 panics (jsonschema-rs, and referencing's rpds), it raises
``pyo3_runtime.PanicException``. That is not an ``Exception``, so ``except Exception`` does not
catch it, and each such library has its own class, which cannot be imported. The exception is
therefore recognised by its name. The contract test makes the installed rpds panic.
"""


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of code in Rust."""
    return type(error).__name__ == "PanicException" and not isinstance(error, Exception)
